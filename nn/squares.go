package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// HalfSquares is the survey's loss: L = ½ Σ_j (y_j - d_j)² over the outputs of a row; the plan adds the rows. Inputs: the network's output y
// [n] and the target d, n numbers a row, or a class, which stands for d = 1 at the class and 0 elsewhere. ∂L/∂y_j = y_j - d_j.
type HalfSquares struct{}

// Build implements [Layer].
func (l HalfSquares) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	return g.Apply(SquaresOp{Factor: 0.5}, x...)
}

// MeanSquares is the mean squared error: L = 1/n Σ_j (y_j - d_j)² over the n outputs of a row. Inputs as for [HalfSquares].
// ∂L/∂y_j = 2/n (y_j - d_j).
type MeanSquares struct{}

// Build implements [Layer].
func (l MeanSquares) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if len(x) != 2 {
		return g.Apply(SquaresOp{Factor: 1}, x...)
	}
	return g.Apply(SquaresOp{Factor: 1 / float64(max(1, g.Type(x[0]).Shape.Size()))}, x...)
}

// SquaresOp is L = Factor Σ_j (y_j - d_j)²; see [HalfSquares].
type SquaresOp struct{ Factor float64 }

// Type implements [engine.Op].
func (SquaresOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, fmt.Errorf("%d inputs; the network's output and a target are wanted", len(in))
	}
	if in[0].Kind != engine.Real || in[0].Fixed || in[1].Fixed {
		return engine.Type{}, fmt.Errorf("the network's output is %v and the target %v; both must have rows", in[0], in[1])
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

// Code implements [engine.Op].
func (o SquaresOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	n, class := in[0].Shape.Size(), in[1].Kind == engine.Index
	return engine.Code{F32: squares[float32]{float32(o.Factor), n, class}, F64: squares[float64]{o.Factor, n, class}}
}

type squares[T engine.Float] struct {
	factor T
	n      int
	class  bool
}

func (b squares[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true}
}

// difference is y_j - d_j of row r.
func (b squares[T]) difference(s *engine.Step[T], r, j int) T {
	y := s.In[0][r*b.n+j]
	switch {
	case !b.class:
		return y - s.In[1][r*b.n+j]
	case int(s.In[1][r]) == j:
		return y - 1
	}
	return y
}

func (b squares[T]) Forward(s *engine.Step[T]) {
	for r := range s.Rows {
		sum := T(0)
		for j := range b.n {
			d := b.difference(s, r, j)
			sum += T(d * d)
		}
		s.Out[r] = b.factor * sum
	}
}

func (b squares[T]) Backward(s *engine.Step[T]) {
	for r := range s.Rows {
		scale := 2 * b.factor * s.GradOut[r]
		for j := range b.n {
			d := scale * b.difference(s, r, j)
			put(s, 0, r*b.n+j, d)
			if !b.class {
				put(s, 1, r*b.n+j, -d)
			}
		}
	}
}
