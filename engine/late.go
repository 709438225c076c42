package engine

import (
	"errors"
	"slices"

	"github.com/descent-go/descent/internal/kernel"
)

// Gradients that come late: a backward pass in two halves. The first goes through all operations and leaves out the gradients of those
// parameters that an operation can form later from what it has read and from the gradient by its result. The second forms them block by
// block, and an optimizer uses each block up at once: such a gradient never lies in memory as a whole. No block is used before all of the
// first half has turned out finite.

// lateState is what the second half knows of the first.
type lateState[T Float] struct {
	on     bool // the first half runs
	due    bool // it has run and the second half has not
	nodes  []lateNode[T]
	within func(x []T) bool

	host   int   // the node with most pieces
	single []int // nodes of one piece, the host apart
	more   Task  // what else is done meanwhile
	others int   // its pieces
}

type lateNode[T Float] struct {
	*node[T]
	body   Later[T]
	param  Param
	pieces int
	within [2]bool
}

// lateParams lists the parameters whose gradient can come late.
func (l *layout) lateParams() []Param {
	var list []Param
	for i := range l.ops {
		if op := &l.ops[i]; op.late >= 0 {
			list = append(list, l.lateParam(op))
		}
	}
	return list
}

func (l *layout) lateParam(op *operation) Param {
	at := l.places[op.in[op.late]-1].at
	return l.params[slices.IndexFunc(l.params, func(p Param) bool { return p.Offset == at })]
}

// prepareLate finds the nodes with late gradients.
func (p *program[T]) prepareLate() error {
	if !p.training {
		return nil
	}
	for _, n := range p.nodes {
		if n.op.late >= 0 {
			p.late.nodes = append(p.late.nodes, lateNode[T]{node: n, body: n.body.(Later[T]), param: p.lateParam(n.op)})
		}
	}
	k, err := kernel.For[T](p.kernels)
	if err != nil {
		return err
	}
	p.late.within = k.Within
	return nil
}

func (p *program[T]) backwardLate() error {
	if p.batch.Part != Whole || p.batch.Watch || p.group != nil {
		return errors.New("late gradients are for a step of one part that nobody watches, in one process")
	}
	if err := p.beginBackward(); err != nil {
		return err
	}
	p.late.on = true
	for i := len(p.chains) - 1; i >= 0; i-- {
		p.chains[i].backward(&p.batch, true)
	}
	p.late.on, p.late.due = false, true
	p.showInputGradients()
	return nil
}

// lateFinite looks at what late gradients are formed from: see kernel.Table.Within.
func (p *program[T]) lateFinite() bool {
	if !p.late.due {
		return true
	}
	if p.batch.Rows > mostLateRows {
		return false
	}
	const alone = 1 << 16 // numbers that are not worth handing over
	size := 0
	for i := range p.late.nodes {
		for _, x := range p.late.nodes[i].body.LateParts(&p.late.nodes[i].step) {
			if !p.bounded(x) {
				size += len(x)
			}
		}
	}
	work := (*lateWithin[T])(p)
	if n := 2 * len(p.late.nodes); size > alone {
		p.pool.Run(n, work)
	} else {
		for i := range n {
			work.Do(i, 0)
		}
	}
	for i := range p.late.nodes {
		if w := p.late.nodes[i].within; !w[0] || !w[1] {
			return false
		}
	}
	return true
}

// mostLateRows is for how many rows kernel.Table.Within bounds a sum of products.
const mostLateRows = 1 << 20

// lateWithin looks at one of the two parts of a node.
type lateWithin[T Float] program[T]

func (p *lateWithin[T]) Do(i, _ int) {
	n := &p.late.nodes[i/2]
	x := n.body.LateParts(&n.step)[i%2]
	n.within[i%2] = (*program[T])(p).bounded(x) || p.late.within(x)
}

// bounded reports whether x is an input of which the caller knows that it is within bounds.
func (p *program[T]) bounded(x []T) bool {
	for i, known := range p.batch.Bounded {
		if in := p.inputs[i].data; known && len(x) > 0 && len(in) >= len(x) && &x[0] == &in[0] {
			return true
		}
	}
	return false
}

func (p *program[T]) backwardRest() {
	p.backwardTo(nil, nil, 0)
}

// backwardTo is the second half. A node of many pieces is handed to the pool by itself, so that its pieces run where those of its other
// products do. What is only one piece runs beside the largest.
func (p *program[T]) backwardTo(u Updater[T], more Task, n int) {
	if !p.late.due {
		return
	}
	l := &p.late
	l.due, l.more, l.others, l.single, l.host = false, more, n, l.single[:0], 0
	for i := range l.nodes {
		node := &l.nodes[i]
		if u != nil {
			node.step.Update = u.UpdateOf(node.param)
		} else {
			j := node.op.late
			node.step.GradIn[j], node.step.First[j] = p.gradient(node.op.in[j], p.batch.Rows), true
		}
		node.spread(&node.step)
		if node.pieces = node.body.LatePieces(&node.step); node.pieces > l.nodes[l.host].pieces {
			l.host = i
		}
	}
	for i := range l.nodes {
		switch node := &l.nodes[i]; {
		case i == l.host:
		case node.pieces == 1:
			l.single = append(l.single, i)
		default:
			p.pool.Run(node.pieces, node)
		}
	}
	p.pool.Run(l.nodes[l.host].pieces+len(l.single)+n, (*lateTask[T])(p))
	l.more = nil
	for i := range l.nodes {
		l.nodes[i].step.Update = nil
	}
	if u != nil {
		p.weights.Changed()
		p.packedLate()
	}
}

// Do forms a piece of the node's late gradient.
func (n *lateNode[T]) Do(i, worker int) { n.body.LateDo(n.seen(&n.step, worker), i) }

// lateTask is the pieces of the largest node, with the others among them so that two workers get equally many of both.
type lateTask[T Float] program[T]

func (p *lateTask[T]) Do(i, worker int) {
	l := &p.late
	host := &l.nodes[l.host]
	others := len(l.single) + l.others
	half := host.pieces / 2
	beside := (host.pieces+others)/2 - half // of the others, in the first half
	switch {
	case i < half:
	case i < half+beside:
		p.other(i-half, worker)
		return
	case i < host.pieces+beside:
		i -= beside
	default:
		p.other(i-host.pieces, worker)
		return
	}
	host.Do(i, worker)
}

func (p *lateTask[T]) other(i, worker int) {
	if l := &p.late; i < len(l.single) {
		l.nodes[l.single[i]].Do(0, worker)
	} else {
		l.more.Do(i-len(l.single), worker)
	}
}
