package nn

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// The gradient of a dense layer's weight in precision bfloat16, late: the same pass that forms and uses it up block by block rounds the new weights
// and packs them, so that the next step does not have to.

var _ engine.Later[float32] = (*affineBFloat16)(nil)

// Late implements [engine.Later].
func (b *affineBFloat16) Late() int {
	if b.updates() {
		return 1
	}
	return -1
}

// updates reports whether the kernels can use up a gradient of this size.
func (b *affineBFloat16) updates() bool {
	return b.p.Update != nil && b.training && b.rows <= kernel.UpdateDepth && b.units%kernel.UpdateUnit == 0 && b.inputs%kernel.UpdateUnit == 0
}

// LateParts implements [engine.Later]. Their numbers are rounded before they are multiplied, to at most the bound of [kernel.WithinBits].
func (b *affineBFloat16) LateParts(s *engine.Step[float32]) [2][]float32 {
	return [2][]float32{s.GradOut, s.In[0]}
}

// LatePieces implements [engine.Later].
func (b *affineBFloat16) LatePieces(s *engine.Step[float32]) int {
	return b.lateBlocks(s).pieces()
}

// lateBlocks is how the gradient is cut: a piece is one panel of δ and some columns, next to each other. So weights and state are read in few pages.
func (b *affineBFloat16) lateBlocks(s *engine.Step[float32]) blocks {
	return blocksOf(b.inputs, b.units, s.Rows, kernel.Panel)
}

// LateDo implements [engine.Later].
func (b *affineBFloat16) LateDo(s *engine.Step[float32], i int) {
	c0, c1, r0, r1 := b.lateBlocks(s).block(i)
	_, delta, x := b.forDelta(s)
	if s.Update == nil {
		b.p.Multiply(r0, r1, c0, c1, delta, x, s.GradIn[1], b.inputs, kernel.Finish{Add: !s.First[1]})
		return
	}
	overInputs, overUnits := b.forWeights(s)
	b.p.Update(r0, r1, c0, c1, delta, x, s.Update, overUnits, overInputs)
}
