// Matrix products with NEON. Blocks of A and B are copied to where a tile reads them
// one number after the other: B in panels of 12 columns, A in tiles of 8 rows. A tile's code keeps
// its sums in registers while k runs from 0 upwards, starting from what they are added
// to; between two blocks of k a sum rests in C. So the bits of an element depend on its row of A and its
// column of B alone, and the sizes of blocks are free.
//
// Rows that are left over have tiles of 4, 2 and 1. Columns that are left over have
// panels of 8 or 4, filled up with zeros, and sums in a place of their own, out of which
// only what belongs to C is copied.
//
// The collector can't stop a goroutine inside assembly. So no call of it takes longer than some
// ten microseconds, and each is made by a function of its own, at whose start the goroutine
// can be stopped.

package kernel

import "sync"

const (
	neonColumns      = 12  // of B side by side
	neonRows         = 8   // of A
	neonBlockDepth   = 384 // the most of k that is copied at a time: a panel of B takes 18 KB of the first cache
	neonBlockRows    = 128 // the most rows of A: a block takes 192 KB of the second cache
	neonBlockColumns = 504 // the most columns of B, whole panels: a block takes 756 KB
	// neonTileWork is the most multiply-adds of one call of assembly.
	neonTileWork = 1 << 18
)

// neonPanels is the matrix products of the set: its free memory for copies. A sync.Pool would give it back to the
// collector at every cycle, and a training step would allocate.
type neonPanels struct {
	mu   sync.Mutex
	free []*neonMemory
}

// mostNeonMemory is how many free ones are kept: more than a machine has threads that compute
// products at once.
const mostNeonMemory = 256

// neonMemory is the memory of one product.
type neonMemory struct {
	a [neonBlockRows * neonBlockDepth]float32
	b [neonBlockColumns * neonBlockDepth]float32
	c [neonBlockRows * neonColumns]float32 // sums of a panel that is not full
}

func (s *neonPanels) get() *neonMemory {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return new(neonMemory)
	}
	m := s.free[n-1]
	s.free = s.free[:n-1]
	return m
}

func (s *neonPanels) put(m *neonMemory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < mostNeonMemory {
		s.free = append(s.free, m)
	}
}

// neonSide is one operand: element (i, p) of A, or (p, i) of B, is at i*step + p*next. One of the
// two is 1.
type neonSide struct {
	x          []float32
	step, next int
}

// from is the operand from element (i, p) on.
func (s neonSide) from(i, p int) neonSide {
	return neonSide{s.x[i*s.step+p*s.next:], s.step, s.next}
}

func (s *neonPanels) gemmNN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, k, a, m, k, lda, b, k, n, ldb, c, ldc)
	s.multiply(m, n, k, neonSide{a, lda, 1}, neonSide{b, 1, ldb}, c, ldc, add)
}

func (s *neonPanels) gemmTN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, k, a, k, m, lda, b, k, n, ldb, c, ldc)
	s.multiply(m, n, k, neonSide{a, 1, lda}, neonSide{b, 1, ldb}, c, ldc, add)
}

func (s *neonPanels) gemmNT(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, k, a, m, k, lda, b, n, k, ldb, c, ldc)
	s.multiply(m, n, k, neonSide{a, lda, 1}, neonSide{b, ldb, 1}, c, ldc, add)
}

// multiply is C = A·B or C += A·B, in blocks.
func (s *neonPanels) multiply(m, n, k int, a, b neonSide, c []float32, ldc int, add bool) {
	if m == 0 || n == 0 || k == 0 {
		if !add {
			clearRows(m, n, c, ldc)
		}
		return
	}
	memory := s.get()
	parts := (k + neonBlockDepth - 1) / neonBlockDepth
	depth := (k + parts - 1) / parts
	for j := 0; j < n; j += neonBlockColumns {
		columns := min(neonBlockColumns, n-j)
		for p := 0; p < k; p += depth {
			d := min(depth, k-p)
			q := &neonProduct{memory: memory, columns: columns, depth: d, b: b.from(j, p), direct: b.step == 1 && m <= neonRows, ldc: ldc}
			if add || p > 0 {
				q.add = 1
			}
			q.packColumns()
			for i := 0; i < m; i += neonBlockRows {
				q.rows(min(neonBlockRows, m-i), a.from(i, p), c[i*ldc+j:])
			}
		}
	}
	s.put(memory)
}

// neonProduct is one block of B and what goes with it.
type neonProduct struct {
	memory         *neonMemory
	columns, depth int
	b              neonSide
	direct         bool // full panels are read from B as it lies
	ldc, add       int
}

// neonPanelWidth is the columns of the next panel when n are left.
func neonPanelWidth(n int) int { return min(neonColumns, (n+3)&^3) }

// packColumns copies a block of B to panels.
func (q *neonProduct) packColumns() {
	for j := 0; j < q.columns; j += neonColumns {
		left := q.columns - j
		if w := neonPanelWidth(left); !q.direct || w > left {
			neonPack(w, min(w, left), q.depth, q.memory.b[j*q.depth:], q.b.from(j, 0))
		}
	}
}

// rows computes m rows of C.
func (q *neonProduct) rows(m int, a neonSide, c []float32) {
	for i, r := 0, 0; i < m; i += r {
		r = neonTileOf(m - i)
		neonPack(r, r, q.depth, q.memory.a[i*q.depth:], a.from(i, 0))
	}
	for j := 0; j < q.columns; j += neonColumns {
		left := q.columns - j
		w := neonPanelWidth(left)
		b, bp := &q.memory.b[j*q.depth], w
		if q.direct && w <= left {
			b, bp = &q.b.x[j], q.b.next
		}
		if w <= left {
			q.panel(m, w, b, bp, c[j:], q.ldc)
			continue
		}
		// The last panel has more columns than C.
		own := q.memory.c[:]
		if q.add != 0 {
			for i := range m {
				copy(own[i*w:][:left], c[i*q.ldc+j:])
			}
		}
		q.panel(m, w, b, bp, own, w)
		for i := range m {
			copy(c[i*q.ldc+j:][:left], own[i*w:])
		}
	}
}

// neonTileOf is the rows of the next tile when n are left.
func neonTileOf(n int) int {
	switch {
	case n >= 8:
		return 8
	case n >= 4:
		return 4
	case n >= 2:
		return 2
	}
	return 1
}

// panel computes m rows of one panel's columns, in calls that are short enough.
func (q *neonProduct) panel(m, w int, b *float32, bp int, c []float32, ldc int) {
	most := max(neonTileWork/(neonRows*w*q.depth), 1) // tiles of a call
	for i := 0; i < m; {
		r := neonTileOf(m - i)
		tiles := 1
		if r == neonRows {
			tiles = min(most, (m-i)/neonRows)
		}
		neonTiles(r, w, tiles, q.depth, &q.memory.a[i*q.depth], b, bp, &c[i*ldc], ldc, q.add)
		i += tiles * r
	}
}

//go:noinline
func neonTiles(rows, width, tiles, k int, a, b *float32, bp int, c *float32, ldc, add int) {
	switch {
	case rows == 8 && width == 12:
		neonTile8x12(tiles, k, a, b, bp, c, ldc, add)
	case rows == 8 && width == 8:
		neonTile8x8(tiles, k, a, b, bp, c, ldc, add)
	case rows == 8:
		neonTile8x4(tiles, k, a, b, bp, c, ldc, add)
	case rows == 4 && width == 12:
		neonTile4x12(tiles, k, a, b, bp, c, ldc, add)
	case rows == 4 && width == 8:
		neonTile4x8(tiles, k, a, b, bp, c, ldc, add)
	case rows == 4:
		neonTile4x4(tiles, k, a, b, bp, c, ldc, add)
	case rows == 2 && width == 12:
		neonTile2x12(tiles, k, a, b, bp, c, ldc, add)
	case rows == 2 && width == 8:
		neonTile2x8(tiles, k, a, b, bp, c, ldc, add)
	case rows == 2:
		neonTile2x4(tiles, k, a, b, bp, c, ldc, add)
	case width == 12:
		neonTile1x12(tiles, k, a, b, bp, c, ldc, add)
	case width == 8:
		neonTile1x8(tiles, k, a, b, bp, c, ldc, add)
	default:
		neonTile1x4(tiles, k, a, b, bp, c, ldc, add)
	}
}

// neonPack copies count of an operand's rows or columns to where width numbers of each k lie side by
// side; what is more than count is 0:
//
//	for p := range k {
//		for r := range width {
//			dst[p*width+r] = x(r, p)
//		}
//	}
func neonPack(width, count, k int, dst []float32, from neonSide) {
	switch {
	case from.step == 1 && count == width && width >= 4:
		neonPackRows(width, k, &dst[0], &from.x[0], from.next)
	case from.step == 1:
		for p := range k {
			to := dst[p*width:][:width]
			copy(to, from.x[p*from.next:][:count])
			clear(to[count:])
		}
	default:
		neonPackTransposed(width, count, k, dst, from.x, from.step)
	}
}

//go:noinline
func neonPackRows(width, k int, dst, src *float32, lds int) {
	switch width {
	case 12:
		neonCopy12(k, dst, src, lds)
	case 8:
		neonCopy8(k, dst, src, lds)
	default:
		neonCopy4(k, dst, src, lds)
	}
}

// neonPackTransposed is neonPack of rows that lie in memory one after the other.
func neonPackTransposed(width, count, k int, dst, src []float32, lds int) {
	fours := k &^ 3
	for r := 0; r < width; r += 4 {
		done := 0
		if r+4 <= count && fours > 0 {
			neonTranspose(fours, &dst[r], width, &src[r*lds], lds)
			done = fours
		}
		for i := r; i < min(r+4, width); i++ {
			if i >= count {
				for p := range k {
					dst[p*width+i] = 0
				}
				continue
			}
			for p, v := range src[i*lds:][:k][done:] {
				dst[(done+p)*width+i] = v
			}
		}
	}
}

//go:noinline
func neonTranspose(cols int, dst *float32, ldd int, src *float32, lds int) {
	neonTranspose4(cols, dst, ldd, src, lds)
}
