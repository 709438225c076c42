package optim

// Schedules made of schedules: a linear warm-up before another one, and several one after the other.

import (
	"errors"
	"fmt"
	"math"
)

// Warmup rises linearly to the first rate of Then and goes on with it (Goyal and others 2017, arXiv 1706.02677, section 2.2):
//
//	lr = Then's first rate * (t+1)/Steps    for steps t = 0 ... Steps-1
//
// Then begins when the warm-up is over: it counts steps and epochs from there, and what is left of the training is its length.
type Warmup struct {
	Steps int      `spec:",arg,min=0" help:"steps of the warm-up"`
	Share float64  `spec:",min=0,lt=1" help:"in place of steps: part of the training"`
	Then  Schedule `spec:",arg" help:"the schedule that follows"`
}

func (w Warmup) length(p Progress) int {
	if w.Steps > 0 {
		return w.Steps
	}
	return int(math.Ceil(float64(w.Share*float64(p.Steps)) - 1e-9)) // 0.07 of 100 is 7, not 8
}

// At is the rate at p; NaN for a Share of a training of open length.
func (w Warmup) At(p Progress) float64 {
	n := w.length(p)
	switch {
	case n == 0 && p.Steps == 0:
		return math.NaN()
	case p.Step >= n:
		return w.Then.At(p.after(n))
	}
	peak := p.after(n)
	peak.Step, peak.Epoch, peak.Evaluations = 0, 0, nil
	return w.Then.At(peak) * (float64(p.Step+1) / float64(n))
}

// Validate wants one of Steps and Share, and a schedule to go on with.
func (w Warmup) Validate() error {
	var p problems
	switch {
	case w.Steps < 0 || !(w.Share >= 0 && w.Share < 1):
		p.addf("warm-up of %d steps, share %v: positive steps, or 0 < share < 1 are wanted", w.Steps, w.Share)
	case (w.Steps > 0) == (w.Share > 0):
		p.addf("warm-up of %d steps and share %v: exactly one of both is wanted", w.Steps, w.Share)
	}
	if w.Then == nil {
		p.addf("warm-up without an aim: then, a number or a schedule, is wanted")
	}
	p.add("warm-up", checkSchedule(w.Then))
	return errors.Join(p...)
}

// Stages runs schedules one after the other. Each begins at 0 when the one before is over; the last runs to the end.
type Stages []Stage

// Stage is a schedule for some steps.
type Stage struct {
	LR    Schedule `spec:",arg" help:"a number or a schedule"`
	Steps int      `spec:",arg,min=0" help:"how long; 0: to the end, for the last stage"`
}

// At is the rate at p.
func (s Stages) At(p Progress) float64 {
	for i, stage := range s {
		if i == len(s)-1 {
			return stage.LR.At(p)
		}
		if p.Step < stage.Steps {
			p.Steps = stage.Steps // a cosine within a stage ends with it
			return stage.LR.At(p)
		}
		p = p.after(stage.Steps)
	}
	return math.NaN()
}

// Validate wants stages with a schedule and, except for the last, a length.
func (s Stages) Validate() error {
	var p problems
	if len(s) == 0 {
		p.addf("stages: at least one is wanted")
	}
	for i, stage := range s {
		place := fmt.Sprintf("stage %d", i+1)
		if stage.LR == nil {
			p.addf("%s: a number or a schedule is wanted", place)
		}
		p.add(place, checkSchedule(stage.LR))
		last := i == len(s)-1
		if !last && stage.Steps < 1 {
			p.addf("%s of %d steps: 1 or more are wanted", place, stage.Steps)
		}
		if last && stage.Steps != 0 {
			p.addf("%s of %d steps: the last stage runs to the end; leave steps out", place, stage.Steps)
		}
	}
	return errors.Join(p...)
}
