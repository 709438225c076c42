package optim

// What a stepper saves: the names of its rules, the number of steps, the wrappers' numbers, then every slot and every wrapper's vector,
// parameter by parameter. Slots that are scratch are left out. Everything goes through one list of tensors, so that saving and
// restoring cannot disagree.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/descent-go/descent/engine"
)

var _ engine.Keeper = (*Stepper)(nil)

const (
	rulesName    = "rules"       // text: the rules in order of first use
	stepsName    = "steps"       // updates done
	evaluateName = "evaluate_at" // which vector EvaluateAt named; 0: the weights
)

// state lists what is kept. The tensors of slots and vectors share the live memory; numbers are copies.
func (s *Stepper) state() (rules engine.Tensor, numbers, arrays []engine.Tensor) {
	rules = engine.Tensor{Name: rulesName, U8: []byte(s.rules())}
	rules.Shape = engine.Shape{len(rules.U8)}
	single := func(name string, x float64) {
		numbers = append(numbers, engine.Tensor{Name: name, Shape: engine.Shape{1}, F64: []float64{x}})
	}
	single(stepsName, float64(s.steps))
	single(evaluateName, float64(s.evaluate))
	for _, n := range s.numbers {
		single(n.name, *n.value)
	}
	for i, m := range s.members {
		for k, slot := range m.slots {
			if !slot.Scratch {
				arrays = append(arrays, s.run.slot(i, k))
			}
		}
		for k, v := range s.vectors {
			if !v.scratch {
				arrays = append(arrays, s.run.vector(i, firstNew+Vec(k)))
			}
		}
	}
	return rules, numbers, arrays
}

func (s *Stepper) rules() string {
	var names []string
	for _, set := range s.settings {
		if !slices.Contains(names, set.info.Name) {
			names = append(names, set.info.Name)
		}
	}
	return strings.Join(names, " ")
}

// Keep returns copies of the whole state: every slot as "path/slot", every wrapper's vector as "path/wrapper.name".
func (s *Stepper) Keep() []engine.Tensor {
	rules, numbers, arrays := s.state()
	out := append([]engine.Tensor{rules}, numbers...)
	for _, t := range arrays {
		t.Shape, t.F32, t.F64, t.U8 = slices.Clone(t.Shape), slices.Clone(t.F32), slices.Clone(t.F64), slices.Clone(t.U8)
		out = append(out, t)
	}
	return out
}

// Restore takes what Keep returned for the same optimizer and network, in either precision. Anything else is refused with the first
// difference, and nothing is changed then.
func (s *Stepper) Restore(tensors []engine.Tensor) error {
	if err := s.restore(tensors); err != nil {
		return fmt.Errorf("optimizer state: %w", err)
	}
	return nil
}

func (s *Stepper) restore(tensors []engine.Tensor) error {
	given := make(map[string]engine.Tensor, len(tensors))
	for _, t := range tensors {
		if _, twice := given[t.Name]; twice {
			return fmt.Errorf("%q is there twice", t.Name)
		}
		given[t.Name] = t
	}
	rules, numbers, arrays := s.state()
	if got, ok := given[rulesName]; !ok || got.U8 == nil {
		return fmt.Errorf("%q is missing: this is no state of an optimizer", rulesName)
	} else if string(got.U8) != string(rules.U8) {
		return fmt.Errorf("it is of %.100q, this optimizer is %q", got.U8, rules.U8)
	}
	delete(given, rulesName)
	for _, want := range append(slices.Clone(numbers), arrays...) {
		t, ok := given[want.Name]
		if !ok {
			return fmt.Errorf("%q (%v) is missing; it belongs to another optimizer or network", want.Name, want.Shape)
		}
		if !t.Shape.Equal(want.Shape) {
			return fmt.Errorf("%q is %v, %v is wanted; it belongs to another optimizer or network", t.Name, t.Shape, want.Shape)
		}
		if filled := len(t.F32) + len(t.F64) + len(t.U8); (t.U8 != nil) != (want.U8 != nil) || filled != want.Len() {
			return fmt.Errorf("%q holds %d elements of another kind than the %d wanted", t.Name, filled, want.Len())
		}
		delete(given, want.Name)
	}
	for _, t := range tensors {
		if _, left := given[t.Name]; left {
			return fmt.Errorf("%q is not known here; it belongs to another optimizer or network", t.Name)
		}
	}
	byName := make(map[string]engine.Tensor, len(tensors))
	for _, t := range tensors {
		byName[t.Name] = t
	}
	steps, evaluate := byName[stepsName].At(0), byName[evaluateName].At(0)
	if !whole(steps, 1<<53) {
		return fmt.Errorf("%q is %v; a whole number, 0 or more, is wanted", stepsName, steps)
	}
	if last := len(s.vectors) - 1 + int(firstNew); !whole(evaluate, float64(last)) {
		return fmt.Errorf("%q is %v; a whole number from 0 to %d is wanted", evaluateName, evaluate, last)
	}

	s.steps, s.evaluate = int(steps), Vec(evaluate)
	for i := range s.members {
		s.members[i].hyper.Step = s.steps
	}
	for _, n := range s.numbers {
		*n.value = byName[n.name].At(0)
	}
	for _, to := range arrays {
		write(to, byName[to.Name])
	}
	s.measured, s.watched = false, false
	return nil
}

func whole(x, most float64) bool { return x >= 0 && x <= most && x == math.Trunc(x) }

// write fills the live tensor to.
func write(to, from engine.Tensor) {
	switch {
	case to.U8 != nil:
		copy(to.U8, from.U8)
	case to.F32 != nil && from.F32 != nil:
		copy(to.F32, from.F32)
	case to.F64 != nil && from.F64 != nil:
		copy(to.F64, from.F64)
	default:
		for i := range to.F32 {
			to.F32[i] = float32(from.At(i))
		}
		for i := range to.F64 {
			to.F64[i] = from.At(i)
		}
	}
}
