package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// The squared norm that dense layers tell for each row is that of the row's gradient when it is computed alone, over what is not frozen.
func TestDenseRowNorms(t *testing.T) {
	model := Sequence{Dense{Units: 4}, Tanh{}, Dense{Units: 3, NoBias: true}, Dense{Units: 2}}
	for _, frozen := range [][]string{nil, {"dense1/weight"}, {"dense3/bias", "dense2"}, {"dense1", "dense3/weight"}} {
		g := engine.NewGraph()
		y := model.Build(g, g.Input(engine.Field{Name: "x", Type: vector(5)}))
		loss := HalfSquares{}.Build(g.In("loss"), y, g.Input(engine.Field{Name: "d", Type: vector(2)}))
		g.Objective(loss, engine.Value{})
		const rows = 6
		p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: rows, Frozen: frozen, Watch: engine.Watch{RowNorms: true}})
		if err != nil {
			t.Fatal(err)
		}
		x, d := fill(Normal{SD: 1}, engine.Shape{rows, 5}), fill(Normal{SD: 2}, engine.Shape{rows, 2})
		pass := func(from, to int) {
			t.Helper()
			b := engine.Batch{In: []engine.Tensor{{F64: x[5*from : 5*to]}, {F64: d[2*from : 2*to]}}, Rows: to - from, Watch: true}
			if _, err := p.Forward(&b); err != nil {
				t.Fatal(err)
			}
			if err := p.Backward(); err != nil {
				t.Fatal(err)
			}
		}
		pass(0, rows)
		i := slices.IndexFunc(p.Readings(), func(r engine.Reading) bool { return r.What == engine.ReadRowNorms })
		got := slices.Clone(p.Readings()[i].Values)
		for r := range rows {
			pass(r, r+1)
			want := 0.0
			for _, w := range p.Weights().Gradients() {
				for _, v := range w.F64 {
					want += v * v
				}
			}
			if math.Abs(got[r]-want) > 1e-12*want {
				t.Errorf("frozen %v, row %d: %v, want %v", frozen, r, got[r], want)
			}
		}
	}
}

// However a dense layer's products are cut, whether they share a packed operand and whether W is kept transposed, the bits are those of the
// kernels one after the other.
func TestDensePieces(t *testing.T) {
	for _, set := range kernel.Names() {
		k, err := kernel.For[float32](set)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []struct{ rows, inputs, units int }{{1, 30, 20}, {32, 784, 128}, {33, 300, 700}, {70, 500, 530}, {129, 300, 1100}, {300, 1100, 70}} {
			if set == "portable" && l.rows > 70 {
				continue // slow, and cut like the others
			}
			m, n, in := l.rows, l.units, l.inputs
			for _, add := range []bool{false, true} {
				s, body := denseStep(set, m+3, in, n) // a shorter batch than the largest
				s.Rows = m
				s.First = []bool{!add, !add, !add}
				x, w, bias := s.In[0], s.In[1], s.In[2]
				y := make([]float32, m*n)
				k.GemmNT(m, n, in, x, in, w, in, y, n, false)
				k.AddBias(m, n, y, n, bias)
				k.Relu(y, y)
				delta := slices.Clone(s.GradOut[:m*n])
				k.ReluBack(delta, y, delta, false)
				dx, dw, db := slices.Clone(s.GradIn[0][:m*in]), slices.Clone(s.GradIn[1]), slices.Clone(s.GradIn[2])
				k.GemmNN(m, in, n, delta, n, w, in, dx, in, add)
				k.GemmTN(n, in, m, delta, n, x, in, dw, in, add)
				k.SumRows(m, n, db, delta, n, add)

				body.Forward(s)
				body.Backward(s)
				for name, pair := range map[string][2][]float32{
					"y": {s.Out[:m*n], y}, "dx": {s.GradIn[0][:m*in], dx}, "dW": {s.GradIn[1], dw}, "db": {s.GradIn[2], db}, "δ": {s.GradOut[:m*n], delta},
				} {
					if !slices.Equal(pair[0], pair[1]) {
						t.Errorf("%s %+v add %v: %s differs from the kernels one after the other", set, l, add, name)
					}
				}

				few := min(m, fewRows)
				types := []engine.Type{vector(in), {Shape: engine.Shape{n, in}, Fixed: true}, {Shape: engine.Shape{n}, Fixed: true}}
				predicts := newAffine[float32](DenseOp{Then: reluActivation}, types, engine.Conditions{Rows: few, Kernels: set})
				one := &engine.Step[float32]{Rows: few, In: s.In, Out: make([]float32, few*n), Packed: make([]float32, predicts.Traits().Packed)}
				predicts.Pack(one)
				predicts.Forward(one)
				if !slices.Equal(one.Out, y[:few*n]) {
					t.Errorf("%s %+v: predicting differs", set, l)
				}
			}
		}
	}
}

func TestDenseBiasesStartAsTheyAreTold(t *testing.T) {
	for _, c := range []struct {
		init engine.Init
		want []float64
	}{{nil, []float64{0, 0, 0}}, {Constant(0.25), []float64{0.25, 0.25, 0.25}}} {
		g := engine.NewGraph()
		g.Output("y", Dense{Units: 3, Init: Constant(1), BiasInit: c.init}.Build(g, g.Input(engine.Field{Name: "x", Type: vector(2)})))
		p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 1})
		if err != nil {
			t.Fatal(err)
		}
		w := p.Weights().Keep()
		if w[0].At(0) != 1 || !slices.Equal(w[1].F64, c.want) {
			t.Errorf("%v: weight %v, bias %v, want 1 and %v", c.init, w[0].At(0), w[1].F64, c.want)
		}
	}
}
