package enginetest

import (
	"fmt"
	"slices"

	"github.com/descent-go/descent/engine"
)

// bench is a case in a graph: the operation, its result as output "out", and the weighted objective sum of out times coefficients.
type bench struct {
	c      Case
	plan   *engine.Plan
	pool   *engine.Pool
	batch  engine.Batch
	inputs map[string]int // position in batch.In
}

// settings are what a law varies.
type settings struct {
	rows      int // of the batch
	compiled  int // of the plan; 0: rows
	threads   int // 0: no pool
	precision engine.Precision
	mode      engine.Mode
	again     bool   // every input is read a second time by the objective
	only      []bool // inputs whose gradient is wanted; nil: all
	seed      uint64
}

func (c Case) isState(j int) bool { return slices.Contains(c.States, j) }

func inputName(j int) string { return fmt.Sprintf("in%d", j) }

// initial is an initializer from the case's values.
type initial struct {
	c Case
	j int
}

func (v initial) Fill(w []float64, _ engine.Shape, r engine.Rand) {
	for i := range w {
		w[i] = v.c.value(v.j, i, r)
	}
}

func (c Case) value(j, i int, r engine.Rand) float64 {
	if c.Value != nil {
		return c.Value(j, i, r)
	}
	if t := c.In[j]; t.Kind == engine.Index {
		return float64(int(r.At(j, i) * float64(t.Below)))
	}
	return r.Normal(j, i)
}

func newBench(c Case, s settings) (*bench, error) {
	if s.compiled == 0 {
		s.compiled = s.rows
	}
	b := &bench{c: c, inputs: map[string]int{}}
	if s.threads > 0 {
		b.pool = engine.NewPool(s.threads)
	}
	g := engine.NewGraph()
	var in, real []engine.Value
	var wanted, frozen []string
	for j, t := range c.In {
		var v engine.Value
		want := s.only == nil || s.only[j]
		switch {
		case c.isState(j):
			v = g.State(inputName(j), t.Shape, initial{c, j})
		case t.Fixed:
			v = g.Param(inputName(j), t.Shape, engine.Weight, initial{c, j})
			if !want {
				frozen = append(frozen, inputName(j))
			}
		default:
			v = g.Input(engine.Field{Name: inputName(j), Type: t})
			if t.Kind == engine.Real && want {
				wanted = append(wanted, inputName(j))
			}
		}
		if s.again && t.Kind == engine.Real && !c.isState(j) {
			v = g.Apply(double{}, v)
		}
		in = append(in, v)
		if t.Kind == engine.Real && !c.isState(j) {
			real = append(real, v)
		}
	}
	out := g.Output("out", g.In("op").Apply(c.Op, in...)) // a scope of its own: its random numbers are keyed by the path
	g.Objective(g.Apply(project{}, out, g.Input(engine.Field{Name: "coefficients", Type: engine.Type{Shape: g.Type(out).Shape}})),
		g.Input(engine.Field{Name: "weight", Type: engine.Type{Shape: engine.Shape{1}}, Use: engine.RowWeight}))
	if s.again {
		for i, v := range real {
			name := fmt.Sprintf("again%d", i)
			g.Objective(g.Apply(project{}, v, g.Input(engine.Field{Name: name, Type: engine.Type{Shape: g.Type(v).Shape}})), engine.Value{})
		}
	}
	var err error
	b.plan, err = engine.Compile(g, engine.Options{Precision: s.precision, Rows: s.compiled, Seed: s.seed, Pool: b.pool,
		InputGradients: wanted, Frozen: frozen, Watch: engine.Watch{Units: true, Histograms: true, RowNorms: true}})
	if err != nil {
		return nil, err
	}
	b.batch = engine.Batch{Rows: s.rows, Mode: s.mode, Step: 3}
	for k, f := range b.plan.Inputs() {
		b.inputs[f.Name] = k
		x := make([]float64, s.rows*f.Type.Shape.Size())
		r := engine.NewRand(s.seed+1, f.Name)
		j := slices.IndexFunc(c.In, func(engine.Type) bool { return false })
		for i := range c.In {
			if inputName(i) == f.Name {
				j = i
			}
		}
		for i := range x {
			switch {
			case j >= 0:
				x[i] = c.value(j, i, r)
			case f.Name == "weight":
				x[i] = 0.5 + r.At(0, i)
			default:
				x[i] = r.Normal(0, i)
			}
		}
		b.batch.In = append(b.batch.In, tensor(f.Name, x, s.precision))
	}
	return b, nil
}

func (b *bench) close() { b.pool.Close() }

func tensor(name string, x []float64, p engine.Precision) engine.Tensor {
	if p == engine.Float64 {
		return engine.Tensor{Name: name, Shape: engine.Shape{len(x)}, F64: x}
	}
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return engine.Tensor{Name: name, Shape: engine.Shape{len(x)}, F32: y}
}

// result is all numbers that a pass gives: loss, weight, output, states, gradients of parameters and inputs, by name.
type result map[string][]float64

func (b *bench) pass() (result, error) { return b.passes(b.batch) }

// passes runs the batches as the parts of one step.
func (b *bench) passes(parts ...engine.Batch) (result, error) {
	r := result{}
	for i := range parts {
		sum, err := b.plan.Forward(&parts[i])
		if err != nil {
			return nil, err
		}
		r["sum"] = add(r["sum"], []float64{sum.Loss, sum.Weight})
		if out := numbers(b.plan.Output("out")); b.c.fixedResult() {
			r["out"] = out
		} else {
			r["out"] = append(r["out"], out...)
		}
		if err := b.plan.Backward(); err != nil {
			return nil, err
		}
		for j := range b.c.In {
			if t := b.plan.InputGradient(inputName(j)); t.Name != "" {
				r["gradient of "+t.Name] = append(r["gradient of "+t.Name], numbers(t)...)
			}
		}
	}
	for _, t := range b.plan.Weights().Gradients() {
		r["gradient of "+t.Name] = numbers(t)
	}
	for _, t := range b.plan.Weights().Keep() {
		r["state "+t.Name] = numbers(t)
	}
	return r, nil
}

func numbers(t engine.Tensor) []float64 {
	x := make([]float64, t.Len())
	for i := range x {
		x[i] = t.At(i)
	}
	return x
}

func add(a, b []float64) []float64 {
	if a == nil {
		return slices.Clone(b)
	}
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// rowsOf is a batch's tensor cut to rows from..to.
func rowsOf(b engine.Batch, from, to int) engine.Batch {
	out := b
	out.In = nil
	for _, t := range b.In {
		size := t.Len() / b.Rows
		c := engine.Tensor{Name: t.Name, Shape: engine.Shape{(to - from) * size}}
		if t.F64 != nil {
			c.F64 = t.F64[from*size : to*size]
		} else {
			c.F32 = t.F32[from*size : to*size]
		}
		out.In = append(out.In, c)
	}
	out.Rows, out.Row = to-from, b.Row+from
	return out
}
