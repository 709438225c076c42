package optim

// What a stepper does to one piece, one task each. The tasks are types of their own, made once, because a func literal would be allocated at
// every step.

import "github.com/descent-go/descent/engine"

// tasks are one of each kind.
type tasks[T engine.Float] struct {
	clip    clipTask[T]
	measure measureTask[T]
	update  updateTask[T]
	watched watchedTask[T]
	finite  finiteTask[T]
	average averageTask[T]
	vectors vectorTask[T]
}

func (t *tasks[T]) init(p *program[T]) {
	t.clip.p, t.measure.p, t.update.p, t.watched.p, t.finite.p, t.average.p = p, p, p, p, p, p
}

// clipTask clamps a piece's gradient and sums its squares. The limit is that of the mean, the gradient a sum.
type clipTask[T engine.Float] struct {
	p      *program[T]
	weight float64
}

func (t *clipTask[T]) Do(i, _ int) {
	p := t.p
	v := &p.pieces[i].view
	set := &p.s.settings[p.s.members[p.pieces[i].member].setting]
	if limit := p.s.domains[set.clip].clip.Value; limit > 0 {
		clamp(v.Grad, T(limit*t.weight))
	}
	p.sums[i*p.stride] = p.kernels.SumSquares(v.Grad)
}

type measureTask[T engine.Float] struct {
	p   *program[T]
	law int
}

func (t *measureTask[T]) Do(i, _ int) {
	p := t.p
	m := &p.s.members[p.pieces[i].member]
	if set := &p.s.settings[m.setting]; set.law == t.law {
		sum := p.sumsOf(i)[:set.info.Sums]
		clear(sum)
		p.bodies[m.setting].measure.Measure(&p.pieces[i].view, &m.hyper, sum)
	}
}

type updateTask[T engine.Float] struct{ p *program[T] }

func (t *updateTask[T]) Do(i, _ int) {
	p := t.p
	v, m := &p.pieces[i].view, &p.s.members[p.pieces[i].member]
	if h := &m.hyper; h.Shrink != 0 && !p.s.settings[m.setting].info.Shrinks {
		p.kernels.Scale(v.Weight, T(1-h.Shrink), v.Weight)
	}
	p.bodies[m.setting].Update(v, &m.hyper)
}

// watchedTask is updateTask that measures how far it went.
type watchedTask[T engine.Float] struct{ p *program[T] }

func (t *watchedTask[T]) Do(i, worker int) {
	p := t.p
	v := &p.pieces[i].view
	before := p.before[worker][:len(v.Weight)]
	copy(before, v.Weight)
	p.tasks.update.Do(i, worker)
	sum := p.sumsOf(i)
	sum[1] = p.kernels.SumSquares(before)
	p.kernels.Sub(before, v.Weight, before)
	sum[0] = p.kernels.SumSquares(before)
}

type finiteTask[T engine.Float] struct {
	p   *program[T]
	vec Vec
}

func (t *finiteTask[T]) Do(i, _ int) {
	p := t.p
	found := 0.0
	if p.kernels.NonFinite(p.in(t.vec, i)) >= 0 {
		found = 1
	}
	p.sums[i*p.stride] = found
}

// in is a piece of a vector.
func (p *program[T]) in(v Vec, i int) []T {
	view := &p.pieces[i].view
	return part(p.vectors[v], view.Offset+view.At, len(view.Weight))
}

type averageTask[T engine.Float] struct {
	p   *program[T]
	to  []T
	vec Vec
}

func (t *averageTask[T]) Do(i, _ int) {
	p := t.p
	view, m := &p.pieces[i].view, &p.s.members[p.pieces[i].member]
	dst := part(t.to, view.Offset+view.At, len(view.Weight))
	if t.vec != weightsVec {
		copy(dst, p.in(t.vec, i))
	} else if a := p.bodies[m.setting].average; a != nil {
		a.Average(view, &m.hyper, dst)
	}
}

// vectorTask is the arithmetic of wrappers.
type vectorTask[T engine.Float] struct {
	p         *program[T]
	do        vectorWork
	a         float64
	f         func(a, b float64) float64
	x, y, dst Vec
}

type vectorWork uint8

const (
	dotted vectorWork = iota
	added
	mixed
	copied
	mapped
)

func (t *vectorTask[T]) Do(i, _ int) {
	p := t.p
	x, y, dst := p.in(t.x, i), p.in(t.y, i), p.in(t.dst, i)
	switch t.do {
	case dotted:
		p.sums[i*p.stride] = p.kernels.Dot(x, y)
	case added:
		p.kernels.Axpy(dst, T(t.a), x)
	case mixed:
		keep := T(t.a)
		fresh := T(1 - float64(keep)) // both weights round alike, so that equal vectors stay equal
		const near = 2048             // numbers of two vectors that fit the first cache
		for at := 0; at < len(dst); at += near {
			n := min(near, len(dst)-at)
			p.kernels.Scale(part(dst, at, n), keep, part(dst, at, n))
			p.kernels.Axpy(part(dst, at, n), fresh, part(x, at, n))
		}
	case copied:
		copy(dst, x)
	case mapped:
		for j := range dst {
			dst[j] = T(t.f(float64(x[j]), float64(y[j])))
		}
	}
}
