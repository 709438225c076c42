package data

// A small batch that every thread reads whole is read once for each of them: rows of bytes cross between the caches of cores in a quarter of
// the time that their numbers take. A thread that waits meanwhile asks for the rows of the batch that follows.

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// InMemory reports whether rows lie in memory as numbers, so that to read them takes little longer than to copy them.
func (l *Loader) InMemory() bool {
	m, _ := l.memory()
	return m != nil
}

// memory is the table that rows come from and what scales them, nil if it is not this package's.
func (l *Loader) memory() (*memory, *prep.Pipeline) {
	switch d := l.d.(type) {
	case *memory:
		return d, d.plain
	case *prepared:
		return d.memory, d.p
	}
	return nil, nil
}

// Copies is [Loader.Batch] into several sets of tensors, each on a thread of its own ([Loader.Use]).
func (l *Loader) Copies(step uint64, part int, to [][]engine.Tensor) (rows, row int, err error) {
	if err := l.checkPart(step, part); err != nil {
		return 0, 0, err
	}
	c := &l.copying
	c.d, c.to = l.d, to
	c.rows, row = l.part(step, part)
	for len(c.errs) < len(to) {
		c.errs = append(c.errs, nil)
	}
	l.reading.pool.Run(len(to), c)
	for _, err := range c.errs[:len(to)] {
		if err != nil {
			return 0, 0, err
		}
	}
	l.expect(step, part)
	return len(c.rows), row, nil
}

// copying is the read of a batch into several sets of tensors: a task for a pool.
type copying struct {
	d    Dataset
	rows []int
	to   [][]engine.Tensor
	errs []error // a set
	next *expecting
}

// Do reads the rows into set i.
func (c *copying) Do(i, _ int) { c.errs[i] = c.d.Read(c.rows, c.to[i]) }

// expecting asks for rows that are read soon. It does not know the pool, which may refer to it for longer than to the loader.
type expecting struct {
	idle engine.Idle
	m    *memory
	rows []int
}

// expect offers the rows that follow a part of a step, if they are known: those of the next epoch are not yet drawn.
func (l *Loader) expect(step uint64, part int) {
	m, _ := l.memory()
	if m == nil || m.u8 == nil {
		return
	}
	if part++; part == l.Parts(step) {
		step, part = step+1, 0
		if l.o.Replace || step%uint64(l.steps) == 0 {
			return
		}
	}
	e := l.copying.next
	if e == nil {
		e = &expecting{m: m, rows: make([]int, 0, l.MaxRows())}
		e.idle.Do = e.ask
		l.copying.next = e
	}
	if !e.idle.Begin() {
		return
	}
	rows, _ := l.part(step, part)
	e.rows = append(e.rows[:0], rows...)
	l.reading.pool.Offer(&e.idle)
}

func (e *expecting) ask() {
	translate(e.m.u8, e.rows, e.m.width)
	for k := range e.rows {
		e.m.expect(e.rows, k)
	}
}
