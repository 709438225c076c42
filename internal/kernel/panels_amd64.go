// The order in which a product goes over panels of B. While the last tiles of A
// pass over one, they copy the next one: what comes from afar is on its way while
// they compute. Several parts of a sum follow each other in one strip, while its
// part of C is near.

package kernel

// panels computes strips of C from copied panels of B where that pays: some
// strips for a block of rows, so that these are fetched from afar only once for
// them. All parts of a sum follow each other, while C is near.
func (s *strips) panels(m, n, k int, a tiles, b side, c []float32, ldc int, add bool, e ending, memory *stripScratch) {
	w := sweep{s: s, m: m, depth: equal(k, s.depth), a: a, b: b, c: c, ldc: ldc, add: add, e: e, memory: memory}
	w.direct = b.step == 1 && (m <= s.rows || m <= 8*s.rows && b.next%512 != 0 || s.shallow(k, b))
	high := m
	if m*k > s.most {
		high = s.high
	}
	done := 0
	if w.direct && s.shallow(k, b) {
		done = w.wide(n)
	}
	for j, cols := done, 0; j < n; j += cols {
		cols = s.group(n - j)
		for p := 0; p < k; p += w.depth {
			at := part{j: j, p: p, k: min(w.depth, k-p), last: p+w.depth >= k}
			after := part{j: j, w: s.width(cols), p: p + w.depth, k: min(w.depth, k-p-w.depth)}
			if at.last {
				after = part{j: j + cols, k: w.depth}
				if after.j < n {
					after.w = s.width(s.group(n - after.j))
				}
			}
			for i := 0; i < m; i += high {
				w.block(i, min(i+high, m), at, j+cols, after)
			}
		}
	}
}

// shallow reports whether tiles are so few products deep that what comes before the first one of a call counts, and
// rows of B so few that they stay in the first cache wherever they lie.
func (s *strips) shallow(k int, b side) bool {
	return b.step == 1 && k <= shallowDepth && k*max(16, b.next&-b.next) <= 4096
}

// wide computes strips side by side in one call, as many as are whole, and returns their columns.
func (w *sweep) wide(n int) int {
	s, full, k := w.s, w.s.lanes*w.s.across, w.depth
	high := max(stripWork/(full*k)/s.rows, 1) * s.rows
	strips, done := max(stripWork/(min(high, w.m)*full*k), 1)*full, 0
	for done < n && s.width(n-done) == full {
		cols := full
		for cols < strips && s.width(n-done-cols) == full {
			cols += full
		}
		for i := 0; i < w.m; i += high {
			a, c, rows := w.a.x[i/s.rows*w.a.tile:], w.c[i*w.ldc+done:], min(high, w.m-i)
			s.strip(rows, cols, k, &a[0], w.a.step, w.a.next, w.a.tile, &w.b.x[done], w.b.next, &c[0], w.ldc, number(w.add), &w.b.x[0], 0, 0)
			s.end(rows, cols, c, w.ldc, w.e.from(done))
		}
		done += cols
	}
	return done
}

// group is how many columns are computed together when n are left.
func (s *strips) group(n int) int {
	full := s.lanes * s.across
	if together := s.together * full; n >= together+full || s.high < maxInt && n > together {
		return together
	}
	return n
}

// sweep is one product that is computed from panels.
type sweep struct {
	s        *strips
	m, depth int
	a        tiles
	b        side
	c        []float32
	ldc      int
	add      bool
	e        ending
	memory   *stripScratch
	direct   bool // B is not copied
	panel    int  // the one that is used
	ready    int  // its columns that are there already, when it is used for the first time
}

// part is a part of B: w columns from j on, k rows from p on.
type part struct {
	j, w, p, k int
	last       bool // of the sums
}

// block computes rows i0 to i1 of the strips from at to column end; after is the
// part that follows.
func (w *sweep) block(i0, i1 int, at part, end int, after part) {
	first := w.panel
	for at.j < end {
		at.w = w.s.width(end - at.j)
		next := part{}
		switch j := at.j + at.w; { // panels of strips that are computed together stay
		case j < end && i0 == 0:
			next = part{j: j, w: w.s.width(end - j), p: at.p, k: at.k}
		case j == end && i1 == w.m:
			next = after
		}
		w.strip(i0, i1, at, next)
		w.panel++
		at.j += at.w
	}
	if i1 < w.m {
		w.panel = first
	}
}

// kept is the memory of a panel. The first ones are used again.
func (w *sweep) kept(i int) []float32 {
	size := w.s.depth * w.s.lanes * w.s.across
	return w.memory.panel[i%(len(w.memory.panel)/size)*size:]
}

// strip computes rows i0 to i1 of a strip and copies what it can of the next part.
func (w *sweep) strip(i0, i1 int, at, next part) {
	s, full := w.s, w.s.lanes*w.s.across
	a, b, c, add, e := w.a, w.b.at(at.j, at.p), w.c[i0*w.ldc+at.j:], w.add || at.p > 0, ending{}
	if at.last {
		e = w.e.from(at.j)
	}
	a.x = a.x[i0/s.rows*a.tile+at.p*a.next:]
	m := i1 - i0
	if w.direct {
		soon := w.soon(next, m)
		s.run(m, at.w, at.k, &a, &b, c, w.ldc, add, &e, &soon)
		return
	}
	panel := side{w.kept(w.panel), 1, full}
	if i0 == 0 {
		done := w.ready
		w.ready = 0
		switch {
		case done == at.w:
		case b.step != 1:
			s.transpose(at.w-done, at.k, panel.x[done:], full, b.x[done*b.step:], b.step)
		default:
			s.first(at.w, at.k, &a.x[0], a.step, a.next, &b.x[0], b.next, &c[0], w.ldc, number(add), &panel.x[0])
			s.end(min(m, s.rows), at.w, c, w.ldc, e)
			if m -= s.rows; m <= 0 {
				return
			}
			a.x, c = a.x[a.tile:], c[s.rows*w.ldc:]
		}
	}
	whole := m / s.rows
	carrying := w.carries(at, next, whole)
	if before := whole - carrying; before > 0 || carrying == 0 {
		rows := before * s.rows
		if carrying == 0 {
			rows = m
		}
		soon := w.soon(next, rows)
		s.run(rows, at.w, at.k, &a, &panel, c, w.ldc, add, &e, &soon)
		if m -= rows; m == 0 {
			return
		}
		a.x, c = a.x[before*a.tile:], c[rows*w.ldc:]
	}
	to, from, rows := w.kept(w.panel+1), w.b.at(next.j, next.p), min(at.k, next.k)
	if from.step != 1 {
		rows = min(4*at.k, next.k) &^ 3
	}
	for i := range carrying {
		if from.step == 1 {
			s.carry(at.w, next.w, at.k, &a.x[0], a.step, a.next, &panel.x[0], full, &c[0], w.ldc, number(add), rows, &from.x[0], from.next, &to[0])
		} else {
			s.turn(at.w, at.k, &a.x[0], a.step, a.next, &panel.x[0], full, &c[0], w.ldc, number(add), rows/4, &from.x[4*i*from.step], from.step, &to[4*i])
		}
		s.end(s.rows, at.w, c, w.ldc, e)
		if m -= s.rows; m > 0 {
			a.x, c = a.x[a.tile:], c[s.rows*w.ldc:]
		}
	}
	w.ready = next.w
	if from.step != 1 {
		w.ready = 4 * carrying
	}
	switch more := next.k - rows; { // parts of a sum differ by few rows
	case more == 0:
	case from.step == 1:
		s.copyRows(more, next.w, &to[rows*full], full, &from.x[rows*from.next], from.next)
	default:
		s.transpose(w.ready, more, to[rows*full:], full, from.x[rows:], from.step)
	}
	if m > 0 {
		s.run(m, at.w, at.k, &a, &panel, c, w.ldc, add, &e, &fetch{})
	}
}

// carries is how many of the last of some whole tiles copy the next part of B.
func (w *sweep) carries(at, next part, whole int) int {
	lanes, full := w.s.lanes, w.s.lanes*w.s.across
	switch {
	case next.w == 0 || at.w < 2*lanes || at.w%lanes > 0:
		return 0
	case w.b.step != 1 && (w.s.turn == nil || next.k < 4):
		return 0
	case w.b.step != 1:
		return min(whole, next.w/4)
	case next.w == at.w || at.w == full && next.w == full-lanes:
		return min(whole, 1)
	}
	return 0
}

// soon is what tiles of so many rows fetch where they copy nothing: what B holds
// beyond this product is often the next one's.
func (w *sweep) soon(next part, rows int) fetch {
	at := next.j*w.b.step + next.p*w.b.next
	if next.k == 0 || next.w > 0 && !w.direct || at >= len(w.b.x) {
		return fetch{}
	}
	f, k := fetch{x: w.b.x[at:]}, next.k
	if next.w == 0 {
		next.w = w.s.width(maxInt)
	}
	switch ld := w.b.step; {
	case ld == 1:
		f.tiles, f.at, f.step, f.back = (4*next.w+63)/64+1, 16, 4*w.b.next, 64-4*w.b.next*k
	case ld == k:
		f.tiles, f.at, f.step = (next.w+15)/16, 16*k, 64
	default:
		f.tiles, f.at, f.step, f.back = next.w, ld, 4, 4*(ld-k)
	}
	f.skip = max(0, rows/w.s.rows-f.tiles)
	return f
}

// fetch is what the tiles of a strip fetch on the way: the next strip of B. Of B
// as it lies, a tile fetches one line of each of k rows; of B
// transposed, k lines, if they lie one after the other, else one row.
type fetch struct {
	x          []float32
	skip       int // tiles before the first one that fetches
	tiles      int // that fetch anything
	at         int // values from where one begins to where the next one does
	step, back int // bytes
}

// of is where tile t of those that fetch begins, how far apart its lines are, and how far behind its
// last line the next tile begins, both in bytes.
func (f *fetch) of(t int, none *float32) (x *float32, step, back int) {
	if at := t * f.at; t >= 0 && t < f.tiles && at < len(f.x) {
		return &f.x[at], f.step, f.back
	}
	return none, 0, 0
}
