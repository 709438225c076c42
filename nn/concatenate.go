package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// Concatenate joins its branches, each of which gets the layer's inputs, or, without branches, its inputs, along the first axis of a row: two
// vectors of 4 and 3 become one of 7.
type Concatenate struct {
	Branches []Layer `spec:",arg" help:"what is joined"`
}

// Build implements [Layer].
func (l Concatenate) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	return g.Apply(ConcatenateOp{}, branches(g, "concatenate", l.Branches, x)...)
}

// ConcatenateOp joins inputs [n_k, rest...] into [Σ n_k, rest...]; each gradient is its part of δ.
type ConcatenateOp struct{}

// Type implements [engine.Op].
func (ConcatenateOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) == 0 {
		return engine.Type{}, fmt.Errorf("no inputs; at least one is wanted")
	}
	total := 0
	for i, t := range in {
		if t.Kind != engine.Real {
			return engine.Type{}, fmt.Errorf("input %d is an index; numbers are wanted", i+1)
		}
		if len(t.Shape) == 0 || len(in[0].Shape) == 0 || !t.Shape[1:].Equal(in[0].Shape[1:]) {
			return engine.Type{}, fmt.Errorf("input 1 is %v and input %d is %v; they may differ in the first axis only", in[0].Shape, i+1, t.Shape)
		}
		total += t.Shape[0]
	}
	return engine.Type{Shape: append(engine.Shape{total}, in[0].Shape[1:]...)}, nil
}

// Code implements [engine.Op].
func (ConcatenateOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	sizes, width := make([]int, len(in)), 0
	for i, t := range in {
		sizes[i] = t.Shape.Size()
		width += sizes[i]
	}
	fixed := fixedInputs(in)
	return engine.Code{F32: concatenation[float32]{sizes, width, fixed}, F64: concatenation[float64]{sizes, width, fixed}}
}

type concatenation[T engine.Float] struct {
	sizes []int
	width int
	fixed []bool
}

func (b concatenation[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true, ForgetsOut: true}
}

func (b concatenation[T]) Forward(s *engine.Step[T]) {
	for r := range s.Rows {
		y := s.Out[r*b.width:]
		for k, x := range s.In {
			from := r * b.sizes[k]
			if b.fixed[k] {
				from = 0
			}
			copy(y, x[from:from+b.sizes[k]])
			y = y[b.sizes[k]:]
		}
	}
}

func (b concatenation[T]) Backward(s *engine.Step[T]) {
	for k, dx := range s.GradIn {
		if dx != nil && s.First[k] {
			clear(dx)
		}
	}
	for r := range s.Rows {
		dy := s.GradOut[r*b.width:]
		for k, dx := range s.GradIn {
			if dx != nil {
				from := r * b.sizes[k]
				if b.fixed[k] {
					from = 0
				}
				for i, d := range dy[:b.sizes[k]] {
					dx[from+i] += d
				}
			}
			dy = dy[b.sizes[k]:]
		}
	}
}
