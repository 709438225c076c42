// Package optimtest tests optimizers: the laws that every rule keeps, for the rules of this module and for anybody's own. A rule's test is
//
//	func TestMine(t *testing.T) {
//		optimtest.Run(t, optimtest.Case{Optimizer: mine.New(1e-3), Formula: formula})
//	}
package optimtest

// This file makes weights and gradients out of nothing: a graph of parameters with an operation that computes nothing, so that a test can
// lay any gradient beside them.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

// Weights makes weights with gradients for the given parameters, of which Path, Shape, Role and Frozen count. Their values are normal
// numbers that are the same in both precisions; gradients are zero.
func Weights(p engine.Precision, params ...engine.Param) (*engine.Weights, error) {
	graph := engine.NewGraph()
	in := []engine.Value{graph.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{1}}})}
	var frozen []string
	for _, q := range params {
		g := graph
		names := strings.Split(q.Path, "/")
		for _, scope := range names[:len(names)-1] {
			g = g.In(scope)
		}
		in = append(in, g.Param(names[len(names)-1], q.Shape, q.Role, normal{}))
		if q.Frozen {
			frozen = append(frozen, q.Path)
		}
	}
	graph.Objective(graph.Apply(nothing{}, in...), engine.Value{})
	plan, err := engine.Compile(graph, engine.Options{Precision: p, Rows: 1, Seed: 1, Frozen: frozen})
	if err != nil {
		return nil, err
	}
	return plan.Weights(), nil
}

// normal numbers that float32 holds.
type normal struct{}

func (normal) Fill(w []float64, _ engine.Shape, r engine.Rand) {
	for i := range w {
		w[i] = float64(float32(r.Normal(0, i)))
	}
}

// nothing reads its inputs and gives zero.
type nothing struct{}

func (nothing) Type([]engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (nothing) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: nothingBody[float32]{}, F64: nothingBody[float64]{}}
}

type nothingBody[T engine.Float] struct{}

func (nothingBody[T]) Forward(s *engine.Step[T]) { clear(s.Out) }
func (nothingBody[T]) Backward(*engine.Step[T])  {}

// large is enough for a parameter to be cut into pieces.
const large = 129

// params of the suite: a matrix with so many rows, one of each role, one that stays as it is.
func params(rows int) []engine.Param {
	return []engine.Param{
		{Path: "dense1/weight", Shape: engine.Shape{rows, 128}, Role: engine.Weight},
		{Path: "dense1/bias", Shape: engine.Shape{128}, Role: engine.Bias},
		{Path: "norm/scale", Shape: engine.Shape{128}, Role: engine.Norm},
		{Path: "words/table", Shape: engine.Shape{11, 7}, Role: engine.Embedding},
		{Path: "frozen/weight", Shape: engine.Shape{5, 3}, Role: engine.Weight, Frozen: true},
		{Path: "head/weight", Shape: engine.Shape{128, 3}, Role: engine.Output},
	}
}

// batchWeight is no power of two, so that dividing by it rounds.
const batchWeight = 10

// bench is one optimizer at work on weights of its own.
type bench struct {
	weights *engine.Weights
	stepper *optim.Stepper
	step    int
	moment  optim.Moment
	scale   float64 // of the loss
	source  source
}

func newBench(o optim.Optimizer, precision engine.Precision, pool *engine.Pool) (*bench, error) {
	return newBenchOf(large, o, precision, pool)
}

func newBenchOf(rows int, o optim.Optimizer, precision engine.Precision, pool *engine.Pool) (*bench, error) {
	w, err := Weights(precision, params(rows)...)
	if err != nil {
		return nil, err
	}
	s, err := o.Bind(w, pool)
	if err != nil {
		return nil, err
	}
	return &bench{weights: w, stepper: s, scale: 1, source: noise}, nil
}

// source gives the mean gradient of a parameter at a step, element by element.
type source func(step int, p engine.Param) func(i int) float64

// noise differs at every step; float32 holds it.
func noise(step int, p engine.Param) func(i int) float64 {
	r := engine.NewRand(uint64(step), p.Path).Row(1)
	return func(i int) float64 { return float64(float32(4*r.At(i) - 2)) }
}

// extremes have zeros, huge and tiny elements, each of its size at every step.
func extremes(step int, p engine.Param) func(i int) float64 {
	at := noise(step, p)
	return func(i int) float64 { return at(i) * [...]float64{1, 0, 1e15, 1e-15, 1e-3}[i%5] }
}

func zeros(int, engine.Param) func(int) float64 { return func(int) float64 { return 0 } }

// fill lays the gradient of the sum over the batch into the weights.
func (b *bench) fill() {
	if v, ok := engine.Vectors[float64](b.weights); ok {
		fill(b, v)
	} else if v, ok := engine.Vectors[float32](b.weights); ok {
		fill(b, v)
	}
}

func fill[T engine.Float](b *bench, v engine.Vector[T]) {
	for _, p := range b.weights.Params() {
		at := b.source(b.step, p)
		for i := range p.Size() {
			x := at(i) * b.scale * batchWeight
			if p.Frozen {
				x = math.NaN() // must never be read
			}
			v.Grad[p.Offset+i] = T(x)
		}
	}
}

func (b *bench) next() error {
	b.moment.Progress = optim.Progress{Step: b.step, Steps: 100, Epoch: float64(b.step) / 10}
	b.moment.Sum = engine.Sum{Loss: b.scale * batchWeight, Weight: batchWeight}
	b.fill()
	err := b.stepper.Step(&b.moment)
	b.step++
	return err
}

func (b *bench) run(steps int) error {
	for range steps {
		if err := b.next(); err != nil {
			return fmt.Errorf("step %d: %w", b.step, err)
		}
	}
	return nil
}

// values of all parameters, one after the other.
func (b *bench) values() []float64 {
	kept, n := b.weights.Keep(), 0
	for _, t := range kept {
		n += t.Len()
	}
	out := make([]float64, 0, n)
	for _, t := range kept {
		for i := range t.Len() {
			out = append(out, t.At(i))
		}
	}
	return out
}

// place names element i of values.
func (b *bench) place(i int) string {
	for _, p := range b.weights.Params() {
		if i < p.Size() {
			return fmt.Sprintf("%s[%d]", p.Path, i)
		}
		i -= p.Size()
	}
	return "?"
}

// same compares two benches to the bit, weights and state.
func same(a, b *bench) error {
	x, y := a.values(), b.values()
	for i := range x {
		if math.Float64bits(x[i]) != math.Float64bits(y[i]) {
			return fmt.Errorf("%s: %v and %v", a.place(i), x[i], y[i])
		}
	}
	s, t := a.stepper.Keep(), b.stepper.Keep()
	for i := range s {
		if s[i].Name != t[i].Name || !slices.Equal(s[i].U8, t[i].U8) {
			return fmt.Errorf("state %s and %s differ", s[i].Name, t[i].Name)
		}
		for k := range s[i].Len() {
			if math.Float64bits(s[i].At(k)) != math.Float64bits(t[i].At(k)) {
				return fmt.Errorf("state %s[%d]: %v and %v", s[i].Name, k, s[i].At(k), t[i].At(k))
			}
		}
	}
	return nil
}
