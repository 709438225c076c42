// Products that end in an update: the gradient of a weight is formed tile by tile in
// the first cache, and weight and state are read and written while the next tile is formed.
// The gradient never lies in memory. Tiles at an edge, and rules with rare settings,
// form some rows in the first cache and update them one by one, which is slow.

package kernel

// mergedStrips is the assembly: by rule and registers across, one less.
type mergedStrips struct {
	sgd, momentum, adam [3]mergedStrip
}

// A mergedStrip forms the gradients of strips of whole tiles, side by side, and updates w with
// them, and mean and square. h is the rule's numbers, each sixteen times. back is the bytes from below one strip of w to the top of
// the next. pending, left and here are the code's own.
type mergedStrip func(m, k int, a *float32, ap, at int, b *float32, bp int, w *float32, ldw int, mean, square, gradients, h *float32, form, between, strips, back, pending, left int, here *float32)

// mergedRows is the rows whose gradients are in the first cache at a time where
// registers don't do: whole tiles of any set.
const mergedRows = 48

// merging is one product that ends in an update.
type merging struct {
	*strips
	*Product[float32]
	table  *Table[float32]
	code   *[3]mergedStrip // nil: not in registers
	memory *stripScratch
}

// mergeScratch is the memory of a product that ends in an update.
type mergeScratch struct {
	grads [mergedRows * widestStrip]float32
	h     [mergedNumbers * 16]float32
}

const (
	mergedNumbers = 7
	// mergedWork is the most multiply-adds of one call: more than of other products,
	// since the last tile of each has no next one to hide its update in.
	mergedWork = 2 * stripWork
)

// merged is multiply for a product that ends in an update.
func (s *strips) merged(t *Table[float32], p *Product[float32], memory *stripScratch) {
	if memory.merge == nil {
		memory.merge = &mergeScratch{}
	}
	m := merging{strips: s, Product: p, table: t, memory: memory}
	m.code = s.merge.of(p.Update, &memory.merge.h)
	if p.Packed {
		m.band(0, p.M, tiles{p.A, 1, s.rows, s.rows * p.LDA})
		return
	}
	a := side{p.A, p.LDA, 1}
	if p.TransA {
		a = side{p.A, 1, p.LDA}
	}
	if p.TransA && !s.competes(p.M, p.N, p.K, a) {
		m.band(0, p.M, tiles{a.x, a.step, a.next, s.rows * a.step})
		return
	}
	memory.reserveBlock()
	high := stripBlock / s.rows * s.rows // whole tiles
	for i := 0; i < p.M; i += high {
		rows := min(high, p.M-i)
		s.copyA(memory.block, p.K, a.at(i, 0), rows, p.K)
		m.band(i, rows, tiles{memory.block, 1, s.rows, s.rows * p.K})
	}
}

// band computes some rows from i on, strip by strip.
func (m *merging) band(i, rows int, a tiles) {
	b, full := side{m.B, 1, m.LDB}, m.lanes*m.across
	if m.TransB {
		b = side{m.B, m.LDB, 1}
	}
	if whole := rows / m.rows * m.rows; whole < rows && m.code != nil && b.step == 1 {
		m.rest(i+whole, rows-whole, tiles{a.x[whole/m.rows*a.tile:], a.step, a.next, a.tile}, b)
		rows = whole
	}
	for j, w := 0, 0; j < m.N && rows > 0; j += w {
		w = m.width(m.N - j)
		bj := b.at(j, 0)
		switch {
		case b.step != 1:
			m.transpose(w, m.K, m.memory.panel, full, bj.x, bj.step)
			bj = side{m.memory.panel, 1, full}
		case m.code != nil && m.shallow(m.K, b):
			for most := mergedWork / (rows * m.K); w+full <= most && m.width(m.N-j-w) == full && w%full == 0; {
				w += full // several strips in one call
			}
		case rows > 8*m.rows || b.next%512 == 0:
			m.copyRows(m.K, w, &m.memory.panel[0], full, &bj.x[0], bj.next)
			bj = side{m.memory.panel, 1, full}
		}
		m.strip(rows, w, a, bj, m.At+i*m.Stride+j)
	}
}

// rest updates the weights of the rows from i on that fill no tile. Their gradients are formed side by side
// in the first cache, so that an update takes many of them at once.
func (m *merging) rest(i, rows int, a tiles, b side) {
	memory, full := m.memory.merge, m.lanes*m.across
	wide := len(memory.grads) / rows / full * full
	for j := 0; j < m.N; j += wide {
		n, bj := min(wide, m.N-j), b.at(j, 0)
		if rows <= dotRows {
			m.row(rows, n, m.K, side{a.x, a.step, a.next}, bj, memory.grads[:], wide, false, ending{})
		} else {
			for at, w := 0, 0; at < n; at += w {
				w = m.width(n - at)
				bw := bj.at(at, 0)
				m.run(rows, w, m.K, &a, &bw, memory.grads[at:], wide, false, &ending{}, &fetch{})
			}
		}
		for r := range rows {
			m.table.update(m.Update, m.At+(i+r)*m.Stride+j, memory.grads[r*wide:][:n])
		}
	}
}

// Rules that the assembly knows.
const (
	mergedNone = iota
	mergedSGD
	mergedMomentum
	mergedAdam
)

// merged is the rule of an update, with its numbers in h.
func merged(u *Update[float32], h *[mergedNumbers * 16]float32) int {
	set := func(numbers ...float64) {
		for i, x := range numbers {
			for j := range 16 {
				h[16*i+j] = float32(x)
			}
		}
	}
	switch {
	case u.Adam != nil:
		a := u.Adam
		if !a.Usual() {
			return mergedNone
		}
		step, eps := folded[float32](a)
		set(a.Scale, a.Decay, 1-a.Decoupled, 1-a.Beta1, 1-a.Beta2, step, eps)
		return mergedAdam
	case u.SGD != nil:
		scale, lr := u.SGD.folded(u.form() != 0)
		set(scale, u.SGD.Decay, lr)
		return mergedSGD
	case u.Momentum.Usual():
		set(u.Momentum.Scale, u.Momentum.Decay, u.Momentum.LR, u.Momentum.Mu)
		return mergedMomentum
	}
	return mergedNone
}

// of gives the assembly for an update, and its numbers in h; nil where there is none.
func (s *mergedStrips) of(u *Update[float32], h *[mergedNumbers * 16]float32) *[3]mergedStrip {
	switch merged(u, h) {
	case mergedSGD:
		return &s.sgd
	case mergedMomentum:
		return &s.momentum
	case mergedAdam:
		return &s.adam
	}
	return nil
}

// form is which of the rule's forms in _asm/merged.go the update takes.
func (u *Update[float32]) form() int {
	switch {
	case u.SGD != nil:
		return decayFlags(u.SGD.Decay, false)
	case u.Momentum != nil:
		return decayFlags(u.Momentum.Decay, false)
	case decayFlags(u.Adam.Decay, false) != 0:
		return 2
	}
	return decayFlags(u.Adam.Decoupled, false)
}

// strip forms the gradients of some rows of a strip of w columns, or of several of the widest ones, of which the first has number at,
// and updates their weights.
func (m *merging) strip(rows, w int, a tiles, b side, at int) {
	whole, memory := 0, m.memory.merge
	if m.code != nil && w%m.lanes == 0 {
		whole = rows / m.rows * m.rows
		code, high := m.code[min(w/m.lanes, m.across)-1], max(mergedWork/(w*m.K)/m.rows, 1)*m.rows
		for i := 0; i < whole; i += high {
			m.call(code, min(high, whole-i), w, &a.x[i/m.rows*a.tile], a.next, a.tile, &b.x[0], b.next, at+i*m.Stride)
		}
	}
	full, high := m.lanes*m.across, mergedRows/m.rows*m.rows
	for i := whole; i < rows; i += high {
		n := min(high, rows-i)
		m.strips.strip(n, w, m.K, &a.x[i/m.rows*a.tile], a.step, a.next, a.tile, &b.x[0], b.next, &memory.grads[0], full, 0, &b.x[0], 0, 0)
		for r := range n {
			m.table.update(m.Update, at+(i+r)*m.Stride, memory.grads[r*full:][:w])
		}
	}
}

//go:noinline
func (m *merging) call(code mergedStrip, rows, w int, a *float32, ap, tile int, b *float32, bp, at int) {
	u, memory := m.Update, m.memory.merge
	mean, square := &u.W[0], &u.W[0]
	if u.M != nil {
		mean = &u.M[at]
	}
	if u.V != nil {
		square = &u.V[at]
	}
	one := min(w, m.lanes*m.across)
	between := m.K / (m.rows * one / m.lanes)
	code(rows, m.K, a, ap, tile, b, bp, &u.W[at], m.Stride, mean, square, &memory.grads[0], &memory.h[0], u.form(), between, w/one, 4*(rows*m.Stride-one), 0, 0, nil)
}
