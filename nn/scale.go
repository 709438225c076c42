package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Scale is y = Factor·x with a fixed factor; its derivative is Factor. A learned one is a [Multiply] by a parameter. Nothing is saved. Any
// shape; the result has the same.
type Scale struct {
	Factor float64 `spec:",arg,required"`
}

// Build implements [Layer].
func (l Scale) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if math.IsNaN(l.Factor) || math.IsInf(l.Factor, 0) {
		g.Fail(fmt.Errorf("scale: factor is %v; a finite number is wanted", l.Factor))
		return engine.Value{}
	}
	return unary(g, l, x)
}

// Type implements [engine.Op].
func (Scale) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (l Scale) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return engine.Code{F32: scaling[float32]{table[float32](c), float32(l.Factor)}, F64: scaling[float64]{table[float64](c), l.Factor}}
}

type scaling[T engine.Float] struct {
	k      *kernel.Table[T]
	factor T
}

func (b scaling[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true, ForgetsOut: true}
}

func (b scaling[T]) Forward(s *engine.Step[T]) { b.k.Scale(s.Out, b.factor, s.In[0]) }

func (b scaling[T]) Backward(s *engine.Step[T]) {
	switch {
	case s.GradIn[0] == nil:
	case s.First[0]:
		b.k.Scale(s.GradIn[0], b.factor, s.GradOut)
	default:
		b.k.Axpy(s.GradIn[0], b.factor, s.GradOut)
	}
}
