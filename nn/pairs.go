package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// Losses that compare outputs and targets one by one: n numbers against n numbers, or against a class, which stands for 1 at the class and 0
// elsewhere.

// pairType is the type of such a loss, one number a row, or says what does not fit.
func pairType(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, fmt.Errorf("%d inputs; the network's output and a target are wanted", len(in))
	}
	if in[0].Kind != engine.Real || in[0].Fixed || in[1].Fixed {
		return engine.Type{}, fmt.Errorf("the network's output is %v and the target %v; both must have rows, the output numbers", in[0], in[1])
	}
	n, wanted := in[0].Shape.Size(), in[1].Shape.Size()
	if in[1].Kind == engine.Index {
		wanted *= in[1].Below
	}
	if n != wanted || in[1].Kind == engine.Index && in[1].Shape.Size() != 1 {
		return engine.Type{}, fmt.Errorf("the network's output is %v and the target %v; as many outputs as the target has numbers or classes are wanted", in[0], in[1])
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

// pairs is what the bodies of such losses share.
type pairs[T engine.Float] struct {
	n     int  // outputs
	class bool // the target is one class, not n numbers
}

func newPairs[T engine.Float](in []engine.Type) pairs[T] {
	return pairs[T]{in[0].Shape.Size(), in[1].Kind == engine.Index}
}

func (p pairs[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true}
}

// target is number j of row r's target.
func (p pairs[T]) target(s *engine.Step[T], r, j int) T {
	switch {
	case !p.class:
		return s.In[1][r*p.n+j]
	case int(s.In[1][r]) == j:
		return 1
	}
	return 0
}

// putTarget writes the gradient by number j of row r's target, if it has one.
func (p pairs[T]) putTarget(s *engine.Step[T], r, j int, v T) {
	if !p.class {
		put(s, 1, r*p.n+j, v)
	}
}

// meanLoss is the body of a loss that is the mean of a function of output and target over a row's outputs, in float64. Slope gives its
// derivatives by both.
type meanLoss[T engine.Float] struct {
	pairs[T]
	value func(y, d float64) float64
	slope func(y, d float64) (dy, dd float64)
}

// meanCode is the code of such a loss.
func meanCode(in []engine.Type, value func(y, d float64) float64, slope func(y, d float64) (dy, dd float64)) engine.Code {
	return engine.Code{F32: meanLoss[float32]{newPairs[float32](in), value, slope}, F64: meanLoss[float64]{newPairs[float64](in), value, slope}}
}

func (b meanLoss[T]) Forward(s *engine.Step[T]) {
	for r := range s.Rows {
		sum := 0.0
		for j := range b.n {
			sum += b.value(float64(s.In[0][r*b.n+j]), float64(b.target(s, r, j)))
		}
		s.Out[r] = T(sum / float64(b.n))
	}
}

func (b meanLoss[T]) Backward(s *engine.Step[T]) {
	for r := range s.Rows {
		scale := float64(s.GradOut[r]) / float64(b.n)
		for j := range b.n {
			dy, dd := b.slope(float64(s.In[0][r*b.n+j]), float64(b.target(s, r, j)))
			put(s, 0, r*b.n+j, T(scale*dy))
			b.putTarget(s, r, j, T(scale*dd))
		}
	}
}
