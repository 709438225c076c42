package nn

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// The gradient of a dense layer's weight, late: the product δᵀ x as in a whole backward pass, whose results are used up where they are
// formed.

var _ engine.Later[float32] = (*affine[float32])(nil)

// Gradients come late where they fill whole tiles of every kernel set but for a few rows: elsewhere their updates are slow.
const lateUnits, lateInputs = 8, 16

// Late implements [engine.Later].
func (b *affine[T]) Late() int {
	if b.k.Updates && b.rows <= kernel.UpdateDepth && b.units >= lateUnits && b.inputs%lateInputs == 0 {
		return 1
	}
	return -1
}

// LateParts implements [engine.Later].
func (b *affine[T]) LateParts(s *engine.Step[T]) [2][]T { return [2][]T{s.GradOut, s.In[0]} }

// LatePieces implements [engine.Later].
func (b *affine[T]) LatePieces(s *engine.Step[T]) int { return b.weightPieces(s) }

// LateDo implements [engine.Later].
func (b *affine[T]) LateDo(s *engine.Step[T], i int) {
	if s.Update == nil {
		b.weight(s, i)
		return
	}
	p, g := b.weightProduct(s)
	p.Update, p.Stride = s.Update, b.inputs
	multiply(b.k, p, g, i)
}
