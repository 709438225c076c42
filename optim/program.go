package optim

// The part of a stepper that knows the precision: it cuts parameters into pieces, holds their state, and runs tasks.go over them on the
// pool.

import (
	"fmt"
	"slices"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Vectors that always exist; later ones are made by wrappers.
const (
	weightsVec Vec = iota
	gradientVec
	firstNew
)

type program[T engine.Float] struct {
	s       *Stepper
	pool    *engine.Pool
	kernels *kernel.Table[T]
	bodies  []body[T] // by setting
	pieces  []piece[T]
	wholes  []View[T] // by member
	vectors [][]T

	sums    []float64 // a piece's contribution, stride numbers each
	stride  int
	largest int   // elements of a piece
	before  [][]T // by worker: weights before a watched update

	tasks   tasks[T]
	grouped grouped
	rounds  []round // nil where all is measured before anything is updated
	merged  merged[T]
}

type body[T engine.Float] struct {
	Body[T]
	measure Measurer[T]
	prepare Preparer[T]
	average Averager[T]
	merge   merging[T]
	step    stepped
}

type piece[T engine.Float] struct {
	view   View[T]
	member int
}

func newProgram[T engine.Float](s *Stepper, pool *engine.Pool) (*program[T], error) {
	live, ok := engine.Vectors[T](s.weights)
	if !ok || live.Grad == nil {
		return nil, fmt.Errorf("these weights have no gradient: compile the network for training")
	}
	kernels, err := kernel.For[T](s.weights.Kernels())
	if err != nil {
		return nil, err
	}
	p := &program[T]{s: s, pool: pool, kernels: kernels, vectors: [][]T{live.Weight, live.Grad}, stride: 1}
	for _, set := range s.settings {
		b, err := newBody[T](set)
		if err != nil {
			return nil, err
		}
		p.bodies = append(p.bodies, b)
		p.stride = max(p.stride, set.info.Sums)
	}
	for i := range s.members {
		p.cut(i, live)
	}
	p.grouped = p.group(0, len(p.pieces))
	p.cutRounds()
	p.sums = make([]float64, len(p.pieces)*max(p.stride, 2))
	p.stride = max(p.stride, 2) // a watched update measures two
	p.tasks.init(p)
	return p, nil
}

func newBody[T engine.Float](set settings) (b body[T], err error) {
	var code any
	if c := set.rule.Code(); isFloat64[T]() {
		code = c.F64
	} else {
		code = c.F32
	}
	var ok bool
	if b.Body, ok = code.(Body[T]); !ok {
		return b, fmt.Errorf("%s does not run in %T; take the other precision", set.info.Name, T(0))
	}
	b.measure, ok = b.Body.(Measurer[T])
	if !ok && set.info.Sums > 0 {
		return b, fmt.Errorf("%s declares %d sums and measures none", set.info.Name, set.info.Sums)
	}
	b.prepare, _ = b.Body.(Preparer[T])
	b.average, _ = b.Body.(Averager[T])
	b.merge, _ = b.Body.(merging[T])
	b.step, _ = b.Body.(stepped)
	return b, nil
}

func isFloat64[T engine.Float]() bool {
	_, ok := any(T(0)).(float64)
	return ok
}

// cut makes the views and the state of a member.
func (p *program[T]) cut(i int, live engine.Vector[T]) {
	m := &p.s.members[i]
	set := p.s.settings[m.setting]
	size := m.Size()
	whole := View[T]{
		Param: m.Param, Weight: live.Weight[m.Offset:][:size:size], Grad: live.Grad[m.Offset:][:size:size],
		State: make([][]T, len(m.slots)), Bytes: make([][]byte, len(m.slots)), Multiply: p.multiply, kernels: p.kernels,
	}
	for k, slot := range m.slots {
		if slot.Bytes {
			whole.Bytes[k] = slices.Repeat([]byte{byte(slot.Fill)}, slot.Shape.Size())
		} else {
			whole.State[k] = make([]T, slot.Shape.Size())
			p.kernels.Fill(whole.State[k], T(slot.Fill))
		}
	}
	p.wholes = append(p.wholes, whole)
	step := pieceSize
	if set.info.WholeParam {
		step = size
	}
	m.first = len(p.pieces)
	for at := 0; at < size; at += step {
		n := min(step, size-at)
		v := whole
		v.At, v.Weight, v.Grad = at, part(whole.Weight, at, n), part(whole.Grad, at, n)
		v.State, v.Bytes = slices.Clone(whole.State), slices.Clone(whole.Bytes)
		for k, slot := range m.slots {
			if slot.Shape.Size() == size {
				v.State[k], v.Bytes[k] = part(v.State[k], at, n), part(v.Bytes[k], at, n)
			}
		}
		p.pieces = append(p.pieces, piece[T]{v, i})
		p.largest = max(p.largest, n)
	}
	m.last = len(p.pieces)
}

func part[E any](x []E, at, n int) []E {
	if x == nil {
		return nil
	}
	return x[at : at+n : at+n]
}

func (p *program[T]) multiply(m, n, k int, a, b, c []T) {
	p.kernels.GemmNN(m, n, k, a, k, b, n, c, n, false)
}

func (p *program[T]) sumsOf(piece int) []float64 { return p.sums[piece*p.stride:][:p.stride] }

func (p *program[T]) each(t engine.Task) { p.eachOf(&p.grouped, t) }

func (p *program[T]) eachOf(g *grouped, t engine.Task) {
	g.task = t
	p.pool.Run(len(g.ends), g)
}

// grouped runs a task over groups of neighboring pieces, so that a handful of biases is not handed over one by one.
type grouped struct {
	task engine.Task
	from int   // the first piece
	ends []int // a group ends before this piece
}

func (g *grouped) Do(i, worker int) {
	from := g.from
	if i > 0 {
		from = g.ends[i-1]
	}
	for k := from; k < g.ends[i]; k++ {
		g.task.Do(k, worker)
	}
}

// group groups the pieces from first to last, the last excluded.
func (p *program[T]) group(first, last int) grouped {
	g := grouped{from: first}
	elements, left := 0, 0
	for i := first; i < last; i++ {
		left += len(p.pieces[i].view.Weight)
	}
	for i := first; i < last; i++ {
		size := len(p.pieces[i].view.Weight)
		elements, left = elements+size, left-size
		if elements >= 3*pieceSize && left >= 3*pieceSize || left == 0 && i == last-1 {
			g.ends = append(g.ends, i+1)
			elements = 0
		}
	}
	return g
}

// member adds up sum k over the pieces of a member, in their order.
func (p *program[T]) memberSum(m *member, k int) float64 {
	sum := 0.0
	for i := m.first; i < m.last; i++ {
		sum += p.sums[i*p.stride+k]
	}
	return sum
}

func (p *program[T]) clip(m *Moment) {
	p.tasks.clip.weight = m.Sum.Weight
	p.each(&p.tasks.clip)
	for i := range p.s.members {
		m := &p.s.members[i]
		m.norm = p.memberSum(m, 0)
	}
}

func (p *program[T]) measure(law int) {
	clear(p.s.totals[law])
	p.measureOf(law, &p.grouped, 0, len(p.s.members))
}

// measureOf measures the members from first to last, the last excluded.
func (p *program[T]) measureOf(law int, g *grouped, first, last int) {
	p.tasks.measure.law = law
	p.eachOf(g, &p.tasks.measure)
	total := p.s.totals[law]
	for i := first; i < last; i++ {
		m := &p.s.members[i]
		if p.s.settings[m.setting].law != law {
			continue
		}
		for k := range total {
			m.hyper.Sum[k] = p.memberSum(m, k)
			total[k] += m.hyper.Sum[k]
		}
	}
}

// prepare tells the bodies of the step.
func (p *program[T]) prepare() { p.prepareOf(0, len(p.s.members)) }

func (p *program[T]) prepareOf(first, last int) {
	for i := first; i < last; i++ {
		m := &p.s.members[i]
		b := p.bodies[m.setting]
		if b.step != nil {
			b.step.step(&m.hyper)
		}
		if b.prepare != nil {
			b.prepare.Prepare(&p.wholes[i], &m.hyper)
		}
	}
}

func (p *program[T]) update(watch bool) {
	p.prepare()
	if !watch {
		p.each(&p.tasks.update)
		return
	}
	for len(p.before) < p.pool.Threads() {
		p.before = append(p.before, make([]T, p.largest))
	}
	p.each(&p.tasks.watched)
	for i := range p.s.members {
		m := &p.s.members[i]
		m.moved, m.size = p.memberSum(m, 0), p.memberSum(m, 1)
	}
}

func (p *program[T]) nonFinite(v Vec) string {
	p.tasks.finite.vec = v
	p.each(&p.tasks.finite)
	for i, piece := range p.pieces {
		if p.sums[i*p.stride] != 0 {
			return p.s.members[piece.member].Path
		}
	}
	return ""
}

func (p *program[T]) average(dst *engine.Weights, at Vec) {
	to, _ := engine.Vectors[T](dst)
	p.tasks.average.to, p.tasks.average.vec = to.Weight, at
	p.each(&p.tasks.average)
	p.tasks.average.to = nil
}

func (p *program[T]) newVector() { p.vectors = append(p.vectors, make([]T, len(p.vectors[0]))) }

func (p *program[T]) dot(x, y Vec) float64 {
	p.tasks.vectors = vectorTask[T]{p: p, do: dotted, x: x, y: y}
	p.each(&p.tasks.vectors)
	sum := 0.0
	for i := range p.s.members {
		sum += p.memberSum(&p.s.members[i], 0)
	}
	return sum
}

func (p *program[T]) axpy(a float64, x, y Vec) {
	p.tasks.vectors = vectorTask[T]{p: p, do: added, a: a, x: x, dst: y}
	p.each(&p.tasks.vectors)
}

func (p *program[T]) mix(keep float64, x, y Vec) {
	p.tasks.vectors = vectorTask[T]{p: p, do: mixed, a: keep, x: x, dst: y}
	p.each(&p.tasks.vectors)
}

func (p *program[T]) copy(dst, src Vec) {
	p.tasks.vectors = vectorTask[T]{p: p, do: copied, x: src, dst: dst}
	p.each(&p.tasks.vectors)
}

func (p *program[T]) apply(dst Vec, f func(a, b float64) float64, x, y Vec) {
	p.tasks.vectors = vectorTask[T]{p: p, do: mapped, f: f, x: x, y: y, dst: dst}
	p.each(&p.tasks.vectors)
	p.tasks.vectors.f = nil
}

func (p *program[T]) slot(m, k int) engine.Tensor {
	member, whole := &p.s.members[m], &p.wholes[m]
	slot := member.slots[k]
	name := member.Path + "/" + slot.Name
	if slot.Bytes {
		return engine.Tensor{Name: name, Shape: slot.Shape, U8: whole.Bytes[k]}
	}
	return engine.TensorOf(name, slot.Shape, whole.State[k])
}

func (p *program[T]) vector(m int, v Vec) engine.Tensor {
	member := &p.s.members[m]
	return engine.TensorOf(member.Path+"/"+p.s.vectors[v-firstNew].name, member.Shape, part(p.vectors[v], member.Offset, member.Size()))
}
