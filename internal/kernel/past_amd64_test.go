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
