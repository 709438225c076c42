package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/run"
)

func TestWhatCannotBeIsRefused(t *testing.T) {
	rate := func(lr float64) Config { return Config{Data: "digits", Optimizer: optim.NewSGD(lr)} }
	for name, c := range map[string]struct {
		config Config
		wants  []string
	}{
		"no data":           {Config{}, []string{"no data"}},
		"unknown data":      {Config{Data: "digit"}, []string{`"digit"`, "digits"}},
		"a rate of zero":    {rate(0), []string{"learning rate", "positive"}},
		"a negative rate":   {rate(-1), []string{"learning rate", "-1"}},
		"a rate of NaN":     {rate(math.NaN()), []string{"learning rate", "NaN"}},
		"an infinite rate":  {rate(math.Inf(1)), []string{"learning rate", "Inf"}},
		"too many outputs":  {Config{Data: "digits", Model: nn.Sequence{nn.Dense{Units: 7}}}, []string{"loss", "7", "10 classes"}},
		"a class for mse":   {Config{Data: "digits", Model: nn.Dense{Units: 3}, Loss: nn.MeanSquares{}}, []string{"loss", "3", "below 10"}},
		"no units":          {Config{Data: "digits", Model: nn.Sequence{nn.ReLU{}, nn.Dense{}}}, []string{"dense1", "units"}},
		"shapes to add":     {Config{Data: "digits", Model: nn.Residual{Body: nn.Dense{Units: 5}}}, []string{"5", "8x8"}},
		"a negative batch":  {Config{Data: "digits", Batch: -7}, []string{"batch", "-7"}},
		"epochs below zero": {Config{Data: "digits", Epochs: -1}, []string{"epochs", "negative"}},
		"frozen nothing":    {Config{Data: "digits", Frozen: []string{"dense9"}}, []string{"dense9", "dense1/weight"}},
		"until of nothing":  {Config{Data: "digits", Until: Until{"accuracy", 0.5}, Split: data.Split{NoValidation: true}}, []string{"validation"}},
		"until of a number": {Config{Data: "digits", Until: Until{"mae", 0.5}}, []string{"mae", "classification", "accuracy"}},
		"one class":         {Config{Dataset: data.Slices([][]float32{{1}, {2}, {3}}, []int{0, 0, 0})}, []string{"class"}},
		"NaN in the data":   {Config{Dataset: data.Slices([][]float32{{1, 2}, {2, float32(math.NaN())}, {3, 1}}, []int{0, 1, 0})}, []string{"x[1][1]", "NaN"}},
		"from nothing":      {Config{Data: "digits", From: "/nowhere/model.safetensors"}, []string{"/nowhere"}},
		"no such kernels":   {Config{Data: "digits", Kernels: "avx9"}, []string{"avx9", "portable"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			_, err := Run(context.Background(), c.config, dir)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("a run folder was left behind")
			}
		})
	}
}

// A network that does not fit is refused with the estimate, before anything is allocated.
func TestTooLargeIsRefusedBeforeAllocation(t *testing.T) {
	if _, _, ok := availableMemory(); !ok {
		t.Skip("the memory of this system is not known")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	_, err := Bind(Config{Data: "digits", Model: nn.MLP{Units: []int{1 << 18, 1 << 18}}})
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "needs about") || !strings.Contains(err.Error(), "90 %") {
		t.Errorf("%v; a refusal with the estimate is wanted", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 || time.Since(start) > 5*time.Second {
		t.Errorf("%d MB were allocated in %v", grown>>20, time.Since(start))
	}
	if _, err := Bind(Config{Data: "digits", Model: nn.MLP{Units: []int{math.MaxInt / 2, math.MaxInt / 2}}}); err == nil {
		t.Error("sizes that overflow are accepted")
	}
}

func TestEstimateCoversWhatIsTaken(t *testing.T) {
	c := Config{Data: "digits", Model: nn.MLP{Units: []int{1500, 1500}}, Batch: 512}
	p, err := Check(c)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, err := Bind(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runtime.GC()
	runtime.ReadMemStats(&after)
	taken, estimate := float64(after.HeapAlloc)-float64(before.HeapAlloc), float64(p.Memory.Total)
	if taken > estimate || taken < estimate/4 {
		t.Errorf("estimated %.0f MB, taken %.0f MB", estimate/1e6, taken/1e6)
	}
	if got := int64(s.Weights().Count()); got != p.Parameters {
		t.Errorf("%d parameters in the plan, %d in the network", p.Parameters, got)
	}
}

// A training that blows up ends with the step and the layer, and leaves a finite checkpoint and no model.
func TestNonFiniteStopsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		config       Config
		where, layer string
	}{
		"a huge rate":         {Config{Data: "digits", Model: nn.MLP{Units: []int{32, 16}}, Optimizer: optim.NewSGD(1e30), Seed: 1}, "", ""},
		"an overflowing rate": {Config{Data: "digits", Model: nn.MLP{Units: []int{32, 16}}, Optimizer: optim.NewSGD(3e38), Seed: 1}, "value", "dense"},
		"infinite products":   {Config{Data: "digits", Model: nn.Sequence{nn.Dense{Units: 16, Init: nn.Constant(1e20)}, nn.Dense{Units: 10, Init: nn.Constant(1e20)}}, Seed: 1}, "value", "dense2"},
		"infinite gradients":  {Config{Data: "digits", Model: nn.Sequence{nn.Dense{Units: 8, Init: nn.Normal{SD: 1e30}}, nn.Named{Name: "small", Layer: nn.Dense{Units: 10, Init: nn.Normal{SD: 1e-30}}}}, Loss: huge{}, Seed: 1}, "gradient", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			var failed run.Event
			_, err := Run(context.Background(), c.config, dir, observer(func(e run.Event) {
				if e.Type == "failed" {
					failed = e
				}
			}))
			var odd *NonFinite
			if !errors.As(err, &odd) {
				t.Fatalf("%v; a NonFinite error is wanted", err)
			}
			if odd.Step < 1 || odd.Layer == "" || c.where != "" && odd.Where != c.where || !strings.HasPrefix(odd.Layer, c.layer) {
				t.Errorf("%+v, want %s at %s", odd, c.where, c.layer)
			}
			if layer, _ := failed.Text("layer"); layer != odd.Layer {
				t.Errorf("the event names %q, the error %q", layer, odd.Layer)
			}
			if _, err := os.Stat(modelPath(dir)); err == nil {
				t.Error("a model was written")
			}
			checkpoint(t, dir) // whole
			f, err := run.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s, err := Bind(c.config)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := f.Latest(newTraining(s, f, nil).keepers()); err != nil {
				t.Errorf("the last checkpoint cannot be read: %v", err)
			}
			if path := s.stepper.NonFiniteWeight(); path != "" {
				t.Errorf("the last checkpoint has NaN or infinity in %s", path)
			}
		})
	}
}

func TestNonFiniteWeightIsNamed(t *testing.T) {
	s, err := Bind(small())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, _ := engine.Vectors[float32](s.Weights())
	for _, p := range s.Weights().Params() {
		if p.Path == "dense2/weight" {
			v.Weight[p.Offset+3] = float32(math.Inf(1))
		}
	}
	_, err = s.Step(context.Background())
	var odd *NonFinite
	if !errors.As(err, &odd) || odd.Where != "weight" || odd.Layer != "dense2/weight" {
		t.Errorf("%v; the weight dense2/weight is wanted", err)
	}
}

type observer func(run.Event)

func (o observer) Observe(e run.Event) { o(e) }

func TestResumeRefusesWhatDoesNotBelong(t *testing.T) {
	table := filepath.Join(t.TempDir(), "table.csv")
	write := func(last string) {
		t.Helper()
		var b strings.Builder
		b.WriteString("a,b,kind\n")
		for i := range 40 {
			b.WriteString([]string{"1,2,x\n", "3,1,y\n"}[i%2])
		}
		if err := os.WriteFile(table, []byte(b.String()+last), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	dir := filepath.Join(t.TempDir(), "run")
	c := Config{Data: table, Model: nn.MLP{Units: []int{4}}, Epochs: 2}
	if _, err := Run(context.Background(), c, dir); err != nil {
		t.Fatal(err)
	}
	c.Epochs = 4
	other := c
	other.Model = nn.MLP{Units: []int{5}}
	if _, err := Resume(context.Background(), &other, dir); err == nil || !strings.Contains(err.Error(), "network") {
		t.Errorf("another network: %v", err)
	}
	lock, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(context.Background(), &c, dir); !errors.Is(err, run.ErrLocked) {
		t.Errorf("a folder in use: %v", err)
	}
	lock.Close()
	write("9,9,x\n")
	if _, err := Resume(context.Background(), &c, dir); err == nil || !strings.Contains(err.Error(), "fingerprint") {
		t.Errorf("other data: %v", err)
	}
	write("")
	if _, err := Resume(context.Background(), &c, dir); err != nil {
		t.Errorf("the run itself: %v", err)
	}
	if _, err := Run(context.Background(), c, dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("a folder that exists: %v", err)
	}
}

// A damaged last checkpoint is passed over for the previous one, with a word, and the training ends with the same bits.
func TestDamagedCheckpoint(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	if _, err := Run(context.Background(), small(), whole); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"truncated":   func(b []byte) []byte { return b[:len(b)/2] },
		"bit-flipped": func(b []byte) []byte { b[len(b)*3/4] ^= 4; return b },
		"foreign":     func([]byte) []byte { return []byte("PK\x03\x04 not a checkpoint") },
		"empty":       func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			ctx, cancel := context.WithCancelCause(context.Background())
			if _, err := Run(ctx, small(), dir, &stopAt{24, cancel}); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			last := filepath.Join(dir, lastCheckpoint)
			b, err := os.ReadFile(last)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(last, damage(b), 0o666); err != nil {
				t.Fatal(err)
			}
			var warnings []string
			if _, err := Resume(context.Background(), nil, dir, observer(func(e run.Event) {
				if m, ok := e.Text("message"); ok {
					warnings = append(warnings, m)
				}
			})); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(warnings, "\n"), "last.safetensors") {
				t.Errorf("warnings are %q; one about last.safetensors is wanted", warnings)
			}
			sameFile(t, modelPath(dir), modelPath(whole))
		})
	}
}

func TestConfigurationRoundTrips(t *testing.T) {
	c := small()
	c.Until, c.Time, c.Frozen, c.Split = Until{"accuracy", 0.97}, 90*time.Second, []string{"dense1"}, data.Split{Test: 0.3}
	c.Loss, c.Precision, c.Batch = nn.HalfSquares{}, Float64, Full
	text, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	v, err := spec.ParseJSON("config.json", text)
	if err != nil {
		t.Fatal(err)
	}
	var back Config
	if err := back.Parse(v); err != nil {
		t.Fatal(err)
	}
	again, err := back.JSON()
	if err != nil || string(again) != string(text) {
		t.Errorf("%v\n%s\nbecame\n%s", err, text, again)
	}
}
