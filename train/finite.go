package train

import (
	"fmt"
	"slices"

	"github.com/descent-go/descent/engine"
)

// NonFinite says where a training stopped being finite: at which step and where in the network NaN or an infinity appeared first.
type NonFinite struct {
	Step  uint64 // the step that was being done, counted from 1
	Layer string // path of the layer, or of the parameter
	Where string // "value", "gradient" or "weight"
	Loss  float64
}

// Error says the same in words.
func (e *NonFinite) Error() string {
	switch e.Where {
	case "weight":
		return fmt.Sprintf("step %d: parameter %q is not finite after the update of step %d (NaN or infinity); a smaller learning rate or clipping (clip_norm) keeps updates finite", e.Step, e.Layer, e.Step-1)
	case "gradient":
		return fmt.Sprintf("step %d: the gradient first stops being finite at %q (NaN or infinity) while all values are finite; a smaller learning rate, clipping by value or smaller inputs help", e.Step, e.Layer)
	case "value":
		return fmt.Sprintf("step %d: values first stop being finite at layer %q (NaN or infinity); a smaller learning rate, clipping (clip_norm) or smaller inputs help", e.Step, e.Layer)
	}
	return fmt.Sprintf("step %d: the loss is %v; a smaller learning rate or clipping (clip_norm) helps", e.Step, e.Loss)
}

// locate finds where the step that just failed went wrong: the weights that it started from, else the first value on the way forward,
// else the first gradient on the way back. It runs the step's parts once more with the instruments on.
func (s *Session) locate(sum engine.Sum) error {
	found := &NonFinite{Step: s.progress.step + 1, Loss: sum.Loss}
	if path := s.stepper.NonFiniteWeight(); path != "" {
		found.Layer, found.Where = path, "weight"
		return found
	}
	b := &s.batch
	b.Step, b.Mode, b.Watch = s.progress.step, engine.Again, true
	parts := s.loader.Parts(b.Step)
	for part := range parts {
		var err error
		if err = s.read(b.Step, part); err != nil {
			return err
		}
		b.Part = partOf(part, parts)
		if _, err := s.plan.Forward(b); err != nil {
			return err
		}
		if path := firstOdd(s.plan.Readings(), engine.ReadNonFinite); path != "" {
			found.Layer, found.Where = path, "value"
			return found
		}
		if err := s.plan.Backward(); err != nil {
			return err
		}
		if path := s.firstOddGradient(); path != "" {
			found.Layer, found.Where = path, "gradient"
			return found
		}
	}
	if path := s.stepper.NonFiniteGradient(); path != "" {
		found.Layer, found.Where = path, "gradient"
	}
	return found
}

// firstOdd is the path of the first reading that counts elements that are not finite.
func firstOdd(list []engine.Reading, what string) string {
	for _, r := range list {
		if r.What == what && r.Values[0] > 0 {
			return r.Path
		}
	}
	return ""
}

// firstOddGradient is where the way back first met a gradient that is not finite: it visits operations from the end. A parameter is named
// only if all gradients between operations are finite.
func (s *Session) firstOddGradient() string {
	parameter := map[string]bool{}
	for _, p := range s.weights.Params() {
		parameter[p.Path] = true
	}
	var operations, parameters []engine.Reading
	for _, r := range s.plan.Readings() {
		if parameter[r.Path] {
			parameters = append(parameters, r)
		} else {
			operations = append(operations, r)
		}
	}
	slices.Reverse(operations)
	if path := firstOdd(operations, engine.ReadGradNonFinite); path != "" {
		return path
	}
	return firstOdd(parameters, engine.ReadGradNonFinite)
}
