package engine

import (
	"fmt"

	"github.com/descent-go/descent/internal/rng"
)

// A program is a layout with memory in one precision. This file sets it up; run.go runs it.

// runner hides the precision of a program: one interface call a pass.
type runner interface {
	forward(b *Batch) (Sum, error)
	backward() error
	backwardLate() error
	lateFinite() bool
	backwardRest()
	output(i int) Tensor
	inputGradient(name string) Tensor
	readings() []Reading
	share(with runner)
}

type program[T Float] struct {
	*layout
	weights *Weights
	live    Vector[T]
	pool    *Pool
	group   Group

	arena  []T
	packs  *packs[T]
	locals [][]T // a worker
	nodes  []*node[T]
	chains []*chain[T] // the same nodes

	inputs    []view[T]
	copies    [][]view[T] // a worker but the first, where the batch has some
	outputs   []Tensor
	gradients Tensor // the whole gradient vector, for Group
	inGrads   []inputGradient[T]

	batch Batch // of the last forward pass
	ready bool  // a forward pass has run and no backward pass since
	late  lateState[T]
	watch *instruments[T]
}

// view is a value's memory for the step that runs.
type view[T Float] struct {
	data []T
	size int
}

type inputGradient[T Float] struct {
	value  int
	tensor Tensor
}

// node is one operation of a program.
type node[T Float] struct {
	op     *operation
	body   Body[T]
	packer Packer[T]
	base   rng.Source
	step   Step[T]
	temp   [][]T // gradients of inputs that occur twice
	views  []workerView[T]
	inputs []int // of op.in: those that are inputs of the graph

	prog *program[T]
	// what Do runs
	piece    Piece[T]
	of       *Step[T]
	tileRows int
	back     bool
	splits   bool // tiles sum gradients of Fixed inputs into partials
}

// workerView is one worker's view of a step, a tile of it or with its own copy of the batch, padded so that workers don't share cache lines.
type workerView[T Float] struct {
	step Step[T]
	_    [128]byte
}

func newProgram[T Float](l *layout, w *Weights, o Options) (*program[T], error) {
	live, ok := Vectors[T](w)
	if !ok {
		return nil, fmt.Errorf("the plan is %v and its weights are %v", l.precision, w.Precision())
	}
	p := &program[T]{layout: l, weights: w, live: live, pool: o.Pool, group: o.Group}
	p.arena = allocate[T](l.arena)
	p.packs = &packs[T]{}
	p.gradients = TensorOf("gradients", Shape{len(live.Grad)}, live.Grad)
	p.locals = make([][]T, o.Pool.Threads())
	for i := range p.locals {
		p.locals[i] = allocate[T](l.local + 2*alignment)[:l.local]
	}
	for _, f := range l.inputs {
		p.inputs = append(p.inputs, view[T]{size: f.Type.Shape.Size()})
	}
	for i := range l.ops {
		p.nodes = append(p.nodes, newNode(p, &l.ops[i]))
	}
	p.chains = newChains(p.nodes)
	for _, out := range l.outputs {
		shape := append(Shape{0}, out.field.Type.Shape...)
		if out.field.Type.Fixed {
			shape = shape[1:]
		}
		p.outputs = append(p.outputs, TensorOf[T](out.name, shape, nil))
	}
	for id, at := range l.places {
		if at.kind == inInput && at.needs {
			f := l.inputs[at.at]
			p.inGrads = append(p.inGrads, inputGradient[T]{id + 1, TensorOf[T](f.Name, append(Shape{0}, f.Type.Shape...), nil)})
		}
	}
	p.watch = newInstruments(p, o.Watch)
	return p, p.prepareLate()
}

func newNode[T Float](p *program[T], op *operation) *node[T] {
	n := &node[T]{op: op, prog: p, base: rng.New(p.seed, "step/"+op.purpose)}
	body := op.code.body(p.precision)
	n.body = body.(Body[T])
	if op.traits.Packed > 0 {
		n.packer, _ = body.(Packer[T])
	}
	n.step = newStep[T](op)
	n.step.exec = n
	n.temp = make([][]T, len(op.in))
	for j, in := range op.in {
		if !op.traits.Rowwise && p.places[in-1].kind == inInput {
			n.inputs = append(n.inputs, j)
		}
	}
	if op.traits.Rowwise || len(n.inputs) > 0 {
		n.views = make([]workerView[T], p.pool.Threads())
		for i := range n.views {
			n.views[i].step = newStep[T](op)
		}
	}
	return n
}

func newStep[T Float](op *operation) Step[T] {
	return Step[T]{
		In: make([][]T, len(op.in)), GradIn: make([][]T, len(op.in)), First: make([]bool, len(op.in)),
		Saved: make([][]T, len(op.saved)),
	}
}

// rowsOf is the number of rows of an operation in a step.
func (n *node[T]) rowsOf(rows int) int {
	if n.op.kind.Fixed {
		return 1
	}
	return rows
}

// value is the memory of a root value in a step of so many rows.
func (p *program[T]) value(id, rows int) []T {
	at := p.places[id-1]
	size := at.size
	if !at.fixed {
		size *= rows
	}
	switch at.kind {
	case inInput:
		return p.inputs[at.at].data
	case inWeights:
		return p.live.Weight[at.at : at.at+size]
	case inStates:
		return p.live.State[at.at : at.at+size]
	}
	return p.arena[at.at : at.at+size]
}

// gradient is the memory of a root value's gradient.
func (p *program[T]) gradient(id, rows int) []T {
	at := p.places[id-1]
	size := at.size
	if !at.fixed {
		size *= rows
	}
	if at.kind == inWeights {
		return p.live.Grad[at.at : at.at+size]
	}
	return p.arena[at.grad : at.grad+size]
}

// share takes over the packed copies of a program on the same weights.
func (p *program[T]) share(with runner) {
	if q, ok := with.(*program[T]); ok {
		p.packs = q.packs
	}
}
