package train

import (
	"context"
	"errors"
	"flag"
	"path/filepath"
	"testing"

	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// The laws of a training hold in bfloat16, and its accuracy is that of float32.

// rounded is small in bfloat16.
func rounded() Config {
	c := small()
	c.Precision = BFloat16
	return c
}

func TestBFloat16HasTheSameBits(t *testing.T) {
	want := final(t, rounded())
	for name, change := range map[string]func(*Config){
		"two threads":       func(c *Config) { c.Threads = 2 },
		"five threads":      func(c *Config) { c.Threads = 5 },
		"watched each step": func(c *Config) { c.Report = 1 },
		"evaluated often":   func(c *Config) { c.Evaluate = Every{Steps: 2} },
	} {
		c := rounded()
		change(&c)
		sameWeights(t, name, final(t, c), want)
	}
	if got := final(t, small()); string(got["weights/dense1/weight"]) == string(want["weights/dense1/weight"]) {
		t.Error("float32 gives the same weights: nothing was rounded")
	}
}

// What is reported is measured as the saved model predicts: in float32.
func TestBFloat16IsEvaluatedInFloat32(t *testing.T) {
	var losses [2]float64
	for i, c := range []Config{small(), rounded()} {
		s, err := Bind(c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		scores, err := s.Evaluate(context.Background()) // both have the same initial weights
		if err != nil {
			t.Fatal(err)
		}
		losses[i] = scores["loss"]
	}
	if losses[0] != losses[1] || losses[0] == 0 {
		t.Errorf("loss %v in float32, %v in bfloat16", losses[0], losses[1])
	}
}

func TestBFloat16Resumes(t *testing.T) {
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	if _, err := Run(context.Background(), rounded(), whole); err != nil {
		t.Fatal(err)
	}
	c := rounded()
	c.Threads = 2
	ctx, cancel := context.WithCancelCause(context.Background())
	r, err := Run(ctx, c, cut, &stopAt{10, cancel})
	if !errors.Is(err, errStop) || !r.Stopped {
		t.Fatalf("stopped after %+v, %v", r, err)
	}
	if _, err := Resume(context.Background(), nil, cut); err != nil { // the precision is in config.json
		t.Fatal(err)
	}
	compareRuns(t, cut, whole)
}

// What TestBFloat16Accuracy compares. The long proof, where the four files of MNIST lie in folder/:
//
//	go test ./train -run TestBFloat16Accuracy -bfloat16seeds 5 -mnist folder/ -v
var (
	bfloat16Seeds = flag.Int("bfloat16seeds", 1, "on how many seeds TestBFloat16Accuracy compares")
	mnistFolder   = flag.String("mnist", "", "folder with the files of MNIST, for TestBFloat16Accuracy")
)

func TestBFloat16Accuracy(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		bound  float64 // in the accuracy on the test part
	}{
		// One of the 360 test digits is 0.28 points.
		{"digits", Config{Data: "digits", Model: nn.MLP{Units: []int{64}}, Batch: 32, Epochs: 12, Optimizer: optim.NewAdamW(0.003)}, 0.0085},
		{"W2", Config{Data: *mnistFolder, Model: nn.MLP{Units: []int{512, 512}}, Batch: 128, Epochs: 5, Optimizer: optim.NewAdam(0.001)}, 0.002},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.config.Data == "" {
				t.Skip("only with -mnist")
			}
			mean := map[Precision]float64{}
			for _, p := range []Precision{Float32, BFloat16} {
				for seed := range *bfloat16Seeds {
					c := c.config
					c.Precision, c.Seed = p, uint64(seed+1)
					r, err := Run(context.Background(), c, filepath.Join(t.TempDir(), "run"))
					if err != nil {
						t.Fatal(err)
					}
					accuracy := r.Scores.Metrics()["accuracy"]
					t.Logf("%v, seed %d: %.4f", p, c.Seed, accuracy)
					mean[p] += accuracy / float64(*bfloat16Seeds)
				}
			}
			t.Logf("mean %.4f in float32, %.4f in bfloat16", mean[Float32], mean[BFloat16])
			if d := mean[BFloat16] - mean[Float32]; !(d >= -c.bound) || mean[BFloat16] < 0.9 {
				t.Errorf("accuracy %.4f in bfloat16, %.4f in float32", mean[BFloat16], mean[Float32])
			}
		})
	}
}
