package optim_test

// What stands around the rules: groups, clipping, decay by role, wrappers, other points of evaluation, saving and restoring.

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// small is a network of three parameters.
func small(t *testing.T) *engine.Weights {
	t.Helper()
	w, err := optimtest.Weights(engine.Float64,
		engine.Param{Path: "body/weight", Shape: engine.Shape{2, 3}, Role: engine.Weight},
		engine.Param{Path: "body/bias", Shape: engine.Shape{3}, Role: engine.Bias},
		engine.Param{Path: "head/weight", Shape: engine.Shape{3, 2}, Role: engine.Output},
	)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func bind(t *testing.T, o optim.Optimizer, w *engine.Weights) *optim.Stepper {
	t.Helper()
	s, err := o.Bind(w, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// set lays weight*x into every element of the gradient, or what f says of a weight and its place.
func set(t *testing.T, w *engine.Weights, weight float64, f func(i int, w float64) float64) {
	t.Helper()
	v, ok := engine.Vectors[float64](w)
	if !ok {
		t.Fatal("float64 is wanted")
	}
	k := 0
	for _, p := range w.Params() {
		for i := range p.Size() {
			v.Grad[p.Offset+i] = weight * f(k, v.Weight[p.Offset+i])
			k++
		}
	}
}

func constant(x float64) func(int, float64) float64 {
	return func(int, float64) float64 { return x }
}

func values(w *engine.Weights) []float64 {
	var out []float64
	for _, t := range w.Keep() {
		out = append(out, t.F64...)
	}
	return out
}

func step(t *testing.T, s *optim.Stepper, m optim.Moment) {
	t.Helper()
	if m.Sum.Weight == 0 {
		m.Sum.Weight = 1
	}
	if err := s.Step(&m); err != nil {
		t.Fatal(err)
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12*(1+math.Abs(want))) {
		t.Errorf("%s: %v, %v is wanted", what, got, want)
	}
}

func TestGroups(t *testing.T) {
	none := optim.Decay{}
	o := optim.NewSGD(0.1)
	o.Decay = optim.Decay{Rate: 0.5}
	o.Groups = []optim.Group{
		{Match: optim.Match{Paths: []string{"head"}}, LRFactor: 0.5, Decay: &none},
		{Match: optim.Match{Roles: []engine.Role{engine.Bias}}, LR: optim.Constant(0.3), Rule: optim.Momentum{Mu: 0.9}, Decay: &optim.Decay{Rate: 0.2}},
	}
	w := small(t)
	s := bind(t, o, w)
	before := values(w)
	set(t, w, 4, constant(1))
	step(t, s, optim.Moment{Sum: engine.Sum{Weight: 4}})
	after := values(w)
	near(t, "weight: decay", after[0], before[0]*(1-0.1*0.5)-0.1)
	near(t, "bias: its own rate, and decay because the group names its role", after[6], before[6]*(1-0.3*0.2)-0.3)
	near(t, "head: half the rate, no decay", after[9], before[9]-0.05)
	step(t, s, optim.Moment{Sum: engine.Sum{Weight: 4}})
	near(t, "bias: momentum", values(w)[6], after[6]*(1-0.3*0.2)-0.3*1.9)
	near(t, "LR", s.LR(), 0.1)
	if s.Steps() != 2 {
		t.Errorf("%d steps", s.Steps())
	}
}

func TestDecayByRole(t *testing.T) {
	for _, all := range []bool{false, true} {
		for _, coupled := range []bool{false, true} {
			o := optim.NewSGD(0.1)
			o.Decay = optim.Decay{Rate: 0.5, Coupled: coupled, All: all}
			w := small(t)
			s := bind(t, o, w)
			before := values(w)
			set(t, w, 1, constant(0))
			step(t, s, optim.Moment{})
			shrink := 1.0
			if all {
				shrink = 0.95
			}
			near(t, "weight", values(w)[0], 0.95*before[0])
			near(t, "bias", values(w)[6], shrink*before[6])
		}
	}
}

func TestClip(t *testing.T) {
	sum := func(f func(i int) float64) (norm float64) {
		for i := range 15 {
			norm += f(i) * f(i)
		}
		return math.Sqrt(norm)
	}
	g := func(i int) float64 { return float64(i) - 7 }
	clamped := func(i int) float64 { return max(-3, min(3, g(i))) }
	tests := []struct {
		name string
		clip optim.Clip
		want func(i int) float64
		norm float64
	}{
		{"norm", optim.Clip{Norm: 2}, func(i int) float64 { return g(i) * 2 / (sum(g) + 1e-6) }, sum(g)},
		{"norm that is not reached", optim.Clip{Norm: 100}, g, sum(g)},
		{"value", optim.Clip{Value: 3}, clamped, sum(clamped)},
		{"value, then norm", optim.Clip{Value: 3, Norm: 2}, func(i int) float64 { return clamped(i) * 2 / (sum(clamped) + 1e-6) }, sum(clamped)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := optim.NewSGD(1)
			o.Clip = test.clip
			w := small(t)
			s := bind(t, o, w)
			before := values(w)
			set(t, w, 5, func(i int, _ float64) float64 { return g(i) })
			step(t, s, optim.Moment{Sum: engine.Sum{Weight: 5}})
			for i, x := range values(w) {
				near(t, "step", before[i]-x, test.want(i))
			}
			r := s.Readings()
			if len(r) != 1 || r[0].What != "gradient_norm" || r[0].Path != "" {
				t.Fatalf("readings %v", r)
			}
			near(t, "norm", r[0].Values[0], test.norm)
		})
	}
}

// A group with a clip of its own is measured by itself, and the others without it.
func TestClipOfGroup(t *testing.T) {
	o := optim.NewSGD(1)
	o.Clip = optim.Clip{Norm: 3}
	o.Groups = []optim.Group{{Match: optim.Match{Paths: []string{"head/*"}}, Clip: &optim.Clip{Norm: 1}}}
	w := small(t)
	s := bind(t, o, w)
	before := values(w)
	set(t, w, 1, constant(2))
	step(t, s, optim.Moment{})
	near(t, "body", before[0]-values(w)[0], 2*3/(math.Sqrt(9*4)+1e-6))
	near(t, "head", before[9]-values(w)[9], 2*1/(math.Sqrt(6*4)+1e-6))
}

func TestReadings(t *testing.T) {
	w := small(t)
	s := bind(t, optim.NewSGD(0.1), w)
	before := values(w)
	set(t, w, 2, constant(3))
	step(t, s, optim.Moment{Sum: engine.Sum{Weight: 2}, Watch: true})
	got := map[string]float64{}
	for _, r := range s.Readings() {
		got[r.Path+" "+r.What] = r.Values[0]
	}
	norm := 0.0
	for _, x := range before[6:9] {
		norm += x * x
	}
	near(t, "all", got[" gradient_norm"], math.Sqrt(15*9))
	near(t, "gradient", got["body/bias gradient_norm"], math.Sqrt(3*9))
	near(t, "weight", got["body/bias weight_norm"], math.Sqrt(norm))
	near(t, "ratio", got["body/bias update_ratio"], math.Sqrt(3*0.09)/math.Sqrt(norm))
	step(t, s, optim.Moment{})
	if r := s.Readings(); len(r) != 0 {
		t.Errorf("a plain step has readings: %v", r)
	}
}

func TestNonFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		w := small(t)
		s := bind(t, optim.NewSGD(0.1), w)
		set(t, w, 1, constant(1e300))
		if path := s.NonFiniteGradient(); path != "" {
			t.Errorf("finite gradient: %q", path)
		}
		set(t, w, 1, func(i int, _ float64) float64 { return [15]float64{7: bad, 12: bad}[i] })
		if path := s.NonFiniteGradient(); path != "body/bias" {
			t.Errorf("%v: %q", bad, path)
		}
		if path := s.NonFiniteWeight(); path != "" {
			t.Errorf("finite weights: %q", path)
		}
		step(t, s, optim.Moment{})
		if path := s.NonFiniteWeight(); path != "body/bias" {
			t.Errorf("%v: weight %q", bad, path)
		}
	}
}

func TestBatchWeight(t *testing.T) {
	w := small(t)
	s := bind(t, optim.NewMomentum(0.1, 0.9), w)
	set(t, w, 1, constant(1))
	before := values(w)
	if err := s.Step(&optim.Moment{}); err != nil || s.Steps() != 0 || values(w)[0] != before[0] {
		t.Errorf("a batch without weight: error %v, %d steps", err, s.Steps())
	}
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		if err := s.Step(&optim.Moment{Sum: engine.Sum{Weight: bad}}); err == nil {
			t.Errorf("weight %v is taken", bad)
		}
	}
}

// sam is sharpness-aware minimization (Foret and others 2021, arXiv 2010.01412, algorithm 1): the gradient is taken at w + rho g/|g|.
type sam struct{ rho float64 }

func (s sam) Wrap(space optim.Space, next optim.Next) optim.Next {
	start := space.Scratch()
	return func(m *optim.Moment) error {
		w, g := space.Weights(), space.Gradient()
		norm := math.Sqrt(space.Dot(g, g))
		if norm == 0 {
			return next(m)
		}
		space.Copy(start, w)
		space.Axpy(s.rho/norm, g, w)
		sum, err := m.Again()
		space.Copy(w, start)
		if err != nil {
			return err
		}
		m.Sum = sum
		return next(m)
	}
}

func TestWrapperWithSecondGradient(t *testing.T) {
	o := optim.NewMomentum(0.1, 0.9)
	o.Wrap = []optim.Wrapper{sam{0.05}}
	w := small(t)
	s := bind(t, o, w)
	want := values(w)
	v := make([]float64, len(want))
	curvature := func(i int) float64 { return 1 + float64(i%4) }
	gradient := func(i int, w float64) float64 { return curvature(i) * (w - 1) }
	for range 5 {
		set(t, w, 3, gradient)
		step(t, s, optim.Moment{Sum: engine.Sum{Weight: 3}, Again: func() (engine.Sum, error) {
			set(t, w, 3, gradient)
			return engine.Sum{Weight: 3}, nil
		}})
		norm := 0.0
		for i, x := range want {
			norm += gradient(i, x) * gradient(i, x)
		}
		for i, x := range want {
			up := x + 0.05*gradient(i, x)/math.Sqrt(norm)
			v[i] = 0.9*v[i] + gradient(i, up)
			want[i] -= 0.1 * v[i]
		}
		for i, x := range values(w) {
			near(t, "weight", x, want[i])
		}
	}
	for _, kept := range s.Keep() {
		if strings.Contains(kept.Name, "sam") {
			t.Errorf("scratch is kept as %s", kept.Name)
		}
	}
	failed := errors.New("no gradient")
	before := values(w)
	set(t, w, 3, gradient)
	err := s.Step(&optim.Moment{Sum: engine.Sum{Weight: 3}, Again: func() (engine.Sum, error) { return engine.Sum{}, failed }})
	if !errors.Is(err, failed) || values(w)[0] != before[0] {
		t.Errorf("error %v, weight %v then %v", err, before[0], values(w)[0])
	}
}

func TestEMA(t *testing.T) {
	for _, warm := range []bool{false, true} {
		o := optim.NewSGD(0.1)
		o.Wrap = []optim.Wrapper{optim.EMA{Decay: 0.75, Warm: warm}}
		w := small(t)
		s := bind(t, o, w)
		dst := w.Copy()
		if s.Average(dst) {
			t.Error("there is an average before the first step")
		}
		var want []float64
		for k := range 4 {
			set(t, w, 1, constant(1))
			step(t, s, optim.Moment{})
			keep := 0.75
			if warm {
				keep = min(keep, float64(1+k)/float64(10+k))
			}
			for i, x := range values(w) {
				if k == 0 {
					want = append(want, x)
				} else {
					want[i] = keep*want[i] + (1-keep)*x
				}
			}
		}
		if !s.Average(dst) {
			t.Fatal("no average")
		}
		for i, x := range values(dst) {
			near(t, "average", x, want[i])
		}

		again := bind(t, o, w.Copy())
		if err := again.Restore(s.Keep()); err != nil {
			t.Fatal(err)
		}
		other := w.Copy()
		if !again.Average(other) {
			t.Error("a restored stepper has forgotten where to evaluate")
		}
		for i, x := range values(other) {
			near(t, "restored average", x, want[i])
		}
	}
}

// The two weights of the sum are rounded to the precision of the network. Rounded apart they would not sum to 1, and an average of what does not
// move would settle beside it: by 3e-4 of its size for a decay of 0.9999.
func TestAverageOfWhatDoesNotMoveStays(t *testing.T) {
	for _, decay := range []float64{0.9, 0.998, 0.9999} {
		o := optim.NewSGD(0.1)
		o.Wrap = []optim.Wrapper{optim.EMA{Decay: decay}}
		w, err := optimtest.Weights(engine.Float32, engine.Param{Path: "weight", Shape: engine.Shape{64, 100}, Role: engine.Weight})
		if err != nil {
			t.Fatal(err)
		}
		s := bind(t, o, w)
		for range int(10 / (1 - min(decay, 0.999))) {
			step(t, s, optim.Moment{})
		}
		average := w.Copy()
		if !s.Average(average) {
			t.Fatal("no average")
		}
		// Each step rounds twice; the errors forget themselves as the average does, and are at most 2^-24 / (1-decay) while all go one way.
		for i, x := range average.Keep()[0].F32 {
			if want := w.Keep()[0].F32[i]; math.Abs(float64(x-want)) > 1e-5*math.Abs(float64(want)) {
				t.Fatalf("decay %v: element %d is %v, %v is wanted", decay, i, x, want)
			}
		}
	}
}

// A run with an average resumes to the bit.
func TestWrapperResumes(t *testing.T) {
	o := optim.NewAdamW(0.01)
	o.Wrap = []optim.Wrapper{optim.NewEMA(), optim.EMA{Decay: 0.5}}
	run := func(stop int) (*optim.Stepper, *engine.Weights) {
		w := small(t)
		s := bind(t, o, w)
		for k := range 6 {
			if k == stop {
				kept, weights := s.Keep(), w.Keep()
				w = small(t)
				s = bind(t, o, w)
				if err := errors.Join(w.Restore(weights), s.Restore(kept)); err != nil {
					t.Fatal(err)
				}
			}
			set(t, w, 1, func(i int, x float64) float64 { return x - float64(i+k) })
			step(t, s, optim.Moment{})
		}
		return s, w
	}
	straight, w := run(-1)
	for stop := range 6 {
		again, v := run(stop)
		a, b := straight.Keep(), again.Keep()
		for i := range a {
			for k := range a[i].Len() {
				if a[i].Name != b[i].Name || a[i].At(k) != b[i].At(k) {
					t.Fatalf("stopped after %d: %s[%d] is %v, %v is wanted", stop, a[i].Name, k, b[i].At(k), a[i].At(k))
				}
			}
		}
		if values(w)[0] != values(v)[0] {
			t.Fatalf("stopped after %d: weights differ", stop)
		}
	}
}

// The first wrapper stands outermost.
func TestWrapOrder(t *testing.T) {
	var order []string
	note := func(name string) optim.Wrapper {
		return hook(func(next optim.Next) optim.Next {
			return func(m *optim.Moment) error {
				order = append(order, name)
				return next(m)
			}
		})
	}
	o := optim.NewSGD(0.1)
	o.Wrap = []optim.Wrapper{note("outer"), note("inner")}
	w := small(t)
	set(t, w, 1, constant(1))
	step(t, bind(t, o, w), optim.Moment{})
	if got := strings.Join(order, " "); got != "outer inner" {
		t.Error(got)
	}
}

type hook func(optim.Next) optim.Next

func (h hook) Wrap(_ optim.Space, next optim.Next) optim.Next { return h(next) }

func TestRestoreRefuses(t *testing.T) {
	o := optim.NewAdam(0.1)
	o.Wrap = []optim.Wrapper{optim.NewEMA()}
	w := small(t)
	s := bind(t, o, w)
	for range 2 {
		set(t, w, 1, constant(1))
		step(t, s, optim.Moment{})
	}
	momentum := bind(t, optim.NewMomentum(0.1, 0.9), small(t)).Keep()
	change := func(name string, f func(*engine.Tensor)) []engine.Tensor {
		kept := s.Keep()
		for i := range kept {
			if kept[i].Name == name {
				f(&kept[i])
			}
		}
		return kept
	}
	number := func(name string, x float64) []engine.Tensor {
		return change(name, func(t *engine.Tensor) { t.F64[0] = x })
	}
	tests := []struct {
		name string
		kept []engine.Tensor
		want string
	}{
		{"nothing", nil, `"rules" is missing`},
		{"another rule", momentum, `it is of "momentum", this optimizer is "adam"`},
		{"missing", s.Keep()[:len(s.Keep())-1], `"head/weight/ema.average" (3x2) is missing`},
		{"twice", append(s.Keep(), s.Keep()[3]), "is there twice"},
		{"one more", append(s.Keep(), engine.Tensor{Name: "body/bias/extra", Shape: engine.Shape{3}, F64: make([]float64, 3)}), `"body/bias/extra" is not known`},
		{"another shape", change("body/bias/m", func(t *engine.Tensor) { t.Shape = engine.Shape{1, 3} }), `"body/bias/m" is 1x3, 3 is wanted`},
		{"too few numbers", change("body/bias/m", func(t *engine.Tensor) { t.F64 = t.F64[:2] }), `"body/bias/m" holds 2`},
		{"bytes", change("body/bias/m", func(t *engine.Tensor) { t.F64, t.U8 = nil, make([]byte, 3) }), `"body/bias/m" holds 3 elements of another kind`},
		{"steps negative", number("steps", -1), `"steps" is -1`},
		{"steps not whole", number("steps", 1.5), `"steps" is 1.5`},
		{"steps NaN", number("steps", math.NaN()), `"steps" is NaN`},
		{"evaluates nowhere", number("evaluate_at", 3), `"evaluate_at" is 3; a whole number from 0 to 2`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := s.Keep()
			err := s.Restore(test.kept)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, %q is wanted", err, test.want)
			}
			for i, kept := range s.Keep() {
				for k := range kept.Len() {
					if kept.At(k) != before[i].At(k) {
						t.Fatalf("%s has changed", kept.Name)
					}
				}
			}
		})
	}
}

// State of the other precision is taken, to rounding, as weights are.
func TestRestoreOtherPrecision(t *testing.T) {
	w := small(t)
	s := bind(t, optim.NewAdam(0.1), w)
	set(t, w, 1, constant(0.3))
	step(t, s, optim.Moment{})
	kept := s.Keep()
	for i := range kept {
		if kept[i].F64 != nil && strings.Contains(kept[i].Name, "/") {
			for _, x := range kept[i].F64 {
				kept[i].F32 = append(kept[i].F32, float32(x))
			}
			kept[i].F64 = nil
		}
	}
	other := bind(t, optim.NewAdam(0.1), small(t))
	if err := other.Restore(kept); err != nil {
		t.Fatal(err)
	}
	for i, got := range other.Keep() {
		for k := range got.Len() {
			if math.Abs(got.At(k)-kept[i].At(k)) > 1e-7 {
				t.Errorf("%s: %v, %v is wanted", got.Name, got.At(k), kept[i].At(k))
			}
		}
	}
}

func TestBindRefuses(t *testing.T) {
	all, err := optimtest.Weights(engine.Float32, engine.Param{Path: "a/weight", Shape: engine.Shape{2}, Frozen: true})
	if err != nil {
		t.Fatal(err)
	}
	with := func(f func(*optim.Optimizer)) optim.Optimizer {
		o := optim.NewAdamW(1e-3)
		f(&o)
		return o
	}
	tests := []struct {
		name string
		o    optim.Optimizer
		want []string
	}{
		{"empty", optim.Optimizer{}, []string{"without a rule", "learning rate: nothing is set"}},
		{"rate", optim.NewSGD(-1), []string{"learning rate -1: a positive finite number is wanted"}},
		{"rate 0", optim.NewSGD(0), []string{"learning rate 0: a positive"}},
		{"rate NaN", optim.NewSGD(math.NaN()), []string{"learning rate NaN"}},
		{"rate infinite", optim.NewSGD(math.Inf(1)), []string{"learning rate +Inf"}},
		{"everything at once", with(func(o *optim.Optimizer) {
			o.Rule = optim.AdamW{Beta1: 1, Beta2: -0.5, Epsilon: math.NaN()}
			o.LR = optim.Cosine{LR: 0, End: -1}
			o.Decay.Rate = -0.1
			o.Clip = optim.Clip{Norm: math.Inf(1), Value: -2}
			o.Wrap = []optim.Wrapper{optim.EMA{Decay: 1}, nil}
			o.Groups = []optim.Group{{Match: optim.Match{Paths: []string{"[", ""}}, LRFactor: -1, LR: optim.Constant(0), Decay: &optim.Decay{Rate: -3}, Clip: &optim.Clip{Norm: -4}}}
		}), []string{"beta1 1: 0 <= beta1 < 1", "beta2 -0.5", "epsilon NaN", "learning rate 0", "cosine end rate -1", "weight decay -0.1", "clip norm +Inf",
			"clip value -2", "wrapper 1: ema decay 1", "wrapper 2: nothing", `group 1 (paths ["[" ""]): path pattern "["`, `path pattern ""`, "lr factor -1",
			": learning rate 0", "weight decay -3", "clip norm -4"}},
		{"coupled lars", with(func(o *optim.Optimizer) { o.Rule = optim.LARS{Trust: 1}; o.Decay.Coupled = true }), []string{"lars: coupled decay does not apply"}},
		{"nesterov without momentum", with(func(o *optim.Optimizer) { o.Rule = optim.Momentum{Nesterov: true} }), []string{"nesterov with mu 0"}},
		{"path that names nothing", with(func(o *optim.Optimizer) {
			o.Groups = []optim.Group{{Match: optim.Match{Paths: []string{"boddy/**"}}}}
		}), []string{`group 1 (paths ["boddy/**"]) matches no parameter`, "body/weight, body/bias"}},
		{"group that comes too late", with(func(o *optim.Optimizer) {
			o.Groups = []optim.Group{{}, {Match: optim.Match{Paths: []string{"body"}}}}
		}), []string{"group 2", "earlier group"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.o.Bind(small(t), nil)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\n%q is wanted", err, want)
				}
			}
		})
	}
	if _, err := optim.NewSGD(1).Bind(all, nil); err == nil || !strings.Contains(err.Error(), "nothing to train") {
		t.Errorf("all frozen: %v", err)
	}
}

func TestRateIsChecked(t *testing.T) {
	o := optim.NewSGD(1)
	o.LR = optim.Cosine{LR: 1}
	w := small(t)
	s := bind(t, o, w)
	before := values(w)
	set(t, w, 1, constant(1))
	err := s.Step(&optim.Moment{Sum: engine.Sum{Weight: 1}})
	if err == nil || !strings.Contains(err.Error(), "needs the number of steps") || values(w)[0] != before[0] || s.Steps() != 0 {
		t.Errorf("a cosine without an end: %v", err)
	}
}
