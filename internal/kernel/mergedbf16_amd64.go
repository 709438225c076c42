// Products of bfloat16 that end in an update, as merged_amd64.go has them in float32. There are whole tiles only. A call computes those of one panel
// of A and one of B, and leaves the gradients of its last tile to the next call, which updates their weights while it forms its first ones.
// Panels of B take turns: weights and state are so read in few pages, one after the other.

package kernel

// A mergedPairStrip forms the gradients of m rows of a strip and updates w with them, and mean and square; see the assembly.
type mergedPairStrip func(m, k int, a, near *float32, ap int, b *float32, bp int, w *float32, ldw int, mean, square, gradients, h *float32,
	form, between, pending, last, jump int, down *float32, ldd, jumpDown int, turned, then *float32, ldt, beyond int)

var avx512MergedPairs = [mergedAdam + 1][3]mergedPairStrip{
	mergedSGD:      {avx512SGDPairStrip1, avx512SGDPairStrip2, avx512SGDPairStrip3},
	mergedMomentum: {avx512MomentumPairStrip1, avx512MomentumPairStrip2, avx512MomentumPairStrip3},
	mergedAdam:     {avx512AdamPairStrip1, avx512AdamPairStrip2, avx512AdamPairStrip3},
}

// mergingPairs is one product that ends in an update.
type mergingPairs struct {
	*pairCode
	a, b, down, turned Pairs
	u                  *Update[float32]
	memory             *mergeScratch
}

func (s *pairCode) update(r0, r1, c0, c1 int, a, b Pairs, u *Update[float32], down, turned Pairs) {
	if !checkUpdate(r0, r1, c0, c1, a, b, u, down, turned) {
		return
	}
	memory := s.scratch.get()
	defer s.scratch.put(memory)
	if memory.merge == nil {
		memory.merge = &mergeScratch{}
	}
	rule := merged(u, &memory.merge.h)
	if rule == mergedNone {
		panic("kernel: a product of bfloat16 for an update with rare settings")
	}
	m := mergingPairs{s, a, b, down, turned, u, memory.merge}
	for i := r0; i < r1; i += Panel {
		high, pending := min(Panel, r1-i), 0
		for j := c0; j < c1; j += Panel {
			last := 0
			if j+Panel >= c1 || panelWidth(b.Count, j) != panelWidth(b.Count, j+Panel) {
				last = 1
			}
			m.call(s.merge[rule][panelWidth(b.Count, j)/s.lanes-1], i, high, j, c0, pending, last)
			pending = 1 - last
		}
	}
}

// call computes high rows from i on of the strip at column j.
//
//go:noinline
func (m *mergingPairs) call(code mergedPairStrip, i, high, j, first, pending, last int) {
	u, rows, width, ap := m.u, m.rows, panelWidth(m.b.Count, j), panelWidth(m.a.Count, i)
	from, fromJ, jump, jumpDown := i, j, 0, 0 // of the first tile that is updated
	if pending > 0 {
		from, fromJ = i+high-rows, j-Panel
		jump, jumpDown = Panel-high*m.b.Count, Panel*m.down.K-high/2*width
	}
	next := j + Panel
	if next >= m.b.Count {
		next = first
	}
	at := from*m.b.Count + fromJ
	mean, square := &u.W[0], &u.W[0]
	if u.M != nil {
		mean = &u.M[at]
	}
	if u.V != nil {
		square = &u.V[at]
	}
	place := func(i, j int) *float32 {
		q := i / Panel * Panel
		return &m.turned.Data[q*m.turned.K+j/2*ap+i-q]
	}
	then := i
	if pending == 0 && high > rows {
		then += rows
	}
	slots := (rows + 2) * width / m.lanes
	code(high, m.a.K, &m.a.Data[i*m.a.K], &m.b.Data[next*m.b.K], ap, &m.b.Data[j*m.b.K], width, &u.W[at], m.b.Count, mean, square,
		&m.memory.grads[0], &m.memory.h[0], u.form(), m.a.K/slots, pending, last, jump,
		&m.down.Data[fromJ*m.down.K+from/2*width], width, jumpDown, place(from, fromJ), place(then, j), ap, 2*Panel*ap)
}
