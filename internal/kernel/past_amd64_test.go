package kernel

import "testing"

// What is written past the caches has the bits of what is not, wherever it begins, and nothing beside it is written.
func TestFarLargerThanCaches(t *testing.T) {
	everySet(t, testFarLarger, func(*testing.T, *Table[float64]) {})
}

func testFarLarger(t *testing.T, k *Table[float32]) {
	if k.Name == "portable" {
		t.Skip("it has no such loops")
	}
	const most = farLarger/4 + 45 // enough even where nothing is read
	a, b, whole, parts := make([]float32, most), make([]float32, most), make([]float32, most+2), make([]float32, most)
	some := numbers[float32](9973, 1)
	for i := range a {
		a[i], b[i] = 4*some[i%len(some)], some[(i+5)%len(some)]
	}
	for _, e := range elements[float32]() {
		n := farLarger/4/(1+e.uses) + 45
		for i := range n + 2 {
			whole[i] = canary
		}
		copy(parts[:n], whole)
		e.run(k, whole[1:n+1], a, b)
		for i := 0; i < n; i += 1000 {
			to := min(i+1000, n)
			e.run(k, parts[i:to], a[i:to], b[i:to])
		}
		sameBits(t, e.name, whole[1:n+1], parts[:n])
		if whole[0] != canary || whole[n+1] != canary {
			t.Errorf("%s: wrote beside dst", e.name)
		}
	}
}

// The same for rows, whose vectors are whole in lines or not.
func TestRowsFarLargerThanCaches(t *testing.T) {
	everySet(t, testRowsFarLarger, func(*testing.T, *Table[float64]) {})
}

func testRowsFarLarger(t *testing.T, k *Table[float32]) {
	if k.Name == "portable" {
		t.Skip("it has no such loops")
	}
	for _, cols := range []int{1024, 1021} {
		rows := farLarger/8/cols + 3
		n := rows * cols
		some := numbers[float32](9973, 1)
		x, y := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], y[i] = 4*some[i%len(some)], some[(i+5)%len(some)]
		}
		whole, parts := make([]float32, n+17), make([]float32, n)
		for _, first := range []int{0, 1} {
			for name, run := range map[string]func(from, rows int, dst, x, y []float32){
				"LayerNorm": func(_, rows int, dst, x, _ []float32) {
					mean := make([]float32, 2*rows)
					k.LayerNorm(rows, cols, dst, x, some[1:cols+1], some[:cols], mean[:rows], mean[rows:], 1e-3)
				},
				"LayerNormBack": func(from, rows int, dst, x, y []float32) {
					k.LayerNormBack(rows, cols, dst, nil, nil, x, y, some[:cols], some[from:][:rows], some[from+1:][:rows], false)
				},
				"SoftmaxBack": func(_, rows int, dst, x, y []float32) { k.SoftmaxBack(rows, cols, dst, cols, x, cols, y, cols, false) },
			} {
				for i := range whole {
					whole[i] = canary
				}
				run(0, rows, whole[first:][:n], x, y)
				for r := range rows {
					run(r, 1, parts[r*cols:][:cols], x[r*cols:][:cols], y[r*cols:][:cols])
				}
				sameBits(t, name, whole[first:][:n], parts)
				for i, v := range whole {
					if v != canary && (i < first || i >= first+n) {
						t.Errorf("%s: wrote beside dst, at %d", name, i-first)
					}
				}
			}
		}
	}
}
