package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// huge is a loss whose gradient overflows float32 while its values do not.
type huge struct{}

func (huge) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(hugeOp{}, x...) }

type hugeOp struct{}

func (hugeOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, errors.New("two inputs are wanted")
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (hugeOp) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: hugeBody{}}
}

type hugeBody struct{}

func (hugeBody) Forward(s *engine.Step[float32]) { clear(s.Out) }

func (hugeBody) Backward(s *engine.Step[float32]) {
	big := float32(3e38)
	for i := range s.GradIn[0] {
		s.GradIn[0][i] += big * 10
	}
}

func init() {
	if err := nn.RegisterLoss("huge", huge{}); err != nil {
		panic(err)
	}
}

// final trains and returns the bytes of the last weights.
func final(t *testing.T, c Config) map[string][]byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := Run(context.Background(), c, dir); err != nil {
		t.Fatal(err)
	}
	return checkpoint(t, dir)
}

func sameWeights(t *testing.T, what string, a, b map[string][]byte) {
	t.Helper()
	for name, x := range b {
		if len(name) > 8 && name[:8] == "weights/" && string(a[name]) != string(x) {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// How often a run is reported, evaluated and saved, and with how many threads it runs, changes no bit of it.
func TestObservationChangesNothing(t *testing.T) {
	want := final(t, small())
	for name, change := range map[string]func(*Config){
		"two threads":        func(c *Config) { c.Threads = 2 },
		"five threads":       func(c *Config) { c.Threads = 5 },
		"watched each step":  func(c *Config) { c.Report = 1 },
		"never reported":     func(c *Config) { c.Report = 1 << 20 },
		"evaluated often":    func(c *Config) { c.Evaluate = Every{Steps: 2} },
		"saved each step":    func(c *Config) { c.Checkpoint = Every{Steps: 1} },
		"evaluated at 1.5":   func(c *Config) { c.Evaluate = Every{Epochs: 1.5} },
		"stopping never met": func(c *Config) { c.EarlyStop = 1000 },
	} {
		c := small()
		change(&c)
		sameWeights(t, name, final(t, c), want)
	}
	other := small()
	other.Seed++
	got := final(t, other)
	same := true
	for name, x := range want {
		if name[:8] == "weights/" && string(got[name]) != string(x) {
			same = false
		}
	}
	if same {
		t.Error("another seed gives the same weights")
	}
}

// Micro-batches add up to the batch, where no operation looks at the whole batch.
func TestAccumulationEqualsTheWholeBatch(t *testing.T) {
	c := Config{Data: "digits", Model: nn.MLP{Units: []int{16}, Dropout: 0.3}, Batch: 96, Epochs: 1, Precision: Float64, Optimizer: optim.NewSGD(0.1)}
	bind := func(micro int) *Session {
		c.Micro = micro
		s, err := Bind(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	whole := bind(0)
	defer whole.Close()
	for _, micro := range []int{1, 7, 32, 95} {
		parts := bind(micro)
		defer parts.Close()
		a, err := whole.Gradient(whole.Weights().Copy(), 3, engine.Train)
		if err != nil {
			t.Fatal(err)
		}
		b, err := parts.Gradient(parts.Weights().Copy(), 3, engine.Train)
		if err != nil {
			t.Fatal(err)
		}
		if a.Weight != b.Weight || !close(a.Loss, b.Loss, 1e-12) {
			t.Errorf("micro %d: %v, whole %v", micro, b, a)
		}
		x, y := whole.probe.Weights().Gradients(), parts.probe.Weights().Gradients()
		for i := range x {
			for k := range x[i].F64 {
				if !close(x[i].F64[k], y[i].F64[k], 1e-11) {
					t.Fatalf("micro %d: gradient of %s differs: %v, %v", micro, x[i].Name, y[i].F64[k], x[i].F64[k])
				}
			}
		}
	}
}

func close(a, b, tolerance float64) bool {
	return a-b <= tolerance*max(1, a) && b-a <= tolerance*max(1, b)
}

// The ways to take rows: full batch, one row, mini-batches, with replacement, last batch dropped.
func TestWaysOfDescent(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		steps  int
	}{
		"full batch":       {Config{Batch: Full, Epochs: 3}, 3},
		"one row":          {Config{Batch: 1, Steps: 50}, 50},
		"mini-batch":       {Config{Batch: 64, Epochs: 2}, 42},
		"last one dropped": {Config{Batch: 64, Epochs: 2, DropLast: true}, 40},
		"with replacement": {Config{Batch: 64, Epochs: 1, Replace: true}, 21},
	} {
		c.config.Data, c.config.Model, c.config.Optimizer = "digits", nn.MLP{Units: []int{8}}, optim.NewSGD(0.05)
		r, err := Run(context.Background(), c.config, filepath.Join(t.TempDir(), "run"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Steps != c.steps {
			t.Errorf("%s: %d steps, want %d", name, r.Steps, c.steps)
		}
	}
}

func TestStopping(t *testing.T) {
	base := Config{Data: "digits", Model: nn.MLP{Units: []int{32}}, Epochs: 40}
	for name, c := range map[string]struct {
		change func(*Config)
		reason string
	}{
		"until":      {func(c *Config) { c.Until = Until{"accuracy", 0.9} }, "until"},
		"until loss": {func(c *Config) { c.Until = Until{"loss", 0.5} }, "until"},
		"early":      {func(c *Config) { c.EarlyStop = 1; c.Optimizer = optim.NewSGD(1e-9) }, "early"},
		"steps":      {func(c *Config) { c.Steps = 5 }, "steps"},
		"time":       {func(c *Config) { c.Time = 1 }, "time"},
	} {
		config := base
		c.change(&config)
		r, err := Run(context.Background(), config, filepath.Join(t.TempDir(), "run"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Reason != c.reason || r.Epochs >= 40 {
			t.Errorf("%s: ended for %s after %v epochs", name, r.Reason, r.Epochs)
		}
	}
}

// A fork is a session of its own: its steps leave the first alone, and the same steps give the same bits.
func TestFork(t *testing.T) {
	s, err := Bind(small())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	step := func(s *Session, n int) {
		t.Helper()
		for range n {
			if _, err := s.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(s, 5)
	f, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(s.Weights().Keep())
	step(f, 5)
	if fmt.Sprint(s.Weights().Keep()) != before {
		t.Error("steps of the fork change the session")
	}
	step(s, 5)
	if fmt.Sprint(s.Weights().Keep()) != fmt.Sprint(f.Weights().Keep()) {
		t.Error("the same steps of the fork give other bits")
	}
}

// A kernel set asked for computes everything, the update included: the same bits as where the environment chooses it.
func TestKernelSetIsUsedThroughout(t *testing.T) {
	c := small()
	c.Kernels = "portable"
	asked := final(t, c)
	t.Setenv("DESCENT_CPU", "portable")
	sameWeights(t, "asked for portable kernels", asked, final(t, small()))
}

// The best weights survive a stop when nothing after it is better: here the second stage's rate ruins the network.
func TestResumeKeepsTheBestWeights(t *testing.T) {
	c := Config{Data: "digits", Model: nn.MLP{Units: []int{16}}, Batch: 100, Epochs: 6, Report: 1, Optimizer: optim.NewSGD(1)}
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	c.Optimizer.LR = optim.Drop{LR: 0.2, Factor: 20, Steps: 26}
	r, err := Run(context.Background(), c, whole)
	if err != nil {
		t.Fatal(err)
	}
	if r.BestStep > 26 {
		t.Fatalf("the best evaluation is at step %d, after the stop", r.BestStep)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	if _, err := Run(ctx, c, cut, &stopAt{30, cancel}); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	if _, err := Resume(context.Background(), nil, cut); err != nil {
		t.Fatal(err)
	}
	sameFile(t, modelPath(cut), modelPath(whole))
}

// A step on the summed loss is one on the mean with as many times the rate.
func TestSumLoss(t *testing.T) {
	c := Config{Data: "digits", Model: nn.MLP{Units: []int{8}}, Batch: 64, Precision: Float64}
	step := func(sum bool, rate float64) []engine.Tensor {
		t.Helper()
		c.SumLoss, c.Optimizer = sum, optim.NewSGD(rate)
		s, err := Bind(c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
		return s.Weights().Keep()
	}
	a, b := step(true, 0.001), step(false, 0.064)
	for i := range a {
		for k := range a[i].F64 {
			if !close(a[i].F64[k], b[i].F64[k], 1e-12) {
				t.Fatalf("%s: %v on the sum, %v on the mean", a[i].Name, a[i].F64[k], b[i].F64[k])
			}
		}
	}
}

// The seed keys the split too, so that an interval over seeds covers it.
func TestSeedKeysTheSplit(t *testing.T) {
	parts := func(seed uint64) string {
		t.Helper()
		c := Config{Data: "digits", Seed: seed}
		s, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.parts.Test)
	}
	first, again, other := parts(1), parts(1), parts(2)
	if first != again || first == other {
		t.Error("the test part does not follow the seed")
	}
}
