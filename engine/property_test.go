package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"pgregory.net/rapid"
)

// Random graphs of mixes are run by a plan and by a naive executor that gives every value and every gradient memory of its own, keeps
// everything, skips nothing and adds up one row after the other. Both must agree bit for bit.

// dag is a random graph, as plain numbers.
type dag struct {
	nodes      []dagNode
	outputs    []int
	objectives [][2]int // loss and weight; weight -1: one
}

type dagNode struct {
	kind  byte // i: input, p: parameter, o: mix, r: reshape
	name  string
	size  int
	fixed bool
	index bool
	use   engine.Use
	op    mix
	in    []int
}

func drawDag(t *rapid.T) *dag {
	d := &dag{}
	intn := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
	maybe := func(name string) bool { return rapid.Bool().Draw(t, name) }
	// Rows of 4100 numbers are cut into tiles of one row.
	sizes := []int{1, 2, 3, 5, 16, 17, 4100}
	wide := 0
	size := func() int {
		n := rapid.SampledFrom(sizes).Draw(t, "size")
		if n > 1000 {
			if wide++; wide > 2 {
				n = 7
			}
		}
		return n
	}
	for i := range intn("inputs", 1, 3) {
		d.nodes = append(d.nodes, dagNode{kind: 'i', name: fmt.Sprint("x", i), size: size(), index: i > 0 && intn("index", 0, 3) == 0})
		if i > 0 && intn("target", 0, 2) == 0 {
			d.nodes[i].use = engine.Target
		}
	}
	for i := range intn("params", 1, 3) {
		d.nodes = append(d.nodes, dagNode{kind: 'p', name: fmt.Sprint("p", i), size: size(), fixed: true})
	}
	for i := range intn("ops", 1, 12) {
		if intn("reshape", 0, 6) == 0 {
			k := intn("of", 0, len(d.nodes)-1)
			n := d.nodes[k]
			d.nodes = append(d.nodes, dagNode{kind: 'r', size: n.size, fixed: n.fixed, index: n.index, in: []int{k}})
			continue
		}
		d.addMix(t, fmt.Sprint("op", i), size(), false)
	}
	for range intn("objectives", 1, 3) {
		if len(d.objectives) > 0 && maybe("same loss") {
			d.objectives = append(d.objectives, [2]int{d.objectives[0][0], -1})
			continue
		}
		loss := d.addMix(t, "loss", 1, true)
		weight := -1
		switch intn("weight", 0, 2) {
		case 1:
			d.nodes = append(d.nodes, dagNode{kind: 'i', name: fmt.Sprint("w", loss), size: 1, use: engine.RowWeight})
			weight = len(d.nodes) - 1
		case 2:
			weight = d.addMix(t, "weight", 1, true)
		}
		d.objectives = append(d.objectives, [2]int{loss, weight})
	}
	for i := range d.nodes {
		if intn("output", 0, 4) == 0 {
			d.outputs = append(d.outputs, i)
		}
	}
	return d
}

// addMix draws an operation; with rows, one of its inputs has rows.
func (d *dag) addMix(t *rapid.T, name string, size int, withRows bool) int {
	maybe := func(name string) bool { return rapid.Bool().Draw(t, name) }
	n := dagNode{kind: 'o', name: name, size: size, fixed: true}
	for k := range rapid.IntRange(1, 3).Draw(t, "arity") {
		// Late values more often, for deep graphs; the same value twice now and then.
		j := len(d.nodes) - 1 - min(rapid.IntRange(0, len(d.nodes)-1).Draw(t, "in"), rapid.IntRange(0, len(d.nodes)-1).Draw(t, "in"))
		for withRows && k == 0 && d.nodes[j].fixed {
			j = (j + 1) % len(d.nodes)
		}
		n.in = append(n.in, j)
		n.fixed = n.fixed && d.nodes[j].fixed
		n.op.Coef = append(n.op.Coef, float64(rapid.IntRange(-2, 2).Draw(t, "coefficient")))
	}
	n.op.Size = size
	n.op.Reads.In, n.op.Reads.Out = maybe("reads in"), maybe("reads out")
	n.op.First, n.op.Rowwise, n.op.Pieces = maybe("first"), maybe("rowwise"), maybe("pieces")
	n.op.Scratch, n.op.Local = maybe("scratch"), maybe("local")
	n.op.Saved = rapid.IntRange(0, 2).Draw(t, "saved")
	n.op.Packed, n.op.Absorbs = maybe("packed"), maybe("absorbs")
	if n.op.Rowwise {
		n.op.Saved = min(n.op.Saved, 1)
	}
	d.nodes = append(d.nodes, n)
	return len(d.nodes) - 1
}

type constant float64

func (c constant) Fill(w []float64, _ engine.Shape, _ engine.Rand) {
	for i := range w {
		w[i] = float64(c)
	}
}

func (d *dag) build() *engine.Graph {
	g := engine.NewGraph()
	values := make([]engine.Value, len(d.nodes))
	for i, n := range d.nodes {
		var in []engine.Value
		for _, j := range n.in {
			in = append(in, values[j])
		}
		switch n.kind {
		case 'i':
			f := engine.Field{Name: n.name, Type: rowsOf(n.size), Use: n.use}
			if n.index {
				f.Type.Kind, f.Type.Below = engine.Index, 6
			}
			values[i] = g.Input(f)
		case 'p':
			values[i] = g.Param(n.name, engine.Shape{n.size}, engine.Weight, constant(1))
		case 'o':
			values[i] = g.In(n.name).Apply(n.op, in...)
		case 'r':
			values[i] = g.Reshape(in[0], engine.Shape{1, n.size})
		}
	}
	for _, i := range d.outputs {
		g.Output(fmt.Sprint("out", i), values[i])
	}
	for _, o := range d.objectives {
		weight := engine.Value{}
		if o[1] >= 0 {
			weight = values[o[1]]
		}
		g.Objective(values[o[0]], weight)
	}
	return g
}

// before marks the nodes that the given ones are computed from, themselves included.
func (d *dag) before(of ...int) []bool {
	marked := make([]bool, len(d.nodes))
	for _, i := range of {
		marked[i] = true
	}
	for i := len(d.nodes) - 1; i >= 0; i-- {
		if marked[i] {
			for _, j := range d.nodes[i].in {
				marked[j] = true
			}
		}
	}
	return marked
}

// naive runs the graph on the given numbers of inputs (all rows) and parameters.
func (d *dag) naive(given map[string][]float64, rows int) map[string][]float64 {
	value, grad := make([][]float64, len(d.nodes)), make([][]float64, len(d.nodes))
	saved, batch := make([][]float64, len(d.nodes)), make([]float64, len(d.nodes))
	packed := make([][]float64, len(d.nodes))
	rowsOf := func(i int) int {
		if d.nodes[i].fixed {
			return 1
		}
		return rows
	}
	row := func(x []float64, i, r int) []float64 {
		if x == nil || d.nodes[i].fixed {
			return x
		}
		return x[r*d.nodes[i].size : (r+1)*d.nodes[i].size]
	}
	rowOf := func(x [][]float64, i, r int) [][]float64 {
		var out [][]float64
		for _, j := range d.nodes[i].in {
			out = append(out, row(x[j], j, r))
		}
		return out
	}
	for i, n := range d.nodes {
		elements := rowsOf(i) * n.size
		switch n.kind {
		case 'i', 'p':
			value[i] = given[n.name]
		case 'r':
			value[i], grad[i] = value[n.in[0]], grad[n.in[0]]
			continue
		case 'o':
			value[i] = make([]float64, elements)
			if n.op.Saved > 0 {
				saved[i] = make([]float64, elements)
			}
			types := make([]engine.Type, len(n.in))
			for k, j := range n.in {
				types[k].Fixed = d.nodes[j].fixed
			}
			if k := n.op.packs(types); k >= 0 {
				for _, v := range value[n.in[k]] {
					packed[i] = append(packed[i], wrap(2*v))
				}
			}
			sum := 0.0
			for r := range rowsOf(i) {
				s := row(saved[i], i, r)
				n.op.row(make([]float64, n.size), row(value[i], i, r), s, rowOf(value, i, r), packed[i])
				if n.op.Saved > 1 {
					sum += s[0]
				}
			}
			if n.op.Saved > 1 {
				batch[i] = wrap(sum)
			}
		}
		grad[i] = make([]float64, elements)
	}
	result := map[string][]float64{"sum": {0, 0}}
	for k, o := range d.objectives {
		for r := range rows {
			w := 1.0
			if o[1] >= 0 {
				w = value[o[1]][r]
			}
			grad[o[0]][r] += w
			result["sum"][0] += w * value[o[0]][r]
			if k == 0 {
				result["sum"][1] += w
			}
		}
	}
	for i := len(d.nodes) - 1; i >= 0; i-- {
		n := d.nodes[i]
		if n.kind != 'o' {
			continue
		}
		for r := range rowsOf(i) {
			n.op.back(rowOf(grad, i, r), rowOf(value, i, r), row(value[i], i, r), row(saved[i], i, r), row(grad[i], i, r), packed[i], batch[i])
		}
	}
	for _, i := range d.outputs {
		result[fmt.Sprint("out", i)] = value[i]
	}
	for i, n := range d.nodes {
		for _, g := range grad[i] {
			if g > 1<<52 || g < -1<<52 {
				return nil // no longer exact
			}
		}
		if n.kind == 'i' || n.kind == 'p' {
			result["gradient of "+n.name] = grad[i]
		}
	}
	return result
}

func TestRandomGraphs(t *testing.T) {
	pools := []*engine.Pool{nil, engine.NewPool(2), engine.NewPool(3)}
	defer pools[1].Close()
	defer pools[2].Close()
	rapid.Check(t, func(t *rapid.T) {
		d := drawDag(t)
		rows := rapid.IntRange(1, 7).Draw(t, "rows")
		o := engine.Options{
			Precision: engine.Float64, Rows: rows + rapid.IntRange(0, 3).Draw(t, "spare rows"),
			Pool:  rapid.SampledFrom(pools).Draw(t, "pool"),
			Watch: engine.Watch{Units: true, Histograms: true, RowNorms: true},
		}
		watch := rapid.Bool().Draw(t, "watch")
		var roots []int
		for _, obj := range d.objectives {
			roots = append(roots, obj[0])
		}
		lossNeeds := d.before(roots...)
		for _, obj := range d.objectives {
			if obj[1] >= 0 {
				roots = append(roots, obj[1])
			}
		}
		live := d.before(append(roots, d.outputs...)...)
		var wanted []string
		for i, n := range d.nodes {
			switch {
			case n.kind == 'p' && live[i] && rapid.IntRange(0, 3).Draw(t, "frozen") == 0:
				o.Frozen = append(o.Frozen, n.name)
			case n.kind == 'p' && live[i]:
				wanted = append(wanted, "gradient of "+n.name)
			case n.kind == 'i' && lossNeeds[i] && !n.index && rapid.Bool().Draw(t, "input gradient"):
				o.InputGradients = append(o.InputGradients, n.name)
				wanted = append(wanted, "gradient of "+n.name)
			}
		}
		g := d.build()
		p, err := engine.Compile(g, o)
		if err != nil {
			t.Fatal(err)
		}
		// A fork, a plan of another size on the same weights, and one that only predicts.
		o.Weights, o.Rows, o.Frozen = p.Weights(), rows, nil
		other, err := engine.Compile(g, o)
		if err != nil {
			t.Fatal(err)
		}
		plans := []*engine.Plan{p, p.Fork(nil), other}
		o.Forward, o.InputGradients = true, nil
		predict, err := engine.Compile(g, o)
		if err != nil {
			predict = nil // no output without targets
		}
		cuttable := !slices.ContainsFunc(d.nodes, func(n dagNode) bool { return n.op.Saved > 1 })
		for round := range 3 {
			given := d.draw(t, rows, p, round)
			want := d.naive(given, rows)
			if want == nil {
				return
			}
			for k, p := range plans {
				var cuts []int
				if cuttable {
					for r := 1; r < rows; r++ {
						if rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
							cuts = append(cuts, r)
						}
					}
				}
				got, err := runParts(p, given, rows, cuts, watch)
				if err != nil {
					t.Fatal(err)
				}
				names := append([]string{"sum"}, wanted...)
				for _, i := range d.outputs {
					names = append(names, fmt.Sprint("out", i))
				}
				for _, name := range names {
					if !slices.Equal(got[name], want[name]) {
						t.Fatalf("round %d, plan %d, parts %v: %s is %v, %v is wanted", round, k, cuts, name, short(got[name]), short(want[name]))
					}
				}
				for name := range got {
					if !slices.Contains(names, name) {
						t.Fatalf("there is a %s that nobody asked for", name)
					}
				}
			}
			if predict != nil {
				d.checkPredictions(t, predict, given, want, rows)
			}
		}
	})
}

func short(x []float64) []float64 { return x[:min(len(x), 12)] }

// draw makes whole numbers for inputs and writes some into the parameters.
func (d *dag) draw(t *rapid.T, rows int, p *engine.Plan, round int) map[string][]float64 {
	seed := rapid.Uint64().Draw(t, "numbers")
	given := map[string][]float64{}
	params := p.Weights().Keep()
	for _, n := range d.nodes {
		if n.kind != 'i' && n.kind != 'p' {
			continue
		}
		count, r := n.size, engine.NewRand(seed, n.name)
		if n.kind == 'i' {
			count *= rows
		}
		x := make([]float64, count)
		for i := range x {
			x[i] = float64(int(r.At(0, i) * 6))
		}
		given[n.name] = x
		for _, q := range params {
			if n.kind == 'p' && q.Name == n.name {
				if round == 2 {
					copy(x, q.F64) // the last round's once more: packed copies are not filled again
				}
				copy(q.F64, x)
			}
		}
	}
	if round < 2 {
		if err := p.Weights().Restore(params); err != nil {
			t.Fatal(err)
		}
	}
	return given
}

func batchOf(p *engine.Plan, given map[string][]float64, rows int) engine.Batch {
	b := engine.Batch{Rows: rows}
	for _, f := range p.Inputs() {
		b.In = append(b.In, engine.Tensor{Name: f.Name, F64: given[f.Name]})
	}
	return b
}

// runParts runs a step in the parts that begin at cuts.
func runParts(p *engine.Plan, given map[string][]float64, rows int, cuts []int, watch bool) (map[string][]float64, error) {
	whole := batchOf(p, given, rows)
	whole.Watch = watch
	edges := append(append([]int{0}, cuts...), rows)
	result := map[string][]float64{"sum": {0, 0}}
	for k := range len(edges) - 1 {
		b := part(whole, edges[k], edges[k+1])
		switch {
		case len(cuts) == 0:
		case k == 0:
			b.Part = engine.First
		case k == len(cuts):
			b.Part = engine.Last
		default:
			b.Part = engine.Middle
		}
		sum, err := p.Forward(&b)
		if err != nil {
			return nil, err
		}
		if err := p.Backward(); err != nil {
			return nil, err
		}
		result["sum"][0] += sum.Loss
		result["sum"][1] += sum.Weight
		for _, f := range p.Outputs() { // after the backward pass: outputs stay readable
			x := p.Output(f.Name).F64
			if f.Type.Fixed {
				result[f.Name] = slices.Clone(x)
			} else {
				result[f.Name] = append(result[f.Name], x...)
			}
		}
		for _, t := range b.In {
			if g := p.InputGradient(t.Name); g.Name != "" {
				result["gradient of "+t.Name] = append(result["gradient of "+t.Name], g.F64...)
			}
		}
	}
	for _, t := range p.Weights().Gradients() {
		result["gradient of "+t.Name] = t.F64
	}
	return result, nil
}

// checkPredictions runs a plan without targets: it has exactly the outputs that do without them.
func (d *dag) checkPredictions(t *rapid.T, p *engine.Plan, given, want map[string][]float64, rows int) {
	b := batchOf(p, given, rows)
	b.Mode = engine.Train
	if _, err := p.Forward(&b); err != nil {
		t.Fatal(err)
	}
	for _, i := range d.outputs {
		name := fmt.Sprint("out", i)
		withheld := false
		for j, marked := range d.before(i) {
			withheld = withheld || marked && d.nodes[j].kind == 'i' && d.nodes[j].use != engine.Feature
		}
		if got := p.Output(name); (got.Name == "") != withheld {
			t.Fatalf("%s: withheld is %v, there is %q", name, withheld, got.Name)
		} else if !withheld && !slices.Equal(got.F64, want[name]) {
			t.Fatalf("%s predicts %v, %v is wanted", name, short(got.F64), short(want[name]))
		}
	}
}
