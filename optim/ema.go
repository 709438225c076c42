package optim

import (
	"errors"
	"math"
)

// EMA keeps an exponential moving average of the weights and has the network evaluated there (Polyak and Juditsky 1992 for averaging;
// this form in Szegedy and others 2015, arXiv 1512.00567, section 8):
//
//	a = Decay a + (1-Decay) w    after every step
//
// It begins with a = w after the first step, as PyTorch's AveragedModel. With Warm the decay rises as min(Decay, (1+t)/(10+t)) (TF1's
// num_updates), which forgets the first weights sooner. Training is not changed. Evaluate at Stepper.Average; batch norm's running
// statistics belong to the training point and want Calibrate passes.
//
// Defaults: decay 0.999; recipes have 0.99 to 0.9999. State: one number a weight.
type EMA struct {
	Decay float64 `spec:",arg,min=0,lt=1" help:"how much of the average is kept a step"`
	Warm  bool    `help:"a smaller decay at first"`
}

var (
	_ Wrapper  = EMA{}
	_ Follower = EMA{}
)

// NewEMA is an average over about 1000 steps.
func NewEMA() EMA { return EMA{Decay: 0.999} }

// Validate wants 0 <= decay < 1.
func (e EMA) Validate() error {
	var p problems
	p.fraction("ema decay", e.Decay)
	return errors.Join(p...)
}

// Follows reports that the gradient is of no concern here.
func (EMA) Follows() bool { return true }

// Wrap averages after every step.
func (e EMA) Wrap(s Space, next Next) Next {
	average, steps := s.New("average"), s.Number("steps")
	return func(m *Moment) error {
		if err := next(m); err != nil {
			return err
		}
		keep := 0.0
		if t := *steps; t > 0 {
			keep = e.Decay
			if e.Warm {
				keep = math.Min(keep, (1+t)/(10+t))
			}
		}
		*steps++
		s.Mix(keep, s.Weights(), average)
		s.EvaluateAt(average)
		return nil
	}
}
