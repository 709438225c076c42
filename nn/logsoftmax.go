package nn

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// LogSoftmax makes logarithms of probabilities of a row: y_i = x_i - log Σ_j exp(x_j), computed from x minus its largest element h as
// (x_i - h) - log Σ_j exp(x_j - h). Any shape, read as one vector; the result has the same. Its derivative is ∂L/∂x_i = δ_i - exp(y_i) Σ_j δ_j,
// in float64 in the portable kernels; backward reads y. [CrossEntropy] contains it and takes logits.
type LogSoftmax struct{}

// Build implements [Layer].
func (l LogSoftmax) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (LogSoftmax) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (LogSoftmax) Code(in []engine.Type, c engine.Conditions) engine.Code {
	n := in[0].Shape.Size()
	return engine.Code{F32: logSoftmax[float32]{table[float32](c), n}, F64: logSoftmax[float64]{table[float64](c), n}}
}

type logSoftmax[T engine.Float] struct {
	k *kernel.Table[T]
	n int
}

func (b logSoftmax[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true}
}

func (b logSoftmax[T]) Forward(s *engine.Step[T]) {
	b.k.LogSoftmax(s.Rows, b.n, s.Out, b.n, s.In[0], b.n)
}

func (b logSoftmax[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] != nil {
		b.k.LogSoftmaxBack(s.Rows, b.n, s.GradIn[0], b.n, s.Out, b.n, s.GradOut, b.n, !s.First[0])
	}
}
