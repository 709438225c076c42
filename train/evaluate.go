package train

import (
	"context"
	"fmt"
	"math"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/metric"
)

// evaluationRows is the batch of an evaluation. It is fixed, so that scores don't depend on the batch that one trains with.
const evaluationRows = 256

// evaluator measures a network on rows of the data, without learning.
type evaluator struct {
	source *source
	plan   *engine.Plan
	batch  engine.Batch
	loss   metric.Loss
	confusion
	values []metric.Metric // the others of the task

	rowLoss, rowWeight []float64
}

type confusion = metric.Confusion

func newEvaluator(s *source, g *engine.Graph, o engine.Options) (*evaluator, error) {
	o.Group, o.Measure = nil, true
	o.Precision = o.Weights.Precision() // that of predictions: a training in bfloat16 saves float32 weights, and they are what is measured
	plan, err := engine.Compile(g, o)
	if err != nil {
		return nil, err
	}
	return evaluatorOn(s, plan), nil
}

func evaluatorOn(s *source, plan *engine.Plan) *evaluator {
	e := &evaluator{source: s, plan: plan, batch: engine.Batch{Mode: engine.Evaluate}}
	e.batch.In = tensors(plan.Inputs(), plan.Rows(), plan.Weights().Precision())
	e.rowLoss, e.rowWeight = make([]float64, plan.Rows()), make([]float64, plan.Rows())
	unscale := func(_ int, v float64) float64 { return v }
	if p := s.pipeline; p != nil && !s.classification() {
		unscale = func(_ int, v float64) float64 { return p.Unscale(v) }
	}
	for _, entry := range metric.List() {
		// Loss, accuracy and balanced accuracy are counted anyway, and the best five of few classes say nothing.
		counted := entry.Name == "accuracy" || entry.Name == "balanced_accuracy" || entry.Name == "top5_accuracy" && s.target.Type.Below <= 5
		if entry.Task == s.task() && !counted {
			e.values = append(e.values, entry.New(unscale))
		}
	}
	return e
}

func (e *evaluator) fork(w *engine.Weights) *evaluator { return evaluatorOn(e.source, e.plan.Fork(w)) }

// Scores are what a network reaches on some rows.
type Scores struct {
	Part string // train, validation, test or data
	Rows int
	Loss float64
	// Confusion is of a classification; nil for a regression.
	Confusion *metric.Confusion
	// Values are the other numbers by name: r2, mae, rmse of a regression; f1 and, of more than five classes, top5_accuracy.
	Values map[string]float64
	// Majority is the share of the largest class among the rows.
	Majority float64
}

// Metrics are the scores as numbers by name: loss, accuracy, balanced_accuracy, or loss, r2, mae, rmse.
func (s Scores) Metrics() map[string]float64 {
	m := map[string]float64{"loss": s.Loss}
	for name, v := range s.Values {
		m[name] = v
	}
	if s.Confusion != nil {
		m["accuracy"] = s.Confusion.Accuracy().Value
		m["balanced_accuracy"] = s.Confusion.BalancedAccuracy().Value
	}
	return m
}

// on evaluates rows with the plan's weights.
func (e *evaluator) on(ctx context.Context, part string, rows []int) (Scores, error) {
	if len(rows) == 0 {
		return Scores{}, fmt.Errorf("the %s part has no rows", part)
	}
	loader, err := data.NewLoader(e.source.dataset, rows, data.LoaderOptions{Batch: e.plan.Rows(), NoShuffle: true})
	if err != nil {
		return Scores{}, err
	}
	e.loss.Reset()
	e.confusion = metric.Confusion{}
	for _, m := range e.values {
		m.Reset()
	}
	fields := e.plan.Inputs()
	for step := range loader.Steps() {
		if ctx.Err() != nil {
			return Scores{}, context.Cause(ctx)
		}
		if e.batch.Rows, _, err = loader.Batch(uint64(step), 0, e.batch.In); err != nil {
			return Scores{}, err
		}
		if _, err = e.plan.Forward(&e.batch); err != nil {
			return Scores{}, err
		}
		b := metric.Batch{Rows: e.batch.Rows, Loss: e.rowLoss[:e.batch.Rows]}
		losses := e.plan.Output("loss")
		for r := range b.Loss {
			b.Loss[r] = losses.At(r)
		}
		var target engine.Tensor
		for i, f := range fields {
			t := cut(e.batch.In[i], e.batch.Rows)
			switch f.Use {
			case engine.Target:
				target = t
			case engine.RowWeight:
				b.Weight = e.rowWeight[:e.batch.Rows]
				for r := range b.Weight {
					b.Weight[r] = t.At(r)
				}
			}
		}
		b.Values = func(name string) engine.Tensor {
			switch name {
			case metric.Target:
				return target
			case metric.Output:
				return e.answer()
			}
			return engine.Tensor{}
		}
		e.loss.Add(b)
		if e.source.classification() {
			e.confusion.Add(b)
		}
		for _, m := range e.values {
			m.Add(b)
		}
	}
	s := Scores{Part: part, Rows: len(rows), Values: map[string]float64{}}
	s.Loss, _, _ = e.loss.Value()
	for _, m := range e.values {
		s.Values[m.Info().Name], _, _ = m.Value()
	}
	if e.source.classification() {
		counted := e.confusion
		s.Confusion, s.Majority = &counted, counted.Majority()
	}
	return s, nil
}

// answer is the network's output. Where one output tells two classes apart it becomes two, of which the first is 0, so that the larger one
// is the class that is more probable.
func (e *evaluator) answer() engine.Tensor {
	t := e.plan.Output("output")
	rows := t.Shape[0]
	if !e.source.classification() || e.source.target.Type.Below != 2 || t.Len() != rows {
		return t
	}
	pair := make([]float64, 2*rows)
	for r := range rows {
		pair[2*r+1] = t.At(r)
	}
	return engine.Tensor{Name: t.Name, Shape: engine.Shape{rows, 2}, F64: pair}
}

// cut is the first rows of a tensor.
func cut(t engine.Tensor, rows int) engine.Tensor {
	n := rows
	for _, d := range t.Shape[1:] {
		n *= d
	}
	shape := append(engine.Shape{rows}, t.Shape[1:]...)
	if t.F64 != nil {
		return engine.Tensor{Name: t.Name, Shape: shape, F64: t.F64[:n]}
	}
	return engine.Tensor{Name: t.Name, Shape: shape, F32: t.F32[:n]}
}

// Evaluate measures the network on the validation part, where there is none on the training part: loss and accuracy, or loss, r2, mae and
// rmse. It evaluates where the optimizer says: at an average of the weights, if it keeps one.
func (s *Session) Evaluate(ctx context.Context) (map[string]float64, error) {
	scores, err := s.validate(ctx)
	if err != nil {
		return nil, err
	}
	return scores.Metrics(), nil
}

func (s *Session) validate(ctx context.Context) (Scores, error) {
	e, err := s.averagedEvaluator()
	if err != nil {
		return Scores{}, err
	}
	if rows := s.source.parts.Validation; len(rows) > 0 {
		return e.on(ctx, "validation", rows)
	}
	return e.on(ctx, "train", s.source.parts.Train)
}

// averagedEvaluator is the evaluator at the weights where the optimizer says to evaluate.
func (s *Session) averagedEvaluator() (*evaluator, error) {
	if s.averaged == nil {
		s.averaged = s.weights.Copy()
	}
	if s.at = s.weights; !s.stepper.Average(s.averaged) {
		return s.evaluator, nil
	}
	s.at = s.averaged
	if err := s.calibrate(s.averaged); err != nil {
		return nil, err
	}
	return s.evaluator.fork(s.averaged), nil
}

// calibrationSteps is the number of batches over which running statistics are computed anew after weights were averaged.
const calibrationSteps = 20

// calibrate brings the running statistics of averaged weights up to date, where the network has any.
func (s *Session) calibrate(w *engine.Weights) error {
	if len(w.Keep()) == len(w.Params()) {
		return nil
	}
	p := s.plan.Fork(w)
	for step := range min(calibrationSteps, s.loader.Steps()) {
		for part := range s.loader.Parts(uint64(step)) {
			var err error
			if err = s.read(uint64(step), part); err != nil {
				return err
			}
			s.batch.Mode, s.batch.Watch, s.batch.Step = engine.Calibrate, false, uint64(step)
			if _, err := p.Forward(&s.batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// watched is the number that decides which evaluation is best, and whether more of it is better: accuracy of a classification, r2 of a
// regression, with the loss deciding between equals.
func (s Scores) watched() (value float64) {
	if s.Confusion != nil {
		return s.Confusion.Accuracy().Value
	}
	if v := s.Values["r2"]; !math.IsNaN(v) {
		return v
	}
	return -s.Loss
}
