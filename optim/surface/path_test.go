package surface

import (
	"math"
	"strings"
	"testing"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
)

func follow(t *testing.T, f Function, text string, steps int) Path {
	t.Helper()
	o, err := optim.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Follow(f, o, nil, steps)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Points) != steps+1 || len(p.Values) != steps+1 {
		t.Fatalf("%d points and %d values for %d steps", len(p.Points), len(p.Values), steps)
	}
	return p
}

func lookup(t *testing.T, name string) Function {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The survey's formulas as loops: section 3.1, w = w - α g, and section 3.2, v = γ v + α g, w = w - v.
func TestPathsAreTheFormulas(t *testing.T) {
	for _, name := range []string{"ravine", "rosenbrock", "beale", "himmelblau", "booth"} {
		f := lookup(t, name)
		rate := f.Rates["momentum"]
		for text, gamma := range map[string]float64{
			"sgd": 0, "momentum(mu=0.9)": 0.9, "momentum(mu=0.5)": 0.5, "momentum(mu=0.9, survey=true)": 0.9,
		} {
			o, err := optim.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			o.LR = optim.Constant(rate)
			p, err := Follow(f, o, nil, 200)
			if err != nil {
				t.Fatal(err)
			}
			w, v, g := []float64{f.Start[0], f.Start[1]}, make([]float64, 2), make([]float64, 2)
			for n, got := range p.Points {
				for i := range w {
					if !(math.Abs(got[i]-w[i]) <= 1e-12*math.Max(1, math.Abs(w[i]))) {
						t.Fatalf("%s, %s, step %d: %v, by the formula %v", name, text, n, got, w)
					}
				}
				f.Gradient(w, g)
				for i := range w {
					v[i] = gamma*v[i] + rate*g[i]
					w[i] -= v[i]
				}
			}
		}
	}
}

// The survey's section 3.2: "SGD oscillates across the slopes of the ravine while only making hesitant progress along the bottom", and momentum
// "helps to suppress oscillations and improve convergence speed".
func TestMomentumIsFasterInRavines(t *testing.T) {
	for _, condition := range []float64{50, 100, 1000} {
		f, err := Ravine(condition)
		if err != nil {
			t.Fatal(err)
		}
		const enough = 20000
		steps := func(o optim.Optimizer) int {
			p, err := Follow(f, o, nil, enough)
			if err != nil {
				t.Fatal(err)
			}
			n, ok := p.Reached(0.01)
			if !ok {
				t.Fatalf("condition %v: %v is not at the minimum after %d steps", condition, o, enough)
			}
			return n
		}
		best := steps(optim.NewSGD(2 / (1 + condition))) // no rate is faster
		momentum := steps(optim.NewMomentum(f.Rates["momentum"], 0.9))
		if condition < 1000 && !(momentum < best) {
			t.Errorf("condition %v: momentum takes %d steps, SGD at its best rate %d", condition, momentum, best)
		}
		if sgd := steps(optim.NewSGD(f.Rates["sgd"])); !(momentum < sgd) {
			t.Errorf("condition %v: momentum takes %d steps, SGD %d", condition, momentum, sgd)
		}
	}
	p := follow(t, lookup(t, "ravine"), "sgd(0.019)", 20)
	for n := 1; n < 20; n++ {
		if p.Points[n][1]*p.Points[n-1][1] >= 0 {
			t.Errorf("SGD does not cross the ravine at step %d", n)
		}
	}
}

// Adaptive rates do not depend on the size of the gradient, so that the tiny one across the saddle's line counts as much as the other.
func TestAdaptiveRulesLeaveTheSaddleFirst(t *testing.T) {
	f := lookup(t, "saddle")
	left := func(rule string) int {
		n, _ := follow(t, f, rule+"(0.1)", 100).Left()
		return n
	}
	first := min(left("sgd"), left("momentum"), left("nesterov"))
	for _, rule := range []string{"adagrad", "rmsprop", "adam", "adamw", "amsgrad"} {
		if n := left(rule); !(n < first) {
			t.Errorf("%s leaves at step %d, the first without adaptive rates at %d", rule, n, first)
		}
	}
	// On the line itself nobody leaves.
	o, _ := optim.Parse("adam(0.1)")
	p, err := Follow(f, o, []float64{-1.5, 0}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Left(); ok || p.Points[100][1] != 0 {
		t.Errorf("ends at %v", p.Points[100])
	}
}

// Every optimizer that text can name walks on every function: at the rate given for it, else at its own.
func TestEveryOptimizerOnEveryFunction(t *testing.T) {
	r, _ := spec.NewSet(optim.Lists()...).Registry("optimizer")
	for _, f := range Functions() {
		for name := range f.Rates {
			if _, err := r.Lookup(name); err != nil {
				t.Errorf("%s has a rate for %s: %v", f.Name, name, err)
			}
		}
		for _, name := range r.Names() {
			o, err := optim.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			if rate, ok := f.Rates[name]; ok {
				o.LR = optim.Constant(rate)
			}
			p, err := Follow(f, o, nil, f.Steps)
			if err != nil {
				t.Errorf("%s on %s: %v", name, f.Name, err)
				continue
			}
			if n, bad := p.Diverged(); bad {
				t.Errorf("%s on %s diverges at step %d", name, f.Name, n)
			}
			last := p.Points[f.Steps]
			if !(f.Value(last) < f.Value(f.Start)) {
				t.Errorf("%s on %s goes up: %v at %v", name, f.Name, f.Value(last), last)
			}
		}
	}
}

func TestDiverged(t *testing.T) {
	ravine := lookup(t, "ravine")
	for text, want := range map[string]bool{"sgd(0.0199)": false, "sgd(0.021)": true, "sgd(1e300)": true} {
		p := follow(t, ravine, text, 400)
		if n, ok := p.Diverged(); ok != want || want && (n < 1 || n > 100) {
			t.Errorf("%s: %v at step %d", text, ok, n)
		}
		if _, reached := p.Reached(0.01); reached && want {
			t.Errorf("%s diverges and is at the minimum", text)
		}
	}
	// A saddle is left by design, until numbers end.
	p := follow(t, lookup(t, "saddle"), "sgd(0.1)", 5000)
	if n, ok := p.Diverged(); !ok || n < 1000 {
		t.Errorf("%v at step %d", ok, n)
	}
}

// A path that only runs through the minimum has not reached it.
func TestReachedStays(t *testing.T) {
	f := lookup(t, "ravine")
	p := Path{Function: f, Points: [][]float64{{-1, 0}, {0, 0}, {1, 0}, {0.001, 0}, {0, 0}}}
	if n, ok := p.Reached(0.01); n != 3 || !ok {
		t.Errorf("step %d, %v", n, ok)
	}
	p.Points = p.Points[:3]
	if n, ok := p.Reached(0.01); ok {
		t.Errorf("step %d", n)
	}
	p.Points = append(p.Points, []float64{math.NaN(), 0})
	if _, ok := p.Reached(0.01); ok {
		t.Error("NaN is at the minimum")
	}
}

// Schedules see the walk's length, and an average is where the optimizer would be evaluated.
func TestSchedulesAndAverages(t *testing.T) {
	f := lookup(t, "booth")
	p := follow(t, f, "sgd(lr=linear(0.05))", 10)
	g := make([]float64, 2)
	f.Gradient(p.Points[9], g)
	if got := p.Points[9][0] - p.Points[10][0]; !(math.Abs(got-0.005*g[0]) < 1e-12) {
		t.Errorf("the last step is %v, wanted a tenth of the rate times %v", got, g[0])
	}
	if p.Averages != nil {
		t.Error("an average without a wrapper")
	}
	p = follow(t, f, "sgd(lr=0.05, wrap=[ema(decay=0.9)])", 10)
	if len(p.Averages) != 11 || p.Averages[10][0] == p.Points[10][0] {
		t.Errorf("%d averages, the last %v beside %v", len(p.Averages), p.Averages, p.Points[10])
	}
	if &p.Evaluated()[0] != &p.Averages[0] {
		t.Error("the averages do not count")
	}
}

func TestFollowRefuses(t *testing.T) {
	f, o := lookup(t, "booth"), optim.NewSGD(0.1)
	for _, c := range []struct {
		name  string
		o     optim.Optimizer
		start []float64
		steps int
		says  string
	}{
		{"too few numbers", o, []float64{1}, 1, "start has 1 numbers, wanted 2"},
		{"too many numbers", o, []float64{1, 2, 3}, 1, "wanted 2"},
		{"NaN", o, []float64{1, math.NaN()}, 1, "finite"},
		{"infinite", o, []float64{math.Inf(-1), 0}, 1, "finite"},
		{"negative steps", o, nil, -1, "-1 steps"},
		{"too many steps", o, nil, MaxSteps + 1, "[0, 1000000]"},
		{"negative rate", optim.NewSGD(-1), nil, 1, "learning rate -1"},
		{"no rule", optim.Optimizer{}, nil, 1, "without a rule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Follow(f, c.o, c.start, c.steps); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v lacks %q", err, c.says)
			}
		})
	}
	if p, err := Follow(f, o, nil, 0); err != nil || len(p.Points) != 1 {
		t.Errorf("no steps: %v, %v", p.Points, err)
	}
}
