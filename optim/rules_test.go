package optim_test

// Every rule on the list runs through the common suite, against a loop that is written from its paper.

import (
	"math"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// cases by text. A rule on the list must be here at least once; options get a case each.
var cases = map[string]optimtest.Case{
	"sgd(lr=0.1)": {Formula: sgd, Scaling: optimtest.Linear},

	"momentum(lr=0.05)":                              {Formula: momentum(0.9, 0, false), Scaling: optimtest.Linear},
	"momentum(lr=0.05, mu=0.8, nesterov=true)":       {Formula: momentum(0.8, 0, true), Scaling: optimtest.Linear},
	"momentum(lr=0.05, dampening=0.3)":               {Formula: momentum(0.9, 0.3, false), Scaling: optimtest.Linear},
	"momentum(lr=0.05, mu=0)":                        {Formula: momentum(0, 0, false), Scaling: optimtest.Linear},
	"momentum(lr=0.05, survey=true)":                 {Formula: surveyMomentum(false), Scaling: optimtest.Linear},
	"momentum(lr=0.05, survey=true, nesterov=true)":  {Formula: surveyMomentum(true), Scaling: optimtest.Linear},
	"momentum(lr=stages([drop(0.1, 0.5, steps=3)]))": {Formula: momentum(0.9, 0, false), Rate: 0.05, Scaling: optimtest.Linear},
	"momentum(lr=drop(0.1, 0.5, steps=3), survey=true)": {
		Formula: surveyMomentum(false), Rate: 0.05, Scaling: optimtest.Linear},

	"adam(lr=0.02)": {Formula: adam(0.9, 0.999, 1e-8, false), Scaling: optimtest.Invariant,
		Scaled: optim.Adam{Beta1: 0.9, Beta2: 0.999}},
	"adam(lr=0.02, beta1=0.3, beta2=0.9, epsilon=1e-3)": {Formula: adam(0.3, 0.9, 1e-3, false)},
	"adam(lr=0.02, survey=true)": {Formula: adam(0.9, 0.999, 1e-8, true), Scaling: optimtest.Invariant,
		Scaled: optim.Adam{Beta1: 0.9, Beta2: 0.999, Survey: true}},
	"adamw(lr=0.02)": {Formula: adam(0.9, 0.999, 1e-8, false), Scaling: optimtest.Invariant,
		Scaled: optim.AdamW{Beta1: 0.9, Beta2: 0.999}},

	"lars(lr=0.5)":                             {Formula: lars(false, false), Rate: 1},
	"lars(lr=0.5, joint=true)":                 {Formula: lars(true, false), Rate: 1},
	"lars(lr=0.5, trust=0.02, trust_all=true)": {Formula: lars(false, true), Rate: 0.3},
}

// listed is the list before other tests add to it.
var listed = optim.Lists()[0].Names()

func TestRules(t *testing.T) {
	tested := map[string]bool{}
	for text, c := range cases {
		var err error
		if c.Optimizer, err = optim.Parse(text); err != nil {
			t.Error(err)
			continue
		}
		v, _ := spec.ParseText("", text)
		tested[v.Text] = true
		t.Run(text, func(t *testing.T) { optimtest.Run(t, c) })
	}
	for _, name := range listed {
		if !tested[name] {
			t.Errorf("%s is on the list and has no case here", name)
		}
	}
}

func sgd(engine.Param) func(optim.Hyper, []float64, []float64) {
	return func(h optim.Hyper, w, g []float64) {
		for i := range w {
			w[i] -= h.LR * (g[i] + h.Decay*w[i])
		}
	}
}

func momentum(mu, dampening float64, nesterov bool) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		v := make([]float64, p.Size())
		return func(h optim.Hyper, w, g []float64) {
			for i := range w {
				g := g[i] + h.Decay*w[i]
				v[i] = mu*v[i] + (1-dampening)*g
				if h.Step == 1 {
					v[i] = g // PyTorch: the first velocity is the gradient
				}
				if nesterov {
					w[i] -= h.LR * (g + mu*v[i])
				} else {
					w[i] -= h.LR * v[i]
				}
			}
		}
	}
}

// The survey, section 3.2: "v_t = γ v_{t-1} + α ∂L/∂w_i; w_i = w_i - v_t".
func surveyMomentum(nesterov bool) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		v := make([]float64, p.Size())
		return func(h optim.Hyper, w, g []float64) {
			for i := range w {
				g := g[i] + h.Decay*w[i]
				v[i] = 0.9*v[i] + h.LR*g
				if nesterov {
					w[i] -= 0.9*v[i] + h.LR*g
				} else {
					w[i] -= v[i]
				}
			}
		}
	}
}

// Kingma and Ba, algorithm 1; the survey, section 3.5, has the root around the sum with epsilon.
func adam(beta1, beta2, epsilon float64, inside bool) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		m, v := make([]float64, p.Size()), make([]float64, p.Size())
		return func(h optim.Hyper, w, g []float64) {
			for i := range w {
				g := g[i] + h.Decay*w[i]
				m[i] = beta1*m[i] + (1-beta1)*g
				v[i] = beta2*v[i] + (1-beta2)*g*g
				mHat := m[i] / (1 - math.Pow(beta1, float64(h.Step)))
				vHat := v[i] / (1 - math.Pow(beta2, float64(h.Step)))
				if inside {
					w[i] -= h.LR / math.Sqrt(vHat+epsilon) * mHat
				} else {
					w[i] -= h.LR * mHat / (math.Sqrt(vHat) + epsilon)
				}
			}
		}
	}
}

// You, Gitman and Ginsburg, algorithm 1, with the trust ratios of Optax for joint.
func lars(joint, all bool) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		v := make([]float64, p.Size())
		trust := 0.001
		if all {
			trust = 0.02
		}
		return func(h optim.Hyper, w, g []float64) {
			var ww, gg, uu float64
			for i := range w {
				u := g[i] + h.Decay*w[i]
				ww, gg, uu = ww+w[i]*w[i], gg+g[i]*g[i], uu+u*u
			}
			r := 1.0
			if ww > 0 && gg > 0 && (all || p.Role != engine.Bias && p.Role != engine.Norm) {
				if joint {
					r = trust * math.Sqrt(ww) / math.Sqrt(uu)
				} else {
					r = trust * math.Sqrt(ww) / (math.Sqrt(gg) + h.Decay*math.Sqrt(ww))
				}
			}
			for i := range w {
				v[i] = 0.9*v[i] + h.LR*r*(g[i]+h.Decay*w[i])
				w[i] -= v[i]
			}
		}
	}
}
