package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Dense is a fully connected layer: y = x Wᵀ + b, for a row x of any shape, read as one vector. It is the survey's x_j = Σ y_i w_ij with the
// bias as a weight of its own. Parameters: weight [Units, inputs], as PyTorch stores it; bias [Units], initially zero.
type Dense struct {
	Units  int         `spec:",arg,min=1,required" help:"number of outputs"`
	NoBias bool        `help:"leave the bias out"`
	Init   engine.Init `help:"initial weights; glorot if not given"`
	Head   bool        `help:"this layer gives the network's answer: its weight has the role output"`
}

// Build implements [Layer].
func (l Dense) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "dense", x)
	if !ok {
		return engine.Value{}
	}
	if l.Units < 1 {
		g.Fail(fmt.Errorf("dense: units is %d; at least 1 is wanted", l.Units))
		return engine.Value{}
	}
	t := g.Type(v)
	if t.Kind == engine.Index {
		g.Fail(fmt.Errorf("dense: its input is an index below %d; numbers are wanted (an embedding or one-hot columns make some)", t.Below))
		return engine.Value{}
	}
	inputs := t.Shape.Size()
	init, role := l.Init, engine.Weight
	if init == nil {
		init = Glorot{}
	}
	if l.Head {
		role = engine.Output
	}
	in := []engine.Value{g.Reshape(v, engine.Shape{inputs}), g.Param("weight", engine.Shape{l.Units, inputs}, role, init)}
	if !l.NoBias {
		in = append(in, g.Param("bias", engine.Shape{l.Units}, engine.Bias, Constant(0)))
	}
	return g.Apply(DenseOp{}, in...)
}

// DenseOp is the operation of [Dense]: inputs x [n], weight [m, n] and, optionally, bias [m]; result y = a(x Wᵀ + b) [m], where a is an
// activation that it has absorbed, or none.
//
// With δ = ∂L/∂y ∘ a'(y): ∂L/∂x = δ W, ∂L/∂W = δᵀ x summed over rows, ∂L/∂b = δ summed over rows (Rumelhart, Hinton and Williams 1986,
// equations 4 to 6). Nothing is saved: backward reads x, W and, with an activation, y.
type DenseOp struct {
	Then Activation
}

var _ engine.Absorber = DenseOp{}

// Type implements [engine.Op].
func (o DenseOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 && len(in) != 3 {
		return engine.Type{}, fmt.Errorf("%d inputs; x, weight and perhaps a bias are wanted", len(in))
	}
	if w := in[1]; len(w.Shape) != 2 || !w.Fixed {
		return engine.Type{}, fmt.Errorf("weight is %v; a parameter outputs x inputs is wanted", w)
	}
	units, inputs := in[1].Shape[0], in[1].Shape[1]
	if in[0].Shape.Size() != inputs || in[0].Kind != engine.Real {
		return engine.Type{}, fmt.Errorf("input is %v, the weight %v takes %d values a row", in[0], in[1].Shape, inputs)
	}
	if len(in) == 3 && (!in[2].Shape.Equal(engine.Shape{units}) || !in[2].Fixed) {
		return engine.Type{}, fmt.Errorf("bias is %v, the weight %v wants %d values", in[2], in[1].Shape, units)
	}
	return engine.Type{Shape: engine.Shape{units}}, nil
}

// MultiplyAdds implements [engine.Counter].
func (o DenseOp) MultiplyAdds(in []engine.Type) float64 { return float64(in[1].Shape.Size()) }

// Absorb takes over an activation whose derivative its result tells.
func (o DenseOp) Absorb(next engine.Op, _ int) (engine.Op, bool) {
	a, ok := next.(interface{ activation() Activation })
	if !ok || o.Then != "" {
		return nil, false
	}
	return DenseOp{Then: a.activation()}, true
}

// Code implements [engine.Op].
func (o DenseOp) Code(in []engine.Type, c engine.Conditions) engine.Code {
	return engine.Code{F32: newAffine[float32](o, in, c), F64: newAffine[float64](o, in, c)}
}

type affine[T engine.Float] struct {
	k             *kernel.Table[T]
	then          func(dst, x []T)
	back          func(dx, y, dy []T, add bool)
	units, inputs int
}

func newAffine[T engine.Float](o DenseOp, in []engine.Type, c engine.Conditions) *affine[T] {
	b := &affine[T]{k: table[T](c), units: in[1].Shape[0], inputs: in[1].Shape[1]}
	b.then, b.back = activate(b.k, o.Then)
	return b
}

func (b *affine[T]) Traits() engine.Traits {
	return engine.Traits{First: true, ForgetsOut: b.back == nil}
}

func (b *affine[T]) Forward(s *engine.Step[T]) {
	s.Each(cut(s.Rows, b.units, b.inputs).pieces(), (*affineForward[T])(b))
}

func (b *affine[T]) Backward(s *engine.Step[T]) {
	if b.back != nil {
		s.Each((s.Rows+slab-1)/slab, (*affineDelta[T])(b))
	}
	if s.GradIn[0] != nil {
		s.Each(cut(s.Rows, b.inputs, b.units).pieces(), (*affineInput[T])(b))
	}
	bias := len(s.In) == 3 && s.GradIn[2] != nil
	if s.GradIn[1] != nil {
		s.Each(cut(b.units, b.inputs, s.Rows).pieces(), (*affineWeight[T])(b))
	}
	if bias {
		b.k.SumRows(s.Rows, b.units, s.GradIn[2], s.GradOut, b.units, !s.First[2])
	}
}

// affineForward computes a block of y.
type affineForward[T engine.Float] affine[T]

func (b *affineForward[T]) Do(s *engine.Step[T], i int, _ []T) {
	r0, r1, c0, c1 := cut(s.Rows, b.units, b.inputs).block(i)
	b.k.GemmNT(r1-r0, c1-c0, b.inputs, s.In[0][r0*b.inputs:], b.inputs, s.In[1][c0*b.inputs:], b.inputs, s.Out[r0*b.units+c0:], b.units, false)
	if len(s.In) == 3 {
		b.k.AddBias(r1-r0, c1-c0, s.Out[r0*b.units+c0:], b.units, s.In[2][c0:c1])
	}
	if b.then != nil {
		for r := r0; r < r1; r++ {
			y := s.Out[r*b.units+c0 : r*b.units+c1]
			b.then(y, y)
		}
	}
}

// slab is the rows of a piece of affineDelta.
const slab = 32

// affineDelta turns the gradient by y into δ, in place.
type affineDelta[T engine.Float] affine[T]

func (b *affineDelta[T]) Do(s *engine.Step[T], i int, _ []T) {
	from, to := i*slab*b.units, min((i+1)*slab, s.Rows)*b.units
	delta := s.GradOut[from:to]
	b.back(delta, s.Out[from:to], delta, false)
}

// affineInput computes a block of δ W.
type affineInput[T engine.Float] affine[T]

func (b *affineInput[T]) Do(s *engine.Step[T], i int, _ []T) {
	r0, r1, c0, c1 := cut(s.Rows, b.inputs, b.units).block(i)
	b.k.GemmNN(r1-r0, c1-c0, b.units, s.GradOut[r0*b.units:], b.units, s.In[1][c0:], b.inputs, s.GradIn[0][r0*b.inputs+c0:], b.inputs, !s.First[0])
}

// affineWeight computes a block of δᵀ x.
type affineWeight[T engine.Float] affine[T]

func (b *affineWeight[T]) Do(s *engine.Step[T], i int, _ []T) {
	r0, r1, c0, c1 := cut(b.units, b.inputs, s.Rows).block(i)
	b.k.GemmTN(r1-r0, c1-c0, s.Rows, s.GradOut[r0:], b.units, s.In[0][c0:], b.inputs, s.GradIn[1][r0*b.inputs+c0:], b.inputs, !s.First[1])
}

// RowNorms implements [engine.RowNorms]: a row's own gradient is δᵀ x and δ, so its squared norm is |δ|² (|x|² + 1).
func (b *affine[T]) RowNorms(s *engine.Step[T], sq []float64) {
	d := make([]T, 1) // GradOut must stay as it is
	for r := range s.Rows {
		x := 0.0
		if s.GradIn[1] != nil {
			x = b.k.SumSquares(s.In[0][r*b.inputs : (r+1)*b.inputs])
		}
		if len(s.In) == 3 && s.GradIn[2] != nil {
			x++
		}
		delta := 0.0
		for j := r * b.units; j < (r+1)*b.units; j++ {
			d[0] = s.GradOut[j]
			if b.back != nil {
				b.back(d, s.Out[j:j+1], d, false)
			}
			delta += float64(float64(d[0]) * float64(d[0]))
		}
		sq[r] += float64(delta * x)
	}
}
