package optim

// Gradient clipping: first element by element, then by the norm over all parameters.

import (
	"errors"
	"math"
)

// Clip limits the mean gradient of a step (after the division by the batch's weight). Zero switches a limit off.
//
// By value: every element is clamped to [-Value, Value]; the gradient vector holds the clamped values afterwards.
//
// By norm (Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063, algorithm 1): with n the norm over all parameters that are not frozen,
// g = g * min(1, Norm/(n+1e-6)), as torch.nn.utils.clip_grad_norm_. Optax divides by max(Norm, n) without the 1e-6. A group with a Clip
// of its own is measured by itself, and the others without it.
type Clip struct {
	Norm  float64 `spec:"clip_norm,min=0" help:"limit of the gradient's norm; 0: none"`
	Value float64 `spec:"clip_value,min=0" help:"limit of each element of the gradient; 0: none"`
}

// Validate refuses limits that are negative or not finite.
func (c Clip) Validate() error {
	var p problems
	p.notNegative("clip norm", c.Norm)
	p.notNegative("clip value", c.Value)
	return errors.Join(p...)
}

// factor is what the gradient is multiplied by, given its norm.
func (c Clip) factor(norm float64) float64 {
	if c.Norm == 0 {
		return 1
	}
	return math.Min(1, c.Norm/(norm+1e-6))
}

// domain is a set of parameters that is clipped together.
type domain struct {
	clip    Clip
	squared float64 // of the gradient sum, in the step under way
	factor  float64
}

func clamp[T float32 | float64](x []T, limit T) {
	for i, v := range x {
		if v > limit {
			x[i] = limit
		} else if v < -limit {
			x[i] = -limit
		}
	}
}
