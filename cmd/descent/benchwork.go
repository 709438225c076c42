package main

// The workloads: three dense networks on images of MNIST's shape, trained as a person's own network is, through train.Bind and Session.Step.
// The peers' scripts train the same networks, with the same numbers to begin with up to chance, the same batches up to their order, and the
// same updates.

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

// workload is a network, a batch and an optimizer.
type workload struct {
	name      string
	widths    []int // inputs, units of the hidden layers, classes
	batch     int
	steps     int // that are timed
	optimizer optim.Optimizer
	rule      string // in words, for the help
}

func workloads() []workload {
	return []workload{
		{"W1", []int{784, 128, 10}, 32, 3750, optim.NewSGD(0.1), "SGD 0.1"},
		{"W2", []int{784, 512, 512, 10}, 128, 936, optim.NewAdam(1e-3), "Adam 0.001"},
		{"W3", []int{784, 2048, 2048, 2048, 10}, 512, 30, optim.NewMomentum(0.05, 0.9), "momentum 0.9, rate 0.05"},
	}
}

// convolutional are workloads of the peers' scripts that descent has no layers for yet.
var convolutional = []string{"W4", "W5"}

func workloadNames() []string {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	return names
}

// workloadsText is the list for the help, a line each.
func workloadsText() string {
	var lines []string
	for _, w := range workloads() {
		lines = append(lines, w.String()+", batch "+fmt.Sprint(w.batch)+", "+w.rule)
	}
	return strings.Join(lines, "\n")
}

func workloadOf(name string) (workload, error) {
	names := workloadNames()
	if k := slices.Index(names, name); k >= 0 {
		return workloads()[k], nil
	}
	if slices.Contains(convolutional, name) {
		return workload{}, fmt.Errorf("workload %s needs convolutions, which descent has no layers for yet; there are %s", name, strings.Join(names, ", "))
	}
	text := fmt.Sprintf("unknown workload %q; there are %s", name, strings.Join(names, ", "))
	if near := spec.Nearest(name, names); near != "" {
		text = fmt.Sprintf("unknown workload %q; did you mean %s? there are %s", name, near, strings.Join(names, ", "))
	}
	return workload{}, fmt.Errorf("%s", text)
}

// String is the name and the network: W1 784-128-10.
func (w workload) String() string {
	var widths []string
	for _, n := range w.widths {
		widths = append(widths, fmt.Sprint(n))
	}
	return w.name + " " + strings.Join(widths, "-")
}

// flop is the floating-point operations of the products of a sample: forward, gradients of the weights, and of the inputs of all layers but
// the first; two a multiply-add. Element-wise work and the update are not counted.
func (w workload) flop() float64 {
	weights := 0
	for i, n := range w.widths[1:] {
		weights += n * w.widths[i]
	}
	return 2 * float64(3*weights-w.widths[0]*w.widths[1])
}

// model is the network. Weights and biases start uniform in ±1/sqrt(fan-in), as the peers' do.
func (w workload) model() nn.Layer {
	var layers nn.Sequence
	last := len(w.widths) - 1
	for i, units := range w.widths[1:] {
		limit := 1 / math.Sqrt(float64(w.widths[i]))
		init := nn.Uniform{Low: -limit, High: limit}
		layers = append(layers, nn.Dense{Units: units, Init: init, BiasInit: init, Head: i+1 == last})
		if i+1 < last {
			layers = append(layers, nn.ReLU{})
		}
	}
	return layers
}

// trial says how a workload is trained.
type trial struct {
	threads   int
	steps     int // 0: the workload's
	precision train.Precision
	called    string
	first     func() time.Duration // asked after the first update: the time since the process started
	evaluate  bool                 // on the test images, at the end
	limit     func()               // called between the parts of the run, to measure a limit beside them; nil for none
}

// trained is what came of it.
type trained struct {
	workload workload
	trial    trial
	peer     string
	rate     float64 // samples a second: the median of five equal parts
	step     time.Duration
	first    time.Duration
	memory   int64 // the most that the process held, in bytes; 0 where the system does not say
	steps    int   // warm-up included
	loss     float64
	accuracy float64
}

// equalParts is the number of equal parts of a run; the median of their times counts.
const equalParts = 5

// session binds a workload to data, up to the first step.
func (w workload) session(set benchSet, t trial) (*train.Session, error) {
	return train.Bind(train.Config{
		Dataset: set.table, Model: w.model(), Optimizer: w.optimizer, Split: data.Split{NoValidation: true},
		Batch: train.Batch(w.batch), DropLast: true, Steps: t.steps + warmup(t.steps), Seed: 1, Threads: t.threads, Precision: t.precision, Version: release(),
	})
}

// warmup is the steps before those that are timed.
func warmup(steps int) int { return max(3, steps/10) }

// train trains the workload and measures.
func (w workload) train(ctx context.Context, set benchSet, t trial) (trained, error) {
	kernels, err := engine.Kernels()
	if err != nil {
		return trained{}, err
	}
	if t.steps == 0 {
		t.steps = w.steps
	}
	r := trained{workload: w, trial: t, peer: "descent " + release() + " " + kernels}
	s, err := w.session(set, t)
	if err != nil {
		return r, err
	}
	defer s.Close()
	// One processor for one thread: what the runtime does beside a step is then in its time. Reading the data has had all of them.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(min(t.threads, runtime.GOMAXPROCS(0))))
	warm, part := warmup(t.steps), max(1, t.steps/equalParts)
	var times []time.Duration
	var sum engine.Sum
	var begin time.Time
	for step := range t.steps + warm {
		if step == warm {
			begin = time.Now()
		}
		if sum, err = s.Step(ctx); err != nil {
			return r, err
		}
		if step == 0 && t.first != nil {
			r.first = t.first()
		}
		if done := step + 1 - warm; done > 0 && done%part == 0 {
			times = append(times, time.Since(begin))
			if t.limit != nil {
				t.limit()
			}
			begin = time.Now()
		}
	}
	slices.Sort(times)
	r.step = times[len(times)/2] / time.Duration(part)
	r.rate = float64(w.batch) * float64(part) / times[len(times)/2].Seconds()
	r.loss, r.steps, r.memory = sum.Mean(), t.steps+warm, peakMemory()
	if t.evaluate {
		r.accuracy, err = w.accuracy(ctx, set, s, t)
	}
	return r, err
}

// accuracy is the share of the test images that the trained network names rightly.
func (w workload) accuracy(ctx context.Context, set benchSet, s *train.Session, t trial) (float64, error) {
	const rows = 250
	scaled, err := data.Prepared(set.table, s.Pipeline())
	if err != nil {
		return 0, err
	}
	g := engine.NewGraph()
	batch := engine.Batch{Mode: engine.Evaluate, In: make([]engine.Tensor, 1)}
	var target engine.Tensor
	tensor := func(f engine.Field) engine.Tensor {
		n := rows * f.Type.Shape.Size()
		if engine.Precision(t.precision) == engine.Float64 {
			return engine.Tensor{Name: f.Name, Shape: append(engine.Shape{rows}, f.Type.Shape...), F64: make([]float64, n)}
		}
		return engine.Tensor{Name: f.Name, Shape: append(engine.Shape{rows}, f.Type.Shape...), F32: make([]float32, n)}
	}
	for _, f := range scaled.Fields() {
		if f.Use == engine.Target {
			target = tensor(f)
			continue
		}
		g.Output("output", nn.Network(g, w.model(), g.Input(f)))
		batch.In[0] = tensor(f)
	}
	pool := engine.NewPool(t.threads)
	defer pool.Close()
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Precision(t.precision), Rows: rows, Weights: s.Weights(), Pool: pool})
	if err != nil {
		return 0, err
	}
	loader, err := data.NewLoader(scaled, set.test, data.LoaderOptions{Batch: rows, NoShuffle: true})
	if err != nil {
		return 0, err
	}
	right := 0
	for step := range uint64(loader.Steps()) {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		if batch.Rows, _, err = loader.Batch(step, 0, []engine.Tensor{batch.In[0], target}); err != nil {
			return 0, err
		}
		if _, err := plan.Forward(&batch); err != nil {
			return 0, err
		}
		out := plan.Output("output")
		classes := out.Len() / batch.Rows
		for r := range batch.Rows {
			best := 0
			for c := range classes {
				if out.At(r*classes+c) > out.At(r*classes+best) {
					best = c
				}
			}
			if best == int(target.At(r)) {
				right++
			}
		}
	}
	return float64(right) / float64(len(set.test)), nil
}

// json is the line that the peers' scripts print.
func (r trained) json() map[string]any {
	m := map[string]any{
		"peer": r.peer, "workload": r.workload.name, "threads": r.trial.threads, "precision": r.trial.called,
		"samples_per_s": math.Round(r.rate), "step_us": rounded(1e6*r.step.Seconds(), 1), "rss_mb": nil, "first_step_s": rounded(r.first.Seconds(), 3),
		"steps": r.steps, "loss": rounded(r.loss, 4), "test_acc": nil,
	}
	if r.memory > 0 {
		m["rss_mb"] = r.memory >> 20
	}
	if r.trial.evaluate {
		m["test_acc"] = rounded(r.accuracy, 4)
	}
	return m
}

func rounded(v float64, digits int) float64 {
	unit := math.Pow(10, float64(digits))
	return math.Round(v*unit) / unit
}
