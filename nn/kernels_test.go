package nn

import "testing"

// A grid covers every result once, whatever its size, and blocks that can be larger are not cut below their least edges.
func TestGridCoversEachResultOnce(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {1, 128, 784}, {32, 128, 784}, {69, 256, 300}, {128, 512, 784}, {512, 2048, 2048}, {1, 1 << 20, 64}, {1 << 20, 1, 64}, {33, 65, 1 << 16}} {
		for _, g := range []grid{cut(s[0], s[1], s[2], false), cut(s[0], s[1], s[2], true), columns(s[0], s[1], s[2])} {
			coversOnce(t, s, g)
		}
	}
	if n := cut(69, 256, 300, false).pieces(); n < 2 {
		t.Errorf("the case of several pieces in TestOperations has %d", n)
	}
}

func coversOnce(t *testing.T, s [3]int, g grid) {
	t.Helper()
	covered := 0
	for i := range g.pieces() {
		r0, r1, c0, c1 := g.block(i)
		if r0 >= r1 || c0 >= c1 || r1 > s[0] || c1 > s[1] {
			t.Errorf("%v: piece %d is rows %d to %d, columns %d to %d", s, i, r0, r1, c0, c1)
		}
		covered += (r1 - r0) * (c1 - c0)
	}
	if covered != s[0]*s[1] {
		t.Errorf("%v: %d results are covered, %d are there", s, covered, s[0]*s[1])
	}
	if g.pieces() > 1 && g.high() < min(leastHigh/2, s[0]) && g.wide() < min(leastWide/2, s[1]) {
		t.Errorf("%v: blocks of %d x %d", s, g.high(), g.wide())
	}
}

// Pieces of a large product are shared evenly by two threads and by four, within two narrow tiles.
func TestColumnsAreSharedEvenly(t *testing.T) {
	for _, n := range []int{512, 784, 1024, 2048, 3000} {
		g := columns(512, n, 512)
		for _, threads := range []int{2, 4} {
			if g.pieces()%threads != 0 {
				t.Errorf("%d columns: %d pieces for %d threads", n, g.pieces(), threads)
			}
			for i := range threads {
				_, _, begin, _ := g.block(i * g.pieces() / threads)
				_, _, _, end := g.block((i+1)*g.pieces()/threads - 1)
				if d := end - begin - n/threads; d > 2*pieceEdge || d < -2*pieceEdge {
					t.Errorf("%d columns: thread %d of %d has %d", n, i, threads, end-begin)
				}
			}
		}
	}
}
