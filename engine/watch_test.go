package engine_test

import (
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

func readings(p *engine.Plan) map[string][]float64 {
	m := map[string][]float64{}
	for _, r := range p.Readings() {
		m[r.Path+" "+r.What] = r.Values
	}
	return m
}

// x [2] times a = (2, -1), compared with t: numbers small enough to follow by hand.
func watchedNet(frozen bool, forward bool, t *testing.T) *engine.Plan {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(2)})
	y := g.Output("y", g.In("gain").Apply(scale{}, x, g.In("gain").Param("a", engine.Shape{2}, engine.Weight, pair{2, -1})))
	g.Objective(g.In("loss").Apply(squares{}, y, g.Input(engine.Field{Name: "t", Type: rowsOf(2), Use: engine.Target})), engine.Value{})
	o := engine.Options{Rows: 3, Precision: engine.Float64, Forward: forward, Watch: engine.Watch{Units: true, Histograms: true}}
	if frozen {
		o.Frozen = []string{"gain"}
		o.InputGradients = []string{"x"}
	}
	return compile(t, g, o)
}

type pair [2]float64

func (p pair) Fill(w []float64, _ engine.Shape, _ engine.Rand) { copy(w, p[:]) }

func TestReadings(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name            string
		x, t            []float64
		frozen, forward bool
		want            map[string][]float64
	}{
		{"two rows", []float64{1, 3, 0.5, -0.25}, []float64{1, -3, 2, 0.25}, false, false, map[string][]float64{
			// y = (2, -3), (1, 0.25); y - t = (1, 0), (-1, 0)
			"gain rms":              {math.Sqrt((4 + 9 + 1 + 1.0/16) / 4)},
			"gain nonfinite":        {0},
			"gain grad_rms":         {math.Sqrt(2.0 / 4)},
			"gain grad_nonfinite":   {0},
			"gain units_active":     {1, 0.5},
			"loss rms":              {0.5},
			"loss grad_rms":         {1},
			"loss units_active":     {1},
			"gain/a weight_rms":     {math.Sqrt(5.0 / 2)},
			"gain/a grad_rms":       {math.Sqrt((0.5 * 0.5) / 2)}, // 1*1 - 1*0.5, 0
			"gain/a grad_nonfinite": {0},
		}},
		{"three rows, no finite number in the first", []float64{nan, inf, 1, 1, 3, 0}, make([]float64, 6), false, false, map[string][]float64{
			// y = (NaN, -Inf), (2, -1), (6, 0)
			"gain rms":              {math.Sqrt((4 + 1 + 36 + 0) / 4.0)},
			"gain nonfinite":        {2},
			"gain grad_nonfinite":   {2},
			"gain units_active":     {2.0 / 3, 0},
			"loss nonfinite":        {1},
			"loss grad_nonfinite":   {0},
			"gain/a grad_rms":       {0},
			"gain/a grad_nonfinite": {2},
		}},
		{"frozen", []float64{1, 3}, []float64{1, -3}, true, false, map[string][]float64{
			"gain grad_rms": {math.Sqrt(0.5)}, "gain/a weight_rms": {math.Sqrt(5.0 / 2)}, "gain/a grad_rms": {0},
		}},
		{"forward only", []float64{1, 3}, nil, false, true, map[string][]float64{
			"gain rms": {math.Sqrt(13.0 / 2)}, "gain grad_rms": nil, "gain/a weight_rms": nil, "loss rms": nil,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := watchedNet(c.frozen, c.forward, t)
			b := engine.Batch{Rows: len(c.x) / 2, Watch: true, In: []engine.Tensor{{F64: c.x}, {F64: c.t}}[:len(p.Inputs())]}
			for range 2 { // what an earlier pass read is gone
				if _, err := p.Forward(&b); err != nil {
					t.Fatal(err)
				}
				if !c.forward {
					if err := p.Backward(); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := readings(p)
			for name, want := range c.want {
				if !slices.EqualFunc(got[name], want, func(a, b float64) bool { return math.Abs(a-b) < 1e-15 }) {
					t.Errorf("%s is %v, %v is wanted", name, got[name], want)
				}
			}
		})
	}
}

func TestHistogram(t *testing.T) {
	p := watchedNet(false, true, t)
	bin := func(exponent int) int { return exponent - engine.HistogramFrom }
	for _, c := range []struct {
		y   float64
		bin int // -1: not counted
	}{
		{0, 0}, {1e-300, 0}, {math.Ldexp(1, engine.HistogramFrom), 0}, {math.Ldexp(1, engine.HistogramFrom+1), 1},
		{1, bin(0)}, {-1.999, bin(0)}, {2, bin(1)}, {0.5, bin(-1)}, {0.499, bin(-2)}, {-4, bin(2)}, {1e300, 63},
		{nan, -1}, {math.Inf(1), -1}, {math.Inf(-1), -1},
	} {
		b := engine.Batch{Rows: 1, Watch: true, In: []engine.Tensor{{F64: []float64{c.y / 2, 0}}}}
		if _, err := p.Forward(&b); err != nil {
			t.Fatal(err)
		}
		want := make([]float64, 64)
		want[0] = 1 // the second unit's zero
		if c.bin >= 0 {
			want[c.bin]++
		}
		if got := readings(p)["gain histogram"]; !slices.Equal(got, want) {
			t.Errorf("%v: %v", c.y, got)
		}
	}
}

// The squared norm of a row's own gradient is what a batch of that row alone gives.
func TestRowNorms(t *testing.T) {
	for _, c := range []struct {
		name   string
		frozen []string
	}{{"all", nil}, {"first layer frozen", []string{"one"}}, {"last layer frozen", []string{"two"}}} {
		t.Run(c.name, func(t *testing.T) {
			const rows = 5
			g := engine.NewGraph()
			x := g.Input(engine.Field{Name: "x", Type: rowsOf(3)})
			h := g.In("one").Apply(linear{4}, x, g.In("one").Param("w", engine.Shape{3, 4}, engine.Weight, normal{}))
			y := g.In("two").Apply(linear{2}, h, g.In("two").Param("w", engine.Shape{4, 2}, engine.Weight, normal{}))
			g.Objective(g.Apply(squares{}, y, g.Input(engine.Field{Name: "t", Type: rowsOf(2), Use: engine.Target})),
				g.Input(engine.Field{Name: "w", Type: rowsOf(1), Use: engine.RowWeight}))
			p := compile(t, g, engine.Options{Rows: rows, Precision: engine.Float64, Frozen: c.frozen, Watch: engine.Watch{RowNorms: true}})
			whole := batchFor(p, rows, 2)
			want := make([]float64, rows)
			for r := range rows {
				b := part(whole, r, r+1)
				pass(t, p, &b)
				for _, g := range p.Weights().Gradients() {
					for _, v := range g.F64 {
						want[r] += v * v
					}
				}
			}
			whole.Watch = true
			for _, n := range []int{rows, 2, rows} { // a shorter batch in between has as many readings as rows
				b := part(whole, 0, n)
				pass(t, p, &b)
				got := readings(p)[" "+engine.ReadRowNorms]
				if !slices.EqualFunc(got, want[:n], func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*b }) {
					t.Errorf("%d rows: %v, %v is wanted", n, got, want[:n])
				}
			}
		})
	}
}

// A computed parameter has no rows: its operation is not asked for row norms, which would go to row 0.
func TestRowNormsOfComputedParameters(t *testing.T) {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(2)})
	product := g.In("product").Apply(linear{2}, g.Param("a", engine.Shape{3}, engine.Weight, normal{}), g.Param("b", engine.Shape{3, 2}, engine.Weight, normal{}))
	g.Objective(g.Apply(squares{}, g.Apply(scale{}, x, product), x), engine.Value{})
	p := compile(t, g, engine.Options{Rows: 2, Watch: engine.Watch{RowNorms: true}})
	b := batchFor(p, 2, 1)
	b.Watch = true
	pass(t, p, &b)
	if got := readings(p)[" "+engine.ReadRowNorms]; !slices.Equal(got, []float64{0, 0}) {
		t.Error(got)
	}
}

// doubling is a group that doubles: a reading of a parameter's gradient is of the sum over processes.
type doubling struct{ alone }

func (doubling) Sum(t engine.Tensor) error {
	for i := range t.F32 {
		t.F32[i] *= 2
	}
	return nil
}

func TestParameterReadingsAreOfTheWholeStep(t *testing.T) {
	var got []float64
	for _, group := range []engine.Group{nil, doubling{}} {
		p := compile(t, smallNet(), engine.Options{Rows: 2, Group: group})
		b := batchFor(p, 2, 1)
		b.Watch = true
		pass(t, p, &b)
		got = append(got, readings(p)["one/weight "+engine.ReadGradRms][0])
	}
	if got[1] != 2*got[0] || got[0] == 0 {
		t.Error(got)
	}
}

func TestWatchChangesNoBit(t *testing.T) {
	o := engine.Options{Rows: 40, Watch: engine.Watch{Units: true, Histograms: true, RowNorms: true}}
	plain, watched := compile(t, smallNet(), o), compile(t, smallNet(), o)
	b := batchFor(plain, 40, 1)
	w := b
	w.Watch = true
	if a, c := pass(t, plain, &b), pass(t, watched, &w); a != c || !same(plain.Weights().Gradients(), watched.Weights().Gradients()) {
		t.Error("a watched pass has other bits")
	}
}
