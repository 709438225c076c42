package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// usualUpdates are the rules that products of bfloat16 can end in.
func usualUpdates() map[string]Update[float32] {
	list := updatesUnderTest()
	for name, u := range list {
		if u.Adam != nil && !u.Adam.Usual() || u.Momentum != nil && !u.Momentum.Usual() {
			delete(list, name)
		}
	}
	return list
}

// everyUpdate runs a test for each set whose products can end in an update.
func everyUpdate(t *testing.T, f func(*testing.T, *BFloat16, *Table[float32])) {
	everyBFloat16(t, func(t *testing.T, b *BFloat16) {
		if b.Update != nil {
			f(t, b, table[float32](t, b.Name))
		}
	})
}

// pairUpdate is a product that ends in an update: m x n weights, sums of k.
type pairUpdate struct {
	a, b, down, turned Pairs
	u                  Update[float32]
	w, mean, square    []float32
}

func newPairUpdate(b *BFloat16, r *rand.Rand, u Update[float32], m, n, k int, wild bool) *pairUpdate {
	p := &pairUpdate{u: u, w: odd[float32](r, m*n, false), mean: odd[float32](r, m*n, false), square: odd[float32](r, m*n, false)}
	for i, v := range p.square {
		p.square[i] = v * v
	}
	p.a, p.b = pairForms[2].operands(b, m, n, k, odd[float32](r, k*m, wild), odd[float32](r, k*n, wild))
	p.down = Pairs{Data: marked(PanelSize(m/2, n)), Count: n, K: m / 2}
	p.turned = Pairs{Data: marked(PanelSize(n/2, m)), Count: m, K: n / 2}
	return p
}

// copy has weights, state and copies of its own.
func (p *pairUpdate) copy() *pairUpdate {
	c := *p
	for _, x := range []*[]float32{&c.w, &c.mean, &c.square, &c.down.Data, &c.turned.Data} {
		*x = slices.Clone(*x)
	}
	return &c
}

func (p *pairUpdate) update() *Update[float32] {
	p.u.W = p.w
	if p.u.SGD == nil {
		p.u.M = p.mean
	}
	if p.u.Adam != nil {
		p.u.V = p.square
	}
	return &p.u
}

// apart does the product, the update and the copies one after the other.
func (p *pairUpdate) apart(b *BFloat16, t *Table[float32]) {
	m, n := p.a.Count, p.b.Count
	grad := make([]float32, m*n)
	b.Multiply(0, m, 0, n, p.a, p.b, grad, n, Finish{})
	t.update(p.update(), 0, grad)
	b.Down(0, m, m, n, p.down.Data, p.w, n)
	b.Turned(0, m, m, n, p.turned.Data, p.w, n)
}

func (p *pairUpdate) same(t *testing.T, what string, want *pairUpdate) {
	t.Helper()
	sameNumbers(t, what+" w", p.w, want.w)
	sameNumbers(t, what+" mean", p.mean, want.mean)
	sameNumbers(t, what+" square", p.square, want.square)
	samePairs(t, what+" down", p.down.Data, want.down.Data)
	samePairs(t, what+" turned", p.turned.Data, want.turned.Data)
}

// A product that ends in an update gives the bits of product, update and copies one after the other, in whatever pieces.
func TestBFloat16Updates(t *testing.T) {
	everyUpdate(t, func(t *testing.T, b *BFloat16, tab *Table[float32]) {
		r := rand.New(rand.NewPCG(21, 22))
		for name, u := range usualUpdates() {
			for i := range 16 {
				m, n, k := 16*(1+r.IntN(14)), 16*(1+r.IntN(12)), 1+r.IntN(200)
				if i == 0 {
					k = UpdateDepth
				}
				p := newPairUpdate(b, r, u, m, n, k, i%4 == 3)
				want, whole, parts := p.copy(), p.copy(), p.copy()
				want.apart(b, tab)
				b.Update(0, m, 0, n, whole.a, whole.b, whole.update(), whole.down, whole.turned)
				for r0 := 0; r0 < m; {
					r1 := min(m, r0+Panel*(1+r.IntN(3)))
					for c0 := 0; c0 < n; c0 += Panel {
						b.Update(r0, r1, c0, min(n, c0+Panel), parts.a, parts.b, parts.update(), parts.down, parts.turned)
					}
					r0 = r1
				}
				what := fmt.Sprint(name, " ", m, n, k)
				whole.same(t, what, want)
				parts.same(t, what+" in parts", want)
			}
		}
	})
}

// A block that is updated leaves all others alone.
func TestBFloat16UpdatesStayInside(t *testing.T) {
	everyUpdate(t, func(t *testing.T, b *BFloat16, tab *Table[float32]) {
		const m, n, k = 112, 160, 30
		for name, u := range usualUpdates() {
			p := newPairUpdate(b, rand.New(rand.NewPCG(1, 2)), u, m, n, k, false)
			want, got := p.copy(), p.copy()
			want.apart(b, tab)
			b.Update(48, 96, 48, 96, got.a, got.b, got.update(), got.down, got.turned)
			for i := range p.w {
				if r, c := i/n, i%n; r < 48 || r >= 96 || c < 48 || c >= 96 {
					want.w[i], want.mean[i], want.square[i] = p.w[i], p.mean[i], p.square[i]
				}
			}
			for i := range want.down.Data {
				if pair := i % (48 * m / 2) / 48; i < 48*m/2 || i >= 96*m/2 || pair < 24 || pair >= 48 {
					want.down.Data[i] = canary
				}
			}
			for i := range want.turned.Data {
				if pair := i % (48 * n / 2) / 48; i < 48*n/2 || i >= 96*n/2 || pair < 24 || pair >= 48 {
					want.turned.Data[i] = canary
				}
			}
			got.same(t, name, want)
		}
	})
}

func TestBFloat16UpdatesRefuse(t *testing.T) {
	everyUpdate(t, func(t *testing.T, b *BFloat16, _ *Table[float32]) {
		const m, n, k = 96, 112, 20
		adam := usualUpdates()["adam"]
		good := newPairUpdate(b, rand.New(rand.NewPCG(1, 2)), adam, m, n, k, false)
		call := func(change func(p *pairUpdate)) (*pairUpdate, func()) {
			p := good.copy()
			p.update()
			change(p)
			return p, func() { b.Update(0, m, 0, n, p.a, p.b, &p.u, p.down, p.turned) }
		}
		if _, run := call(func(*pairUpdate) {}); panics(run) {
			t.Fatal("a good call panics")
		}
		for name, change := range map[string]func(p *pairUpdate){
			"rare settings": func(p *pairUpdate) { a := *p.u.Adam; a.EpsInside = true; p.u.Adam = &a },
			"few weights":   func(p *pairUpdate) { p.u.W = p.u.W[:m*n-1] },
			"few moments":   func(p *pairUpdate) { p.u.V = p.u.V[:m*n-1] },
			"short down":    func(p *pairUpdate) { p.down.Data = p.down.Data[:len(p.down.Data)-1] },
			"short turned":  func(p *pairUpdate) { p.turned.Data = p.turned.Data[:len(p.turned.Data)-1] },
			"other copy":    func(p *pairUpdate) { p.turned.K++ },
			"odd columns":   func(p *pairUpdate) { p.b.Count--; p.down.Count-- },
			"rows of a":     func(p *pairUpdate) { p.a.Stride = p.a.K },
			"deep":          func(p *pairUpdate) { p.a.K, p.b.K = UpdateDepth/2+1, UpdateDepth/2+1 },
			"other depth":   func(p *pairUpdate) { p.a.K-- },
		} {
			p, run := call(change)
			if !panics(run) {
				t.Errorf("%s: no panic", name)
			}
			if !slices.Equal(p.w, good.w) {
				t.Errorf("%s: weights have moved", name)
			}
		}
	})
}

func TestBFloat16UpdatesAllocateNothing(t *testing.T) {
	everyUpdate(t, func(t *testing.T, b *BFloat16, _ *Table[float32]) {
		p := newPairUpdate(b, rand.New(rand.NewPCG(1, 2)), usualUpdates()["momentum"], 64, 96, 20, false)
		u := p.update()
		if n := testing.AllocsPerRun(20, func() { b.Update(0, 64, 0, 96, p.a, p.b, u, p.down, p.turned) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// A gradient of W3's widest layer, alone and with its update and the copies of the new weights.
func BenchmarkBFloat16Updates(b *testing.B) {
	for _, name := range Names() {
		k := bfloat16(b, name)
		if k.Update == nil {
			continue
		}
		for _, s := range [][3]int{{2048, 784, 512}, {2048, 2048, 512}} {
			for rule, u := range usualUpdates() {
				if rule != "sgd" && rule != "momentum" && rule != "adam" {
					continue
				}
				m, n, depth := s[0], s[1], s[2]
				p := newPairUpdate(k, rand.New(rand.NewPCG(1, 2)), u, m, n, depth, false)
				tab := table[float32](b, name)
				merged := p.update()
				for _, c := range []struct {
					name string
					run  func()
				}{{"merged", func() { k.Update(0, m, 0, n, p.a, p.b, merged, p.down, p.turned) }}, {"apart", func() { p.apart(k, tab) }}} {
					b.Run(fmt.Sprintf("%s/%s/%dx%dx%d/%s", name, rule, m, n, depth, c.name), func(b *testing.B) {
						for b.Loop() {
							c.run()
						}
						b.ReportMetric(2*float64(m)*float64(n)*float64(depth)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					})
				}
			}
		}
	}
}
