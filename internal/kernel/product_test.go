package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A productCase is a product in one of its forms, with what follows.
type productCase struct {
	m, n, k                       int
	extra                         int // how much longer rows are
	form                          int // of forms
	packed, add, bias, relu, wild bool
}

// equalBits reports whether two values have the same bits, or are both NaN.
func equalBits[T Float](a, b T) bool { return a == b && 1/a == 1/b || a != a && b != b }

// checkProduct compares Multiply with the product, AddBias and Relu one after the other, to the bit: in pieces, and with A packed in parts.
func checkProduct[T Float](t testing.TB, tab *Table[T], c productCase) {
	t.Helper()
	f := forms(tab)[c.form]
	r := rand.New(rand.NewPCG(uint64(c.m), uint64(1000*c.n+c.k)))
	lda, ldb := f.strides(c.m, c.n, c.k)
	lda, ldb = lda+c.extra, ldb+2*c.extra
	ldc := c.n + 3*c.extra
	am, ak, bk, bn := c.m, c.k, c.k, c.n
	if f.transA {
		am, ak = ak, am
	}
	if f.transB {
		bk, bn = bn, bk
	}
	a, b := odd[T](r, size(am, ak, lda), c.wild), odd[T](r, size(bk, bn, ldb), c.wild)
	got := odd[T](r, size(c.m, c.n, ldc), c.wild)
	want := slices.Clone(got)
	p := Product[T]{K: c.k, LDA: lda, TransA: f.transA, LDB: ldb, TransB: f.transB, LDC: ldc, Add: c.add, Relu: c.relu}
	var bias []T
	if c.bias {
		bias = odd[T](r, c.n, c.wild)
	}

	f.gemm(c.m, c.n, c.k, a, lda, b, ldb, want, ldc, c.add)
	if c.bias {
		tab.AddBias(c.m, c.n, want, ldc, bias)
	}
	if c.relu && c.n > 0 {
		for i := range c.m {
			row := want[i*ldc:][:c.n]
			tab.Relu(row, row)
		}
	}

	rows, columns := []int{0, c.m}, []int{0, c.n}
	if c.m > PackRows && c.n > 1 {
		rows, columns = []int{0, PackRows, c.m}, []int{0, 1 + r.IntN(c.n-1), c.n}
	}
	var packed []T
	if c.packed {
		packed = odd[T](r, PackedLen(c.m, c.k), true) // what isn't written must not matter
		half := 0
		if c.k > 0 {
			half = r.IntN(c.k)
		}
		for i := range len(rows) - 1 {
			tab.PackA(packed, c.m, c.k, a, lda, f.transA, rows[i], rows[i+1], half, c.k)
			tab.PackA(packed, c.m, c.k, a, lda, f.transA, rows[i], rows[i+1], 0, half)
		}
	}
	for i := range len(rows) - 1 {
		for j := range len(columns) - 1 {
			i0, j0 := rows[i], columns[j]
			q := p
			q.M, q.N, q.C = rows[i+1]-i0, columns[j+1]-j0, got[min(i0*ldc+j0, len(got)):]
			x, y := f.at(i0, j0, 0, lda, ldb)
			q.A, q.B = a[min(x, len(a)):], b[min(y, len(b)):]
			if c.packed {
				q.A, q.LDA, q.TransA, q.Packed = packed[i0*c.k:], c.k, false, true
			}
			if c.bias {
				q.Bias = bias[j0:]
			}
			tab.Multiply(q)
		}
	}
	for i, v := range want {
		if !equalBits(got[i], v) {
			t.Fatalf("%s %+v: C[%d,%d] = %v, want %v", f.name, c, i/ldc, i%ldc, got[i], v)
		}
	}
}

func TestMultiply(t *testing.T) { everySet(t, testMultiply[float32], testMultiply[float64]) }

func testMultiply[T Float](t *testing.T, tab *Table[T]) {
	r := rand.New(rand.NewPCG(8, 9))
	for i := range 160 {
		c := productCase{m: r.IntN(120), n: r.IntN(150), k: r.IntN(90), extra: r.IntN(3), form: r.IntN(3)}
		switch i % 8 {
		case 0:
			c.m = r.IntN(4)
		case 1:
			c.k = 1000 + r.IntN(1100) // several parts
		case 2:
			c.extra = 256 - c.k%256 // rows that compete
			c.n += 150
		}
		c.packed, c.add, c.bias, c.relu, c.wild = r.IntN(2) > 0, r.IntN(2) > 0, r.IntN(2) > 0, r.IntN(2) > 0, r.IntN(3) == 0
		checkProduct(t, tab, c)
	}
}

func FuzzMultiply(f *testing.F) {
	f.Add(uint16(32), uint16(128), uint16(784), uint8(1), uint8(0b11100))
	f.Add(uint16(128), uint16(96), uint16(512), uint8(0), uint8(0b10001))
	f.Add(uint16(49), uint16(97), uint16(1025), uint8(2), uint8(0b11111))
	f.Add(uint16(0), uint16(1), uint16(0), uint8(3), uint8(0b101))
	f.Fuzz(func(t *testing.T, m, n, k uint16, form, bits uint8) {
		c := productCase{m: int(m % 300), n: int(n % 300), k: int(k % 1200), form: int(form % 3), extra: int(form / 3 % 4)}
		c.packed, c.add, c.bias, c.relu, c.wild = bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0, bits&16 > 0
		for _, name := range Names() {
			tab, err := For[float32](name)
			if err != nil {
				t.Fatal(err)
			}
			checkProduct(t, tab, c)
		}
	})
}

// Sets agree with the portable one up to rounding, on where NaN is, and on infinities.
func TestMultiplyBesidePortable(t *testing.T) {
	p := table[float32](t, "portable")
	for _, name := range Names() {
		tab, r := table[float32](t, name), rand.New(rand.NewPCG(2, 3))
		for range 100 {
			m, n, k := 1+r.IntN(70), 1+r.IntN(120), 1+r.IntN(60)
			a, b, bias := odd[float32](r, m*k, false), odd[float32](r, k*n, false), odd[float32](r, n, false)
			a[r.IntN(len(a))], b[r.IntN(len(b))], bias[r.IntN(n)] = odd[float32](r, 1, true)[0], odd[float32](r, 1, true)[0], odd[float32](r, 1, true)[0]
			got, want := make([]float32, m*n), make([]float32, m*n)
			q := Product[float32]{M: m, N: n, K: k, A: a, LDA: k, B: b, LDB: n, LDC: n, Bias: bias, Relu: true}
			q.C = got
			tab.Multiply(q)
			q.C = want
			p.Multiply(q)
			for i, v := range want {
				g := got[i]
				if g == v || g != g && v != v {
					continue
				}
				scale := 1.0
				for j := range k {
					x, y := float64(a[i/n*k+j]), float64(b[j*n+i%n])
					scale += max(x*y, -x*y)
				}
				if d := float64(g) - float64(v); !(max(d, -d) <= float64(k+2)*epsilon[float32]()*scale) {
					t.Fatalf("%s %d x %d x %d: %v at %d, the portable set has %v", name, m, n, k, g, i, v)
				}
			}
		}
	}
}

func TestDelta(t *testing.T) { everySet(t, testDelta[float32], testDelta[float64]) }

func testDelta[T Float](t *testing.T, tab *Table[T]) {
	r := rand.New(rand.NewPCG(4, 4))
	for i := range 300 {
		rows, cols := r.IntN(40), r.IntN(150)
		ldd, ldy := cols+r.IntN(4), cols+r.IntN(4)
		wild, add := r.IntN(2) > 0, r.IntN(2) > 0
		d, y, sum := odd[T](r, size(rows, cols, ldd), wild), odd[T](r, size(rows, cols, ldy), wild), odd[T](r, cols, wild)
		if i%5 == 0 {
			y = nil
		}
		if i%7 == 0 {
			sum = nil
		}
		wantD, wantSum := slices.Clone(d), slices.Clone(sum)
		if y != nil {
			for r := range rows {
				if cols > 0 {
					row := wantD[r*ldd:][:cols]
					tab.ReluBack(row, y[r*ldy:], row, false)
				}
			}
		}
		if sum != nil {
			tab.SumRows(rows, cols, wantSum, wantD, ldd, add)
		}
		tab.Delta(rows, cols, d, ldd, y, ldy, sum, add)
		for j, v := range wantD {
			if !equalBits(d[j], v) {
				t.Fatalf("%d x %d: d[%d] = %v, want %v", rows, cols, j, d[j], v)
			}
		}
		for j, v := range wantSum {
			if !equalBits(sum[j], v) {
				t.Fatalf("%d x %d add %v: sum[%d] = %v, want %v", rows, cols, add, j, sum[j], v)
			}
		}
	}
}

func TestProductRefuses(t *testing.T) {
	everySet(t, testProductRefuses[float32], testProductRefuses[float64])
}

func testProductRefuses[T Float](t *testing.T, tab *Table[T]) {
	const m, n, k = 6, 7, 9
	a, b, bias := numbers[T](m*k, 1), numbers[T](k*n, 2), numbers[T](n, 3)
	packed := make([]T, PackedLen(m, k))
	c := slices.Repeat([]T{canary}, m*n)
	good := Product[T]{M: m, N: n, K: k, A: a, LDA: k, B: b, LDB: n, C: c, LDC: n, Bias: bias}
	with := func(change func(p *Product[T])) func() {
		return func() {
			p := good
			change(&p)
			tab.Multiply(p)
		}
	}
	for name, call := range map[string]func(){
		"short a":           with(func(p *Product[T]) { p.A = a[1:] }),
		"short b":           with(func(p *Product[T]) { p.B = b[1:] }),
		"short c":           with(func(p *Product[T]) { p.C = c[1:] }),
		"short bias":        with(func(p *Product[T]) { p.Bias = bias[1:] }),
		"short packed":      with(func(p *Product[T]) { p.Packed, p.A = true, packed[1:] }),
		"packed too narrow": with(func(p *Product[T]) { p.Packed, p.A, p.LDA = true, packed, k-1 }),
		"negative":          with(func(p *Product[T]) { p.M = -1 }),
		"both transposed":   with(func(p *Product[T]) { p.TransA, p.TransB, p.LDA, p.LDB = true, true, m, k }),
		"stride overflows":  with(func(p *Product[T]) { p.LDB = maxInt / 2 }),
		"stride wraps":      with(func(p *Product[T]) { p.LDB = maxInt/2 + 1 }), // k-1 of it are 0 again
		"size overflows":    with(func(p *Product[T]) { p.M, p.LDA, p.LDC = maxInt, maxInt/4, maxInt/4 }),
		"packed overflows":  with(func(p *Product[T]) { p.Packed, p.A, p.LDA = true, packed, maxInt/8 }),
		"pack: short":       func() { tab.PackA(packed[1:], m, k, a, k, false, 0, m, 0, k) },
		"pack: short a":     func() { tab.PackA(packed, m, k, a[1:], k, false, 0, m, 0, k) },
		"pack: rows":        func() { tab.PackA(packed, m, k, a, k, false, 0, m+1, 0, k) },
		"pack: odd row":     func() { tab.PackA(packed, m, k, a, k, false, 1, m, 0, k) },
		"pack: columns":     func() { tab.PackA(packed, m, k, a, k, false, 0, m, 3, 2) },
		"delta: short d":    func() { tab.Delta(m, k, a[1:], k, nil, 0, nil, false) },
		"delta: short y":    func() { tab.Delta(m, k, slices.Clone(a), k, a[1:], k, nil, false) },
		"delta: short sum":  func() { tab.Delta(m, k, slices.Clone(a), k, a, k, bias[:k-2:k-2], false) },
		"packed length":     func() { PackedLen(maxInt, 2) },
		"packed length -1":  func() { PackedLen(-1, 2) },
	} {
		if !panics(call) {
			t.Errorf("%s: no panic", name)
		}
		if slices.IndexFunc(c, func(v T) bool { return v != canary }) >= 0 {
			t.Errorf("%s: wrote before it panicked", name)
		}
	}
}

func TestProductAllocatesNothing(t *testing.T) {
	everySet(t, testProductAllocatesNothing[float32], testProductAllocatesNothing[float64])
}

func testProductAllocatesNothing[T Float](t *testing.T, tab *Table[T]) {
	const m, n, k = 70, 200, 40
	a, b, c, bias, packed := numbers[T](m*k, 1), numbers[T](k*n, 2), make([]T, m*n), make([]T, n), make([]T, PackedLen(m, k))
	if n := testing.AllocsPerRun(20, func() {
		tab.PackA(packed, m, k, a, k, false, 0, m, 0, k)
		tab.Multiply(Product[T]{M: m, N: n, K: k, A: packed, LDA: k, Packed: true, B: b, LDB: n, C: c, LDC: n, Bias: bias, Relu: true})
		tab.Multiply(Product[T]{M: m, N: n, K: k, A: a, LDA: k, B: b, LDB: n, C: c, LDC: n, Relu: true})
		tab.Delta(m, n, c, n, c, n, bias, true)
		tab.Delta(m, n, c, n, c, n, nil, true)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
