// Copies of operands to where a strip reads them one after the other.

package kernel

// copyA copies m rows and k columns of A into tiles that are depth columns long:
// tile after tile, in each column after column. It writes nothing else, so that
// parts of one copy may be made at the same time.
func (s *strips) copyA(dst []float32, depth int, a side, m, k int) {
	tile := s.rows * depth
	if a.next == 1 {
		for i := 0; i < m; i += s.rows {
			s.transposeTile(dst[i*depth:], a.at(i, 0), min(m-i, s.rows), m-i >= 8, k)
		}
		return
	}
	// Eight rows of memory at a time, so that their lines are fetched once for all
	// tiles that have a part of them.
	whole := m / s.rows
	for p := 0; p < k; p += 8 {
		if few := min(8, k-p); few < 8 || whole == 0 {
			for i := 0; i < m; i += s.rows {
				s.copyRows(few, min(s.rows, m-i), &dst[i*depth+p*s.rows], s.rows, &a.x[i+p*a.next], a.next)
			}
			continue
		}
		s.copyTiles(whole, &dst[p*s.rows], tile, &a.x[p*a.next], a.next)
		if i := whole * s.rows; i < m {
			s.copyRows(8, m-i, &dst[i*depth+p*s.rows], s.rows, &a.x[i+p*a.next], a.next)
		}
	}
}

// transposeTile copies up to rows rows of A into a tile.
func (s *strips) transposeTile(dst []float32, a side, rows int, eight bool, k int) {
	from := 0
	if eight && k >= 8 {
		// Where a tile has fewer than eight rows, each column is written over the end
		// of the one before, and the last one by itself.
		from = (k - 1) &^ 3
		s.transpose8(from, &dst[0], s.rows, &a.x[0], a.step)
	}
	for r := range rows {
		for p, v := range a.x[r*a.step:][from:k] {
			dst[(from+p)*s.rows+r] = v
		}
	}
}

// transpose stores the transpose of src [rows,cols] in dst.
func (s *strips) transpose(rows, cols int, dst []float32, ldd int, src []float32, lds int) {
	const few = 128 // columns at a time, so that the rows of dst stay in the first cache
	sixteens, eights, fours := 0, rows&^7, cols&^3
	if s.transpose16 != nil && fours > 0 && !RowsCompete(lds) { // lines of sixteen rows that compete would not stay until they are used up
		sixteens = rows &^ 15
		for r := 0; r < sixteens; r += 16 {
			s.transpose16(fours, &dst[r], ldd, &src[r*lds], lds)
		}
	}
	for j := 0; j < fours; j += few {
		for r := sixteens; r < eights; r += 8 {
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
