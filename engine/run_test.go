package engine_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

var nan = math.NaN()

func TestNoAllocations(t *testing.T) {
	for _, threads := range []int{0, 1, 2} {
		for _, precision := range []engine.Precision{engine.Float32, engine.Float64} {
			for _, rows := range []int{1, 3000} {
				t.Run(fmt.Sprintf("%d threads %v %d rows", threads, precision, rows), func(t *testing.T) {
					var pool *engine.Pool
					if threads > 0 {
						pool = engine.NewPool(threads)
						defer pool.Close()
					}
					o := engine.Options{Rows: rows, Precision: precision, Pool: pool, InputGradients: []string{"x"}, Group: alone{},
						Watch: engine.Watch{Units: true, Histograms: true, RowNorms: true}}
					p := compile(t, smallNet(), o)
					o.Weights, o.Forward, o.InputGradients, o.Rows = p.Weights(), true, nil, 1
					predict := compile(t, smallNet(), o)
					b, one := batchFor(p, rows, 1), batchFor(predict, 1, 1)
					one.Mode = engine.Evaluate
					var sink float64
					n := testing.AllocsPerRun(5, func() {
						b.Watch = !b.Watch
						pass(t, p, &b)
						sink += p.InputGradient("x").At(0)
						p.Weights().Changed()
						if _, err := predict.Forward(&one); err != nil {
							t.Fatal(err)
						}
						sink += predict.Output("y").At(0)
					})
					if n != 0 {
						t.Errorf("%v allocations a step", n)
					}
				})
			}
		}
	}
}

// alone is a group of one.
type alone struct{}

func (alone) Rank() int               { return 0 }
func (alone) Size() int               { return 1 }
func (alone) Sum(engine.Tensor) error { return nil }

func TestBatchErrors(t *testing.T) {
	g := engine.NewGraph()
	g.Output("y", g.Input(engine.Field{Name: "x", Type: rowsOf(2)}))
	g.Output("c", g.Input(engine.Field{Name: "class", Type: engine.Type{Shape: engine.Shape{3}, Kind: engine.Index, Below: 10}}))
	p := compile(t, g, engine.Options{Rows: 4})
	x, class := make([]float32, 8), make([]float32, 12)
	in := func(class ...float32) []engine.Tensor { return []engine.Tensor{{F32: x}, {F32: class}} }
	with := func(i int, v float32) []float32 {
		c := slices.Clone(class)
		c[i] = v
		return c
	}
	for _, c := range []struct {
		name string
		b    engine.Batch
		want []string
	}{
		{"no rows", engine.Batch{In: in(class...)}, []string{"0 rows", "1 to 4"}},
		{"negative rows", engine.Batch{In: in(class...), Rows: -1}, []string{"-1 rows"}},
		{"too many rows", engine.Batch{In: in(class...), Rows: 5}, []string{"5 rows", "1 to 4"}},
		{"too few inputs", engine.Batch{In: in(class...)[:1], Rows: 1}, []string{"1 tensors", "2 inputs"}},
		{"too short", engine.Batch{In: []engine.Tensor{{F32: x[:7]}, {F32: class}}, Rows: 4}, []string{`"x"`, "7", "4 rows of 2", "8"}},
		{"empty", engine.Batch{In: []engine.Tensor{{}, {F32: class}}, Rows: 4}, []string{`"x"`, "0 numbers"}},
		{"another precision", engine.Batch{In: []engine.Tensor{{F64: make([]float64, 8)}, {F32: class}}, Rows: 4}, []string{`"x"`, "precision", "float32"}},
		{"index too large", engine.Batch{In: in(with(7, 10)...), Rows: 4}, []string{`"class"`, "row 2", "position 1", "10", "0 to 9"}},
		{"index negative", engine.Batch{In: in(with(0, -1)...), Rows: 4}, []string{"row 0", "position 0", "-1"}},
		{"index with a fraction", engine.Batch{In: in(with(11, 2.5)...), Rows: 4}, []string{"row 3", "position 2", "2.5"}},
		{"index that is no number", engine.Batch{In: in(with(3, float32(nan))...), Rows: 4}, []string{"row 1", "NaN"}},
		{"index that is infinite", engine.Batch{In: in(with(3, float32(math.Inf(1)))...), Rows: 4}, []string{"row 1", "Inf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := p.Forward(&c.b)
			contains(t, err, c.want)
			if err := p.Backward(); err == nil {
				t.Error("a backward pass after a forward pass that failed")
			}
		})
	}
	// A wrong index beyond the batch's rows is nobody's business.
	if _, err := p.Forward(&engine.Batch{In: in(with(11, 99)...), Rows: 3}); err != nil {
		t.Error(err)
	}
}

func TestBackwardErrors(t *testing.T) {
	p := compile(t, smallNet(), engine.Options{Rows: 1})
	contains(t, p.Backward(), []string{"forward"})
	b := batchFor(p, 1, 1)
	pass(t, p, &b)
	contains(t, p.Backward(), []string{"once"})
	p = compile(t, smallNet(), engine.Options{Rows: 1, Forward: true})
	contains(t, p.Backward(), []string{"only predicts"})
	g := engine.NewGraph()
	g.Output("y", g.Input(engine.Field{Name: "x", Type: rowsOf(2)}))
	contains(t, compile(t, g, engine.Options{Rows: 1}).Backward(), []string{"no objective"})
}

// mask is a random operation: it draws one number an element.
type mask struct{ Rowwise bool }

func (mask) Type(in []engine.Type) (engine.Type, error) { return in[0], nil }
func (o mask) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F64: maskBody{o.Rowwise}}
}

type maskBody struct{ rowwise bool }

func (b maskBody) Traits() engine.Traits { return engine.Traits{Rowwise: b.rowwise} }
func (maskBody) Forward(s *engine.Step[float64]) {
	n := len(s.Out) / s.Rows
	for i, x := range s.In[0] {
		s.Out[i] = x
		if s.Mode.Random() {
			s.Out[i] += s.Rand.At(s.Row+i/n, i%n)
		}
	}
}
func (maskBody) Backward(*engine.Step[float64]) {}

// A row's random numbers depend on its place in the step's batch, not on how the batch is cut, run by how many threads, or what else the
// plan computes; they differ between steps and operations, and Mode Again repeats them.
func TestRandomNumbersFollowTheRow(t *testing.T) {
	build := func() *engine.Graph {
		g := engine.NewGraph()
		x := g.Input(engine.Field{Name: "x", Type: rowsOf(3000)})
		t := g.Input(engine.Field{Name: "t", Type: rowsOf(3000), Use: engine.Target})
		noisy := g.In("a").Apply(mask{}, t) // left out by a plan that predicts
		g.Output("rowwise", g.In("a").Apply(mask{Rowwise: true}, x))
		g.Output("whole", g.In("b").Apply(mask{}, x))
		g.Objective(g.Apply(squares{}, g.Get("rowwise"), noisy), engine.Value{})
		return g
	}
	const rows = 7
	pool := engine.NewPool(3)
	defer pool.Close()
	p := compile(t, build(), engine.Options{Rows: rows, Precision: engine.Float64, Seed: 5, Pool: pool})
	run := func(p *engine.Plan, b engine.Batch) (a, c []float64) {
		t.Helper()
		if _, err := p.Forward(&b); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(p.Output("rowwise").F64), slices.Clone(p.Output("whole").F64)
	}
	b := batchFor(p, rows, 1)
	a, c := run(p, b)
	if slices.Equal(a, c) {
		t.Error("two operations draw the same numbers")
	}
	var parts [2][]float64
	for _, cut := range [][2]int{{0, 2}, {2, 3}, {3, 7}} {
		x, y := run(p, part(b, cut[0], cut[1]))
		parts[0], parts[1] = append(parts[0], x...), append(parts[1], y...)
	}
	if !slices.Equal(parts[0], a) || !slices.Equal(parts[1], c) {
		t.Error("a batch in parts draws other numbers than the whole")
	}
	predict := compile(t, build(), engine.Options{Rows: 100, Precision: engine.Float64, Seed: 5, Forward: true})
	alone := b
	alone.In = b.In[:1]
	if x, y := run(predict, alone); !slices.Equal(x, a) || !slices.Equal(y, c) {
		t.Error("a plan that leaves targets out draws other numbers")
	}
	b.Mode = engine.Again
	if x, _ := run(p, b); !slices.Equal(x, a) {
		t.Error("mode again draws other numbers")
	}
	b.Mode = engine.Evaluate
	if x, _ := run(p, b); !slices.Equal(x, b.In[0].F64) {
		t.Error("mode evaluate draws")
	}
	b.Mode, b.Step = engine.Train, 1
	if x, _ := run(p, b); slices.Equal(x, a) {
		t.Error("the next step draws the same numbers")
	}
}

// A step's gradient is zero for parameters that its objective does not depend on, whatever another plan on the same weights left there.
func TestUntouchedParameters(t *testing.T) {
	build := func(heads ...string) *engine.Graph {
		g := engine.NewGraph()
		x := g.Input(engine.Field{Name: "x", Type: rowsOf(2)})
		target := g.Input(engine.Field{Name: "t", Type: rowsOf(2), Use: engine.Target})
		for i, head := range []string{"a", "b"} {
			if !slices.Contains(heads, head) && len(heads) > 0 {
				continue
			}
			y := g.Output(head, g.In(head).Apply(scale{}, x, g.In(head).Param("w", engine.Shape{2}, engine.Weight, normal{})))
			if i == 0 || len(heads) > 0 {
				g.Objective(g.Apply(squares{}, y, target), engine.Value{})
			}
		}
		return g
	}
	both := compile(t, build("a", "b"), engine.Options{Rows: 2, Precision: engine.Float64})
	o := engine.Options{Rows: 2, Precision: engine.Float64, Weights: both.Weights()}
	b := batchFor(both, 2, 1)
	for name, p := range map[string]*engine.Plan{
		"a head that is only an output":   compile(t, build(), o),
		"a head that is not in the graph": compile(t, build("a"), o),
	} {
		pass(t, both, &b)
		a := both.Weights().Gradients()[0].F64
		if both.Weights().Gradients()[1].F64[0] == 0 {
			t.Fatal("no gradient to be cleared")
		}
		pass(t, p, &b)
		if g := both.Weights().Gradients(); !slices.Equal(g[0].F64, a) || !slices.Equal(g[1].F64, []float64{0, 0}) {
			t.Errorf("%s: gradients %v", name, g)
		}
		// The later parts of a step leave alone what earlier ones, of another plan, wrote.
		b.Part = engine.First
		pass(t, both, &b)
		b.Part = engine.Last
		pass(t, p, &b)
		b.Part = engine.Whole
		if g := both.Weights().Gradients(); g[1].F64[0] == 0 || g[0].F64[0] != 2*a[0] {
			t.Errorf("%s, accumulated: gradients %v", name, g)
		}
	}
}

func TestInputGradientNames(t *testing.T) {
	p := compile(t, smallNet(), engine.Options{Rows: 1, InputGradients: []string{"x", "x"}})
	b := batchFor(p, 1, 1)
	pass(t, p, &b)
	if g := p.InputGradient("x"); g.Len() != 3 {
		t.Error(g)
	}
	if g := p.InputGradient("y"); g.Name != "" {
		t.Error(g)
	}
	if y := p.Output("x"); y.Name != "" {
		t.Error(y)
	}
}

// An absorber sees operations, not shapes: it is not asked where its reader reads another shape.
func TestNothingIsAbsorbedThroughReshape(t *testing.T) {
	for _, reshape := range []bool{false, true} {
		g := engine.NewGraph()
		v := g.Apply(mix{Size: 4, Coef: []float64{1}, Absorbs: true}, g.Input(engine.Field{Name: "x", Type: rowsOf(4)}))
		if reshape {
			v = g.Reshape(v, engine.Shape{2, 2})
		}
		g.Output("y", g.Apply(mix{Size: 4, Coef: []float64{1}}, v))
		p := compile(t, g, engine.Options{Rows: 1, Precision: engine.Float64})
		if n := len(p.Cost().Choices); n != 1 && !reshape || n != 2 && reshape {
			t.Errorf("reshape %v: %d operations", reshape, n)
		}
	}
}

// nested calls Each within a piece.
type nested struct{}

func (nested) Type(in []engine.Type) (engine.Type, error) { return in[0], nil }
func (nested) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: &nestedBody{}}
}

type nestedBody struct{ _ byte }

func (b *nestedBody) Forward(s *engine.Step[float32])                    { s.Each(2, b) }
func (b *nestedBody) Backward(*engine.Step[float32])                     {}
func (b *nestedBody) Do(s *engine.Step[float32], i int, local []float32) { s.Each(2, b) }

func TestEachWithinPiece(t *testing.T) {
	g := engine.NewGraph()
	g.Output("y", g.Apply(nested{}, g.Input(engine.Field{Name: "x", Type: rowsOf(1)})))
	p := compile(t, g, engine.Options{Rows: 1})
	defer func() {
		contains(t, fmt.Errorf("%v", recover()), []string{"nested", "Each within a piece"})
	}()
	p.Forward(&engine.Batch{In: []engine.Tensor{{F32: []float32{1}}}, Rows: 1})
	t.Error("no panic")
}

func TestSum(t *testing.T) {
	// Two objectives on one loss: losses add up, the first one's weights divide.
	g := engine.NewGraph()
	loss := g.Apply(squares{}, g.Input(engine.Field{Name: "x", Type: rowsOf(1)}), g.Input(engine.Field{Name: "t", Type: rowsOf(1)}))
	g.Objective(loss, g.Input(engine.Field{Name: "w", Type: rowsOf(1)}))
	g.Objective(loss, engine.Value{})
	p := compile(t, g, engine.Options{Rows: 2, Precision: engine.Float64, InputGradients: []string{"x"}})
	b := engine.Batch{Rows: 2, In: []engine.Tensor{{F64: []float64{1, 3}}, {F64: []float64{0, 1}}, {F64: []float64{2, 0.5}}}}
	sum := pass(t, p, &b)
	if sum.Loss != 2*0.5+0.5*2+0.5+2 || sum.Weight != 2.5 || sum.Mean() != 4.5/2.5 {
		t.Error(sum)
	}
	if g := p.InputGradient("x").F64; !slices.Equal(g, []float64{3, 3}) {
		t.Error(g)
	}
	if (engine.Sum{}).Mean() != 0 {
		t.Error("mean without weight")
	}
}
