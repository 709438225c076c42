// Products of bfloat16 in the vector sets. Operands have been rounded and rearranged before; what is left are loops over the strips' code, in calls
// that are short enough for the collector.

package kernel

import "golang.org/x/sys/cpu"

// pairCode is the code of a set.
type pairCode struct {
	lanes  int // numbers in a register
	across int // registers of the widest strip
	rows   int // of a tile
	work   int // pairs in one call of strip at most

	strip func(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, from *float32, ldf int, c *float32, ldc, relu int,
		near, far *float32, step, back, apart int)

	along      func(n int, dst, src *float32)
	alongWhole int // numbers that along handles: a multiple of this
	down       func(rows, n int, dst *float32, ldd int, even, odd *float32, lds int)
	downWhole  int
	turned     func(blocks int, dst *float32, ldd int, src *float32, lds int)

	merge   *[mergedAdam + 1][3]mergedPairStrip // by rule and registers across, one less; nil: no updates in products
	scratch *scratchList
}

// pairDepth is the most pairs that a product goes through at a time; longer sums rest in C between equal parts.
const pairDepth = 1024

// avx512BFloat16 has the processor's own instructions, where there are some.
func avx512BFloat16() *BFloat16 {
	if !cpu.X86.HasAVX512BF16 {
		return avx2BFloat16()
	}
	return (&pairCode{
		lanes: 16, across: 3, rows: 8, work: 1 << 20, strip: avx512PairStrip,
		along: avx512PairsAlong, alongWhole: 1, down: avx512PairsDown, downWhole: 1, turned: avx512PairsTurned,
		merge: &avx512MergedPairs, scratch: avx512Strips().scratch,
	}).kernels()
}

// avx512Pairs only multiplies and adds, if the processor has instructions for that.
func avx512Pairs() (busy func(rounds int), flop float64) {
	if !cpu.X86.HasAVX512BF16 {
		return nil, 0
	}
	return avx512PairLimit, 24 * 16 * 4
}

// avx2BFloat16 multiplies in float32.
func avx2BFloat16() *BFloat16 {
	return (&pairCode{
		lanes: 8, across: 2, rows: 6, work: 1 << 18, strip: avx2PairStrip,
		along: avx2PairsAlong, alongWhole: 16, down: avx2PairsDown, downWhole: 8, turned: avx2PairsTurned,
	}).kernels()
}

func (s *pairCode) kernels() *BFloat16 {
	b := &BFloat16{Along: s.pairsAlong, Down: s.pairsDown, Turned: s.pairsTurned, Multiply: s.multiply}
	if s.merge != nil {
		b.Update = s.update
	}
	return b
}

//go:noinline
func avx512PairStrip(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, from *float32, ldf int, c *float32, ldc, relu int, near, far *float32, step, back, apart int) {
	switch tail := (w-1)&15 + 1; {
	case w > 32:
		avx512PairStrip3(m, k, a, ai, ap, at, b, bp, from, ldf, c, ldc, relu, tail, near, far, step, back, apart)
	case w > 16:
		avx512PairStrip2(m, k, a, ai, ap, at, b, bp, from, ldf, c, ldc, relu, tail, near, far, step, back, apart)
	default:
		avx512PairStrip1(m, k, a, ai, ap, at, b, bp, from, ldf, c, ldc, relu, tail, near, far, step, back, apart)
	}
}

//go:noinline
func avx2PairStrip(m, w, k int, a *float32, ai, ap, at int, b *float32, bp int, from *float32, ldf int, c *float32, ldc, relu int, near, far *float32, step, back, apart int) {
	switch tail := (w-1)&7 + 1; {
	case w > 8:
		avx2PairStrip2(m, k, a, ai, ap, at, b, bp, from, ldf, c, ldc, relu, tail, near, far, step, back, apart)
	default:
		avx2PairStrip1(m, k, a, ai, ap, at, b, bp, from, ldf, c, ldc, relu, tail, near, far, step, back, apart)
	}
}

func (s *pairCode) multiply(r0, r1, c0, c1 int, a, b Pairs, c []float32, ldc int, f Finish) {
	if a.K == 0 {
		multiplyPairs(r0, r1, c0, c1, a, b, c, ldc, f)
		return
	}
	if !checkPairs(r0, r1, c0, c1, a, b, c, ldc, f) {
		return
	}
	parts := (a.K + pairDepth - 1) / pairDepth
	depth := (a.K + parts - 1) / parts
	for q := c0; q < c1; q += Panel {
		width := panelWidth(b.Count, q)
		for p := 0; p < b.K; p += depth {
			k := min(depth, b.K-p)
			last := f
			if p > 0 {
				last.Add, last.Bias = true, nil
			}
			last.Relu = f.Relu && p+k == b.K
			panel := b.Data[q*b.K+p*width:]
			strip := s.lanes * s.across
			for j := q; j < min(q+Panel, c1); j += strip {
				s.column(r0, r1, j, min(strip, c1-j), p, k, a, b, panel[j-q:], width, c, ldc, last)
			}
		}
	}
}

// column computes rows r0 to r1 of a strip of w columns, from k pairs of which p is the first. panel is where they begin, in the panel of b.
func (s *pairCode) column(r0, r1, j, w, p, k int, a, b Pairs, panel []float32, width int, c []float32, ldc int, f Finish) {
	most := max(s.work/(w*k)/s.rows, 1) * s.rows
	relu := 0
	if f.Relu {
		relu = 1
	}
	for i := r0; i < r1; {
		m := min(most, r1-i)
		x, ap := a.row(i)
		ai := a.Stride
		switch {
		case ai == 0: // in a panel
			ai = 1
			m = min(m, Panel-i%Panel)
		case i+m == a.Count && m > s.rows: // the last tile by itself: what comes next is elsewhere
			m = (m - 1) / s.rows * s.rows
		}
		to := &c[i*ldc+j]
		var from *float32
		ldf := 0
		switch {
		case f.Add:
			from, ldf = to, ldc
		case f.Bias != nil:
			from = &f.Bias[j]
		}
		near, step, back := s.nextOfA(i, p, k, a)
		far, apart := s.nextOfB(i, j, p, k, a.Count, b)
		if far == nil {
			far = &panel[0]
		}
		s.strip(m, w, k, &x[p*ap], ai, ap, s.rows*ai, &panel[0], width, from, ldf, to, ldc, relu, near, far, step, back, apart)
		i += m
	}
}

// nextOfA is what the tile at row i fetches of A while it is computed: the next tile, or as much of the next panel, which follows tile by tile. After
// the last rows come the first ones again. A tile fetches step bytes further for each pair; the next one begins back bytes further.
func (s *pairCode) nextOfA(i, p, k int, a Pairs) (x *float32, step, back int) {
	const pair = 32 // bytes of eight rows
	next := i + Panel
	if a.Stride != 0 {
		next = i + s.rows
	}
	if next >= a.Count {
		next = 0
	}
	row, ap := a.row(next)
	switch {
	case a.Stride == 0:
		return &row[p*ap], pair, 0
	case a.K == k: // rows follow each other
		return &row[0], pair, 4*s.rows*a.Stride - pair*k
	}
	return &row[0], 0, 0
}

// nextOfB is what the tile at row i fetches of the next panel of B: an equal part of it, apart bytes for each pair. Nil is nothing.
func (s *pairCode) nextOfB(i, j, p, k, rows int, b Pairs) (x *float32, apart int) {
	q := j/Panel*Panel + Panel
	if q >= b.Count {
		return nil, 0
	}
	width, tiles := panelWidth(b.Count, q), (rows+s.rows-1)/s.rows
	apart = (4*width + tiles - 1) / tiles
	at := i / s.rows * apart * k / 4
	if at >= k*width {
		return nil, 0
	}
	return &b.Data[q*b.K+p*width+at], apart
}

func (s *pairCode) pairsAlong(rows, cols int, dst []float32, ldd int, src []float32, lds int) {
	if !checkAlong(rows, cols, dst, ldd, src, lds) {
		return
	}
	whole := cols / s.alongWhole * s.alongWhole
	for r := range rows {
		to, from := dst[r*ldd:][:(cols+1)/2], src[r*lds:][:cols]
		for at := 0; at < whole; at += piece {
			s.callAlong(min(piece, whole-at), &to[at/2], &from[at])
		}
		pairRow(to[whole/2:], from[whole:])
	}
}

//go:noinline
func (s *pairCode) callAlong(n int, dst, src *float32) { s.along(n, dst, src) }

// fewPairs is the rows of pairs that Down makes of one panel before it goes on to the next: the rows of src then are still in a near cache, and the
// panel gets some lines in a row.
const fewPairs = 8

// noRow stands below the last row where their number is odd.
var noRow [Panel]float32

func (s *pairCode) pairsDown(first, last, rows, cols int, dst, src []float32, lds int) {
	if !checkDown(first, last, rows, cols, dst, src, lds) {
		return
	}
	k := (rows + 1) / 2
	for r := first; r < last; r += 2 * fewPairs {
		pairs := min(fewPairs, (last-r)/2)
		for q := 0; q < cols; q += Panel {
			width, n := panelWidth(cols, q), min(cols-q, Panel)
			to := dst[q*k+r/2*width:]
			if n = n / s.downWhole * s.downWhole; n > 0 {
				if pairs > 0 {
					s.callDown(pairs, n, &to[0], width, &src[r*lds+q], &src[(r+1)*lds+q], lds)
				}
				if r+2*pairs < min(last, r+2*fewPairs) {
					s.callDown(1, n, &to[pairs*width], width, &src[(r+2*pairs)*lds+q], &noRow[0], 0)
				}
			}
			if rest := min(cols-q, Panel); n < rest || s.downWhole > 1 && n < width {
				downRest(r, min(last, r+2*fewPairs), rows, n, rest, width, to, src[q:], lds)
			}
		}
	}
}

//go:noinline
func (s *pairCode) callDown(rows, n int, dst *float32, ldd int, even, odd *float32, lds int) {
	s.down(rows, n, dst, ldd, even, odd, lds)
}

// downRest does columns from to width of a part of a panel, of which n are not zero.
func downRest(first, last, rows, from, n, width int, dst, src []float32, lds int) {
	for r := first; r < last; r += 2 {
		to := dst[(r-first)/2*width:][:width]
		for j := from; j < n; j++ {
			odd := float32(0)
			if r+1 < rows {
				odd = src[(r+1)*lds+j]
			}
			to[j] = pair(src[r*lds+j], odd)
		}
		clear(to[n:])
	}
}

func (s *pairCode) pairsTurned(first, last, rows, cols int, dst, src []float32, lds int) {
	if !checkTurned(first, last, rows, cols, dst, src, lds) {
		return
	}
	k := (cols + 1) / 2
	block := 2 * s.lanes // numbers of a row
	for q := first; q < last; q += Panel {
		width, n := panelWidth(rows, q), min(rows-q, Panel)
		to, from := dst[q*k:], src[q*lds:]
		j, pairs := 0, 0
		for ; j+s.lanes <= n && cols >= block; j += s.lanes {
			whole := cols / block
			const few = 32 // blocks a call
			for at := 0; at < whole; at += few {
				s.callTurned(min(few, whole-at), &to[at*s.lanes*width+j], width, &from[j*lds+at*block], lds)
			}
			pairs = whole * s.lanes
			if even := cols &^ 1; 2*pairs < even { // a last block, some of it for the second time
				s.callTurned(1, &to[(even-block)/2*width+j], width, &from[j*lds+even-block], lds)
				pairs = even / 2
			}
		}
		if pairs < k {
			turnPairs(0, width, n, pairs, k, to, width, from, lds, cols)
		}
		if j < width {
			turnPairs(j, width, n, 0, pairs, to, width, from, lds, cols)
		}
	}
}

//go:noinline
func (s *pairCode) callTurned(blocks int, dst *float32, ldd int, src *float32, lds int) {
	s.turned(blocks, dst, ldd, src, lds)
}
