// Package enginetest is the suite that every operation runs through, ours and a user's: gradients against central differences, and the laws
// of the engine: same bits for any number of threads, watched or not, with room to spare in the plan; a batch in two parts equals the
// whole; permuted rows give permuted results; unwanted gradients are left alone; nothing is allocated.
//
//	func TestScale(t *testing.T) {
//		enginetest.Run(t, enginetest.Case{Name: "scale", Op: Scale{Factor: 3}, In: []engine.Type{{Shape: engine.Shape{5}}}})
//	}
package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

// Case is an operation with the inputs to try it on. An input without Fixed becomes an input of a graph, a Fixed one a parameter.
type Case struct {
	Name string
	Op   engine.Op
	In   []engine.Type
	// States marks Fixed inputs that are running states, not parameters.
	States []int
	// Value gives element i of input j; nil: standard normal numbers, and whole numbers below Type.Below for an index.
	Value func(j, i int, r engine.Rand) float64
	// Rows are the batch sizes of the gradient check; nil: 1, 2 and 7.
	Rows []int
	// Tolerance of the gradient check, relative; 0: 1e-6.
	Tolerance float64
}

// Run checks the cases, each as a subtest.
func Run(t *testing.T, cases ...Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, err := range Check(c) {
				t.Error(err)
			}
		})
	}
}

// Check returns what is wrong with an operation: nothing, if it keeps all laws.
func Check(c Case) []error {
	if c.Rows == nil {
		c.Rows = []int{1, 2, 7}
	}
	if c.Tolerance == 0 {
		c.Tolerance = 1e-6
	}
	laws := []struct {
		name  string
		check func(Case) error
	}{
		{"bad types are refused", refusesTypes},
		{"gradients", gradients},
		{"threads", threads},
		{"watch", watched},
		{"room to spare", spare},
		{"two parts", twoParts},
		{"permuted rows", permuted},
		{"gradients that are not wanted", unwanted},
		{"gradients that add up", accumulates},
		{"float32", single},
		{"allocations", allocates},
	}
	var found []error
	for _, law := range laws {
		if err := safely(law.check, c); err != nil {
			found = append(found, fmt.Errorf("%s: %w", law.name, err))
		}
	}
	return found
}

func safely(check func(Case) error, c Case) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return check(c)
}

// refusesTypes offers inputs that make no sense; any answer but a panic will do, and none at all is refused.
func refusesTypes(c Case) error {
	if _, err := c.Op.Type(nil); err == nil && len(c.In) > 0 {
		return errors.New("no inputs at all are accepted")
	}
	c.Op.Type(append(slices.Clone(c.In), engine.Type{Shape: engine.Shape{3}}))
	for j := range c.In {
		for _, s := range []engine.Shape{nil, {1}, {2, 3}, {1 << 20, 1 << 20}} {
			other := slices.Clone(c.In)
			other[j].Shape = s
			if _, err := c.Op.Type(other); err != nil && err.Error() == "" {
				return errors.New("an error without text")
			}
		}
	}
	return nil
}

func (c Case) bodyTraits() engine.Traits {
	var body any = c.Op.Code(c.In, engine.Conditions{Rows: 1, Training: true}).F64
	if t, ok := body.(engine.Traiter); ok {
		return t.Traits()
	}
	return engine.Traits{}
}

// project makes one number a row of a result: its product with coefficients that come as an input. Its gradient is the coefficients, so
// that the operation before it sees any gradient we like.
type project struct{}

func (project) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, errors.New("two inputs are wanted")
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (project) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	return engine.Code{F32: projectBody[float32]{in[0].Fixed}, F64: projectBody[float64]{in[0].Fixed}}
}

type projectBody[T engine.Float] struct{ fixed bool }

func (b projectBody[T]) Forward(s *engine.Step[T]) {
	n := len(s.In[1]) / s.Rows
	for r := range s.Rows {
		x := s.In[0]
		if !b.fixed {
			x = x[r*n:]
		}
		sum := T(0)
		for i, c := range s.In[1][r*n : (r+1)*n] {
			sum += T(x[i] * c)
		}
		s.Out[r] = sum
	}
}

func (b projectBody[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return
	}
	n := len(s.In[1]) / s.Rows
	for r := range s.Rows {
		g := s.GradIn[0]
		if !b.fixed {
			g = g[r*n:]
		}
		for i, c := range s.In[1][r*n : (r+1)*n] {
			g[i] += T(c * s.GradOut[r])
		}
	}
}

// double is an identity with a result of its own, for graphs that read a value twice.
type double struct{}

func (double) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 1 {
		return engine.Type{}, errors.New("one input is wanted")
	}
	return in[0], nil
}

func (double) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: doubleBody[float32]{}, F64: doubleBody[float64]{}}
}

type doubleBody[T engine.Float] struct{}

func (doubleBody[T]) Forward(s *engine.Step[T]) { copy(s.Out, s.In[0]) }
func (doubleBody[T]) Backward(s *engine.Step[T]) {
	for i, g := range s.GradOut {
		s.GradIn[0][i] += g
	}
}
