package nn

// What the bodies of operations share: the kernels they were chosen for, how a matrix product is cut into pieces, how a gradient is written.

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// table gives the kernels that code was chosen for. The engine has checked the name.
func table[T engine.Float](c engine.Conditions) *kernel.Table[T] {
	t, err := kernel.For[T](c.Kernels)
	if err != nil {
		panic("nn: " + err.Error())
	}
	return t
}

// grid is a matrix product of m x n results that is cut by its size alone into down x across pieces, which are equal up to whole blocks.
type grid struct{ m, n, down, across int }

const (
	// pieceWork is how many multiply-adds a piece has at least: some tens of microseconds of vector code, so that handing it over costs
	// little and small networks are not cut at all.
	pieceWork = 1 << 20
	maxPieces = 32
	// Blocks below these edges copy more than they compute.
	leastHigh, leastWide = 32, 64
	// pieceEdge keeps the blocks of vector kernels whole.
	pieceEdge = 16
)

// cut cuts a product of m x n results, each a sum of k products: its columns, then its rows, or with tall its rows first.
func cut(m, n, k int, tall bool) grid {
	g := grid{m, n, 1, 1}
	for g.pieces() < maxPieces && float64(g.high())*float64(g.wide())*float64(k) > 2*pieceWork {
		switch {
		case g.wide() > leastWide && !(tall && g.high() > leastHigh):
			g.across *= 2
		case g.high() > leastHigh:
			g.down *= 2
		default:
			return g
		}
	}
	return g
}

// large reports whether the products of a dense layer are so large that they share a packed operand: what is packed is read often enough, and
// one more hand-over to other threads counts for nothing.
func large(rows, units, inputs int) bool {
	return rows >= 64 && units >= 64 && inputs >= 64 && float64(rows)*float64(units)*float64(inputs) >= 1<<24
}

// columns cuts a large product into columns: wide pieces, since a part of each is what comes before its first tile, but as many as
// many threads share evenly. Where the left operand, m x k, is larger than what stays in a third cache, some rows of it after others.
func columns(m, n, k int) grid {
	const most = 1 << 20 // values of the left operand: 4 MB
	return grid{m, n, max(1, (2*m*k+most)/(3*most)), halvings(n, 128)}
}

// halvings is the power of two that cuts n into parts of about most or fewer.
func halvings(n, most int) int {
	parts := 1
	for n > parts*(most+pieceEdge) {
		parts *= 2
	}
	return parts
}

// edge is where part i of parts of n begins: at a whole number of the widest tiles if one is near, else of narrower ones.
func edge(n, i, parts int) int {
	if i == parts {
		return n
	}
	at := n * i / parts
	wide := (at + kernel.PackRows/2) / kernel.PackRows * kernel.PackRows
	if near := max(wide-at, at-wide) < pieceEdge; n >= parts*kernel.PackRows && near || n >= parts*8*kernel.PackRows { // of many rows a packed operand can't be cut elsewhere
		return wide
	}
	return (at + pieceEdge/2) / pieceEdge * pieceEdge
}

// high and wide are about the sides of a piece.
func (g grid) high() int { return (g.m + g.down - 1) / g.down }
func (g grid) wide() int { return (g.n + g.across - 1) / g.across }

func (g grid) pieces() int { return g.down * g.across }

// block is piece i: rows r0 to r1 and columns c0 to c1.
func (g grid) block(i int) (r0, r1, c0, c1 int) {
	r, c := i/g.across, i%g.across
	return edge(g.m, r, g.down), edge(g.m, r+1, g.down), edge(g.n, c, g.across), edge(g.n, c+1, g.across)
}

// put writes or adds one element of a gradient, where it is wanted.
func put[T engine.Float](s *engine.Step[T], j, at int, v T) {
	switch {
	case s.GradIn[j] == nil:
	case s.First[j]:
		s.GradIn[j][at] = v
	default:
		s.GradIn[j][at] += T(v) // rounds a product before it is added, on every target
	}
}
