package nn

import "github.com/descent-go/descent/engine"

// Multiply is the product, element by element, of its branches, each of which gets the layer's inputs, or, without branches, of its inputs.
// All must have one shape.
type Multiply struct {
	Branches []Layer `spec:",arg" help:"what is multiplied"`
}

// Build implements [Layer].
func (l Multiply) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	return g.Apply(MultiplyOp{}, branches(g, "multiply", l.Branches, x)...)
}

// MultiplyOp is y = Π_k x_k over any number of inputs of one shape; ∂L/∂x_k = δ Π_{l≠k} x_l, computed without division.
type MultiplyOp struct{}

// Type implements [engine.Op].
func (MultiplyOp) Type(in []engine.Type) (engine.Type, error) { return sameShapes(in) }

// Code implements [engine.Op].
func (MultiplyOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	n, fixed := in[0].Shape.Size(), fixedInputs(in)
	return engine.Code{F32: multiplication[float32]{n, fixed}, F64: multiplication[float64]{n, fixed}}
}

type multiplication[T engine.Float] struct {
	n     int
	fixed []bool
}

func (b multiplication[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true}
}

// at is the place of element i of the tile in input k.
func (b multiplication[T]) at(k, i int) int {
	if b.fixed[k] {
		return i % b.n
	}
	return i
}

func (b multiplication[T]) Forward(s *engine.Step[T]) {
	for i := range s.Out {
		y := T(1)
		for k, x := range s.In {
			y *= x[b.at(k, i)]
		}
		s.Out[i] = y
	}
}

func (b multiplication[T]) Backward(s *engine.Step[T]) {
	for k, dx := range s.GradIn {
		if dx == nil {
			continue
		}
		if s.First[k] {
			clear(dx)
		}
		for i, d := range s.GradOut {
			for l, x := range s.In {
				if l != k {
					d *= x[b.at(l, i)]
				}
			}
			dx[b.at(k, i)] += T(d)
		}
	}
}
