package main

// The products of dense layers, as training does them: a layer alone is compiled into a plan, and its forward pass, or one of the two products
// of its backward pass, is timed. Packing and what the engine does around a product are in the time.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/limits"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/train"
)

// product is one of the three products of a dense layer, by the form that it has: NT is the forward pass y = x Wᵀ, NN the gradient of the
// input, δ W, and TN that of the weight, δᵀ x.
type product struct {
	name                string
	form                string
	rows, units, inputs int
}

// String is the form and m x n x k: results of m rows and n columns, each a sum of k products.
func (s product) String() string {
	m, n, k := s.rows, s.units, s.inputs
	switch s.form {
	case "NN":
		n, k = s.inputs, s.units
	case "TN":
		m, n, k = s.units, s.inputs, s.rows
	}
	return fmt.Sprintf("%s %dx%dx%d", s.form, m, n, k)
}

func (s product) flop() float64 { return 2 * float64(s.rows) * float64(s.units) * float64(s.inputs) }

// products are cubes in each form, and those of the workloads.
func products() []product {
	var list []product
	for _, n := range []int{512, 1024, 2048} {
		for _, form := range []string{"NN", "NT", "TN"} {
			list = append(list, product{"cube", form, n, n, n})
		}
	}
	for _, w := range workloads() {
		for i, units := range w.widths[1 : len(w.widths)-1] {
			if i > 1 {
				break // as the layer before it
			}
			layer, inputs := fmt.Sprintf("%s layer %d", w.name, i+1), w.widths[i]
			list = append(list, product{layer, "NT", w.batch, units, inputs})
			if i > 0 {
				list = append(list, product{layer, "NN", w.batch, units, inputs})
			}
			list = append(list, product{layer, "TN", w.batch, units, inputs})
		}
	}
	return list
}

func (m *machine) measureProducts(ctx context.Context, l gauges, precision engine.Precision, live *benchLine) error {
	for _, s := range products() {
		name, size, _ := strings.Cut(s.String(), " ")
		row := measured{name: s.name, form: name, size: size}
		for _, n := range m.threads {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			live.show("product %s, %s", s, countText(n, "thread"))
			f, err := s.measure(l[n], n, l, precision)
			if err != nil {
				return err
			}
			row.figures = append(row.figures, f)
		}
		m.products = append(m.products, row)
	}
	return nil
}

// measure times a product on so many threads.
func (s product) measure(g *limits.Gauge, threads int, l gauges, precision engine.Precision) (figure, error) {
	pool := engine.NewPool(threads)
	defer pool.Close()
	var begin time.Time
	plan, err := s.plan(pool, precision, &begin)
	if err != nil {
		return figure{}, err
	}
	b := batchOfPattern(plan, s.rows)
	return l.between(threads, func() float64 { return productLimit(g, train.Precision(precision)) }, func() (float64, error) {
		var failed error
		seconds := timed(func() time.Duration {
			plan.Weights().Changed() // as after an update: packed copies are made anew
			begin = time.Now()
			if _, err := plan.Forward(&b); err != nil {
				failed = err
			}
			if s.form != "NT" {
				if err := plan.Backward(); err != nil {
					failed = err
				}
			}
			return time.Since(begin)
		})
		return s.flop() / seconds, failed
	})
}

// plan is the layer alone, with the one gradient that the form is about. Its backward pass sets begin when it comes to the layer.
func (s product) plan(pool *engine.Pool, precision engine.Precision, begin *time.Time) (*engine.Plan, error) {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{s.inputs}}})
	w := g.Param("weight", engine.Shape{s.units, s.inputs}, engine.Weight, pattern{})
	g.Objective(g.Apply(flatLoss{begin}, g.Apply(nn.DenseOp{}, x, w)), engine.Value{})
	o := engine.Options{Rows: s.rows, Pool: pool, Precision: precision}
	if s.form == "NN" {
		o.Frozen, o.InputGradients = []string{"weight"}, []string{"x"}
	}
	return engine.Compile(g, o)
}

// batchOfPattern is a training batch of some numbers.
func batchOfPattern(plan *engine.Plan, rows int) engine.Batch {
	b := engine.Batch{Rows: rows, Mode: engine.Train}
	for _, f := range plan.Inputs() {
		n := rows * f.Type.Shape.Size()
		t := engine.Tensor{Name: f.Name, Shape: append(engine.Shape{rows}, f.Type.Shape...)}
		if plan.Weights().Precision() == engine.Float64 {
			t.F64 = make([]float64, n)
		} else {
			t.F32 = make([]float32, n)
		}
		for i := range n {
			if v := patternAt(i); t.F64 != nil {
				t.F64[i] = v
			} else {
				t.F32[i] = float32(v)
			}
		}
		b.In = append(b.In, t)
	}
	return b
}

// pattern fills weights with some numbers, faster than random ones are made.
type pattern struct{}

// Fill implements [engine.Init].
func (pattern) Fill(w []float64, _ engine.Shape, _ engine.Rand) {
	for i := range w {
		w[i] = patternAt(i)
	}
}

func patternAt(i int) float64 { return float64(i%19-9) / 16 }

// flatLoss is 0 for every row, and its gradient one number everywhere. It notes when that is there.
type flatLoss struct{ done *time.Time }

// Type implements [engine.Op].
func (flatLoss) Type([]engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{1}}, nil
}

// Code implements [engine.Op].
func (l flatLoss) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: flat[float32](l), F64: flat[float64](l)}
}

type flat[T engine.Float] struct{ done *time.Time }

func (flat[T]) Traits() engine.Traits {
	return engine.Traits{First: true, ForgetsIn: true, ForgetsOut: true}
}

func (flat[T]) Forward(s *engine.Step[T]) { clear(s.Out) }

func (l flat[T]) Backward(s *engine.Step[T]) {
	for i := range s.GradIn[0] {
		s.GradIn[0][i] = 0.25
	}
	*l.done = time.Now()
}
