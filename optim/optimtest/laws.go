package optimtest

// The suite and its case, and the laws about how a rule works: the same bits for any threads, after a stop, watched or not, no allocation.

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

// Formula is a rule as its paper writes it: a loop over one parameter in float64. For a parameter it returns the function that updates
// weights w, in place, from the mean gradient g at a step; what the rule remembers lives in that function. Of h, Step, LR and Decay count.
type Formula func(p engine.Param) func(h optim.Hyper, w, g []float64)

// Scaling is what a rule does when the loss is multiplied by a constant.
type Scaling uint8

const (
	Neither   Scaling = iota
	Linear            // its steps are multiplied by it
	Invariant         // nothing
)

// Case is an optimizer to test. Decay, clipping, groups and wrappers are the suite's business: they are ignored.
type Case struct {
	Optimizer optim.Optimizer
	// Formula is what the rule is compared with to 1e-12. Nil: it is not.
	Formula Formula
	// Rate at which the rule finds the minimum of a quadratic with curvatures from 1/2 to 2 within 1000 steps. 0: the optimizer's own.
	Rate float64
	// Scaling of Scaled, the rule with everything off that would hide it (an epsilon); nil is the optimizer's rule.
	Scaling Scaling
	Scaled  optim.Rule
	// Precisions in which the rule does not run.
	Without []engine.Precision
}

// Run tests that a rule keeps all laws.
func Run(t *testing.T, c Case) {
	c.Optimizer.Decay, c.Optimizer.Clip, c.Optimizer.Groups, c.Optimizer.Wrap = optim.Decay{}, optim.Clip{}, nil, nil
	laws := []struct {
		name string
		law  func(Case) error
	}{
		{"says what it is", described},
		{"formula", formula},
		{"threads", threads},
		{"stop and resume", resume},
		{"watched or not", watched},
		{"a step allocates nothing", allocates},
		{"zero stays zero", zeroStays},
		{"frozen stays", frozenStays},
		{"finds a minimum", converges},
		{"precisions agree", precisions},
		{"scaled loss", scaled},
		{"decay", decays},
	}
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			if err := l.law(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func described(c Case) error {
	info := c.Optimizer.Rule.Info()
	if info.Name == "" || info.Formula == "" || info.Source == "" {
		return fmt.Errorf("name, formula and source are wanted: %+v", info)
	}
	return c.Optimizer.Validate()
}

func (c Case) precisions() []engine.Precision {
	var out []engine.Precision
	for _, p := range []engine.Precision{engine.Float32, engine.Float64} {
		runs := true
		for _, not := range c.Without {
			runs = runs && p != not
		}
		if runs {
			out = append(out, p)
		}
	}
	return out
}

// everywhere runs a law in each precision.
func (c Case) everywhere(law func(p engine.Precision) error) error {
	for _, p := range c.precisions() {
		if err := law(p); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
	}
	return nil
}

func threads(c Case) error {
	c.Optimizer.Clip = optim.Clip{Norm: 1, Value: 2}
	c.Optimizer.Decay.Rate = 0.01
	return c.everywhere(func(p engine.Precision) error {
		var first *bench
		for _, n := range []int{1, 2, 5} {
			pool := engine.NewPool(n)
			defer pool.Close()
			b, err := newBench(c.Optimizer, p, pool)
			if err != nil {
				return err
			}
			if err := b.run(5); err != nil {
				return err
			}
			if first == nil {
				first = b
			} else if err := same(first, b); err != nil {
				return fmt.Errorf("1 and %d threads: %w", n, err)
			}
		}
		return nil
	})
}

func resume(c Case) error {
	const steps = 5
	return c.everywhere(func(p engine.Precision) error {
		straight, err := newBench(c.Optimizer, p, nil)
		if err != nil {
			return err
		}
		if err := straight.run(steps); err != nil {
			return err
		}
		for stop := range steps {
			b, err := newBench(c.Optimizer, p, nil)
			if err != nil {
				return err
			}
			if err := b.run(stop); err != nil {
				return err
			}
			again, err := newBench(c.Optimizer, p, nil)
			if err != nil {
				return err
			}
			if err := again.run(2); err != nil { // it has a past of its own, which must be forgotten
				return err
			}
			weights, state := b.weights.Keep(), b.stepper.Keep()
			if err := b.next(); err != nil { // what was kept is a copy
				return err
			}
			if err := again.weights.Restore(weights); err != nil {
				return err
			}
			if err := again.stepper.Restore(state); err != nil {
				return err
			}
			again.step = stop
			if err := again.run(steps - stop); err != nil {
				return err
			}
			if err := same(straight, again); err != nil {
				return fmt.Errorf("stopped after %d: %w", stop, err)
			}
		}
		return nil
	})
}

func watched(c Case) error {
	return c.everywhere(func(p engine.Precision) error {
		var both [2]*bench
		for i := range both {
			b, err := newBench(c.Optimizer, p, nil)
			if err != nil {
				return err
			}
			b.moment.Watch = i == 1
			if err := b.run(3); err != nil {
				return err
			}
			both[i] = b
		}
		if len(both[1].stepper.Readings()) == 0 {
			return fmt.Errorf("a watched step has no readings")
		}
		return same(both[0], both[1])
	})
}

func allocates(c Case) error {
	c.Optimizer.Clip = optim.Clip{Norm: 1, Value: 2}
	return c.everywhere(func(p engine.Precision) error {
		pool := engine.NewPool(2)
		defer pool.Close()
		b, err := newBench(c.Optimizer, p, pool)
		if err != nil {
			return err
		}
		for _, watch := range []bool{false, true} {
			b.moment.Watch = watch
			if err := b.next(); err != nil {
				return err
			}
			var failed error
			if n := testing.AllocsPerRun(5, func() { failed = b.stepper.Step(&b.moment) }); n != 0 || failed != nil {
				return fmt.Errorf("watch %v: %v allocations a step, error %v", watch, n, failed)
			}
		}
		return nil
	})
}

func zeroStays(c Case) error {
	c.Optimizer.Decay = optim.Decay{Rate: 0.1, All: true}
	if c.Scaled != nil { // nothing may stand between a rule without epsilon and 0/0 but the rule itself
		plain := c
		plain.Optimizer.Rule, plain.Scaled = c.Scaled, nil
		if err := zeroStays(plain); err != nil {
			return fmt.Errorf("as scaled: %w", err)
		}
	}
	return c.everywhere(func(p engine.Precision) error {
		b, err := newBench(c.Optimizer, p, nil)
		if err != nil {
			return err
		}
		b.source = zeros
		kept := b.weights.Keep()
		for _, t := range kept {
			clear(t.F32)
			clear(t.F64)
		}
		if err := b.weights.Restore(kept); err != nil {
			return err
		}
		if err := b.run(3); err != nil {
			return err
		}
		for i, x := range b.values() {
			if x != 0 {
				return fmt.Errorf("%s is %v", b.place(i), x)
			}
		}
		return nil
	})
}

func frozenStays(c Case) error {
	c.Optimizer.Decay = optim.Decay{Rate: 0.1, All: true}
	return c.everywhere(func(p engine.Precision) error {
		b, err := newBench(c.Optimizer, p, nil)
		if err != nil {
			return err
		}
		before := b.values()
		if err := b.run(3); err != nil {
			return err
		}
		after, at := b.values(), 0
		for _, q := range b.weights.Params() {
			if moved := !slices.Equal(after[at:at+q.Size()], before[at:at+q.Size()]); moved == q.Frozen {
				return fmt.Errorf("%s: frozen %v, moved %v", q.Path, q.Frozen, moved)
			}
			at += q.Size()
		}
		for _, t := range b.stepper.Keep() {
			for i := range t.Len() {
				if math.IsNaN(t.At(i)) {
					return fmt.Errorf("the gradient of a frozen parameter got into %s", t.Name)
				}
			}
		}
		return nil
	})
}
