package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// LayerNorm gives each row mean 0 and variance 1 over its elements, then a learned scale γ and shift β for each of them (Ba, Kiros and Hinton,
// "Layer normalization", 2016, equation 4). With Last it does so apart for each vector along the last axis, as networks over sequences
// [steps, width] want it. It does the same in training and at evaluation, and a batch may have one row. Parameters scale, initially one, and
// shift, initially zero, have the shape that is normalized: the row's, or [width] with Last. The variance is the biased one, as in PyTorch.
type LayerNorm struct {
	Last    bool    `help:"over the last axis of a row instead of all of it"`
	Epsilon float64 `spec:",gt=0" help:"added to the variance"`
}

// NewLayerNorm is a LayerNorm over the whole row with epsilon 1e-5. (Keras: over the last axis, epsilon 1e-3.)
func NewLayerNorm() LayerNorm { return LayerNorm{Epsilon: 1e-5} }

// Build implements [Layer].
func (l LayerNorm) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "layernorm", x)
	if !ok {
		return engine.Value{}
	}
	if !(l.Epsilon > 0) || math.IsInf(l.Epsilon, 1) {
		g.Fail(fmt.Errorf("layernorm: epsilon is %v; a number above 0 is wanted (NewLayerNorm has the usual one)", l.Epsilon))
		return engine.Value{}
	}
	normal := g.Type(v).Shape
	if l.Last && len(normal) > 0 {
		normal = normal[len(normal)-1:]
	}
	return g.Apply(LayerNormOp{l.Epsilon}, v,
		g.Param("scale", normal, engine.Norm, Constant(1)), g.Param("shift", normal, engine.Norm, Constant(0)))
}

// LayerNormOp is the operation of [LayerNorm]: inputs x, scale γ and shift β of the trailing axes of x that are normalized, n elements. With
// mean m and variance v over them, s = sqrt(v + ε), x̂ = (x - m) / s: y = γ x̂ + β, and with g = γ δ
//
//	∂L/∂x = (g - Σ g / n - x̂ Σ g x̂ / n) / s,   ∂L/∂γ = Σ δ x̂,   ∂L/∂β = Σ δ, both over rows.
//
// Sums along a row are in float64. Saved: m and 1/s a row, or a vector of it.
type LayerNormOp struct{ Epsilon float64 }

// Type implements [engine.Op].
func (LayerNormOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 3 {
		return engine.Type{}, fmt.Errorf("%d inputs; x, scale and shift are wanted", len(in))
	}
	if in[0].Kind != engine.Real || in[0].Shape.Size() < 1 {
		return engine.Type{}, fmt.Errorf("input is %v; numbers are wanted", in[0])
	}
	x, normal := in[0].Shape, in[1].Shape
	if !in[1].Fixed || len(normal) > len(x) || len(normal) == 0 && len(x) > 0 || !normal.Equal(x[len(x)-len(normal):]) {
		return engine.Type{}, fmt.Errorf("scale is %v, the input %v; a parameter of its shape or of its last axes is wanted", in[1], x)
	}
	if !in[2].Fixed || !in[2].Shape.Equal(normal) {
		return engine.Type{}, fmt.Errorf("shift is %v and scale %v; the same shape is wanted", in[2], in[1])
	}
	return engine.Type{Shape: x}, nil
}

// Code implements [engine.Op].
func (o LayerNormOp) Code(in []engine.Type, c engine.Conditions) engine.Code {
	n := in[1].Shape.Size()
	groups := in[0].Shape.Size() / n
	return engine.Code{F32: layerNorm[float32]{o, table[float32](c), n, groups}, F64: layerNorm[float64]{o, table[float64](c), n, groups}}
}

type layerNorm[T engine.Float] struct {
	LayerNormOp
	k         *kernel.Table[T]
	n, groups int // elements that are normalized together, and how often a row has them
}

func (b layerNorm[T]) Traits() engine.Traits {
	each := engine.Type{Shape: engine.Shape{b.groups}}
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true, Saved: []engine.Type{each, each}}
}

func (b layerNorm[T]) Forward(s *engine.Step[T]) {
	b.k.LayerNorm(s.Rows*b.groups, b.n, s.Out, s.In[0], s.In[1], s.In[2], s.Saved[0], s.Saved[1], b.Epsilon)
}

func (b layerNorm[T]) Backward(s *engine.Step[T]) {
	for j := 1; j < 3; j++ {
		if s.GradIn[j] != nil && s.First[j] {
			clear(s.GradIn[j])
		}
	}
	b.k.LayerNormBack(s.Rows*b.groups, b.n, s.GradIn[0], s.GradIn[1], s.GradIn[2], s.In[0], s.GradOut, s.In[1], s.Saved[0], s.Saved[1], !s.First[0])
}
