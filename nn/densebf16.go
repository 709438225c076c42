package nn

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// The dense layer in precision bfloat16: its three products, y = x Wᵀ, δ W and δᵀ x, are of numbers rounded to bfloat16, with float32 sums that
// start from the bias where there is one. Weights, gradients, activations and all else stay float32.
//
// Each of the three sums over another dimension, and a product wants the numbers that it sums in pairs. So x, W and δ are rounded and rearranged
// twice each, once a step and not once a piece: W when it has changed (Pack, or by the update itself: densebf16late.go), x along its rows before the
// forward product, and x and δ once δ is known. The pieces of a product then only multiply.
type affineBFloat16 struct {
	affine        *affine[float32] // for what is not a product
	p             *kernel.BFloat16
	relu          bool // the activation is applied where sums are stored
	training      bool
	rows          int
	units, inputs int
}

func newAffineBFloat16(o DenseOp, in []engine.Type, c engine.Conditions) *affineBFloat16 {
	p, err := kernel.BFloat16For(c.Kernels)
	if err != nil {
		panic("nn: " + err.Error())
	}
	return &affineBFloat16{
		affine: newAffine[float32](o, in, c), p: p, relu: o.Then == reluActivation, training: c.Training, rows: c.Rows,
		units: in[1].Shape[0], inputs: in[1].Shape[1],
	}
}

var (
	_ engine.Packer[float32]   = (*affineBFloat16)(nil)
	_ engine.RowNorms[float32] = (*affineBFloat16)(nil)
)

// Traits implements [engine.Traiter].
func (b *affineBFloat16) Traits() engine.Traits {
	t := b.affine.Traits()
	t.LatePacks = b.updates()
	t.Packed = kernel.PanelSize(pairsOf(b.inputs), b.units)
	t.Scratch = b.rows * pairStride(b.inputs)
	if b.training {
		t.Packed += kernel.PanelSize(pairsOf(b.units), b.inputs)
		t.Scratch = max(t.Scratch, b.rows*pairStride(b.units)+kernel.PanelSize(pairsOf(b.rows), b.units)+kernel.PanelSize(pairsOf(b.rows), b.inputs))
	}
	return t
}

// pairsOf is the number of pairs that n numbers make.
func pairsOf(n int) int { return (n + 1) / 2 }

// pairStride is the distance of rows of n numbers in pairs: an odd number of cache lines, so that neighboring rows don't compete for a place.
func pairStride(n int) int { return (pairsOf(n)+31)/32*32 + 16 }

// forWeights are the two forms of W: for x Wᵀ, which sums over inputs, and for δ W, which sums over units.
func (b *affineBFloat16) forWeights(s *engine.Step[float32]) (overInputs, overUnits kernel.Pairs) {
	n := kernel.PanelSize(pairsOf(b.inputs), b.units)
	return kernel.Pairs{Data: s.Packed[:n], Count: b.units, K: pairsOf(b.inputs)}, kernel.Pairs{Data: s.Packed[n:], Count: b.inputs, K: pairsOf(b.units)}
}

// forDelta are the forms of δ and x on the way back: δ for δ W, and both for δᵀ x, which sums over rows.
func (b *affineBFloat16) forDelta(s *engine.Step[float32]) (delta, deltaDown, xDown kernel.Pairs) {
	k, stride := pairsOf(s.Rows), pairStride(b.units)
	rest := s.Scratch
	take := func(n int) (part []float32) {
		part, rest = rest[:n], rest[n:]
		return part
	}
	delta = kernel.Pairs{Data: take(b.rows * stride), Count: s.Rows, K: pairsOf(b.units), Stride: stride}
	deltaDown = kernel.Pairs{Data: take(kernel.PanelSize(k, b.units)), Count: b.units, K: k}
	return delta, deltaDown, kernel.Pairs{Data: rest, Count: b.inputs, K: k}
}

// forInput is x for x Wᵀ.
func (b *affineBFloat16) forInput(s *engine.Step[float32]) kernel.Pairs {
	return kernel.Pairs{Data: s.Scratch, Count: s.Rows, K: pairsOf(b.inputs), Stride: pairStride(b.inputs)}
}

// Pack implements [engine.Packer].
func (b *affineBFloat16) Pack(s *engine.Step[float32]) {
	s.Each(bands(b.units, kernel.Panel), (*affinePack)(b))
}

// Forward implements [engine.Body].
func (b *affineBFloat16) Forward(s *engine.Step[float32]) {
	s.Each(bands(s.Rows, pairRows), (*affineRound)(b))
	s.Each(blocksOf(s.Rows, b.units, b.inputs, pairRows).pieces(), (*affineForwardBFloat16)(b))
}

// Backward implements [engine.Body].
func (b *affineBFloat16) Backward(s *engine.Step[float32]) {
	s.Each(bands(s.Rows, pairRows), (*affineDeltaBFloat16)(b))
	if s.GradIn[0] != nil {
		s.Each(blocksOf(s.Rows, b.inputs, b.units, pairRows).pieces(), (*affineInputBFloat16)(b))
	}
	if s.GradIn[1] != nil {
		s.Each(blocksOf(b.units, b.inputs, s.Rows, kernel.Panel).pieces(), (*affineWeightBFloat16)(b))
	}
	if len(s.In) == 3 && s.GradIn[2] != nil {
		s.Each(bands(b.units, biasColumns), (*affineBiasBFloat16)(b))
	}
}

// RowNorms implements [engine.RowNorms].
func (b *affineBFloat16) RowNorms(s *engine.Step[float32], sq []float64) { b.affine.RowNorms(s, sq) }

const (
	// pairRows is the rows of a batch that one piece rounds, an even number.
	pairRows = 16
	// biasColumns is the columns of a batch that one piece sums.
	biasColumns = 256
)

// bands is how many bands of so many rows n rows have.
func bands(n, high int) int { return (n + high - 1) / high }

// blocks cuts a product of m x n results, each a sum of k, into pieces by its size alone: a piece is some rows of one panel. The pieces of a panel
// follow each other, so that it stays in a near cache.
type blocks struct{ m, n, high int }

// blocksOf makes pieces of a multiple of unit rows. A panel has one piece or an even number, equal but for rounding, so that two workers get the same.
func blocksOf(m, n, k, unit int) blocks {
	const least, most = 1 << 20, 1 << 24 // multiply-adds of a piece
	work := min(max(m*n/32*k, least), most)
	parts := bands(m, bands(work/(min(n, kernel.Panel)*k)+1, kernel.Panel)*kernel.Panel)
	if parts > 1 {
		parts += parts % 2
	}
	return blocks{m, n, max(bands(bands(m, parts), unit), 1) * unit}
}

func (g blocks) pieces() int { return bands(g.m, g.high) * bands(g.n, kernel.Panel) }

// block is piece i: rows r0 to r1 and columns c0 to c1.
func (g blocks) block(i int) (r0, r1, c0, c1 int) {
	across := bands(g.m, g.high)
	r0, c0 = i%across*g.high, i/across*kernel.Panel
	return r0, min(r0+g.high, g.m), c0, min(c0+kernel.Panel, g.n)
}

// affinePack rounds some rows of W.
type affinePack affineBFloat16

func (b *affinePack) Do(s *engine.Step[float32], i int, _ []float32) {
	overInputs, overUnits := (*affineBFloat16)(b).forWeights(s)
	first, last := i*kernel.Panel, min((i+1)*kernel.Panel, b.units)
	b.p.Turned(first, last, b.units, b.inputs, overInputs.Data, s.In[1], b.inputs)
	if b.training {
		b.p.Down(first, last, b.units, b.inputs, overUnits.Data, s.In[1], b.inputs)
	}
}

// affineRound rounds some rows of x.
type affineRound affineBFloat16

func (b *affineRound) Do(s *engine.Step[float32], i int, _ []float32) {
	x := (*affineBFloat16)(b).forInput(s)
	first, last := i*pairRows, min((i+1)*pairRows, s.Rows)
	b.p.Along(last-first, b.inputs, x.Data[first*x.Stride:], x.Stride, s.In[0][first*b.inputs:], b.inputs)
}

// affineForwardBFloat16 computes a block of y.
type affineForwardBFloat16 affineBFloat16

func (b *affineForwardBFloat16) Do(s *engine.Step[float32], i int, _ []float32) {
	r0, r1, c0, c1 := blocksOf(s.Rows, b.units, b.inputs, pairRows).block(i)
	finish := kernel.Finish{Relu: b.relu}
	if len(s.In) == 3 {
		finish.Bias = s.In[2]
	}
	w, _ := (*affineBFloat16)(b).forWeights(s)
	b.p.Multiply(r0, r1, c0, c1, (*affineBFloat16)(b).forInput(s), w, s.Out, b.units, finish)
	if then := b.affine.then; then != nil && !b.relu {
		for r := r0; r < r1; r++ {
			y := s.Out[r*b.units+c0 : r*b.units+c1]
			then(y, y)
		}
	}
}

// affineDeltaBFloat16 turns some rows of the gradient by y into δ, in place, and rounds them and those of x.
type affineDeltaBFloat16 affineBFloat16

func (b *affineDeltaBFloat16) Do(s *engine.Step[float32], i int, _ []float32) {
	first, last := i*pairRows, min((i+1)*pairRows, s.Rows)
	d := s.GradOut[first*b.units : last*b.units]
	if back := b.affine.back; back != nil {
		back(d, s.Out[first*b.units:last*b.units], d, false)
	}
	delta, deltaDown, xDown := (*affineBFloat16)(b).forDelta(s)
	if s.GradIn[0] != nil {
		b.p.Along(last-first, b.units, delta.Data[first*delta.Stride:], delta.Stride, d, b.units)
	}
	if s.GradIn[1] != nil || s.Late {
		b.p.Down(first, last, s.Rows, b.units, deltaDown.Data, s.GradOut, b.units)
		b.p.Down(first, last, s.Rows, b.inputs, xDown.Data, s.In[0], b.inputs)
	}
}

// affineInputBFloat16 computes a block of δ W.
type affineInputBFloat16 affineBFloat16

func (b *affineInputBFloat16) Do(s *engine.Step[float32], i int, _ []float32) {
	r0, r1, c0, c1 := blocksOf(s.Rows, b.inputs, b.units, pairRows).block(i)
	delta, _, _ := (*affineBFloat16)(b).forDelta(s)
	_, w := (*affineBFloat16)(b).forWeights(s)
	b.p.Multiply(r0, r1, c0, c1, delta, w, s.GradIn[0], b.inputs, kernel.Finish{Add: !s.First[0]})
}

// affineWeightBFloat16 computes a block of δᵀ x.
type affineWeightBFloat16 affineBFloat16

func (b *affineWeightBFloat16) Do(s *engine.Step[float32], i int, _ []float32) {
	r0, r1, c0, c1 := blocksOf(b.units, b.inputs, s.Rows, kernel.Panel).block(i)
	_, delta, x := (*affineBFloat16)(b).forDelta(s)
	b.p.Multiply(r0, r1, c0, c1, delta, x, s.GradIn[1], b.inputs, kernel.Finish{Add: !s.First[1]})
}

// affineBiasBFloat16 sums some columns of δ.
type affineBiasBFloat16 affineBFloat16

func (b *affineBiasBFloat16) Do(s *engine.Step[float32], i int, _ []float32) {
	first, last := i*biasColumns, min((i+1)*biasColumns, b.units)
	b.affine.k.SumRows(s.Rows, last-first, s.GradIn[2][first:last], s.GradOut[first:], b.units, !s.First[2])
}
