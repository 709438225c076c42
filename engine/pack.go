package engine

import (
	"sync"
	"sync/atomic"
)

// Packed copies: rearranged parameters, such as a weight matrix in the order in which a product reads it. They depend on the weights alone,
// so forks on the same weights share them, and whoever finds them stale fills them again.

// packs holds the packed copies of all operations of a plan, twice: made without batch statistics, when running ones may be folded in, and
// with them. Forks that evaluate beside forks that use batch statistics so never take turns on one copy.
type packs[T Float] struct{ copies [2]packedCopy[T] }

type packedCopy[T Float] struct {
	filling sync.Mutex    // held by the one who fills
	of      atomic.Uint64 // the weights that data was made from, as packVersion counts them
	late    atomic.Uint64 // the same for the operations that pack while their parameter is updated (Traits.LatePacks)
	data    []T           // taken when it is first filled
}

// kindOfPack is which copy a pass uses.
func (p *program[T]) kindOfPack() int {
	if p.batch.Mode.Batch() {
		return 1
	}
	return 0
}

// packVersion numbers what packed copies are made from; it only grows and is never 0.
func (p *program[T]) packVersion() uint64 {
	v := p.weights.version.Load() + 1
	if p.packsStates {
		v += p.weights.learned.Load()
	}
	return v
}

// beginPacking reports whether this pass has to fill the packed copies, and keeps other forks waiting in that case.
func (p *program[T]) beginPacking() bool {
	if p.layout.packed == 0 {
		return false
	}
	version, c := p.packVersion(), &p.packs.copies[p.kindOfPack()]
	if c.of.Load() == version {
		return false
	}
	c.filling.Lock()
	if c.of.Load() == version { // a fork has filled it meanwhile
		c.filling.Unlock()
		return false
	}
	return true
}

// forwardPacking is the forward pass after beginPacking: it fills each packed copy right before its operation, when inputs that are computed
// from parameters are there.
func (p *program[T]) forwardPacking() {
	version, c := p.packVersion(), &p.packs.copies[p.kindOfPack()]
	defer c.filling.Unlock()
	if c.data == nil {
		c.data = allocate[T](p.layout.packed)
	}
	for _, n := range p.nodes {
		if n.packer != nil && !(n.packsLate() && c.late.Load() == version) {
			n.prepare(&p.batch)
			n.packer.Pack(&n.step)
		}
		n.forward(&p.batch)
		if p.batch.Watch {
			p.watch.result(n)
		}
	}
	c.of.Store(version)
}

// packsLate reports whether an update of late gradients fills the operation's packed copy.
func (n *node[T]) packsLate() bool { return n.op.late >= 0 && n.op.traits.LatePacks }

// packedLate notes that it has done so, with the weights that there are now.
func (p *program[T]) packedLate() {
	p.packs.copies[p.kindOfPack()].late.Store(p.packVersion())
}

// placePacked gives every operation's packed copy its place, and finds out whether running states get into any.
func (l *layout) placePacked() {
	fromStates := make([]bool, len(l.places))
	for i, p := range l.places {
		fromStates[i] = p.kind == inStates
	}
	for i := range l.ops {
		op := &l.ops[i]
		op.packedAt = l.packed
		l.packed += aligned(op.traits.Packed)
		for j, in := range op.in {
			if !op.types[j].Fixed || !fromStates[in-1] {
				continue
			}
			fromStates[op.out-1] = op.kind.Fixed
			l.packsStates = l.packsStates || op.traits.Packed > 0
		}
	}
}
