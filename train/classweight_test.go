package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// rare is two classes that overlap, one with a tenth of the rows.
func rare() data.Dataset {
	var x [][]float32
	var y []int
	for i := range 600 {
		class := 0
		if i%10 == 0 {
			class = 1
		}
		r := engine.NewRand(5, "rare")
		x = append(x, []float32{float32(r.Normal(i, 0)) + 1.5*float32(class), float32(r.Normal(i, 1))})
		y = append(y, class)
	}
	return data.Slices(x, y)
}

// Balanced weights are n / (K n_k) by the training rows; the mean weight is 1, and the rare class is found more often.
func TestClassWeight(t *testing.T) {
	c := Config{Dataset: rare(), Model: nn.Dense{Units: 2}, Optimizer: optim.NewAdamW(0.05), Batch: Full, Epochs: 150}
	s, err := Bind(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	counts, err := s.source.counts(s.source.parts.Train)
	if err != nil {
		t.Fatal(err)
	}
	n := float64(len(s.source.parts.Train))
	weighted := c
	weighted.ClassWeight = ClassWeight{Balanced: true}
	w, err := Bind(weighted)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	sum, err := w.Gradient(w.Weights().Copy(), 0, engine.Train)
	if err != nil {
		t.Fatal(err)
	}
	// Every class contributes n/K in all.
	if math.Abs(sum.Weight-n) > 1e-3 {
		t.Errorf("the weights sum to %v, want %v (%v rows a class)", sum.Weight, n, counts)
	}
	recall := func(c Config) float64 {
		r, err := Run(context.Background(), c, filepath.Join(t.TempDir(), "run"))
		if err != nil {
			t.Fatal(err)
		}
		return r.Scores.Confusion.Class(1).Recall.Value
	}
	if plain, balanced := recall(c), recall(weighted); balanced < plain+0.2 {
		t.Errorf("the rare class is found in %.2f of its rows with balanced weights, %.2f without", balanced, plain)
	}
	for name, bad := range map[string]struct {
		config Config
		want   string
	}{
		"too few":       {Config{Dataset: rare(), ClassWeight: ClassWeight{Weights: []float64{1}}}, "1 weights for 2 classes"},
		"negative":      {Config{Dataset: rare(), ClassWeight: ClassWeight{Weights: []float64{1, -1}}}, "-1"},
		"all zero":      {Config{Dataset: rare(), ClassWeight: ClassWeight{Weights: []float64{0, 0}}}, "at least one"},
		"of a number":   {Config{Dataset: data.Regression([][]float32{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}}, make([]float32, 10)), ClassWeight: ClassWeight{Balanced: true}}, "number"},
		"snapshots but": {Config{Dataset: rare(), Time: 1, Snapshots: 3}, "planned length"},
	} {
		if _, err := Bind(bad.config); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v; want %q", name, err, bad.want)
		}
	}
}

func TestSnapshots(t *testing.T) {
	for _, n := range []int{1, 3, 7} {
		c := small()
		c.Snapshots = n
		dir := filepath.Join(t.TempDir(), "run")
		r, err := Run(context.Background(), c, dir)
		if err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Join(dir, "attachments"))
		if err != nil || len(files) != n {
			t.Errorf("%d snapshots, want %d, %v", len(files), n, err)
		}
		last := filepath.Join(dir, "attachments", fmt.Sprintf("snapshot-%d.safetensors", r.Steps))
		if _, err := os.Stat(last); err != nil {
			t.Errorf("the last weights are not among them: %v", err)
		}
	}
}
