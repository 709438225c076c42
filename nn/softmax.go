package nn

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Softmax makes probabilities of a row: y_i = exp(x_i) / Σ_j exp(x_j), computed from x minus its largest element. Any shape, read as one
// vector; the result has the same. Its derivative is ∂L/∂x_i = y_i (δ_i - Σ_j δ_j y_j). [CrossEntropy] contains it: a network that is
// trained with that loss ends in logits, without a softmax.
type Softmax struct{}

// Build implements [Layer].
func (l Softmax) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (Softmax) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (Softmax) Code(in []engine.Type, c engine.Conditions) engine.Code {
	n := in[0].Shape.Size()
	return engine.Code{F32: softmax[float32]{table[float32](c), n}, F64: softmax[float64]{table[float64](c), n}}
}

type softmax[T engine.Float] struct {
	k *kernel.Table[T]
	n int
}

func (b softmax[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true}
}

func (b softmax[T]) Forward(s *engine.Step[T]) { b.k.Softmax(s.Rows, b.n, s.Out, b.n, s.In[0], b.n) }

func (b softmax[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] != nil {
		b.k.SoftmaxBack(s.Rows, b.n, s.GradIn[0], b.n, s.Out, b.n, s.GradOut, b.n, !s.First[0])
	}
}
