package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// updatesUnderTest are the rules with common and rare settings.
func updatesUnderTest() map[string]Update[float32] {
	momentum := Momentum{LR: 0.1, Scale: 0.25, Mu: 0.9}
	decay, nesterov, folded, dampened := momentum, momentum, momentum, momentum
	decay.Decay, nesterov.Nesterov, folded.Folded, dampened.Dampening = 0.01, true, true, 0.2
	adam := Adam{LR: 0.01, Scale: 0.25, Beta1: 0.9, Beta2: 0.99, Correction1: 0.3, Correction2: 0.2, Eps: 1e-8}
	coupled, decoupled, both, inside, short, shorter := adam, adam, adam, adam, adam, adam
	coupled.Decay, decoupled.Decoupled, inside.EpsInside, short.Beta1, shorter.Beta2 = 0.01, 0.03, true, 0.4, 0.4
	both.Decay, both.Decoupled = 0.01, 0.03
	return map[string]Update[float32]{
		"sgd": {SGD: &SGD{LR: 0.1, Scale: 0.25}}, "sgd decay": {SGD: &SGD{LR: 0.1, Scale: 0.25, Decay: 0.01}},
		"momentum": {Momentum: &momentum}, "momentum decay": {Momentum: &decay}, "nesterov": {Momentum: &nesterov},
		"folded": {Momentum: &folded}, "dampened": {Momentum: &dampened},
		"adam": {Adam: &adam}, "adam coupled": {Adam: &coupled}, "adamw": {Adam: &decoupled},
		"adamw coupled": {Adam: &both}, "adam inside": {Adam: &inside}, "adam short": {Adam: &short}, "adam shorter": {Adam: &shorter},
	}
}

// A product that ends in an update gives the bits of the product and the update one after the other, in whatever pieces, and writes nowhere
// else.
func TestUpdatedProducts(t *testing.T) {
	everySet(t, testUpdatedProducts, func(*testing.T, *Table[float64]) {})
}

func testUpdatedProducts(t *testing.T, tab *Table[float32]) {
	if !tab.Updates {
		mustPanic(t, "a product for an update", func() {
			tab.Multiply(Product[float32]{M: 1, N: 1, K: 1, A: make([]float32, 1), LDA: 1, B: make([]float32, 1), LDB: 1, Stride: 1,
				Update: &Update[float32]{W: make([]float32, 1), SGD: &SGD{}}})
		})
		return
	}
	r := rand.New(rand.NewPCG(11, 12))
	for name, u := range updatesUnderTest() {
		for i := range 14 {
			c := productCase{m: 1 + r.IntN(130), n: 1 + r.IntN(150), k: 1 + r.IntN(70), extra: r.IntN(3), form: r.IntN(3), packed: r.IntN(2) > 0, wild: i%5 == 4}
			switch i % 7 {
			case 0:
				c.m, c.n, c.k, c.form, c.extra = 8*(1+r.IntN(12)), 48*(1+r.IntN(4)), 24+r.IntN(200), 2, 0 // whole tiles
			case 1:
				c.k = 1 + r.IntN(UpdateDepth)
			case 2:
				c.extra, c.form = 256-c.m%256, 2 // rows that compete
				c.n += 150
			case 3:
				c.m, c.n, c.k, c.form = 60+r.IntN(80), 784+8*r.IntN(3), 32, 2 // several strips in a call, in more calls than one
			}
			checkUpdated(t, tab, name, u, c)
		}
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func checkUpdated(t *testing.T, tab *Table[float32], name string, u Update[float32], c productCase) {
	t.Helper()
	f := forms(tab)[c.form]
	r := rand.New(rand.NewPCG(uint64(c.m), uint64(1000*c.n+c.k)))
	lda, ldb := f.strides(c.m, c.n, c.k)
	lda, ldb = lda+c.extra, ldb+2*c.extra
	stride, begin := c.n+c.extra, 5
	am, ak, bk, bn := c.m, c.k, c.k, c.n
	if f.transA {
		am, ak = ak, am
	}
	if f.transB {
		bk, bn = bn, bk
	}
	a, b := odd[float32](r, size(am, ak, lda), c.wild), odd[float32](r, size(bk, bn, ldb), c.wild)
	n := begin + size(c.m, c.n, stride) + 7
	got := [3][]float32{odd[float32](r, n, false), odd[float32](r, n, false), odd[float32](r, n, false)}
	for i, v := range got[2] {
		got[2][i] = v * v
	}
	var want [3][]float32
	for i := range got {
		want[i] = slices.Clone(got[i])
	}

	gradient := make([]float32, c.m*c.n)
	f.gemm(c.m, c.n, c.k, a, lda, b, ldb, gradient, c.n, false)
	for i := range c.m {
		at := begin + i*stride
		w, m, v, g := want[0][at:][:c.n], want[1][at:][:c.n], want[2][at:][:c.n], gradient[i*c.n:][:c.n]
		switch {
		case u.SGD != nil:
			tab.SGD(w, g, *u.SGD)
		case u.Momentum != nil:
			tab.Momentum(w, m, g, *u.Momentum)
		default:
			tab.Adam(w, m, v, g, *u.Adam)
		}
	}

	u.W = got[0]
	if u.SGD == nil {
		u.M = got[1]
	}
	if u.Adam != nil {
		u.V = got[2]
	}
	p := Product[float32]{LDA: lda, TransA: f.transA, LDB: ldb, TransB: f.transB, K: c.k, Update: &u, Stride: stride}
	rows, columns := []int{0, c.m}, []int{0, c.n}
	if c.m > PackRows && c.n > 1 {
		rows, columns = []int{0, PackRows, c.m}, []int{0, 1 + r.IntN(c.n-1), c.n}
	}
	var packed []float32
	if c.packed {
		packed = odd[float32](r, PackedLen(c.m, c.k), true)
		tab.PackA(packed, c.m, c.k, a, lda, f.transA, 0, c.m, 0, c.k)
	}
	for i := range len(rows) - 1 {
		for j := range len(columns) - 1 {
			q, i0, j0 := p, rows[i], columns[j]
			q.M, q.N, q.At = rows[i+1]-i0, columns[j+1]-j0, begin+i0*stride+j0
			x, y := f.at(i0, j0, 0, lda, ldb)
			q.A, q.B = a[x:], b[y:]
			if c.packed {
				q.A, q.LDA, q.TransA, q.Packed = packed[i0*c.k:], c.k, false, true
			}
			tab.Multiply(q)
		}
	}
	for s := range got {
		for i := range want[s] {
			if !equalBits(got[s][i], want[s][i]) {
				t.Fatalf("%s %s %+v: %s[%d] = %v, want %v", name, f.name, c, []string{"W", "M", "V"}[s], i, got[s][i], want[s][i])
			}
		}
	}
}

// What cannot be done is refused, before anything is written.
func TestUpdatedProductsPanic(t *testing.T) {
	tab := table[float32](t, "")
	if !tab.Updates {
		t.Skip("a set without updates")
	}
	good := func() Product[float32] {
		u := &Update[float32]{W: make([]float32, 64), M: make([]float32, 64), V: make([]float32, 64), Adam: &Adam{}}
		return Product[float32]{M: 4, N: 8, K: 4, A: make([]float32, 16), LDA: 4, B: make([]float32, 32), LDB: 8, Update: u, Stride: 8}
	}
	tab.Multiply(good())
	for name, change := range map[string]func(p *Product[float32]){
		"add":    func(p *Product[float32]) { p.Add = true },
		"bias":   func(p *Product[float32]) { p.Bias = make([]float32, 8) },
		"relu":   func(p *Product[float32]) { p.Relu = true },
		"no sum": func(p *Product[float32]) { p.K = 0 },
		"deep": func(p *Product[float32]) {
			p.K, p.A, p.B, p.LDA = UpdateDepth+1, make([]float32, 5000), make([]float32, 9000), UpdateDepth+1
		},
		"few weights":  func(p *Product[float32]) { p.At = 64 - 31 },
		"few moments":  func(p *Product[float32]) { p.Update.V = p.Update.V[:31] },
		"short stride": func(p *Product[float32]) { p.Stride = 7 },
	} {
		p := good()
		change(&p)
		mustPanic(t, name, func() { tab.Multiply(p) })
	}
}

func TestUpdatedProductsAllocateNothing(t *testing.T) {
	tab := table[float32](t, "")
	if !tab.Updates {
		t.Skip("a set without updates")
	}
	u := &Update[float32]{W: numbers[float32](64*96, 1), SGD: &SGD{LR: 0.1, Scale: 1}}
	p := Product[float32]{M: 64, N: 96, K: 32, A: numbers[float32](64*32, 2), LDA: 64, TransA: true, B: numbers[float32](96*32, 3), LDB: 96, Update: u, Stride: 96}
	if n := testing.AllocsPerRun(20, func() { tab.Multiply(p) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUpdated(b *testing.B) {
	tab := table[float32](b, "")
	if !tab.Updates {
		b.Skip("a set without updates")
	}
	all := updatesUnderTest()
	for _, d := range []struct{ m, n, k int }{{64, 784, 32}, {512, 784, 128}, {512, 512, 128}, {2048, 2048, 512}} {
		for _, rule := range []string{"none", "sgd", "momentum", "adam"} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", d.m, d.n, d.k, rule), func(b *testing.B) {
				u := all[rule]
				u.W, u.M, u.V = make([]float32, d.m*d.n), make([]float32, d.m*d.n), make([]float32, d.m*d.n)
				a, x := numbers[float32](d.k*d.m, 1), numbers[float32](d.k*d.n, 2)
				packed := make([]float32, PackedLen(d.m, d.k))
				tab.PackA(packed, d.m, d.k, a, d.m, true, 0, d.m, 0, d.k)
				for b.Loop() {
					for j := 0; j < d.n; j += 48 {
						p := Product[float32]{M: d.m, N: min(48, d.n-j), K: d.k, A: packed, LDA: d.k, Packed: true, B: x[j:], LDB: d.n}
						if rule == "none" {
							p.C, p.LDC = u.W[j:], d.n
						} else {
							p.Update, p.At, p.Stride = &u, j, d.n
						}
						tab.Multiply(p)
					}
				}
				b.ReportMetric(2*float64(d.m)*float64(d.n)*float64(d.k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}
