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
// The collector can't stop a goroutine inside assembly. So no call of a strip's
// code takes longer than some ten microseconds, and each is made by a function
// of its own, at whose start the goroutine can be stopped.

package kernel

// strips is the matrix product of a set.
type strips struct {
	lanes  int // values in a register
	rows   int // of a tile
	across int // registers of the widest strip
	strip  func(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int)
	first  func(w, k int, a *float32, ai, ap int, b *float32, bp int, c *float32, ldc, add int, panel *float32)

	copyRows   func(rows, cols int, dst *float32, ldd int, src *float32, lds int)
	transpose8 func(cols int, dst *float32, ldd int, src *float32, lds int)

	// dots are the products of one row with 32, 16 and 8 columns.
	dots [3]func(k int, a, b *float32, ldb int, c *float32, add int)

	scratch *scratchList
}

const (
	// stripDepth is the most of k that one panel of B covers; longer sums rest
	// in C between equal parts. A panel takes 192 KB of the second cache.
	stripDepth = 1024
	// stripBlock is the rows of C that are computed at a time where more is
	// copied than the panel.
	stripBlock = 512
	// stripWork is the most multiply-adds of one call of assembly.
	stripWork = 1 << 19
	// dotRows is the most rows for which B isn't copied though it is transposed.
	dotRows = 3
	// widestStrip is the columns of the widest strip of any set.
	widestStrip = 48
)

// stripScratch is the memory of one product.
type stripScratch struct {
	panel []float32 // of B: stripDepth rows of a strip
	block []float32 // of A, or of the transpose of C
}

func newStripScratch() *stripScratch {
	// The allocator gives what is as large as this whole pages.
	return &stripScratch{panel: make([]float32, stripDepth*widestStrip)}
}

// reserveBlock makes the memory that only some products need.
func (m *stripScratch) reserveBlock() {
	if m.block == nil {
		m.block = make([]float32, stripBlock*stripDepth)
	}
}

// side is one operand: where element (i, p) is, i*step + p*next.
type side struct {
	x          []float32
	step, next int
}

// at is the operand from element (i, p) on.
func (s side) at(i, p int) side {
	return side{s.x[i*s.step+p*s.next:], s.step, s.next}
}

func (s *strips) gemmNN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, k, a, m, k, lda, b, k, n, ldb, c, ldc)
	s.multiply(m, n, k, side{a, lda, 1}, side{b, 1, ldb}, c, ldc, add)
}

func (s *strips) gemmTN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, k, a, k, m, lda, b, k, n, ldb, c, ldc)
	s.multiply(m, n, k, side{a, 1, lda}, side{b, 1, ldb}, c, ldc, add)
}

func (s *strips) gemmNT(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, k, a, m, k, lda, b, n, k, ldb, c, ldc)
	s.multiply(m, n, k, side{a, lda, 1}, side{b, ldb, 1}, c, ldc, add)
}

// multiply is C = A·B or C += A·B, in parts of k.
func (s *strips) multiply(m, n, k int, a, b side, c []float32, ldc int, add bool) {
	if m == 0 || n == 0 || k == 0 {
		if !add {
			clearRows(m, n, c, ldc)
		}
		return
	}
	memory := s.scratch.get()
	parts := (k + stripDepth - 1) / stripDepth
	depth := (k + parts - 1) / parts
	for p := 0; p < k; p += depth {
		d := min(depth, k-p)
		switch {
		case b.step != 1 && m <= dotRows && n >= 8 && d >= 8:
			s.thin(m, n, d, a.at(0, p), b.at(0, p), c, ldc, add || p > 0, memory)
		case b.step != 1 && m >= s.lanes/2 && m*k+2*m*n < n*k:
			s.turned(m, n, d, a.at(0, p), b.at(0, p), c, ldc, add || p > 0, memory)
		default:
			s.straight(m, n, d, a.at(0, p), b.at(0, p), c, ldc, add || p > 0, memory)
		}
	}
	s.scratch.put(memory)
}

// straight computes strips of C.
func (s *strips) straight(m, n, k int, a, b side, c []float32, ldc int, add bool, memory *stripScratch) {
	rows := m
	packed := a.next != 1 && a.next%1024 == 0 && n > s.lanes*s.across
	if packed {
		rows = min(m, stripBlock/s.rows*s.rows) // whole tiles
	}
	for i := 0; i < m; i += rows {
		r := min(rows, m-i)
		ai := a.at(i, 0)
		tile := s.rows * ai.step
		if packed {
			ai, tile = s.packTiles(r, k, ai, memory), s.rows*k
		}
		s.panels(r, n, k, ai, tile, b, c[i*ldc:], ldc, add, memory)
	}
}

// panels computes strips of C one after the other, from copied panels of B where
// that pays.
func (s *strips) panels(m, n, k int, a side, tile int, b side, c []float32, ldc int, add bool, memory *stripScratch) {
	full, sum := s.lanes*s.across, 0
	if add {
		sum = 1
	}
	for j, w := 0, 0; j < n; j += w {
		w = s.width(n - j)
		bj := b.at(j, 0)
		switch {
		case b.step != 1:
			s.transpose(w, k, memory.panel, full, bj.x, bj.step)
			bj = side{memory.panel, 1, full}
		case m > 8*s.rows || m > s.rows && b.next%512 == 0:
			s.first(w, k, &a.x[0], a.step, a.next, &bj.x[0], bj.next, &c[j], ldc, sum, &memory.panel[0])
			s.run(m-s.rows, w, k, side{a.x[tile:], a.step, a.next}, tile, side{memory.panel, 1, full}, c[s.rows*ldc+j:], ldc, add)
			continue
		}
		s.run(m, w, k, a, tile, bj, c[j:], ldc, add)
	}
}

// width is the columns of the next strip when n are left.
func (s *strips) width(n int) int {
	full := s.lanes * s.across
	if n > full && n <= full+s.lanes && s.across > 2 {
		return 2 * s.lanes // two strips of two registers, not one of three and one of one
	}
	return min(n, full)
}

// turned computes the transpose of C in strips: B's rows are broadcast, A is
// copied transposed.
func (s *strips) turned(m, n, k int, a, b side, c []float32, ldc int, add bool, memory *stripScratch) {
	full := s.lanes * s.across
	memory.reserveBlock()
	for i, w := 0, 0; i < m; i += w {
		w = s.width(m - i)
		ai := a.at(i, 0)
		s.transpose(w, k, memory.panel, full, ai.x, ai.step)
		for j := 0; j < n; j += stripBlock {
			r := min(stripBlock, n-j)
			bj := b.at(j, 0)
			ci := c[i*ldc+j:]
			if add {
				s.transpose(w, r, memory.block, full, ci, ldc)
			}
			s.run(r, w, k, bj, s.rows*bj.step, side{memory.panel, 1, full}, memory.block, full, add)
			s.transpose(r, w, ci, ldc, memory.block, full)
		}
	}
}

// thin computes a few rows of C from B as it lies, transposed. What is left of n
// and k goes the usual way.
func (s *strips) thin(m, n, k int, a, b side, c []float32, ldc int, add bool, memory *stripScratch) {
	sum := 0
	if add {
		sum = 1
	}
	whole := k &^ 3
	j := 0
	for at, w := range [...]int{32, 16, 8} {
		for ; j+w <= n; j += w {
			for i := range m {
				s.callDots(at, whole, &a.x[i*a.step], &b.x[j*b.step], b.step, &c[i*ldc+j], sum)
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
		s.straight(m, n-j, k, a, b.at(j, 0), c[j:], ldc, add, memory)
	}
	if whole < k {
		s.straight(m, j, k-whole, a.at(0, whole), b.at(0, whole), c, ldc, true, memory)
	}
}

//go:noinline
func (s *strips) callDots(which, k int, a, b *float32, ldb int, c *float32, add int) {
	s.dots[which](k, a, b, ldb, c, add)
}

// packTiles copies m rows of A into tiles.
func (s *strips) packTiles(m, k int, a side, memory *stripScratch) side {
	memory.reserveBlock()
	// A few rows of memory at a time, so that their lines are fetched once for all
	// tiles that have a part of them.
	const few = 8
	for p := 0; p < k; p += few {
		for i := 0; i < m; i += s.rows {
			s.copyRows(min(few, k-p), min(s.rows, m-i), &memory.block[i*k+p*s.rows], s.rows, &a.x[i*a.step+p*a.next], a.next)
		}
	}
	return side{memory.block, 1, s.rows}
}

// transpose stores the transpose of src [rows,cols] in dst.
func (s *strips) transpose(rows, cols int, dst []float32, ldd int, src []float32, lds int) {
	const few = 128 // columns at a time, so that the rows of dst stay in the first cache
	eights, fours := rows&^7, cols&^3
	for j := 0; j < fours; j += few {
		for r := 0; r < eights; r += 8 {
			s.transpose8(min(few, fours-j), &dst[j*ldd+r], ldd, &src[r*lds+j], lds)
		}
	}
	for r := range rows {
		from := 0
		if r < eights {
			from = fours
		}
		for j, v := range src[r*lds:][from:cols] {
			dst[(from+j)*ldd+r] = v
		}
	}
}

// run computes one strip, w columns wide, in calls that are short enough.
func (s *strips) run(m, w, k int, a side, tile int, b side, c []float32, ldc int, add bool) {
	sum := 0
	if add {
		sum = 1
	}
	rows := max(stripWork/(w*k)/s.rows, 1) * s.rows
	for i := 0; i < m; i += rows {
		s.strip(min(rows, m-i), w, k, &a.x[i/s.rows*tile], a.step, a.next, tile, &b.x[0], b.next, &c[i*ldc], ldc, sum)
	}
}
