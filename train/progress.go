package train

import (
	"fmt"
	"slices"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

// progress is how far a training has come: what a checkpoint holds beside weights and optimizer. Everything else, such as the order of
// rows, the masks, the schedule and patience, is a function of it.
type progress struct {
	step        uint64
	seconds     float64    // of training, over all sittings
	sum         engine.Sum // of the training loss since the last evaluation
	evaluations []optim.Evaluation
	bestStep    uint64
	bestLoss    float64
	bestMetric  float64 // of the best evaluation; see Scores.watched
	bestAt      int     // its place among the evaluations, -1 before the first
	checkpoint  uint64  // step of the last checkpoint
	bestSaved   uint64  // step of best.safetensors, as far as this process knows
	reached     bool    // the metric of Until has reached its value
}

func (p *progress) copy() *progress {
	c := *p
	c.evaluations = slices.Clone(p.evaluations)
	return &c
}

// add takes in an evaluation and reports whether it is the best so far: a better metric, or the same with a smaller loss.
func (p *progress) add(scores Scores) bool {
	v := scores.watched()
	p.evaluations = append(p.evaluations, optim.Evaluation{Step: int(p.step), Loss: scores.Loss, Metric: v})
	p.sum = engine.Sum{}
	if p.bestAt >= 0 && len(p.evaluations) > 1 && (v < p.bestMetric || v == p.bestMetric && scores.Loss >= p.bestLoss) {
		return false
	}
	p.bestStep, p.bestLoss, p.bestMetric, p.bestAt = p.step, scores.Loss, v, len(p.evaluations)-1
	return true
}

// idle is the number of evaluations since the best one.
func (p *progress) idle() int {
	if len(p.evaluations) == 0 {
		return 0
	}
	return len(p.evaluations) - 1 - p.bestAt
}

// Keep implements engine.Keeper.
func (p *progress) Keep() []engine.Tensor {
	evaluations := make([]float64, 0, 3*len(p.evaluations))
	for _, e := range p.evaluations {
		evaluations = append(evaluations, float64(e.Step), e.Loss, e.Metric)
	}
	reached := 0.0
	if p.reached {
		reached = 1
	}
	numbers := []float64{float64(p.step), p.seconds, p.sum.Loss, p.sum.Weight, float64(p.bestStep), p.bestLoss, p.bestMetric, float64(p.bestAt), float64(p.checkpoint), reached}
	return []engine.Tensor{
		{Name: "numbers", Shape: engine.Shape{len(numbers)}, F64: numbers},
		{Name: "evaluations", Shape: engine.Shape{len(p.evaluations), 3}, F64: evaluations},
	}
}

// Restore implements engine.Keeper.
func (p *progress) Restore(list []engine.Tensor) error {
	var numbers, evaluations []float64
	for _, t := range list {
		switch t.Name {
		case "numbers":
			numbers = t.F64
		case "evaluations":
			evaluations = t.F64
		}
	}
	if len(list) != 2 || len(numbers) != 10 || len(evaluations)%3 != 0 {
		return fmt.Errorf("progress: %d tensors with %d and %d numbers; this is not the progress of a run", len(list), len(numbers), len(evaluations))
	}
	whole := func(v float64) bool { return v >= -1 && v < 1<<53 && v == float64(int64(v)) }
	for _, i := range []int{0, 4, 7, 8, 9} {
		if !whole(numbers[i]) {
			return fmt.Errorf("progress: %v where a count is wanted", numbers[i])
		}
	}
	q := progress{
		step: uint64(numbers[0]), seconds: numbers[1], sum: engine.Sum{Loss: numbers[2], Weight: numbers[3]},
		bestStep: uint64(numbers[4]), bestLoss: numbers[5], bestMetric: numbers[6], bestAt: int(numbers[7]), checkpoint: uint64(numbers[8]), reached: numbers[9] == 1,
	}
	for i := 0; i < len(evaluations); i += 3 {
		if !whole(evaluations[i]) {
			return fmt.Errorf("progress: evaluation at step %v", evaluations[i])
		}
		q.evaluations = append(q.evaluations, optim.Evaluation{Step: int(evaluations[i]), Loss: evaluations[i+1], Metric: evaluations[i+2]})
	}
	if q.bestAt >= len(q.evaluations) {
		return fmt.Errorf("progress: the best of %d evaluations is number %d", len(q.evaluations), q.bestAt+1)
	}
	*p = q
	return nil
}
