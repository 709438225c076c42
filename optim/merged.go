package optim

// A step merged with the backward pass: gradients that a plan forms late are used up block by block while they are in the cache, and never
// lie in memory as a whole. The bits are those of a step after the whole backward pass, since a rule that may be cut into pieces may be cut
// anywhere.

import (
	"slices"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// CanMerge reports whether the optimizer can take gradients that come late, when nobody watches: not with clipping, with a wrapper that is
// no [Follower], or a group with a rule that must see a parameter, or sums over it, before it moves.
func (o Optimizer) CanMerge() bool {
	merges := func(group int) bool {
		set := o.apply(group)
		b, ok := set.rule.Code().F32.(merging[float32])
		return ok && b.merges() && set.info.Sums == 0 && !set.info.WholeParam
	}
	for _, w := range o.Wrap {
		if f, ok := w.(Follower); !ok || !f.Follows() {
			return false
		}
	}
	if o.Clip != (Clip{}) || !merges(-1) {
		return false
	}
	for i, g := range o.Groups {
		if g.Clip != nil && *g.Clip != (Clip{}) || !merges(i) {
			return false
		}
	}
	return true
}

// Merge prepares for [Stepper.StepMerged] on plan, which must be on the stepper's weights. It reports whether that is possible: where the
// optimizer can ([Optimizer.CanMerge]) and some gradient of the plan comes late.
func (s *Stepper) Merge(plan *engine.Plan) bool {
	if !s.optimizer.CanMerge() {
		return false
	}
	var late []int
	for _, p := range plan.Late() {
		k := slices.IndexFunc(s.members, func(m member) bool { return m.Offset == p.Offset })
		if k < 0 {
			return false
		}
		late = append(late, k)
	}
	return len(late) > 0 && s.run.merge(late)
}

// StepMerged is [Stepper.Step] after [engine.Plan.BackwardLate]. It returns false, with nothing changed, where some gradient may not be
// finite; the caller then has the plan form the rest ([engine.Plan.BackwardRest]) and goes on as usual. The gradient vector does not hold
// the step's gradient afterwards.
func (s *Stepper) StepMerged(m *Moment, plan *engine.Plan) (bool, error) {
	if m.Watch || !s.run.earlyFinite() || !plan.LateFinite() {
		return false, nil
	}
	s.late = plan
	err := s.Step(m)
	s.late = nil
	return true, err
}

// merged is what a program knows of late gradients.
type merged[T engine.Float] struct {
	late    []int              // members
	updates []kernel.Update[T] // of each of them
	early   []int              // pieces of the others
}

func (p *program[T]) merge(late []int) bool {
	for _, k := range late {
		m := &p.s.members[k]
		set := &p.s.settings[m.setting]
		if b := p.bodies[m.setting]; b.merge == nil || !b.merge.merges() || b.prepare != nil {
			return false
		}
		if m.decay != 0 && !set.info.Shrinks && !set.decay.Coupled {
			return false // the weights shrink in a pass of their own
		}
	}
	p.merged = merged[T]{late: slices.Clone(late), updates: make([]kernel.Update[T], len(late))}
	for i, piece := range p.pieces {
		if !slices.Contains(late, piece.member) {
			p.merged.early = append(p.merged.early, i)
		}
	}
	return true
}

func (p *program[T]) earlyFinite() bool {
	p.tasks.finite.vec = gradientVec
	for _, i := range p.merged.early {
		if p.tasks.finite.Do(i, 0); p.sums[i*p.stride] != 0 {
			return false
		}
	}
	return true
}

func (p *program[T]) updateMerged(plan *engine.Plan) {
	p.prepare()
	for i, k := range p.merged.late {
		m, u := &p.s.members[k], &p.merged.updates[i]
		p.bodies[m.setting].merge.into(u, &p.wholes[k], &m.hyper)
	}
	engine.BackwardTo[T](plan, p, (*earlyTask[T])(p), len(p.merged.early))
}

// earlyTask updates a piece whose gradient is there early.
type earlyTask[T engine.Float] program[T]

func (t *earlyTask[T]) Do(i, worker int) { t.tasks.update.Do(t.merged.early[i], worker) }

// UpdateOf implements [engine.Updater].
func (p *program[T]) UpdateOf(param engine.Param) *kernel.Update[T] {
	m := &p.merged
	k := slices.IndexFunc(m.late, func(k int) bool { return p.s.members[k].Offset == param.Offset })
	return &m.updates[k]
}
