package kernel

import "testing"

// A read or write beyond an operand ends the program here.
func TestBFloat16StaysInside(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		for _, s := range []struct{ m, n, k int }{
			{1, 1, 1}, {3, 5, 7}, {8, 48, 16}, {9, 49, 17}, {7, 15, 3}, {70, 50, 33}, {13, 100, 40}, {6, 17, 5}, {31, 33, 31}, {65, 30, 64}, {50, 96, 47}, {16, 18, 100},
		} {
			for _, before := range []bool{false, true} {
				pairs := (s.k + 1) / 2
				of := func(n int) []float32 { return guarded(t, n, before) }
				x, y, c, bias := of(s.m*s.k), of(s.k*s.n), of(s.m*s.n), of(s.n)
				rows := Pairs{Data: of(s.m * pairs), Count: s.m, K: pairs, Stride: pairs}
				panels := Pairs{Data: of(PanelSize(pairs, s.m)), Count: s.m, K: pairs}
				right := Pairs{Data: of(PanelSize(pairs, s.n)), Count: s.n, K: pairs}
				b.Along(s.m, s.k, rows.Data, pairs, x, s.k)
				b.Down(0, s.k, s.k, s.m, panels.Data, x, s.m)
				b.Down(0, s.k, s.k, s.n, right.Data, y, s.n)
				b.Turned(0, s.n, s.n, s.k, right.Data, y, s.k)
				for _, left := range []Pairs{rows, panels} {
					for _, f := range []Finish{{}, {Add: true}, {Bias: bias, Relu: true}} {
						b.Multiply(0, s.m, 0, s.n, left, right, c, s.n, f)
					}
				}
			}
		}
	})
}
