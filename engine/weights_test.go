package engine_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

// stateful is smallNet's shape of weights with a running state.
func stateful(t testing.TB, p engine.Precision, seed uint64) *engine.Weights {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(3)})
	h := g.In("one").Apply(scale{}, x, g.In("one").Param("scale", engine.Shape{3}, engine.Norm, normal{}))
	h = g.In("two").Apply(scale{}, h, g.In("two").State("mean", engine.Shape{3}, normal{}))
	g.Output("y", g.In("three").Apply(linear{2}, h, g.In("three").Param("weight", engine.Shape{3, 2}, engine.Weight, normal{})))
	return compile(t, g, engine.Options{Rows: 1, Precision: p, Seed: seed, Frozen: []string{"three"}}).Weights()
}

func same(a, b []engine.Tensor) bool {
	return slices.EqualFunc(a, b, func(x, y engine.Tensor) bool {
		return x.Name == y.Name && x.Shape.Equal(y.Shape) && slices.Equal(x.F32, y.F32) && slices.Equal(x.F64, y.F64)
	})
}

func TestKeepAndRestore(t *testing.T) {
	precisions := []engine.Precision{engine.Float32, engine.Float64}
	for _, from := range precisions {
		for _, to := range precisions {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				a, b := stateful(t, from, 1), stateful(t, to, 2)
				kept := a.Keep()
				var names []string
				for _, x := range kept {
					names = append(names, x.Name+" "+x.Shape.String())
				}
				if !slices.Equal(names, []string{"one/scale 3", "three/weight 3x2", "two/mean 3"}) {
					t.Error(names)
				}
				slices.Reverse(kept) // the order does not matter
				if err := b.Restore(kept); err != nil {
					t.Fatal(err)
				}
				for i, x := range b.Keep() {
					want := numbers(a.Keep()[i])
					for k, v := range numbers(x) {
						if v != want[k] && !(to == engine.Float32 && float32(v) == float32(want[k])) {
							t.Errorf("%s: %v, %v is wanted", x.Name, v, want[k])
						}
					}
				}
				// What was kept is a copy.
				for _, x := range kept {
					clear(x.F32)
					clear(x.F64)
				}
				if a.Keep()[0].At(0) == 0 || b.Keep()[0].At(0) == 0 {
					t.Error("what Keep returned is the weights' memory")
				}
			})
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	for _, precision := range []engine.Precision{engine.Float32, engine.Float64} {
		w := stateful(t, precision, 1)
		good := func() []engine.Tensor { return stateful(t, precision, 2).Keep() }
		for _, c := range []struct {
			name   string
			change func([]engine.Tensor) []engine.Tensor
			want   []string
		}{
			{"nothing", func([]engine.Tensor) []engine.Tensor { return nil }, []string{`"one/scale"`, "missing"}},
			{"one missing", func(x []engine.Tensor) []engine.Tensor { return x[:2] }, []string{`"two/mean"`, "missing"}},
			{"one too many", func(x []engine.Tensor) []engine.Tensor {
				return append(x, engine.Tensor{Name: "four", Shape: engine.Shape{1}, F64: []float64{1}})
			}, []string{`"four"`, "another network"}},
			{"twice", func(x []engine.Tensor) []engine.Tensor { return append(x, x[1]) }, []string{`"three/weight"`, "twice"}},
			{"another name", func(x []engine.Tensor) []engine.Tensor { x[2].Name = "mean"; return x }, []string{`"two/mean"`, "missing"}},
			{"another shape", func(x []engine.Tensor) []engine.Tensor { x[1].Shape = engine.Shape{2, 3}; return x }, []string{`"three/weight"`, "2x3", "3x2"}},
			{"too few numbers", func(x []engine.Tensor) []engine.Tensor {
				x[2].F32, x[2].F64 = nil, []float64{1, 2}
				return x
			}, []string{`"two/mean"`, "2 numbers", "3"}},
			{"bytes", func(x []engine.Tensor) []engine.Tensor {
				x[2] = engine.Tensor{Name: "two/mean", Shape: engine.Shape{3}, U8: []byte{1, 2, 3}}
				return x
			}, []string{`"two/mean"`, "bytes"}},
			{"beyond the precision", func(x []engine.Tensor) []engine.Tensor {
				x[2].F32, x[2].F64 = nil, []float64{1, 1e300, 2}
				if precision == engine.Float64 {
					x[2].F64 = []float64{1, 2} // every float64 fits; refused for another reason
				}
				return x
			}, []string{`"two/mean"`}},
		} {
			t.Run(fmt.Sprint(precision, " ", c.name), func(t *testing.T) {
				before := w.Keep()
				contains(t, w.Restore(c.change(good())), c.want)
				if !same(before, w.Keep()) {
					t.Error("something was written")
				}
			})
		}
		// What is not finite is the run's to refuse: a diagnosis may want to look at it.
		x := good()
		if x[0].F32 != nil {
			x[0].F32[0] = float32(math.Inf(1))
		} else {
			x[0].F64[0] = math.Inf(1)
		}
		if err := w.Copy().Restore(x); err != nil {
			t.Error(err)
		}
	}
}

func TestCopyIsIndependent(t *testing.T) {
	for _, precision := range []engine.Precision{engine.Float32, engine.Float64} {
		p := compile(t, smallNet(), engine.Options{Rows: 2, Precision: precision})
		b := batchFor(p, 2, 1)
		pass(t, p, &b)
		w := p.Weights()
		c := w.Copy()
		if !same(c.Keep(), w.Keep()) || !same(c.Gradients(), w.Gradients()) || c.Count() != w.Count() || c.Count() != 24 {
			t.Error("the copy differs")
		}
		keep, grad := w.Keep(), w.Gradients()
		other := compile(t, smallNet(), engine.Options{Rows: 2, Precision: precision, Seed: 9})
		if err := c.Assign(other.Weights()); err != nil {
			t.Fatal(err)
		}
		f := p.Fork(c)
		pass(t, f, &b)
		if !same(w.Keep(), keep) || !same(w.Gradients(), grad) {
			t.Error("writing the copy changed the original")
		}
		if !same(c.Keep(), other.Weights().Keep()) || same(c.Gradients(), grad) {
			t.Error("the copy was not written")
		}
	}
}

func TestStatesAreCopied(t *testing.T) {
	for _, precision := range []engine.Precision{engine.Float32, engine.Float64} {
		w := stateful(t, precision, 1)
		if !same(w.Copy().Keep(), w.Keep()) {
			t.Error("Copy left something out")
		}
		other := stateful(t, precision, 2)
		if err := other.Assign(w); err != nil || !same(other.Keep(), w.Keep()) {
			t.Error("Assign left something out", err)
		}
	}
}

func TestAssignRefuses(t *testing.T) {
	w := stateful(t, engine.Float32, 1)
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(3)})
	// As many numbers as stateful has, under other names.
	g.Output("y", g.Apply(linear{2}, g.Apply(scale{}, g.Apply(scale{}, x, g.Param("a", engine.Shape{3}, engine.Norm, normal{})),
		g.State("b", engine.Shape{3}, normal{})), g.Param("c", engine.Shape{3, 2}, engine.Weight, normal{})))
	before := w.Keep()
	for name, from := range map[string]*engine.Weights{
		"another network of the same size": compile(t, g, engine.Options{Rows: 1}).Weights(),
		"another size":                     compile(t, smallNet(), engine.Options{Rows: 1}).Weights(),
		"another precision":                stateful(t, engine.Float64, 1),
	} {
		contains(t, w.Assign(from), []string{"cannot take the place"})
		if !same(before, w.Keep()) {
			t.Error(name, "was written")
		}
	}
}

func TestParamsAreInOrderOfFirstUse(t *testing.T) {
	w := stateful(t, engine.Float32, 1)
	params := w.Params()
	if len(params) != 2 || params[0].Path != "one/scale" || params[1].Path != "three/weight" || !params[1].Frozen || params[0].Frozen ||
		params[0].Role != engine.Norm {
		t.Error(params)
	}
	v, ok := engine.Vectors[float32](w)
	if _, other := engine.Vectors[float64](w); !ok || other {
		t.Error("vectors of the wrong precision")
	}
	if params[1].Offset%16 != 0 || len(v.Weight) < params[1].Offset+params[1].Size() {
		t.Error(params, len(v.Weight))
	}
	params[0].Path = "else"
	if w.Params()[0].Path != "one/scale" {
		t.Error("Params gives the weights' own list")
	}
}

// Initial values depend on seed and path alone, not on precision, what else there is, or what a plan is for.
func TestInitialValues(t *testing.T) {
	a := compile(t, smallNet(), engine.Options{Rows: 1, Seed: 3}).Weights()
	b := compile(t, smallNet(), engine.Options{Rows: 50, Seed: 3, Forward: true}).Weights()
	c := compile(t, smallNet(), engine.Options{Rows: 1, Seed: 4}).Weights()
	d := compile(t, smallNet(), engine.Options{Rows: 1, Seed: 3, Precision: engine.Float64}).Weights()
	if !same(a.Keep(), b.Keep()) || same(a.Keep(), c.Keep()) {
		t.Error("initial values don't follow the seed")
	}
	for i, x := range d.Keep() {
		for k, v := range x.F64 {
			if float32(v) != a.Keep()[i].F32[k] {
				t.Fatal("initial values depend on the precision")
			}
		}
	}
	if b.Gradients() != nil {
		t.Error("a plan that only predicts took memory for gradients")
	}
	// A plan that trains on them takes it.
	p := compile(t, smallNet(), engine.Options{Rows: 1, Weights: b})
	batch := batchFor(p, 1, 1)
	pass(t, p, &batch)
	if len(b.Gradients()) != 3 {
		t.Error(b.Gradients())
	}
}
