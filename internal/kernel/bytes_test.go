package kernel

import (
	"math"
	"testing"
)

// Every byte is divided as the language divides, by the usual divisors and by many others, whatever its place.
func TestBytes(t *testing.T) {
	everySet(t, testBytes[float32], testBytes[float64])
}

func testBytes[T Float](t *testing.T, k *Table[T]) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	divisors := []T{1, 2, 16, 100, 127, 127.5, 128, 255, 256, 1e-3, 1e30}
	for _, x := range numbers[T](200, 7) {
		divisors = append(divisors, T(math.Abs(float64(x)))*300+1)
	}
	dst := make([]T, len(all)+1)
	for _, d := range divisors {
		for n := range len(all) + 1 {
			dst[n] = -1
			from := all[len(all)-n:]
			k.Bytes(dst[:n], from, d)
			for i, b := range from {
				if dst[i] != T(b)/d {
					t.Fatalf("%d of %d bytes: %d / %v = %v, wanted %v", i, n, b, d, dst[i], T(b)/d)
				}
			}
			if dst[n] != -1 {
				t.Fatalf("%d bytes: the number behind them was written", n)
			}
		}
	}
	k.Bytes(nil, nil, 1)
	if !panics(func() { k.Bytes(dst[:17], all[:16], 255) }) {
		t.Error("a source that is too short was read")
	}
}

// Memory is asked for whatever its place and length, and nothing happens.
func TestPrefetch(t *testing.T) {
	everySet(t, testPrefetch[float32], testPrefetch[float64])
}

func testPrefetch[T Float](_ *testing.T, k *Table[T]) {
	x := make([]byte, 1<<20)
	for _, n := range []int{0, 1, 63, 64, 65, 784, 1 << 20} {
		k.Prefetch(x[len(x)-n:])
	}
}
