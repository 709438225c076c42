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

import "sync"

// strips is the matrix product of a set.
type strips struct {
	lanes  int // values in a register
	rows   int // of a tile
	across int // registers of the widest strip
	strip  func(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, c *float32, ldc, add int)

	copyRows   func(rows, cols int, dst *float32, ldd int, src *float32, lds int)
	transpose8 func(cols int, dst *float32, ldd int, src *float32, lds int)

	scratch sync.Pool // of *stripScratch
}

const (
	// stripDepth is the most of k that one panel of B covers; longer sums rest
	// in C between equal parts. A panel takes 192 KB of the second cache.
	stripDepth = 1024
	// stripBlock is the rows of C that are computed at a time where more is
	// copied than the panel.
	stripBlock = 256
	// stripWork is the most multiply-adds of one call of assembly.
	stripWork = 1 << 19
	// widestStrip is the columns of the widest strip of any set.
	widestStrip = 48
)

// stripScratch is the memory of one product.
type stripScratch struct {
	panel []float32 // of B: stripDepth rows of a strip
	block []float32 // of A, or of the transpose of C
}

func newStripScratch() any {
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
	memory := s.scratch.Get().(*stripScratch)
	parts := (k + stripDepth - 1) / stripDepth
	depth := (k + parts - 1) / parts
	for p := 0; p < k; p += depth {
		d := min(depth, k-p)
		switch {
		case b.step != 1 && m >= s.lanes/2 && m*k+2*m*n < n*k:
			s.turned(m, n, d, a.at(0, p), b.at(0, p), c, ldc, add || p > 0, memory)
		default:
			s.straight(m, n, d, a.at(0, p), b.at(0, p), c, ldc, add || p > 0, memory)
		}
	}
	s.scratch.Put(memory)
}

// straight computes strips of C.
func (s *strips) straight(m, n, k int, a, b side, c []float32, ldc int, add bool, memory *stripScratch) {
	rows := m
	packed := a.next != 1 && a.next%512 == 0 && n > s.lanes*s.across
	if packed {
		rows = min(m, stripBlock)
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
	full := s.lanes * s.across
	for j, w := 0, 0; j < n; j += w {
		w = s.width(n - j)
		bj := b.at(j, 0)
		switch {
		case b.step != 1:
			s.transpose(w, k, memory.panel, full, bj.x, bj.step)
			bj = side{memory.panel, 1, full}
		case m > 8*s.rows || m > s.rows && b.next%512 == 0:
			s.copyRows(k, w, &memory.panel[0], full, &bj.x[0], bj.next)
			bj = side{memory.panel, 1, full}
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

// packTiles copies m rows of A into tiles.
func (s *strips) packTiles(m, k int, a side, memory *stripScratch) side {
	memory.reserveBlock()
	for i := 0; i < m; i += s.rows {
		s.copyRows(k, min(s.rows, m-i), &memory.block[i*k], s.rows, &a.x[i*a.step], a.next)
	}
	return side{memory.block, 1, s.rows}
}

// transpose stores the transpose of src [rows,cols] in dst.
func (s *strips) transpose(rows, cols int, dst []float32, ldd int, src []float32, lds int) {
	r, whole := 0, cols&^3
	for ; r+8 <= rows; r += 8 {
		if whole > 0 {
			s.transpose8(whole, &dst[r], ldd, &src[r*lds], lds)
		}
		for j := whole; j < cols; j++ {
			for i := r; i < r+8; i++ {
				dst[j*ldd+i] = src[i*lds+j]
			}
		}
	}
	for ; r < rows; r++ {
		for j, v := range src[r*lds:][:cols] {
			dst[j*ldd+r] = v
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
