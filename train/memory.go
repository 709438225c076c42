package train

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// share of the memory that is to be had which a training may plan to use. The rest is for the runtime, the data's reader and everybody
// else; a process that is killed for memory loses more than one that is refused.
const memoryShare = 0.9

// Memory is what a training needs, in bytes.
type Memory struct {
	Weights     int64 // parameters, their gradients, running states
	Optimizer   int64
	Activations int64 // of training and evaluation, with scratch
	Batches     int64
	Total       int64
}

// estimate says what a session would take, without taking it.
func (s *Session) estimate(g *engine.Graph, o engine.Options) (Memory, error) {
	train, err := engine.Estimate(g, o)
	if err != nil {
		return Memory{}, err
	}
	e := o
	e.Rows, e.Measure = evaluationRows, true
	if o.Precision == engine.BFloat16 {
		e.Precision = engine.Float32 // as newEvaluator does
	}
	evaluation, err := engine.Estimate(g, e)
	if err != nil {
		return Memory{}, err
	}
	width := int64(4)
	if o.Precision == engine.Float64 {
		width = 8
	}
	m := Memory{
		Weights:     train.Weights + train.Gradients,
		Activations: train.Activations + train.Scratch + train.Packed + evaluation.Activations + evaluation.Scratch + evaluation.Packed,
	}
	largest := int64(0)
	for _, n := range g.Nodes() {
		if !n.IsParam() {
			if n.Field != nil {
				m.Batches += width * int64(n.Type.Shape.Size()) * int64(o.Rows+evaluationRows)
			}
			continue
		}
		p := engine.Param{Path: n.Path, Shape: n.Type.Shape, Role: n.Role}
		largest = max(largest, 8*int64(p.Size()))
		for _, slot := range s.config.Optimizer.Rule.Slots(p) {
			bytes := width
			if slot.Bytes {
				bytes = 1
			}
			m.Optimizer += bytes * int64(slot.Shape.Size())
		}
	}
	// Checkpoints and initial values pass through copies: one of all state, one parameter in float64.
	copies := m.Weights/2 + m.Optimizer + largest
	m.Total = m.Weights + m.Optimizer + m.Activations + m.Batches + copies
	return m, nil
}

// checkMemory refuses a training that would not fit, before anything is allocated.
func (s *Session) checkMemory(g *engine.Graph, o engine.Options) (Memory, error) {
	m, err := s.estimate(g, o)
	if err != nil {
		return m, err
	}
	available, from, ok := availableMemory()
	if limit := int64(memoryShare * float64(available)); ok && m.Total > limit || m.Total < 0 {
		return m, fmt.Errorf("this training needs about %s (weights and gradients %s, optimizer %s, activations %s) and %s has %s, of which %d %% may be used; make the network or the batch smaller, or accumulate it from parts (micro)",
			byteCount(m.Total), byteCount(m.Weights), byteCount(m.Optimizer), byteCount(m.Activations), from, byteCount(available), int(100*memoryShare))
	}
	return m, nil
}

// checkpoint is the size of a checkpoint: weights twice, the best ones among them, and the optimizer's state.
func (m Memory) checkpoint() int64 { return m.Weights + m.Optimizer }

// byteCount writes a size for messages.
func byteCount(n int64) string {
	if n < 0 {
		return "more than can be counted"
	}
	v, unit := float64(n), 0
	for v >= 1000 && unit < 5 {
		v /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %sB", v, []string{"", "k", "M", "G", "T", "P"}[unit])
}
