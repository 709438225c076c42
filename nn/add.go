package nn

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Add is the sum of its branches, each of which gets the layer's inputs, or, without branches, the sum of its inputs. All must have one
// shape.
type Add struct {
	Branches []Layer `spec:",arg" help:"what is added"`
}

// Build implements [Layer].
func (l Add) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	return g.Apply(AddOp{}, branches(g, "add", l.Branches, x)...)
}

// AddOp is y = Σ_k x_k over any number of inputs of one shape; ∂L/∂x_k = δ.
type AddOp struct{}

// Type implements [engine.Op].
func (AddOp) Type(in []engine.Type) (engine.Type, error) { return sameShapes(in) }

// Code implements [engine.Op].
func (AddOp) Code(in []engine.Type, c engine.Conditions) engine.Code {
	n, fixed := in[0].Shape.Size(), fixedInputs(in)
	return engine.Code{F32: addition[float32]{table[float32](c), n, fixed}, F64: addition[float64]{table[float64](c), n, fixed}}
}

type addition[T engine.Float] struct {
	k     *kernel.Table[T]
	n     int
	fixed []bool
}

func (b addition[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true, ForgetsOut: true}
}

func (b addition[T]) Forward(s *engine.Step[T]) {
	clear(s.Out)
	for k, x := range s.In {
		for r := 0; r < len(s.Out); r += b.n {
			y := s.Out[r : r+b.n]
			if b.fixed[k] {
				b.k.Add(y, y, x)
			} else {
				b.k.Add(y, y, x[r:r+b.n])
			}
		}
	}
}

func (b addition[T]) Backward(s *engine.Step[T]) {
	for k, dx := range s.GradIn {
		if dx == nil {
			continue
		}
		if s.First[k] {
			clear(dx)
		}
		for r := 0; r < len(s.GradOut); r += b.n {
			to := dx
			if !b.fixed[k] {
				to = dx[r : r+b.n]
			}
			b.k.Add(to, to, s.GradOut[r:r+b.n])
		}
	}
}
