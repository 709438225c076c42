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

// grid is a matrix product of m x n results that is cut into pieces by its size alone.
type grid struct{ m, n, high, wide, across int }

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
	g := grid{m: m, n: n, high: m, wide: n}
	for pieces := 1; pieces < maxPieces && float64(g.high)*float64(g.wide)*float64(k) > 2*pieceWork; pieces *= 2 {
		switch {
		case g.wide > leastWide && !(tall && g.high > leastHigh):
			g.wide = roundUp((g.wide + 1) / 2)
		case g.high > leastHigh:
			g.high = roundUp((g.high + 1) / 2)
		default:
			pieces = maxPieces
		}
	}
	g.across = (n + g.wide - 1) / g.wide
	return g
}

// large reports whether the products of a dense layer are so large that they share a packed operand: what is packed is read often enough, and
// one more hand-over to other threads counts for nothing.
func large(rows, units, inputs int) bool {
	return rows >= 64 && units >= 64 && inputs >= 64 && float64(rows)*float64(units)*float64(inputs) >= 1<<24
}

// columns cuts a large product into columns only, as many as the widest tile of any kernel set has, or twice as many.
func columns(m, n int) grid {
	g := grid{m: m, n: n, high: m, wide: kernel.PackRows}
	if n >= 1024 {
		g.wide *= 2
	}
	g.across = (n + g.wide - 1) / g.wide
	return g
}

// across is the number of pieces of columns.
func across(n int) int { return columns(1, n).across }

func roundUp(n int) int { return (n + pieceEdge - 1) / pieceEdge * pieceEdge }

func (g grid) pieces() int { return (g.m + g.high - 1) / g.high * g.across }

// block is piece i: rows r0 to r1 and columns c0 to c1.
func (g grid) block(i int) (r0, r1, c0, c1 int) {
	r0, c0 = i/g.across*g.high, i%g.across*g.wide
	return r0, min(r0+g.high, g.m), c0, min(c0+g.wide, g.n)
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
