package nn

import (
	"errors"
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Dense is a fully connected layer: y = x Wᵀ + b, for a row x of any shape, read as one vector. It is the survey's x_j = Σ y_i w_ij with the
// bias as a weight of its own. Parameters: weight [Units, inputs], as PyTorch stores it; bias [Units], initially zero as in Keras and Flax, not
// uniform in ±1/sqrt(inputs) as in PyTorch.
type Dense struct {
	Units    int         `spec:",arg,min=1,required" help:"number of outputs"`
	NoBias   bool        `help:"leave the bias out"`
	Init     engine.Init `help:"initial weights; glorot if not given"`
	BiasInit engine.Init `help:"initial biases, whose fans are both the number of outputs; zero if not given"`
	Head     bool        `help:"this layer gives the network's answer: its weight has the role output"`
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
	if l.NoBias && l.BiasInit != nil {
		g.Fail(errors.New("dense: initial biases (bias_init) are given for a layer without a bias (no_bias); set one of the two"))
		return engine.Value{}
	}
	inputs := t.Shape.Size()
	init, biasInit, role := l.Init, l.BiasInit, engine.Weight
	if init == nil {
		init = Glorot{}
	}
	if biasInit == nil {
		biasInit = Constant(0)
	}
	if l.Head {
		role = engine.Output
	}
	in := []engine.Value{g.Reshape(v, engine.Shape{inputs}), g.Param("weight", engine.Shape{l.Units, inputs}, role, init)}
	if !l.NoBias {
		in = append(in, g.Param("bias", engine.Shape{l.Units}, engine.Bias, biasInit))
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
	return engine.Code{F32: newAffine[float32](o, in, c), BF16: newAffineBFloat16(o, in, c), F64: newAffine[float64](o, in, c)}
}

// affine is the body. Each of the three products is cut into pieces of whole neurons, or of whole inputs, so that every piece passes over
// all of the other operand: a large one is rearranged (packed) once for all pieces.
type affine[T engine.Float] struct {
	k             *kernel.Table[T]
	then          func(dst, x []T)
	back          func(dx, y, dy []T, add bool)
	relu          bool // the activation is one that products and the pass over δ do on the way
	units, inputs int
	rows          int  // the largest batch
	training      bool // a backward pass may follow
	turned        bool // W is kept transposed, for a few rows
}

// fewRows is up to how many rows predicting reads W transposed, one number of x after the other over all neurons: such a product is bound
// by how fast W comes from its cache.
const fewRows = 3

func newAffine[T engine.Float](o DenseOp, in []engine.Type, c engine.Conditions) *affine[T] {
	b := &affine[T]{k: table[T](c), units: in[1].Shape[0], inputs: in[1].Shape[1], rows: c.Rows, training: c.Training}
	b.then, b.back = activate(b.k, o.Then)
	b.relu = o.Then == reluActivation
	b.turned = !c.Training && c.Rows <= fewRows
	return b
}

// Traits implements [engine.Traiter].
func (b *affine[T]) Traits() engine.Traits {
	t := engine.Traits{First: true, ForgetsOut: b.back == nil}
	if b.turned {
		t.Packed = b.units * b.inputs
	}
	if large(b.rows, b.units, b.inputs) {
		if kernel.RowsCompete(b.inputs) {
			t.Scratch = kernel.PackedLen(b.rows, b.inputs)
		}
		if b.training {
			t.Scratch = max(t.Scratch, kernel.PackedLen(b.rows, b.units)+kernel.PackedLen(b.units, b.rows))
		}
	}
	return t
}

// Pack implements [engine.Packer].
func (b *affine[T]) Pack(s *engine.Step[T]) {
	for j := range b.units {
		for p, w := range s.In[1][j*b.inputs : (j+1)*b.inputs] {
			s.Packed[p*b.units+j] = w
		}
	}
}

// Forward implements [engine.Body].
func (b *affine[T]) Forward(s *engine.Step[T]) {
	if b.takes(s) {
		s.Each(taking(s.Rows, b.inputs).pieces(), (*affineTake[T])(b))
	}
	s.Each(b.forward(s).pieces(), (*affineForward[T])(b))
}

// takes reports whether x is packed on the way forward.
func (b *affine[T]) takes(s *engine.Step[T]) bool {
	return large(s.Rows, b.units, b.inputs) && kernel.RowsCompete(b.inputs)
}

// forward is how y is cut.
func (b *affine[T]) forward(s *engine.Step[T]) grid {
	switch {
	case large(s.Rows, b.units, b.inputs):
		return columns(s.Rows, b.units, b.inputs)
	case s.Alone():
		return grid{s.Rows, b.units, 1, 1} // each piece would rearrange x anew
	}
	return cut(s.Rows, b.units, b.inputs, false)
}

// Backward implements [engine.Body].
func (b *affine[T]) Backward(s *engine.Step[T]) {
	shared := large(s.Rows, b.units, b.inputs)
	if shared || b.back != nil || b.bias(s) != nil {
		s.Each(b.bands(s), (*affineDelta[T])(b))
	}
	input, weight := 0, 0
	if s.GradIn[0] != nil {
		input = b.inputPieces(s)
	}
	if s.GradIn[1] != nil {
		weight = b.weightPieces(s)
	}
	s.Each(input+weight, (*affineProducts[T])(b))
}

// bias is where the gradient of the bias goes, nil if it is not wanted.
func (b *affine[T]) bias(s *engine.Step[T]) []T {
	if len(s.In) < 3 {
		return nil
	}
	return s.GradIn[2]
}

// packs are the places of δ and of its transpose, both packed, on the way back.
func (b *affine[T]) packs(s *engine.Step[T]) (delta, turned []T) {
	n := kernel.PackedLen(s.Rows, b.units)
	return s.Scratch[:n], s.Scratch[n:]
}

// taking is how x is cut where it is packed.
func taking(rows, inputs int) grid { return grid{rows, inputs, 1, halvings(inputs, 128)} }

// affineTake packs some columns of x.
type affineTake[T engine.Float] affine[T]

func (b *affineTake[T]) Do(s *engine.Step[T], i int, _ []T) {
	_, _, c0, c1 := taking(s.Rows, b.inputs).block(i)
	b.k.PackA(s.Scratch, s.Rows, b.inputs, s.In[0], b.inputs, false, 0, s.Rows, c0, c1)
}

// affineForward computes a block of y.
type affineForward[T engine.Float] affine[T]

func (b *affineForward[T]) Do(s *engine.Step[T], i int, _ []T) {
	p := kernel.Product[T]{K: b.inputs, A: s.In[0], LDA: b.inputs, B: s.In[1], LDB: b.inputs, TransB: true, C: s.Out, LDC: b.units, Relu: b.relu}
	if len(s.In) == 3 {
		p.Bias = s.In[2]
	}
	g := (*affine[T])(b).forward(s)
	if (*affine[T])(b).takes(s) {
		p.A, p.Packed = s.Scratch, true
	}
	if b.turned {
		p.B, p.LDB, p.TransB = s.Packed, b.units, false
	}
	multiply(b.k, p, g, i)
	if b.then == nil || b.relu {
		return
	}
	r0, r1, c0, c1 := g.block(i)
	for r := r0; r < r1; r++ {
		y := s.Out[r*b.units+c0 : r*b.units+c1]
		b.then(y, y)
	}
}

// multiply computes piece i of a product that is given whole.
func multiply[T engine.Float](k *kernel.Table[T], p kernel.Product[T], g grid, i int) {
	r0, r1, c0, c1 := g.block(i)
	p.M, p.N = r1-r0, c1-c0
	switch {
	case p.TransA:
		p.A = p.A[r0:]
	default: // r0 is 0 where A is packed
		p.A = p.A[r0*p.LDA:]
	}
	if p.TransB {
		p.B = p.B[c0*p.LDB:]
	} else {
		p.B = p.B[c0:]
	}
	if p.Update != nil {
		p.At += r0*p.Stride + c0
	} else {
		p.C = p.C[r0*p.LDC+c0:]
	}
	if p.Bias != nil {
		p.Bias = p.Bias[c0:c1]
	}
	k.Multiply(p)
}

// affineDelta turns some columns of the gradient by y into δ, in place, sums them for the bias, and packs them where products share them.
type affineDelta[T engine.Float] affine[T]

// bands is the number of pieces of affineDelta.
func (b *affine[T]) bands(s *engine.Step[T]) int { return (b.units + b.band(s) - 1) / b.band(s) }

// band is the columns of a piece: few where they are packed while they are in a near cache, else enough to pay for a piece.
func (b *affine[T]) band(s *engine.Step[T]) int {
	const least = 1 << 14 // elements
	if large(s.Rows, b.units, b.inputs) {
		return kernel.PackRows
	}
	return max(kernel.PackRows, (least/s.Rows+kernel.PackRows-1)/kernel.PackRows*kernel.PackRows)
}

func (b *affineDelta[T]) Do(s *engine.Step[T], i int, _ []T) {
	whole := (*affine[T])(b)
	c0 := i * whole.band(s)
	c1 := min(c0+whole.band(s), b.units)
	delta, out, sum := s.GradOut[c0:], []T(nil), whole.bias(s)
	first := true
	if sum != nil {
		sum, first = sum[c0:c1], s.First[2]
	}
	switch {
	case b.relu:
		out = s.Out[c0:]
	case b.back != nil:
		for r := range s.Rows {
			d := s.GradOut[r*b.units+c0 : r*b.units+c1]
			b.back(d, s.Out[r*b.units+c0:], d, false)
		}
	}
	b.k.Delta(s.Rows, c1-c0, delta, b.units, out, b.units, sum, !first)
	if !large(s.Rows, b.units, b.inputs) {
		return
	}
	straight, turned := whole.packs(s)
	if s.GradIn[0] != nil {
		b.k.PackA(straight, s.Rows, b.units, s.GradOut, b.units, false, 0, s.Rows, c0, c1)
	}
	if s.GradIn[1] != nil || s.Late {
		b.k.PackA(turned, b.units, s.Rows, s.GradOut, b.units, true, c0, c1, 0, s.Rows)
	}
}

// affineProducts computes a block of δ W, or then of δᵀ x.
type affineProducts[T engine.Float] affine[T]

func (b *affineProducts[T]) Do(s *engine.Step[T], i int, _ []T) {
	whole := (*affine[T])(b)
	if s.GradIn[0] != nil {
		if n := whole.inputPieces(s); i >= n {
			i -= n
		} else {
			whole.input(s, i)
			return
		}
	}
	whole.weight(s, i)
}

func (b *affine[T]) inputPieces(s *engine.Step[T]) int {
	if large(s.Rows, b.units, b.inputs) {
		return columns(s.Rows, b.inputs, b.units).pieces()
	}
	return cut(s.Rows, b.inputs, b.units, false).pieces()
}

// input computes a block of δ W.
func (b *affine[T]) input(s *engine.Step[T], i int) {
	p := kernel.Product[T]{K: b.units, A: s.GradOut, LDA: b.units, B: s.In[1], LDB: b.inputs, C: s.GradIn[0], LDC: b.inputs, Add: !s.First[0]}
	g := columns(s.Rows, b.inputs, b.units)
	if large(s.Rows, b.units, b.inputs) {
		p.A, _ = b.packs(s)
		p.Packed = true
	} else {
		g = cut(s.Rows, b.inputs, b.units, false)
	}
	multiply(b.k, p, g, i)
}

func (b *affine[T]) weightPieces(s *engine.Step[T]) int {
	if large(s.Rows, b.units, b.inputs) {
		return columns(b.units, b.inputs, s.Rows).pieces()
	}
	return cut(b.units, b.inputs, s.Rows, true).pieces()
}

// weight computes a block of δᵀ x.
func (b *affine[T]) weight(s *engine.Step[T], i int) {
	p, g := b.weightProduct(s)
	p.C, p.LDC, p.Add = s.GradIn[1], b.inputs, !s.First[1]
	multiply(b.k, p, g, i)
}

// weightProduct is δᵀ x, without the place of its result, and its pieces.
func (b *affine[T]) weightProduct(s *engine.Step[T]) (kernel.Product[T], grid) {
	p := kernel.Product[T]{K: s.Rows, A: s.GradOut, LDA: b.units, TransA: true, B: s.In[0], LDB: b.inputs}
	g := columns(b.units, b.inputs, s.Rows)
	if large(s.Rows, b.units, b.inputs) {
		_, p.A = b.packs(s)
		p.LDA, p.TransA, p.Packed = s.Rows, false, true
	} else {
		g = cut(b.units, b.inputs, s.Rows, true)
	}
	return p, g
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
