package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// clouds are rows of three classes, the numbers of which are around size.
func clouds(rows, columns int, size float32) data.Dataset {
	r := rand.New(rand.NewPCG(3, 4))
	x, y := make([][]float32, rows), make([]int, rows)
	for i := range x {
		y[i] = r.IntN(3)
		x[i] = make([]float32, columns)
		for j := range x[i] {
			x[i][j] = size * float32(r.NormFloat64()+float64(y[i]*(j%2)))
		}
	}
	return data.Slices(x, y)
}

func mergedConfig(o optim.Optimizer, size float32, threads int) Config {
	c := Config{
		Dataset: clouds(150, 48, size), Model: nn.MLP{Units: []int{96, 35}}, Optimizer: o, Seed: 1, Threads: threads, Steps: 40, Checkpoint: Every{Epochs: 100},
	}
	c.Batch = 32 // the last of an epoch is shorter
	return c
}

// weightsAfter are the bits of weights and of the optimizer's state after some steps, every third of which is watched.
func weightsAfter(t *testing.T, c Config, merged bool) []engine.Tensor {
	t.Helper()
	s, err := Bind(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !merged {
		s.merges = false
	}
	for i := range 40 {
		s.watch = i%3 == 1
		if _, err := s.Step(context.Background()); err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
	return append(s.weights.Keep(), s.stepper.Keep()...)
}

// An update that takes place where the gradient is formed gives the bits of one that comes after the whole backward pass.
func TestMergedUpdates(t *testing.T) {
	t.Parallel()
	decayed := optim.NewMomentum(0.01, 0.9)
	decayed.Decay.Rate = 1e-3
	shrunk := optim.NewSGD(0.05)
	shrunk.Decay = optim.Decay{Rate: 0.01}
	scheduled := optim.NewAdam(0.01)
	scheduled.Groups = []optim.Group{{Match: optim.Match{Roles: []engine.Role{engine.Output}}, LRFactor: 0.1}}
	averaged := optim.NewAdam(0.01)
	averaged.Wrap = []optim.Wrapper{optim.EMA{Decay: 0.9, Warm: true}, optim.EMA{Decay: 0.5}}
	optimizers := map[string]optim.Optimizer{
		"adam averaged": averaged,
		"sgd":           optim.NewSGD(0.05), "sgd shrunk, not merged": shrunk, "momentum": optim.NewMomentum(0.01, 0.9), "momentum decayed": decayed,
		"nesterov, not merged": optim.NewNesterov(0.01, 0.9), "adam": optim.NewAdam(0.01), "adamw": optim.NewAdamW(0.01), "adam in groups": scheduled,
	}
	for _, precision := range []Precision{Float32, BFloat16} {
		for name, o := range optimizers {
			for _, threads := range []int{1, 2} {
				c := mergedConfig(o, 1, threads)
				c.Precision = precision
				s, err := Bind(c)
				if err != nil {
					t.Fatal(err)
				}
				if late := len(s.plan.Late()) > 0; s.merges != (late && !strings.HasSuffix(name, "not merged")) {
					t.Errorf("%s with kernels %s: merges is %t", name, s.kernels, s.merges)
				} else if vector := s.kernels == "avx512" || s.kernels == "avx2"; precision == Float32 && o.CanMerge() && late != vector {
					t.Errorf("%s with kernels %s: late is %t", name, s.kernels, late)
				}
				s.Close()
				sameTensors(t, fmt.Sprint(name, " on ", threads, " in ", precision), weightsAfter(t, c, true), weightsAfter(t, c, false))
			}
		}
	}
}

func sameTensors(t *testing.T, what string, a, b []engine.Tensor) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d and %d tensors", what, len(a), len(b))
	}
	for i := range a {
		if a[i].Name != b[i].Name || !slices.Equal(a[i].F32, b[i].F32) || !slices.Equal(a[i].F64, b[i].F64) {
			t.Errorf("%s: %s and %s differ", what, a[i].Name, b[i].Name)
		}
	}
}

// reader is a wrapper that may want anything.
type reader struct{}

func (reader) Wrap(_ optim.Space, next optim.Next) optim.Next { return next }

// What needs the gradient as a whole gets it.
func TestNotMerged(t *testing.T) {
	t.Parallel()
	clipped := optim.NewSGD(0.05)
	clipped.Clip.Norm = 1
	grouped := optim.NewSGD(0.05)
	grouped.Groups = []optim.Group{{Clip: &optim.Clip{Norm: 1}}}
	mixed := optim.NewSGD(0.05)
	mixed.Decay = optim.Decay{}
	mixed.Groups = []optim.Group{{Match: optim.Match{Roles: []engine.Role{engine.Output}}, Rule: optim.NewLARS(0.1).Rule}}
	wrapped := optim.NewSGD(0.05)
	wrapped.Wrap = []optim.Wrapper{optim.EMA{Decay: 0.9}, reader{}}
	for name, o := range map[string]optim.Optimizer{"clipped": clipped, "grouped": grouped, "mixed": mixed, "wrapped": wrapped, "lars": optim.NewLARS(0.1), "rmsprop": optim.NewRMSProp(0.01)} {
		s, err := Bind(mergedConfig(o, 1, 1))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.merges {
			t.Errorf("%s is merged", name)
		}
		s.Close()
	}
}

// Numbers too large for a bound on the gradient are no error while it is finite; when it isn't, no weight has moved.
func TestMergedUpdatesOfLargeNumbers(t *testing.T) {
	t.Parallel()
	o := optim.NewSGD(1e-40)
	for _, precision := range []Precision{Float32, BFloat16} {
		c := mergedConfig(o, 0x1p60, 2)
		c.Scaling, c.Precision = "none", precision
		sameTensors(t, "large", weightsAfter(t, c, true), weightsAfter(t, c, false))
		testMergedNonFinite(t, c)
	}
}

func testMergedNonFinite(t *testing.T, c Config) {
	c.Dataset = clouds(150, 48, 0x1p124)
	s, err := Bind(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := s.weights.Keep()
	var e *NonFinite
	for range 40 {
		if _, err = s.Step(context.Background()); err != nil {
			break
		}
		before = s.weights.Keep()
	}
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	if e.Loss != e.Loss {
		t.Errorf("%v: the loss was to be finite", err)
	}
	sameTensors(t, "after "+err.Error(), s.weights.Keep(), before)
}
