// Matrix products of the vector sets. C is computed in strips of a few registers'
// width; a strip's code keeps the sums of a tile in registers while k runs
// from 0 upwards, starting from what they are added to. So the bits of an
// element depend on its row of A and its column of B alone: not on the block of
// C, on what is copied, nor on where a sum over k is cut.
//
// Where rows of B are far apart or many rows of C pass over them, a panel of B
// is copied to where its rows lie one after the other. B transposed has to be
// copied. In a product with few rows, A is the smaller of the two, so A is
// copied transposed instead, and what is computed is the transpose of C: fma(a,
// b, s) is fma(b, a, s).
//
// Rows of A that are a power of two apart compete for one place in the first
// cache, and the rate of a tile falls to as little as 40 %. Such an A is copied into
// tiles (copies_amd64.go), by the product or, once for several products, before.
//
// The collector can't stop a goroutine inside assembly. So no call of a strip's
// code takes longer than some ten microseconds, and each is made by a function
// of its own, at whose start the goroutine can be stopped.

package kernel

import "math"

// strips is the matrix product of a set.
type strips struct {
	lanes  int // values in a register
	rows   int // of a tile
	across int // registers of the widest strip
	depth  int // the most of k that a panel covers
	// Where more than most values of A pass over B, together strips are computed for high
	// rows, which then come from the second cache for all but the first of them.
	together, high, most int

	strip func(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int, soon *float32, step, back int)
	// carry and turn compute a tile and copy the next panel on the way, or four rows of
	// one that is to be transposed; turn may be nil.
	carry func(w, next, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, rows int, src *float32, lds int, panel *float32)
	turn  func(w, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add, fours int, src *float32, lds int, panel *float32)
	first func(w, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add int, panel *float32)

	copyRows    func(rows, cols int, dst *float32, ldd int, src *float32, lds int)
	copyTiles   func(tiles int, dst *float32, tile int, src *float32, lds int)
	transpose16 func(cols int, dst *float32, ldd int, src *float32, lds int) // may be nil
	transpose8  func(cols int, dst *float32, ldd int, src *float32, lds int)

	// dots are the products of one row with 32, 16 and 8 columns of B transposed,
	// rowTimes that with up to eight registers of columns.
	dots     [3]func(k int, a, b *float32, ldb int, c *float32, add int)
	rowTimes func(k, cols int, a *float32, ap int, b *float32, bp int, c *float32, add int)

	biasRelu  func(rows, cols int, c *float32, ldc int, bias *float32, floor float32)
	reluDelta func(rows, cols int, d *float32, ldd int, y *float32, ldy int, sum *float32, add int)
	sumDelta  func(rows, cols int, d *float32, ldd int, sum *float32, add int)

	merge mergedStrips

	scratch *scratchList
}

const (
	// stripDepth is the most of k that one panel of B covers; longer sums rest
	// in C between equal parts. A panel takes 192 KB of the second cache.
	stripDepth = 1024
	// stripBlock is the rows of the transpose of C that are computed at a time.
	stripBlock = 512
	// blockLen is the most values of A that are copied at a time, 4 MB of the third
	// cache: B passes over them once. blockDepth is the most of k that they cover.
	blockLen   = 1 << 20
	blockDepth = 2048
	// stripWork is the most multiply-adds of one call of assembly.
	stripWork = 1 << 20
	// shallowDepth is the most of k for which several strips are computed in one call.
	shallowDepth = 64
	// dotRows is the most rows for which B isn't copied though it is transposed.
	dotRows = 3
	// widestStrip is the columns of the widest strip of any set.
	widestStrip = 48
)

// side is one operand: where element (i, p) is, i*step + p*next.
type side struct {
	x          []float32
	step, next int
}

// at is the operand from element (i, p) on.
func (s side) at(i, p int) side {
	return side{s.x[i*s.step+p*s.next:], s.step, s.next}
}

// tiles is A as a strip reads it: element (i, p) of whole tiles of rows is at
// i/rows*tile + i%rows*step + p*next.
type tiles struct {
	x                []float32
	step, next, tile int
}

func (s *strips) gemmNN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	s.multiply(nil, Product[float32]{M: m, N: n, K: k, A: a, LDA: lda, B: b, LDB: ldb, C: c, LDC: ldc, Add: add})
}

func (s *strips) gemmTN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	s.multiply(nil, Product[float32]{M: m, N: n, K: k, A: a, LDA: lda, TransA: true, B: b, LDB: ldb, C: c, LDC: ldc, Add: add})
}

func (s *strips) gemmNT(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	s.multiply(nil, Product[float32]{M: m, N: n, K: k, A: a, LDA: lda, B: b, LDB: ldb, TransB: true, C: c, LDC: ldc, Add: add})
}

// multiply is Table.Multiply: parts of k one after the other. t is for products
// that end in an update.
func (s *strips) multiply(t *Table[float32], p Product[float32]) {
	p.check()
	if p.TransA && p.TransB && !p.Packed {
		panic("kernel: a product of two transposed matrices")
	}
	if p.M == 0 || p.N == 0 {
		return
	}
	memory := s.scratch.get()
	defer s.scratch.put(memory)
	if p.Update != nil {
		s.merged(t, &p, memory)
		return
	}
	e := memory.ending(&p)
	if p.K == 0 {
		if !p.Add {
			clearRows(p.M, p.N, p.C, p.LDC)
		}
		s.end(p.M, p.N, p.C, p.LDC, e)
		return
	}
	a, b := side{p.A, p.LDA, 1}, side{p.B, 1, p.LDB}
	if p.TransA {
		a = side{p.A, 1, p.LDA}
	}
	if p.TransB {
		b = side{p.B, p.LDB, 1}
	}
	if p.Packed {
		s.panels(p.M, p.N, p.K, tiles{p.A, 1, s.rows, s.rows * p.LDA}, b, p.C, p.LDC, p.Add, e, memory)
		return
	}
	few, turned := p.M <= dotRows, s.turns(p.M, p.N, p.K, b)
	depth := equal(p.K, blockDepth)
	if few || turned {
		depth = equal(p.K, stripDepth)
	}
	for at := 0; at < p.K; at += depth {
		d, add, end := min(depth, p.K-at), p.Add || at > 0, e
		if at+d < p.K {
			end = ending{}
		}
		switch bp := b.at(0, at); {
		case few && b.step == 1:
			s.row(p.M, p.N, d, a.at(0, at), bp, p.C, p.LDC, add, end)
		case few && p.N >= 8 && d >= 8:
			s.thin(p.M, p.N, d, a.at(0, at), bp, p.C, p.LDC, add, memory)
			s.end(p.M, p.N, p.C, p.LDC, end)
		case turned:
			s.turned(p.M, p.N, d, a.at(0, at), bp, p.C, p.LDC, add, end, memory)
		default:
			s.straight(p.M, p.N, d, a.at(0, at), bp, p.C, p.LDC, add, end, memory)
		}
	}
}

// packA is Table.PackA.
func (s *strips) packA(dst []float32, m, k int, a []float32, lda int, trans bool, i0, i1, p0, p1 int) {
	checkPack(dst, m, k, a, lda, trans, i0, i1, p0, p1)
	if i0 == i1 || p0 == p1 {
		return
	}
	whole := side{a, lda, 1}
	if trans {
		whole = side{a, 1, lda}
	}
	s.copyA(dst[i0*k+p0*s.rows:], k, whole.at(i0, p0), i1-i0, p1-p0)
}

// delta is Table.Delta.
func (s *strips) delta(rows, cols int, d []float32, ldd int, y []float32, ldy int, sum []float32, add bool) {
	checkDelta(rows, cols, d, ldd, y, ldy, sum)
	if rows == 0 {
		if sum != nil && !add {
			clear(sum[:cols])
		}
		return
	}
	memory := s.scratch.get() // for sums that nobody wants
	defer s.scratch.put(memory)
	full := 4 * s.lanes
	for j := 0; j < cols; j += full {
		w, to, adds := min(full, cols-j), &memory.panel[0], 0
		if sum != nil {
			to, adds = &sum[j], number(add)
		}
		if y != nil {
			s.reluDelta(rows, w, &d[j], ldd, &y[j], ldy, to, adds)
		} else if sum != nil {
			s.sumDelta(rows, w, &d[j], ldd, to, adds)
		}
	}
}

// turns reports whether a product is best computed as its transpose: B is
// transposed, and A is smaller or the result so narrow that half a register would
// be empty, as that of a classifier's last layer.
func (s *strips) turns(m, n, k int, b side) bool {
	if b.step == 1 || m < s.lanes/2 || b.step%1024 == 0 && m >= 64 {
		return false
	}
	narrow := n < s.lanes || n < 2*s.lanes && n%8 != 0 && m <= 64
	return narrow || m*k+2*m*n < n*k
}

// straight computes strips of C.
func (s *strips) straight(m, n, k int, a, b side, c []float32, ldc int, add bool, e ending, memory *stripScratch) {
	if !s.competes(m, n, k, a) {
		s.panels(m, n, k, tiles{a.x, a.step, a.next, s.rows * a.step}, b, c, ldc, add, e, memory)
		return
	}
	memory.reserveBlock()
	band := (equal(m, blockLen/k/s.rows*s.rows) + s.rows - 1) / s.rows * s.rows // equal blocks of whole tiles
	for i := 0; i < m; i += band {
		r := min(band, m-i)
		s.copyA(memory.block, k, a.at(i, 0), r, k)
		s.panels(r, n, k, tiles{memory.block, 1, s.rows, s.rows * k}, b, c[i*ldc:], ldc, add, e, memory)
	}
}

// equal is the length of the parts of n if they are equal and at most most.
func equal(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / parts
}

// competes reports whether rows of A that a tile reads together compete for a
// place in the first cache, or rows of A transposed that it reads one after the
// other, and enough columns of B pass over A to pay for a copy.
func (s *strips) competes(m, n, k int, a side) bool {
	apart := RowsCompete(a.step)
	if a.next != 1 {
		apart = a.next%256 == 0
	}
	return apart && n >= 4*widestStrip && m > 2*s.rows
}

// width is the columns of the next strip when n are left.
func (s *strips) width(n int) int {
	full := s.lanes * s.across
	if n > full && n <= full+s.lanes && s.across > 2 {
		return 2 * s.lanes // two strips of two registers, not one of three and one of one
	}
	return min(n, full)
}

// run computes one strip, w columns wide, in calls that are short enough. Of a strip of a few tiles they are a good
// part, so what describes it is not copied, and nothing is divided if one call does.
func (s *strips) run(m, w, k int, a *tiles, b *side, c []float32, ldc int, add bool, e *ending, soon *fetch) {
	rows, high := m, m // the latter in tiles
	if m*w*k > stripWork {
		high = max(stripWork/(w*k)/s.rows, 1)
		rows = high * s.rows
	}
	next, step, back, skip := &b.x[0], 0, 0, 0
	if soon.tiles > 0 && high <= soon.skip {
		skip = soon.skip - soon.skip%high // a call's tiles fetch on from where its first one begins
	}
	for i, t := 0, 0; i < m; i, t = i+rows, t+high {
		if soon.tiles > 0 {
			next, step, back = soon.of(t-skip, &b.x[0])
		}
		s.strip(min(rows, m-i), w, k, &a.x[t*a.tile], a.step, a.next, a.tile, &b.x[0], b.next, &c[i*ldc], ldc, number(add), next, step, back)
		if e.bias != nil {
			s.end(min(rows, m-i), w, c[i*ldc:], ldc, *e)
		}
	}
}

// turned computes the transpose of C in strips: B's rows are broadcast, A is
// copied transposed.
func (s *strips) turned(m, n, k int, a, b side, c []float32, ldc int, add bool, e ending, memory *stripScratch) {
	memory.reserveBlock()
	for i, w := 0, 0; i < m; i += w {
		w = s.width(m - i)
		stride := (w + s.lanes - 1) / s.lanes * s.lanes
		ai := a.at(i, 0)
		s.transpose(w, k, memory.panel, stride, ai.x, ai.step)
		for j := 0; j < n; j += stripBlock {
			r := min(stripBlock, n-j)
			ci := c[i*ldc+j:]
			if add {
				s.transpose(w, r, memory.block, stride, ci, ldc)
			}
			bj := b.at(j, 0)
			s.run(r, w, k, &tiles{bj.x, bj.step, 1, s.rows * bj.step}, &side{memory.panel, 1, stride}, memory.block, stride, add, &ending{}, &fetch{})
			s.transpose(r, w, ci, ldc, memory.block, stride)
			s.end(w, r, ci, ldc, e.from(j))
		}
	}
}

// row computes a few rows of C, each by itself.
func (s *strips) row(m, n, k int, a, b side, c []float32, ldc int, add bool, e ending) {
	full := 8 * s.lanes
	for j := 0; j < n; j += full {
		w := min(full, n-j)
		for i := range m {
			s.callRow(k, w, &a.x[i*a.step], a.next, &b.x[j], b.next, &c[i*ldc+j], number(add))
		}
	}
	s.end(m, n, c, ldc, e)
}

//go:noinline
func (s *strips) callRow(k, w int, a *float32, ap int, b *float32, bp int, c *float32, add int) {
	s.rowTimes(k, w, a, ap, b, bp, c, add)
}

// thin computes a few rows of C from B as it lies, transposed. What is left of n
// and k goes the usual way.
func (s *strips) thin(m, n, k int, a, b side, c []float32, ldc int, add bool, memory *stripScratch) {
	whole := k &^ 3
	j := 0
	for at, w := range [...]int{32, 16, 8} {
		for ; j+w <= n; j += w {
			for i := range m {
				s.callDots(at, whole, &a.x[i*a.step], &b.x[j*b.step], b.step, &c[i*ldc+j], number(add))
			}
		}
	}
	if j < n && !add { // the last eight columns, some for the second time
		for i := range m {
			s.callDots(2, whole, &a.x[i*a.step], &b.x[(n-8)*b.step], b.step, &c[i*ldc+n-8], 0)
		}
		j = n
	}
	if j < n {
		s.straight(m, n-j, k, a, b.at(j, 0), c[j:], ldc, add, ending{}, memory)
	}
	if whole < k {
		s.straight(m, j, k-whole, a.at(0, whole), b.at(0, whole), c, ldc, true, ending{}, memory)
	}
}

//go:noinline
func (s *strips) callDots(which, k int, a, b *float32, ldb int, c *float32, add int) {
	s.dots[which](k, a, b, ldb, c, add)
}

// ending is what follows on the sums of a block: bias, then the rectifier.
type ending struct {
	bias  []float32
	floor float32
}

// from is the ending of the columns from j on.
func (e ending) from(j int) ending {
	if e.bias != nil {
		e.bias = e.bias[j:]
	}
	return e
}

// end ends a block of C, which is best done while it is in the first cache.
func (s *strips) end(m, n int, c []float32, ldc int, e ending) {
	if e.bias == nil {
		return
	}
	full := s.lanes * s.across
	for j := 0; j < n; j += full {
		s.biasRelu(m, min(full, n-j), &c[j], ldc, &e.bias[j], e.floor)
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

var negativeInfinity = float32(math.Inf(-1))
