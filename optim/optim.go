// Package optim goes from a gradient to new weights: rules, schedules, clipping, weight decay, groups of parameters and wrappers around a
// step. It knows parameters by path, shape and role, and no layer; it reads no clock and no file.
//
// An [Optimizer] is a description: a plain value that prints, compares and has a spelling in text ("adamw(lr=1e-3, beta2=0.99)").
// [Optimizer.Bind] joins it to weights and gives a [Stepper], which holds the state and the memory. A [Rule] is one file that says what
// numbers it keeps (slots) and how one piece of the parameter vector is updated; cutting into pieces, threads, sums over parameters,
// clipping, decay, saving and restoring are done here, once, for all rules.
package optim

import (
	"errors"
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// Optimizer describes how weights are updated. NewSGD, NewAdamW and the other constructors give it the defaults of a rule; fields are
// changed after that. One step does, in this order:
//
//	g = gradient / weight of the batch
//	g = clipped by value, then by global norm
//	lr = LR at this point of the training
//	w = w - lr*decay*w (decoupled decay), or g = g + decay*w (coupled)
//	w = the rule's update from g and lr
//
// Wrappers stand around all of this.
type Optimizer struct {
	LR     Schedule  `spec:",arg" help:"learning rate: a number or a schedule"`
	Rule   Rule      `spec:",inline"`
	Decay  Decay     `spec:",inline"`
	Clip   Clip      `spec:",inline"`
	Groups []Group   `help:"parameters that are treated apart; the first group that matches counts"`
	Wrap   []Wrapper `help:"what stands around a step, outermost first, such as ema(decay=0.999)"`
}

// Validate reports everything that is wrong with o, each with the accepted range; several problems are joined.
func (o Optimizer) Validate() error {
	var p problems
	if o.Rule == nil {
		p.addf("optimizer without a rule: one such as optim.NewAdamW(1e-3) is wanted")
	}
	p.add("", checkRule(o.Rule, o.Decay))
	if o.LR == nil {
		p.addf("learning rate: nothing is set; a positive finite number or a schedule is wanted")
	}
	p.add("", checkSchedule(o.LR))
	p.add("", o.Decay.Validate())
	p.add("", o.Clip.Validate())
	for i, g := range o.Groups {
		p.add(fmt.Sprintf("group %d (%v)", i+1, g.Match), g.validate(o))
	}
	for i, w := range o.Wrap {
		if w == nil {
			p.addf("wrapper %d: nothing is set", i+1)
			continue
		}
		if v, ok := w.(validator); ok {
			p.add(fmt.Sprintf("wrapper %d", i+1), v.Validate())
		}
	}
	return errors.Join(p...)
}

type validator interface{ Validate() error }

// checkRule asks a rule, and whether a way of decay suits it.
func checkRule(r Rule, d Decay) error {
	if r == nil {
		return nil
	}
	var p problems
	p.add("", r.Validate())
	if r.Info().OwnDecay && d.Coupled {
		p.addf("%s: coupled decay does not apply: the rule has a place of its own for decay; leave coupled out", r.Info().Name)
	}
	return errors.Join(p...)
}

func checkSchedule(s Schedule) error {
	if v, ok := s.(validator); ok {
		return v.Validate()
	}
	return nil
}

// problems collects errors, so that a user sees all of them at once.
type problems []error

func (p *problems) addf(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// add adds err with the place in front of each of its lines, unless it is nil.
func (p *problems) add(place string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			p.add(place, e)
		}
		return
	}
	if place != "" {
		err = fmt.Errorf("%s: %w", place, err)
	}
	*p = append(*p, err)
}

// positive, notNegative and fraction add a problem when x is outside (0, inf), [0, inf), [0, 1).
func (p *problems) positive(what string, x float64) {
	if !(x > 0) || math.IsInf(x, 1) {
		p.addf("%s %v: a positive finite number is wanted", what, x)
	}
}

func (p *problems) notNegative(what string, x float64) {
	if !(x >= 0) || math.IsInf(x, 1) {
		p.addf("%s %v: 0 or a positive finite number is wanted", what, x)
	}
}

func (p *problems) fraction(what string, x float64) {
	if !(x >= 0 && x < 1) {
		p.addf("%s %v: 0 <= %s < 1 is wanted", what, x, what)
	}
}

// settings is what holds for one set of parameters after groups are applied.
type settings struct {
	rule   Rule
	info   Info
	lr     Schedule
	factor float64
	decay  Decay
	named  []engine.Role // roles that the group asks for by name
	clip   int           // which clip domain
	law    int           // which distinct rule: parameters under one law share Hyper.Total
}
