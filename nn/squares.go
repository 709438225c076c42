package nn

import "github.com/descent-go/descent/engine"

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
		return g.Apply(SquaresOp{Factor: 1}, x...) // which says what is wanted
	}
	return g.Apply(SquaresOp{Factor: 1 / float64(max(1, g.Type(x[0]).Shape.Size()))}, x...)
}

// SquaresOp is L = Factor Σ_j (y_j - d_j)²; see [HalfSquares]. ∂L/∂y_j = 2 Factor (y_j - d_j) = -∂L/∂d_j. Nothing is saved.
type SquaresOp struct{ Factor float64 }

// Type implements [engine.Op].
func (SquaresOp) Type(in []engine.Type) (engine.Type, error) { return pairType(in) }

// Code implements [engine.Op].
func (o SquaresOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	return engine.Code{F32: squares[float32]{newPairs[float32](in), float32(o.Factor)}, F64: squares[float64]{newPairs[float64](in), o.Factor}}
}

type squares[T engine.Float] struct {
	pairs[T]
	factor T
}

func (b squares[T]) Forward(s *engine.Step[T]) {
	for r := range s.Rows {
		sum := T(0)
		for j := range b.n {
			d := s.In[0][r*b.n+j] - b.target(s, r, j)
			sum += T(d * d)
		}
		s.Out[r] = b.factor * sum
	}
}

func (b squares[T]) Backward(s *engine.Step[T]) {
	for r := range s.Rows {
		scale := 2 * b.factor * s.GradOut[r]
		for j := range b.n {
			d := scale * (s.In[0][r*b.n+j] - b.target(s, r, j))
			put(s, 0, r*b.n+j, d)
			b.putTarget(s, r, j, -d)
		}
	}
}
