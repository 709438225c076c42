package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// everyBFloat16 runs a test for each set of this machine.
func everyBFloat16(t *testing.T, f func(*testing.T, *BFloat16)) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) { f(t, bfloat16(t, name)) })
	}
}

func bfloat16(t testing.TB, name string) *BFloat16 {
	t.Helper()
	b, err := BFloat16For(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A pairForm is a product with its operands as they lie in float32: [m,k] or [k,m], [k,n] or [n,k].
type pairForm struct {
	name           string
	transA, transB bool
}

var pairForms = []pairForm{{"NN", false, false}, {"NT", false, true}, {"TN", true, false}, {"TT", true, true}}

// operands rounds and rearranges the operands of a product.
func (f pairForm) operands(b *BFloat16, m, n, k int, x, y []float32) (Pairs, Pairs) {
	pairs := (k + 1) / 2
	left, right := Pairs{Count: m, K: pairs}, Pairs{Count: n, K: pairs, Data: marked(PanelSize(pairs, n))}
	if f.transA {
		left.Data = marked(PanelSize(pairs, m))
		b.Down(0, k, k, m, left.Data, x, m)
	} else {
		left.Stride = pairs + 3
		left.Data = marked(m * left.Stride)
		b.Along(m, k, left.Data, left.Stride, x, k)
	}
	if f.transB {
		b.Turned(0, n, n, k, right.Data, y, k)
	} else {
		b.Down(0, k, k, n, right.Data, y, n)
	}
	return left, right
}

func marked(n int) []float32 { return slices.Repeat([]float32{canary}, n) }

func (f pairForm) product(b *BFloat16, m, n, k int, x, y, c []float32, o Finish) {
	left, right := f.operands(b, m, n, k, x, y)
	b.Multiply(0, m, 0, n, left, right, c, n, o)
}

var pairShapes = [][3]int{
	{1, 1, 1}, {2, 3, 2}, {8, 48, 16}, {9, 49, 17}, {7, 15, 3}, {13, 100, 33}, {47, 64, 32}, {48, 16, 31}, {49, 31, 40}, {6, 17, 1}, {12, 33, 64},
	{97, 130, 35}, {16, 10, 128}, {10, 70, 65}, {150, 5, 10}, {2, 8, 2100}, {3, 20, 4097}, {50, 60, 34},
}

// The same bits in every set: those of the loops of the portable set.
func TestBFloat16Twins(t *testing.T) {
	portable := bfloat16(t, "portable")
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		if b.Name == "portable" {
			return
		}
		r := rand.New(rand.NewPCG(1, 2))
		shapes := slices.Clone(pairShapes)
		for range 10 {
			shapes = append(shapes, [3]int{1 + r.IntN(110), 1 + r.IntN(70), 1 + r.IntN(70)})
		}
		for _, s := range shapes {
			m, n, k := s[0], s[1], s[2]
			for _, f := range pairForms {
				for _, wild := range []bool{false, true} {
					x, y := odd[float32](r, m*k, wild), odd[float32](r, k*n, wild)
					left, right := f.operands(b, m, n, k, x, y)
					wantLeft, wantRight := f.operands(portable, m, n, k, x, y)
					samePairs(t, fmt.Sprint(f.name, s, " A"), left.Data, wantLeft.Data)
					samePairs(t, fmt.Sprint(f.name, s, " B"), right.Data, wantRight.Data)
					start, bias := odd[float32](r, m*n, wild), odd[float32](r, n, wild)
					for _, o := range []Finish{{}, {Add: true}, {Bias: bias}, {Bias: bias, Relu: true}, {Relu: true}, {Add: true, Relu: true}} {
						got, want := slices.Clone(start), slices.Clone(start)
						b.Multiply(0, m, 0, n, left, right, got, n, o)
						portable.Multiply(0, m, 0, n, wantLeft, wantRight, want, n, o)
						sameNumbers(t, fmt.Sprint(f.name, s, " wild ", wild, " ", o.Add, o.Bias != nil, o.Relu), got, want)
					}
				}
			}
		}
	})
}

func samePairs(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if g, w := math.Float32bits(got[i]), math.Float32bits(w); g != w {
			t.Fatalf("%s: pair %d is %08x, want %08x", what, i, g, w)
		}
	}
}

// sameNumbers compares bits, but for those of a NaN.
func sameNumbers(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if g := got[i]; math.Float32bits(g) != math.Float32bits(w) && !(g != g && w != w) {
			t.Fatalf("%s: %d is %v (%08x), want %v (%08x)", what, i, g, math.Float32bits(g), w, math.Float32bits(w))
		}
	}
}

// One pair at a time, over all magnitudes, the edge of the denormals above all.
func TestBFloat16OnePair(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		if b.Name == "portable" {
			return
		}
		r := rand.New(rand.NewPCG(3, 4))
		const n = Panel
		for range 20000 {
			a, y, c := []float32{0}, make([]float32, n), make([]float32, n)
			low, span := r.IntN(256), 1+r.IntN(40)
			exponent := func(middle int) uint32 { return uint32(min(max(middle+r.IntN(span)-span/2, 0), 255)) }
			half := func(e int) uint32 { return r.Uint32()&0x8000 | exponent(e)<<7 | r.Uint32()&0x7f&-(r.Uint32()&1) }
			x := half(low)<<16 | half(low)
			a[0] = math.Float32frombits(x)
			for j := range y {
				e := 127 + r.IntN(100) - low
				if j%2 == 0 {
					e = 127 - low + r.IntN(30)
				}
				y[j] = math.Float32frombits(half(e)<<16 | half(e))
				c[j] = math.Float32frombits(r.Uint32()&0x807fffff | exponent(r.IntN(4)*r.IntN(60))<<23)
				if j%3 == 0 {
					c[j] = math.Float32frombits(r.Uint32()&0x80000000 | 0x00800000)
				}
			}
			want := make([]float32, n)
			for j := range want {
				want[j] = dotPair(c[j], x, math.Float32bits(y[j]))
			}
			b.Multiply(0, 1, 0, n, Pairs{a, 1, 1, 1}, Pairs{y, n, 1, 0}, c, n, Finish{Add: true})
			sameNumbers(t, fmt.Sprintf("pair %08x", x), c, want)
		}
	})
}

// What the documentation of VDPBF16PS says of single cases.
func TestDotPair(t *testing.T) {
	const one, tiny = 0x3f80, 0x0001
	two := func(odd, even uint32) uint32 { return odd<<16 | even }
	for _, c := range []struct {
		name string
		s    float32
		a, b uint32
		want float32
	}{
		{"both products", 1, two(one, one), two(0x4000, 0x4080), 7},
		{"the odd product first", 0x1p24, two(0xcb80, one), two(one, one), 1}, // 2^24 - 2^24 + 1
		{"rounded in between", 0x1p24, two(one, 0xcb80), two(one, one), 0},    // 2^24 + 1 is 2^24
		{"denormal operand", 1, two(0, tiny), two(0, 0x7f00), 1},
		{"denormal sum", 0x1p-130, two(0, 0), two(0, 0), 0},
		{"below the normal numbers", 0x1p-126, two(0, 0x1a00), two(0, 0x9a00), 0},             // minus 2^-150
		{"just below the normal numbers", 0x1p-126, two(0, 0x1a00), two(0, 0x9980), 0x1p-126}, // minus 2^-151
		{"overflow", math.MaxFloat32, two(0, 0x7f00), two(0, 0x7f00), float32(math.Inf(1))},
	} {
		if got := dotPair(c.s, c.a, c.b); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// roundBFloat16 against the definition: the nearest number of 8 digits, of two the even one.
func TestRoundBFloat16(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 200000 {
		bits := r.Uint32()
		if i%4 == 0 {
			bits &= 0xffff8000
		}
		x := math.Float32frombits(bits)
		got := math.Float32frombits(roundBFloat16(x))
		switch size := math.Abs(float64(x)); {
		case x != x:
			if got == got {
				t.Fatalf("%08x became %v", bits, got)
			}
			continue
		case size < 0x1p-126:
			if math.Float32bits(got) != bits&0x80000000 {
				t.Fatalf("%v became %v", x, got)
			}
			continue
		case math.IsInf(float64(x), 0):
			if got != x {
				t.Fatalf("%v became %v", x, got)
			}
			continue
		}
		_, e := math.Frexp(float64(x))
		want := math.Ldexp(math.RoundToEven(math.Ldexp(float64(x), 8-e)), e-8)
		if float32(want) != got && !(math.Abs(want) == 0x1p128 && math.IsInf(float64(got), 0)) {
			t.Fatalf("%v (%08x) became %v, want %v", x, bits, got, want)
		}
	}
}

// Any block of C by a call of its own has the bits of the whole.
func TestBFloat16Blocks(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		for _, f := range pairForms {
			const m, n, k = 131, 170, 77
			x, y, bias := numbers[float32](m*k, 1), numbers[float32](k*n, 2), numbers[float32](n, 3)
			left, right := f.operands(b, m, n, k, x, y)
			whole, parts := make([]float32, m*n), marked(m*n)
			o := Finish{Bias: bias, Relu: true}
			b.Multiply(0, m, 0, n, left, right, whole, n, o)
			for _, rows := range [][2]int{{0, 48}, {48, 96}, {96, 131}} {
				for _, cols := range [][2]int{{0, 48}, {48, 144}, {144, 170}} {
					b.Multiply(rows[0], rows[1], cols[0], cols[1], left, right, parts, n, o)
				}
			}
			sameNumbers(t, f.name, parts, whole)
		}
	})
}

// Operands that are made in parts are those made at once.
func TestBFloat16PackedInParts(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		for _, s := range [][2]int{{101, 70}, {96, 33}, {50, 784}} {
			rows, cols := s[0], s[1]
			x := numbers[float32](rows*cols, 1)
			for name, f := range map[string]struct {
				size int
				run  func(first, last, rows, cols int, dst, src []float32, lds int)
			}{
				"Down":   {PanelSize((rows+1)/2, cols), b.Down},
				"Turned": {PanelSize((cols+1)/2, rows), b.Turned},
			} {
				whole, parts := marked(f.size), marked(f.size)
				f.run(0, rows, rows, cols, whole, x, cols)
				f.run(48, rows, rows, cols, parts, x, cols)
				f.run(0, 48, rows, cols, parts, x, cols)
				samePairs(t, fmt.Sprint(name, s), parts, whole)
			}
		}
	})
}

// Against float64: each operand has a relative error of 2^-8 at most.
func TestBFloat16Error(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		const m, n, k = 20, 30, 200
		x, y, c := numbers[float32](m*k, 1), numbers[float32](k*n, 2), make([]float32, m*n)
		pairForms[0].product(b, m, n, k, x, y, c, Finish{})
		for i := range m {
			for j := range n {
				want, scale := 0.0, 0.0
				for p := range k {
					v := float64(x[i*k+p]) * float64(y[p*n+j])
					want += v
					scale += math.Abs(v)
				}
				if d := math.Abs(float64(c[i*n+j]) - want); !(d <= scale*0x1.1p-8) {
					t.Fatalf("C[%d,%d] is %v, want %v: error %v of %v", i, j, c[i*n+j], want, d, scale)
				}
			}
		}
	})
}

func TestBFloat16Refuses(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		const m, n, k = 60, 70, 20
		x, y := numbers[float32](m*k, 1), numbers[float32](k*n, 2)
		left, right := pairForms[0].operands(b, m, n, k, x, y)
		panels, _ := pairForms[2].operands(b, m, n, k, x, y)
		c := marked(m * n)
		with := func(p Pairs, change func(*Pairs)) Pairs { change(&p); return p }
		for name, call := range map[string]func(){
			"rows beyond":     func() { b.Multiply(0, m+1, 0, n, left, right, c, n, Finish{}) },
			"columns beyond":  func() { b.Multiply(0, m, 0, n+1, left, right, c, n, Finish{}) },
			"within a panel":  func() { b.Multiply(0, m, 10, n, left, right, c, n, Finish{}) },
			"rows in a panel": func() { b.Multiply(10, m, 0, n, panels, right, c, n, Finish{}) },
			"short a": func() {
				b.Multiply(0, m, 0, n, with(left, func(p *Pairs) { p.Data = p.Data[:100] }), right, c, n, Finish{})
			},
			"short b": func() {
				b.Multiply(0, m, 0, n, left, with(right, func(p *Pairs) { p.Data = p.Data[:100] }), c, n, Finish{})
			},
			"other depth":        func() { b.Multiply(0, m, 0, n, left, with(right, func(p *Pairs) { p.K-- }), c, n, Finish{}) },
			"b in rows":          func() { b.Multiply(0, m, 0, n, left, with(right, func(p *Pairs) { p.Stride = 90 }), c, n, Finish{}) },
			"short c":            func() { b.Multiply(0, m, 0, n, left, right, c[:m*n-1], n, Finish{}) },
			"short bias":         func() { b.Multiply(0, m, 0, n, left, right, c, n, Finish{Bias: make([]float32, n-1)[: n-1 : n-1]}) },
			"add and bias":       func() { b.Multiply(0, m, 0, n, left, right, c, n, Finish{Add: true, Bias: x}) },
			"down: odd first":    func() { b.Down(1, k, k, m, left.Data, x, m) },
			"down: odd last":     func() { b.Down(0, 5, k, m, left.Data, x, m) },
			"down: short dst":    func() { b.Down(0, k, k, m, left.Data[:50], x, m) },
			"down: short src":    func() { b.Down(0, k, k, m, left.Data, x[:50], m) },
			"turned: first":      func() { b.Turned(3, n, n, k, right.Data, y, k) },
			"turned: short dst":  func() { b.Turned(0, n, n, k, right.Data[:50], y, k) },
			"along: short dst":   func() { b.Along(m, k, left.Data[:50], k, x, k) },
			"along: short src":   func() { b.Along(m, k, left.Data, k, x[:50], k) },
			"along: rows shared": func() { b.Along(m, k, left.Data, k/2-1, x, k) },
		} {
			if !panics(call) {
				t.Errorf("%s: no panic", name)
			}
		}
		for _, v := range c {
			if v != canary {
				t.Fatal("wrote before it panicked")
			}
		}
	})
}

// Beside a long product the collector gets its turn: see TestCollectorIsNotBlocked.
func TestBFloat16LeavesTheCollectorRoom(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		if b.Name == "portable" {
			return // no assembly
		}
		const n = 2000
		left := Pairs{Data: make([]float32, n*n/2), Count: n, K: n / 2, Stride: n / 2}
		right, c := Pairs{Data: make([]float32, PanelSize(n/2, n)), Count: n, K: n / 2}, make([]float32, n*n)
		stop, done := make(chan struct{}), make(chan struct{})
		shortest := time.Hour
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					t0 := time.Now()
					b.Multiply(0, n, 0, n, left, right, c, n, Finish{})
					shortest = min(shortest, time.Since(t0))
				}
			}
		}()
		best := time.Hour
		for range 4 {
			time.Sleep(time.Millisecond)
			t0 := time.Now()
			runtime.GC()
			best = min(best, time.Since(t0))
		}
		close(stop)
		<-done
		t.Logf("a product takes %v, a collection beside it %v", shortest, best)
		if best > shortest/2 {
			t.Errorf("a product takes %v, and a collection beside it %v: it waits for the product to end", shortest, best)
		}
	})
}

func TestBFloat16AllocatesNothing(t *testing.T) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		const m, n, k = 9, 50, 21
		x, y, c := numbers[float32](m*k, 1), numbers[float32](k*n, 2), make([]float32, m*n)
		left, right := pairForms[0].operands(b, m, n, k, x, y)
		if n := testing.AllocsPerRun(10, func() {
			b.Along(m, k, left.Data, left.Stride, x, k)
			b.Down(0, k, k, n, right.Data, y, n)
			b.Multiply(0, m, 0, n, left, right, c, n, Finish{})
		}); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// The products of W3's widest layer by their place, operands made before; making them; and a whole gradient of the weights.
func BenchmarkBFloat16(b *testing.B) {
	limit := func(name string) float64 {
		best := 0.0
		for range 20 {
			t0 := time.Now()
			flop := BFloat16MultiplyAdds(name, 20000)
			best = max(best, flop/time.Since(t0).Seconds())
		}
		return best
	}
	for _, name := range Names() {
		if name == "portable" {
			continue
		}
		k := bfloat16(b, name)
		for _, s := range []struct {
			place   string
			form    pairForm
			m, n, k int
		}{
			{"forward", pairForms[1], 512, 2048, 784}, {"dW", pairForms[2], 2048, 784, 512},
			{"forward", pairForms[1], 512, 2048, 2048}, {"dX", pairForms[0], 512, 2048, 2048}, {"dW", pairForms[2], 2048, 2048, 512},
			{"forward", pairForms[1], 128, 512, 784}, {"dX", pairForms[0], 128, 512, 512}, {"dW", pairForms[2], 512, 784, 128},
		} {
			b.Run(fmt.Sprintf("%s/%s/%dx%dx%d", name, s.place, s.m, s.n, s.k), func(b *testing.B) {
				x, y, c := numbers[float32](s.m*s.k, 1), numbers[float32](s.k*s.n, 2), make([]float32, s.m*s.n)
				left, right := s.form.operands(k, s.m, s.n, s.k, x, y)
				top := limit(name)
				for b.Loop() {
					k.Multiply(0, s.m, 0, s.n, left, right, c, s.n, Finish{})
				}
				rate := 2 * float64(s.m) * float64(s.n) * float64(s.k) * float64(b.N) / b.Elapsed().Seconds()
				top = max(top, limit(name))
				b.ReportMetric(rate/1e9, "GFLOP/s")
				b.ReportMetric(100*rate/top, "%limit")
			})
		}
		const rows, cols = 2048, 2048
		x, along, panels := numbers[float32](rows*cols, 1), make([]float32, rows*cols), make([]float32, PanelSize(rows, cols))
		for _, c := range []struct {
			name string
			run  func()
		}{
			{"Along", func() { k.Along(rows, cols, along, cols/2+16, x, cols) }},
			{"Down", func() { k.Down(0, rows, rows, cols, panels, x, cols) }},
			{"Turned", func() { k.Turned(0, rows, rows, cols, panels, x, cols) }},
		} {
			b.Run(fmt.Sprintf("%s/%s/%dx%d", name, c.name, rows, cols), func(b *testing.B) {
				b.SetBytes(6 * rows * cols)
				for b.Loop() {
					c.run()
				}
			})
		}
	}
}
