package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
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
