package optim

// A Stepper is an optimizer bound to weights: it owns the state and does the steps. What depends on the precision is in program.go.
//
// One step visits the pieces of the parameter vector up to three times: for the gradient's norm, if it clips or is watched; for the sums
// that a rule measures; for the update. Each visit runs on the pool, piece by piece, and adds up in the order of the pieces.

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/descent-go/descent/engine"
)

// pieceSize is how many elements of a parameter are updated at a time: with two slots of float32 a piece is 256 KB, which stays in a
// core's second-level cache over the visits of an update. It is part of what fixes the order of sums.
const pieceSize = 16384

// Stepper does the steps of an [Optimizer] on one set of weights. It is used by one goroutine at a time.
type Stepper struct {
	optimizer Optimizer
	weights   *engine.Weights
	settings  []settings
	domains   []domain
	members   []member
	totals    [][]float64 // by law
	run       runner

	steps    int
	rate     float64
	next     Next
	vectors  []vector
	numbers  []number
	evaluate Vec
	late     *engine.Plan // in a merged step: where gradients are still to be formed

	measured bool    // the last step knows the gradient's norm
	watched  bool    // and every parameter's readings
	squared  float64 // of the gradient sum over all parameters
	scale    float64 // 1/weight of the last step
}

// member is a parameter that is trained.
type member struct {
	engine.Param
	setting     int
	decay       float64 // 0 where decay does not reach
	slots       []Slot
	first, last int // pieces
	hyper       Hyper
	norm        float64 // squared: of its gradient sum; valid where the stepper has measured
	moved, size float64 // squared: of the update, of the weights before it; valid where the stepper has watched
}

// runner is what a stepper does in one precision.
type runner interface {
	clip(m *Moment)    // clamps, and measures every member's gradient
	measure(law int)   // fills members' sums and the law's total
	update(watch bool) // prepares and updates every member
	stepInRounds() bool
	nonFinite(Vec) string
	merge(late []int) bool
	earlyFinite() bool
	updateMerged(*engine.Plan)
	average(*engine.Weights, Vec)
	newVector()
	dot(x, y Vec) float64
	axpy(a float64, x, y Vec)
	mix(keep float64, x, y Vec)
	copy(dst, src Vec)
	apply(dst Vec, f func(a, b float64) float64, x, y Vec)
	slot(m, slot int) engine.Tensor // live
	vector(m int, v Vec) engine.Tensor
}

// Bind joins o to weights that have gradients. It checks everything, allocates all state, and keeps p to run on; nil is the caller alone.
func (o Optimizer) Bind(w *engine.Weights, p *engine.Pool) (*Stepper, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	s := &Stepper{optimizer: o, weights: w}
	if err := s.resolve(); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	var err error
	if w.Precision() == engine.Float64 {
		s.run, err = newProgram[float64](s, p)
	} else {
		s.run, err = newProgram[float32](s, p)
	}
	if err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	if err := s.wrap(); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	return s, nil
}

// resolve finds out what holds for each parameter.
func (s *Stepper) resolve() error {
	o := s.optimizer
	s.domains = []domain{{clip: o.Clip}}
	bySetting := map[int]int{} // group to settings
	hit := make([]bool, len(o.Groups))
	for _, p := range s.weights.Params() {
		group := o.resolve(p)
		if group >= 0 {
			hit[group] = true
		}
		if p.Frozen {
			continue
		}
		at, known := bySetting[group]
		if !known {
			at = len(s.settings)
			bySetting[group] = at
			set := o.apply(group)
			if group >= 0 && o.Groups[group].Clip != nil {
				set.clip = len(s.domains)
				s.domains = append(s.domains, domain{clip: *o.Groups[group].Clip})
			}
			set.law = slices.IndexFunc(s.settings, func(t settings) bool { return reflect.DeepEqual(t.rule, set.rule) })
			if set.law >= 0 {
				set.law = s.settings[set.law].law
			} else {
				set.law = len(s.totals)
				s.totals = append(s.totals, make([]float64, set.info.Sums))
			}
			s.settings = append(s.settings, set)
		}
		set := s.settings[at]
		m := member{Param: p, setting: at, slots: set.rule.Slots(p)}
		if set.decay.reaches(p.Role, set.named) {
			m.decay = set.decay.Rate
		}
		if err := checkSlots(set.info.Name, m); err != nil {
			return err
		}
		m.hyper.Sum = make([]float64, set.info.Sums)
		m.hyper.Total = s.totals[set.law]
		s.members = append(s.members, m)
	}
	for i, h := range hit {
		// A role may well be absent from a network; a path that names nothing is a slip of the pen.
		if paths := o.Groups[i].Match.Paths; !h && len(paths) > 0 {
			return fmt.Errorf("group %d (%v) matches no parameter that an earlier group has left; parameters are %s", i+1, o.Groups[i].Match, s.paths())
		}
	}
	if len(s.members) == 0 {
		return errors.New("there is nothing to train: the network has no parameters, or all are frozen")
	}
	return nil
}

// paths lists the parameters, shortened, for messages.
func (s *Stepper) paths() string {
	const most = 8
	text := ""
	for i, p := range s.weights.Params() {
		if i == most {
			return text + ", ..."
		}
		if i > 0 {
			text += ", "
		}
		text += p.Path
	}
	return text
}

func checkSlots(rule string, m member) error {
	names := map[string]bool{}
	for _, slot := range m.slots {
		if !word(slot.Name) || names[slot.Name] {
			return fmt.Errorf("%s: slot name %q: a word that occurs once, of letters, digits and _, is wanted", rule, slot.Name)
		}
		names[slot.Name] = true
		if slot.Shape.Size() < 1 {
			return fmt.Errorf("%s: slot %s of %s has shape %v; no dimension may be zero or overflow", rule, slot.Name, m.Path, slot.Shape)
		}
		if slot.Bytes && (slot.Fill != math.Trunc(slot.Fill) || slot.Fill < 0 || slot.Fill > 255) {
			return fmt.Errorf("%s: slot %s is filled with %v; a byte is wanted", rule, slot.Name, slot.Fill)
		}
	}
	return nil
}

func word(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return s != ""
}

// Step updates the weights from the gradient that lies in them. An error leaves them as they were, unless a wrapper's second gradient
// failed.
func (s *Stepper) Step(m *Moment) error {
	s.measured, s.watched = false, false
	return s.next(m)
}

// step is the innermost step. Everything that can go wrong is found before anything is written.
func (s *Stepper) step(m *Moment) error {
	if err := s.begin(m); err != nil || m.Sum.Weight == 0 {
		return err
	}
	if m.Watch || s.clips() {
		s.run.clip(m)
		s.clipNorms()
	}
	s.tell(m)
	switch {
	case s.late != nil:
		s.run.updateMerged(s.late)
	case m.Watch || !s.run.stepInRounds():
		for law := range s.totals {
			if len(s.totals[law]) > 0 {
				s.run.measure(law)
			}
		}
		s.run.update(m.Watch)
	}
	s.watched = m.Watch
	if s.late == nil { // a merged step has said so itself, and may have packed the new weights
		s.weights.Changed()
	}
	return nil
}

func (s *Stepper) clips() bool {
	return slices.ContainsFunc(s.domains, func(d domain) bool { return d.clip != Clip{} })
}

// begin finds the rates of a step. Without weight there is no step.
func (s *Stepper) begin(m *Moment) error {
	weight := m.Sum.Weight
	if !(weight >= 0) || math.IsInf(weight, 1) {
		return fmt.Errorf("optimizer: step %d: the batch has weight %v; a finite number, 0 or more, is wanted", m.Progress.Step, weight)
	}
	if weight == 0 {
		return nil
	}
	for i := range s.settings {
		set := &s.settings[i]
		rate := set.lr.At(m.Progress) * set.factor
		if !(rate >= 0) || math.IsInf(rate, 1) {
			return fmt.Errorf("optimizer: learning rate %v at step %d of %d; a finite number, 0 or more, is wanted (a schedule with an end needs the number of steps)",
				rate, m.Progress.Step, m.Progress.Steps)
		}
		s.setRate(i, rate)
	}
	s.rate = s.optimizer.LR.At(m.Progress)
	s.steps++
	s.scale = 1 / weight
	for i := range s.domains {
		s.domains[i].factor = 1
	}
	return nil
}

// tell gives every member what its rule is told of the step.
func (s *Stepper) tell(m *Moment) {
	loss := m.Sum.Mean()
	for i := range s.members {
		h := &s.members[i].hyper
		h.Step, h.Loss = s.steps, loss
		h.Scale = s.scale * s.domains[s.settings[s.members[i].setting].clip].factor
	}
}

func (s *Stepper) setRate(setting int, rate float64) {
	set := &s.settings[setting]
	for i := range s.members {
		m := &s.members[i]
		if m.setting != setting {
			continue
		}
		m.hyper.LR, m.hyper.Decay, m.hyper.Shrink = rate, 0, 0
		if set.decay.Coupled || set.info.OwnDecay {
			m.hyper.Decay = m.decay
		} else {
			m.hyper.Shrink = rate * m.decay
		}
	}
}

// clipNorms turns the members' norms into what each domain's gradient is multiplied by.
func (s *Stepper) clipNorms() {
	s.squared = 0
	for i := range s.domains {
		s.domains[i].squared = 0
	}
	for i := range s.members {
		m := &s.members[i]
		s.squared += m.norm
		s.domains[s.settings[m.setting].clip].squared += m.norm
	}
	for i := range s.domains {
		d := &s.domains[i]
		d.factor = d.clip.factor(float64(math.Sqrt(d.squared) * s.scale)) // converted, so that nothing is fused with it
	}
	s.measured = true
}

// Steps is the number of updates done.
func (s *Stepper) Steps() int { return s.steps }

// LR is the learning rate of the last step, for parameters in no group.
func (s *Stepper) LR() float64 { return s.rate }

// Bytes is the memory of the state: slots, scratch among them, and the vectors of wrappers.
func (s *Stepper) Bytes() int64 {
	element := int64(4)
	if s.weights.Precision() == engine.Float64 {
		element = 8
	}
	var n int64
	for _, m := range s.members {
		for _, slot := range m.slots {
			n += slot.bytes(s.weights.Precision())
		}
		n += element * int64(m.Size()) * int64(len(s.vectors))
	}
	return n
}

// NonFiniteGradient finds the first parameter whose gradient holds NaN or an infinity, "" if there is none. It reads the gradient once.
func (s *Stepper) NonFiniteGradient() string { return s.run.nonFinite(gradientVec) }

// NonFiniteWeight finds the first trained parameter that holds NaN or an infinity, "" if there is none.
func (s *Stepper) NonFiniteWeight() string { return s.run.nonFinite(weightsVec) }

// Average writes the weights at which the network is best evaluated to dst, a copy of the same network's weights: the average of an EMA,
// the averaged point of a rule. It returns false, and leaves dst alone, where that is the training point itself. Running states are those
// of training; batch norm wants Calibrate passes afterwards.
func (s *Stepper) Average(dst *engine.Weights) bool {
	if s.evaluate == weightsVec && (s.steps == 0 || !slices.ContainsFunc(s.settings, func(t settings) bool { return averages(t.rule.Code()) })) {
		return false
	}
	if err := dst.Assign(s.weights); err != nil {
		panic(fmt.Sprintf("optim: Average to other weights than a copy of one's own: %v", err))
	}
	s.run.average(dst, s.evaluate)
	dst.Changed()
	return true
}

func averages(c Code) bool {
	_, f32 := c.F32.(Averager[float32])
	_, f64 := c.F64.(Averager[float64])
	return f32 || f64
}

// Readings is what the last step measured. A step with Moment.Watch gives, for each parameter, "gradient_norm" of the mean gradient,
// "weight_norm" before the update, and "update_ratio", the norm of the update by that of the weights, where these are not all zero. A step
// that is watched or clips gives "gradient_norm" over all parameters, under the empty path: after clipping by value, before clipping by
// norm.
func (s *Stepper) Readings() []engine.Reading {
	var out []engine.Reading
	if s.measured {
		out = append(out, reading("", "gradient_norm", math.Sqrt(s.squared)*s.scale))
	}
	if !s.watched {
		return out
	}
	for _, m := range s.members {
		out = append(out, reading(m.Path, "gradient_norm", math.Sqrt(m.norm)*s.scale), reading(m.Path, "weight_norm", math.Sqrt(m.size)))
		if m.size > 0 {
			out = append(out, reading(m.Path, "update_ratio", math.Sqrt(m.moved/m.size)))
		}
	}
	return out
}

func reading(path, what string, x float64) engine.Reading {
	return engine.Reading{Path: path, What: what, Values: []float64{x}}
}
