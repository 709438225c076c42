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

	"nesterov(lr=0.05)":                                 {Formula: momentum(0.9, 0, true), Scaling: optimtest.Linear},
	"nesterov(lr=0.05, mu=0.8)":                         {Formula: momentum(0.8, 0, true), Scaling: optimtest.Linear},
	"nesterov(lr=drop(0.1, 0.5, steps=3), survey=true)": {Formula: surveyMomentum(true), Rate: 0.05, Scaling: optimtest.Linear},

	"adagrad(lr=1)": {Formula: adagrad(0, 1e-10, false), Scaling: optimtest.Invariant, Scaled: optim.AdaGrad{}},
	"adagrad(lr=1, initial=0.1, epsilon=1e-3)": {Formula: adagrad(0.1, 1e-3, false)},
	"adagrad(lr=1, inside=true, epsilon=1e-7)": {Formula: adagrad(0, 1e-7, true), Scaling: optimtest.Invariant,
		Scaled: optim.AdaGrad{Inside: true}},

	"adadelta(lr=1)": {Formula: adadelta(0.95, 1e-6), Rate: 10},
	"adadelta(lr=0.5, rho=0.8, epsilon=1e-2)": {Formula: adadelta(0.8, 1e-2), Rate: 1},

	"rmsprop(lr=0.02)": {Formula: rmsprop(optim.RMSProp{Rho: 0.9, Epsilon: 1e-8}), Scaling: optimtest.Invariant,
		Scaled: optim.RMSProp{Rho: 0.9}},
	"rmsprop(lr=0.02, survey=true, rho=0.99, initial=1)": {Formula: rmsprop(optim.RMSProp{Rho: 0.99, Epsilon: 1e-8, Initial: 1, Survey: true})},
	"rmsprop(lr=0.02, survey=true)": {Formula: rmsprop(optim.RMSProp{Rho: 0.9, Epsilon: 1e-8, Survey: true}), Scaling: optimtest.Invariant,
		Scaled: optim.RMSProp{Rho: 0.9, Survey: true}},
	"rmsprop(lr=0.01, centered=true, epsilon=1e-2)": {Formula: rmsprop(optim.RMSProp{Rho: 0.9, Epsilon: 1e-2, Centered: true}),
		Scaling: optimtest.Invariant, Scaled: optim.RMSProp{Rho: 0.9, Centered: true}},
	"rmsprop(lr=0.01, centered=true, survey=true, epsilon=1e-4, mu=0.9, rho=0.95)": {
		Formula: rmsprop(optim.RMSProp{Rho: 0.95, Epsilon: 1e-4, Mu: 0.9, Centered: true, Survey: true})},
	"rmsprop(lr=0.01, mu=0.9)": {Formula: rmsprop(optim.RMSProp{Rho: 0.9, Epsilon: 1e-8, Mu: 0.9}), Scaling: optimtest.Invariant,
		Scaled: optim.RMSProp{Rho: 0.9, Mu: 0.9}},
	"rmsprop(lr=drop(0.02, 0.5, steps=3), mu=0.8, folded=true)": {
		Formula: rmsprop(optim.RMSProp{Rho: 0.9, Epsilon: 1e-8, Mu: 0.8, Folded: true}), Rate: 0.02},
	"rmsprop(lr=drop(0.02, 0.5, steps=3), mu=0.8)": {
		Formula: rmsprop(optim.RMSProp{Rho: 0.9, Epsilon: 1e-8, Mu: 0.8}), Rate: 0.02},

	"amsgrad(lr=0.02)": {Formula: amsgrad(0.9, 0.999, 1e-8, false), Scaling: optimtest.Invariant,
		Scaled: optim.AMSGrad{Beta1: 0.9, Beta2: 0.999}},
	"amsgrad(lr=0.02, beta1=0.3, beta2=0.5, epsilon=1e-3)": {Formula: amsgrad(0.3, 0.5, 1e-3, false)},
	"amsgrad(lr=0.02, paper=true)": {Formula: amsgrad(0.9, 0.999, 1e-8, true), Scaling: optimtest.Invariant,
		Scaled: optim.AMSGrad{Beta1: 0.9, Beta2: 0.999, Paper: true}},

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

// Duchi, Hazan and Singer, figure 1, diagonal matrices: "s_t,i = ||g_1:t,i||", H = delta I + diag(s); the survey, section 3.3.
func adagrad(initial, epsilon float64, inside bool) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		sum := make([]float64, p.Size())
		for i := range sum {
			sum[i] = initial
		}
		return func(h optim.Hyper, w, g []float64) {
			for i := range w {
				g := g[i] + h.Decay*w[i]
				sum[i] += g * g
				if root := math.Sqrt(sum[i]) + epsilon; !inside {
					w[i] -= h.LR / root * g
				} else {
					w[i] -= h.LR / math.Sqrt(sum[i]+epsilon) * g
				}
			}
		}
	}
}

// Zeiler, algorithm 1.
func adadelta(rho, epsilon float64) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		gradients, steps := make([]float64, p.Size()), make([]float64, p.Size())
		rms := func(x float64) float64 { return math.Sqrt(x + epsilon) }
		return func(h optim.Hyper, w, g []float64) {
			for i := range w {
				g := g[i] + h.Decay*w[i]
				gradients[i] = rho*gradients[i] + (1-rho)*g*g
				step := -rms(steps[i]) / rms(gradients[i]) * g
				steps[i] = rho*steps[i] + (1-rho)*step*step
				w[i] += h.LR * step
			}
		}
	}
}

// The survey, section 3.4, and Graves, equations 38 to 41.
func rmsprop(r optim.RMSProp) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		square, mean, velocity := make([]float64, p.Size()), make([]float64, p.Size()), make([]float64, p.Size())
		for i := range square {
			square[i] = r.Initial
		}
		return func(h optim.Hyper, w, g []float64) {
			for i := range w {
				g := g[i] + h.Decay*w[i]
				square[i] = r.Rho*square[i] + (1-r.Rho)*g*g
				mean[i] = r.Rho*mean[i] + (1-r.Rho)*g
				under := square[i]
				if r.Centered {
					under = math.Max(0, under-mean[i]*mean[i])
				}
				step := g / (math.Sqrt(under) + r.Epsilon)
				if r.Survey {
					step = g / math.Sqrt(under+r.Epsilon)
				}
				if r.Folded {
					velocity[i] = r.Mu*velocity[i] + h.LR*step
					w[i] -= velocity[i]
				} else {
					velocity[i] = r.Mu*velocity[i] + step
					w[i] -= h.LR * velocity[i]
				}
			}
		}
	}
}

// Reddi, Kale and Kumar, algorithm 2; with PyTorch's corrections of the bias, after the largest.
func amsgrad(beta1, beta2, epsilon float64, paper bool) optimtest.Formula {
	return func(p engine.Param) func(optim.Hyper, []float64, []float64) {
		m, v, largest := make([]float64, p.Size()), make([]float64, p.Size()), make([]float64, p.Size())
		return func(h optim.Hyper, w, g []float64) {
			c1, c2 := 1-math.Pow(beta1, float64(h.Step)), 1-math.Pow(beta2, float64(h.Step))
			if paper {
				c1, c2 = 1, 1
			}
			for i := range w {
				g := g[i] + h.Decay*w[i]
				m[i] = beta1*m[i] + (1-beta1)*g
				v[i] = beta2*v[i] + (1-beta2)*g*g
				largest[i] = math.Max(largest[i], v[i])
				w[i] -= h.LR * (m[i] / c1) / (math.Sqrt(largest[i]/c2) + epsilon)
			}
		}
	}
}

// The rule of the example keeps the laws, as anybody's own is tested.
func TestOwnRule(t *testing.T) {
	optimtest.Run(t, optimtest.Case{
		Optimizer: optim.Optimizer{Rule: Signum{Beta: 0.9}, LR: optim.Constant(0.02)}, Scaling: optimtest.Invariant,
	})
}

// Under a constant gradient the mean square and the squared mean meet, and rounding makes their difference negative: PyTorch's weights
// become NaN then.
func TestCenteredRMSPropUnderConstantGradient(t *testing.T) {
	o, err := optim.Parse("rmsprop(centered=true)")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []engine.Precision{engine.Float32, engine.Float64} {
		w, err := optimtest.Weights(p, engine.Param{Path: "w", Shape: engine.Shape{64}})
		if err != nil {
			t.Fatal(err)
		}
		s := bind(t, o, w)
		for range 600 {
			if v, ok := engine.Vectors[float64](w); ok {
				for i := range 64 {
					v.Grad[i] = 0.1 + float64(i)/7
				}
			} else if v, ok := engine.Vectors[float32](w); ok {
				for i := range 64 {
					v.Grad[i] = 0.1 + float32(i)/7
				}
			}
			step(t, s, optim.Moment{Sum: engine.Sum{Weight: 1}})
		}
		if bad := s.NonFiniteWeight(); bad != "" {
			t.Errorf("%v: %s is not finite", p, bad)
		}
	}
}
