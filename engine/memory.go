package engine

import (
	"cmp"
	"fmt"
	"slices"
)

// Every activation, gradient and scratch buffer of a plan gets its place before anything runs. A buffer lives from the moment that first
// writes it to the last that reads it, counted in operations: the forward pass at moments 0 to n-1, the objective at n, the backward pass
// of operation k at 2n-k, gradients that come late at 2n+1. Buffers whose lives don't overlap may share elements of one arena.

// life is one buffer's interval and where its offset is to be written.
type life struct {
	from, to int
	size     int
	at       *int
}

// maxTiles bounds the tiles of a rowwise operation that sums gradients of Fixed inputs, and with it the partial sums.
const maxTiles = 32

// allocate places all buffers, or says which one is too large for any machine.
func (l *layout) allocate() error {
	n := len(l.ops)
	end := 2*n + 1
	// The operations of a chain run at the same time: from its first moment to its last.
	begun := func(k int) int { return l.ops[k].chain.first }
	ended := func(k int) int { return l.ops[k].chain.last }
	begunBack := func(k int) int { return 2*n - ended(k) }
	endedBack := func(k int) int { return 2*n - begun(k) }

	last := make([]int, len(l.places)) // moment of a value's last reader
	gradFrom := make([]int, len(l.places))
	for i := range gradFrom {
		gradFrom[i] = end
	}
	read := func(id, moment int) { last[id-1] = max(last[id-1], moment) }
	for k, op := range l.ops {
		read(op.out, ended(k))
		for j, in := range op.in {
			read(in, ended(k))
			if op.backward {
				if !op.traits.ForgetsIn {
					read(in, endedBack(k))
				}
				if op.wanted[j] {
					gradFrom[in-1] = min(gradFrom[in-1], begunBack(k))
				}
			}
		}
		if op.backward && !op.traits.ForgetsOut {
			read(op.out, endedBack(k))
		}
		if op.backward && op.late >= 0 {
			for j, in := range op.in {
				if j != op.late {
					read(in, end)
				}
			}
		}
	}
	for _, o := range l.objectives {
		read(o.loss, n)
		gradFrom[o.loss-1] = n
		if o.weight > 0 {
			read(o.weight, n)
		}
	}
	for _, o := range l.outputs {
		read(o.value, end)
	}

	var lives []life
	var err error
	take := func(name string, from, to, size, rows int, at *int) {
		if size > maxElements/rows {
			if err == nil {
				err = fmt.Errorf("%q: %d rows of %d numbers are too many; at most %d numbers are possible: compile the plan for fewer rows", name, rows, size, maxElements)
			}
			return
		}
		if size > 0 {
			lives = append(lives, life{from, to, aligned(size * rows), at})
		}
	}
	rowsOf := func(t Type) int {
		if t.Fixed {
			return 1
		}
		return l.rows
	}
	for k := range l.ops {
		op := &l.ops[k]
		rows := rowsOf(op.kind)
		out := &l.places[op.out-1]
		take(op.name, begun(k), last[op.out-1], out.size, rows, &out.at)
		from, until := ended(k), ended(k)
		if op.backward {
			from, until = begunBack(k), endedBack(k)
			if op.late >= 0 {
				until = end
			}
			take(op.name, gradFrom[op.out-1], until, out.size, rows, &out.grad)
		}
		op.saved = make([]span, len(op.traits.Saved))
		for i, t := range op.traits.Saved {
			op.saved[i].size = t.Shape.Size()
			take(op.name, begun(k), until, op.saved[i].size, min(rows, rowsOf(t)), &op.saved[i].at)
		}
		op.scratchForward.size, op.scratchBackward.size = op.traits.Scratch, op.traits.Scratch
		take(op.name, begun(k), ended(k), op.traits.Scratch, 1, &op.scratchForward.at)
		if op.backward {
			take(op.name, from, until, op.traits.Scratch, 1, &op.scratchBackward.at)
			for j := range op.in {
				if op.extra[j] >= 0 {
					take(op.name, from, until, op.types[j].Shape.Size(), rowsOf(op.types[j]), &op.extra[j])
				}
				if op.traits.Rowwise && op.wanted[j] && op.types[j].Fixed {
					op.partials.size += aligned(op.types[j].Shape.Size())
				}
			}
			take(op.name, from, until, op.partials.size, maxTiles, &op.partials.at)
		}
	}
	for i := range l.places {
		p := &l.places[i]
		if p.kind != inInput {
			continue
		}
		name, rows := l.inputs[p.at].Name, l.rows
		if p.size > maxElements/rows || p.needs {
			take(name, gradFrom[i], end, p.size, rows, &p.grad)
		}
	}
	if err != nil {
		return err
	}
	l.arena = arrange(lives)
	l.placePacked()
	return nil
}

// arrange gives every life an offset, larger ones first, each at the lowest place that no overlapping life holds, and returns the size of
// the whole.
func arrange(lives []life) int {
	slices.SortStableFunc(lives, func(a, b life) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.from, b.from))
	})
	total := 0
	var placed []life
	for _, x := range lives {
		var neighbors []life
		for _, y := range placed {
			if x.from <= y.to && y.from <= x.to {
				neighbors = append(neighbors, y)
			}
		}
		slices.SortFunc(neighbors, func(a, b life) int { return cmp.Compare(*a.at, *b.at) })
		at := 0
		for _, y := range neighbors {
			if at+x.size <= *y.at {
				break
			}
			at = max(at, *y.at+y.size)
		}
		*x.at = at
		placed = append(placed, x)
		total = max(total, at+x.size)
	}
	return total
}
