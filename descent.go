// Package descent loads a network that descent has trained and predicts with it. It has that one job, and links the engine, the layers, the
// scaling and nothing else, so that a service that embeds a model carries no optimizer, no report and no file format.
//
//	//go:embed model.safetensors
//	var file []byte
//
//	model, err := descent.Load(file)
//	...
//	answer, err := model.Predict(5.1, 3.5, 1.4, 0.2)
//	fmt.Println(answer.Class, answer.Probabilities)
//
// Training is in package train, the program in cmd/descent.
package descent

import (
	"errors"
	"fmt"
	"sync"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/prep"
)

// Model is a trained network with its scaling and class names. It may be used by any number of goroutines at once.
type Model struct {
	layer    nn.Layer
	loss     nn.Layer
	pipeline *prep.Pipeline
	weights  *engine.Weights
	answer   string // the output that answers: probabilities where the network ends in logits, else its output
	classes  []string
	width    int
	outputs  int
	binary   bool      // one output is the probability of the second of two classes
	workers  sync.Pool // of *worker
}

// worker is a plan with its input, for one prediction at a time.
type worker struct {
	plan  *engine.Plan
	batch engine.Batch
}

// Result is an answer. Of a classification Class is the most probable class, Index its place in Model.Classes, and Probabilities has one
// number a class; of a regression Values has the predicted number, in the target's own unit.
type Result struct {
	Class         string
	Index         int
	Probabilities []float64
	Values        []float64
}

// Inputs are the columns that a prediction is made from, in order.
func (m *Model) Inputs() []prep.Column { return m.pipeline.Inputs() }

// Classes are the names of the classes, in the order of probabilities; nil for a regression.
func (m *Model) Classes() []string { return append([]string(nil), m.classes...) }

// Width is the number of numbers in a row.
func (m *Model) Width() int { return m.width }

// Outputs is the number of numbers in an answer: one a class, or one.
func (m *Model) Outputs() int { return m.outputs }

// Layer is the network's description.
func (m *Model) Layer() nn.Layer { return m.layer }

// Loss is what the network was trained to make small.
func (m *Model) Loss() nn.Layer { return m.loss }

// Pipeline is the scaling that is applied to every row.
func (m *Model) Pipeline() *prep.Pipeline { return m.pipeline }

// Weights are copies of the parameters and running states.
func (m *Model) Weights() []engine.Tensor { return m.weights.Keep() }

// Predict answers for one row: the values of Inputs in order, as numbers or as text. An array such as an image may be given as one
// []float32, []float64 or []byte. Errors name the column and what would be accepted.
func (m *Model) Predict(row ...any) (Result, error) {
	w := m.worker()
	defer m.workers.Put(w)
	if err := m.fill(w, row); err != nil {
		return Result{}, err
	}
	out := make([]float64, m.outputs)
	if err := predict(m, w, out); err != nil {
		return Result{}, err
	}
	return m.result(out), nil
}

func (m *Model) result(out []float64) Result {
	if m.classes == nil {
		return Result{Values: out}
	}
	r := Result{Probabilities: out}
	for i, p := range out {
		if p > out[r.Index] {
			r.Index = i
		}
	}
	r.Class = m.classes[r.Index]
	return r
}

// PredictInto answers for one row of Width numbers into out, which has Outputs places: probabilities of the classes, or the predicted
// number. It allocates nothing.
func (m *Model) PredictInto(row, out []float32) error {
	if len(out) != m.outputs {
		return fmt.Errorf("out has %d places, the answer %d numbers", len(out), m.outputs)
	}
	w := m.worker()
	defer m.workers.Put(w)
	if err := m.pipeline.ApplyNumbers(row, w.batch.In, 0); err != nil {
		return err
	}
	return predict(m, w, out)
}

func (m *Model) worker() *worker { return m.workers.Get().(*worker) }

func (m *Model) newWorker(first *engine.Plan) *worker {
	w := &worker{plan: first, batch: engine.Batch{Rows: 1, Mode: engine.Evaluate}}
	for _, f := range first.Inputs() {
		t := engine.Tensor{Name: f.Name, Shape: append(engine.Shape{1}, f.Type.Shape...)}
		if n := f.Type.Shape.Size(); m.weights.Precision() == engine.Float64 {
			t.F64 = make([]float64, n)
		} else {
			t.F32 = make([]float32, n)
		}
		w.batch.In = append(w.batch.In, t)
	}
	return w
}

// predict runs the network on the worker's row.
func predict[T engine.Float](m *Model, w *worker, out []T) error {
	if _, err := w.plan.Forward(&w.batch); err != nil {
		return err
	}
	answer := w.plan.Output(m.answer)
	if m.binary {
		p := answer.At(0)
		out[0], out[1] = T(1-p), T(p)
		return nil
	}
	if m.classes == nil {
		for i := range out {
			out[i] = T(m.pipeline.Unscale(answer.At(i)))
		}
		return nil
	}
	if same := engine.Numbers[T](answer); same != nil {
		copy(out, same)
		return nil
	}
	for i := range out {
		out[i] = T(answer.At(i))
	}
	return nil
}

// fill puts a row of mixed values into the worker's input.
func (m *Model) fill(w *worker, row []any) error {
	columns := m.pipeline.Inputs()
	if len(row) != len(columns) {
		return fmt.Errorf("a row of %d values; the model has %d inputs", len(row), len(columns))
	}
	text := true
	for _, v := range row {
		_, is := v.(string)
		text = text && is
	}
	if text {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = v.(string)
		}
		return m.pipeline.Apply(cells, w.batch.In, 0)
	}
	numbers := make([]float32, 0, m.width)
	for i, v := range row {
		var err error
		if numbers, err = appendNumbers(numbers, v); err != nil {
			return fmt.Errorf("column %q: %w", columns[i].Name, err)
		}
	}
	return m.pipeline.ApplyNumbers(numbers, w.batch.In, 0)
}

func appendNumbers(to []float32, v any) ([]float32, error) {
	switch v := v.(type) {
	case float64:
		return append(to, float32(v)), nil
	case float32:
		return append(to, v), nil
	case int:
		return append(to, float32(v)), nil
	case []float32:
		return append(to, v...), nil
	case []float64:
		for _, x := range v {
			to = append(to, float32(x))
		}
		return to, nil
	case []byte:
		for _, x := range v {
			to = append(to, float32(x))
		}
		return to, nil
	case string:
		x, err := prep.ParseNumber(v)
		return append(to, float32(x)), err
	}
	return nil, fmt.Errorf("found a %T; a number, text, []float32, []float64 or []byte is wanted", v)
}

var errNoPipeline = errors.New("the model has no description of its inputs (descent.preprocessing)")

// Graph is the network as a graph, for tables and drawings. Each call makes a new one.
func (m *Model) Graph() *engine.Graph {
	g, _ := m.build()
	return g
}
