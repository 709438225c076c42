package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/limits"
	"github.com/descent-go/descent/nn"
)

// images makes a folder of few images.
func images(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images")
	if err := writeImages(dir, 1200, 500); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The line is what scripts that compare read: their keys, no others, as the last line.
func TestBenchLine(t *testing.T) {
	t.Parallel()
	dir := images(t)
	for _, w := range []struct {
		name  string
		steps string
		least float64 // accuracy; chance is 0.1
	}{{"W1", "60", 0.3}, {"W2", "15", 0.3}} {
		r := must(t, t.TempDir(), "bench", w.name, "--threads", "2", "--data", dir, "--precision", "fp32", "--steps", w.steps, "--json")
		lines := objects(t, r.stdout)
		if len(lines) != 1 || !strings.HasPrefix(r.stdout, "{") || r.stderr != "" {
			t.Fatalf("%d lines, on standard error %q", len(lines), r.stderr)
		}
		o := lines[0]
		var keys []string
		for key := range o {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if want := "first_step_s loss peer precision rss_mb samples_per_s step_us steps test_acc threads workload"; strings.Join(keys, " ") != want {
			t.Errorf("keys %v, want %s", keys, want)
		}
		if o["peer"] != "descent v0.0.0-test portable" || o["workload"] != w.name || o["threads"] != 2.0 || o["precision"] != "fp32" {
			t.Errorf("%v", o)
		}
		get := func(key string) float64 { v, _ := o[key].(float64); return v }
		if batch := map[string]float64{"W1": 32, "W2": 128}[w.name]; math.Abs(get("samples_per_s")*get("step_us")/1e6/batch-1) > 0.01 {
			t.Errorf("%s: %v samples/s with %v us a step of %v", w.name, get("samples_per_s"), get("step_us"), batch)
		}
		if acc := get("test_acc"); acc < w.least || acc > 1 {
			t.Errorf("%s: accuracy %v", w.name, acc)
		}
		if first := get("first_step_s"); first <= 0 || first > 60 {
			t.Errorf("%s: first step after %v s", w.name, first)
		}
		if memory := get("rss_mb"); runtime.GOOS == "linux" && (memory < 5 || memory > 500) {
			t.Errorf("%s: %v MB", w.name, memory)
		}
		steps := map[string]float64{"W1": 60 + 6, "W2": 15 + 3}[w.name]
		if get("steps") != steps {
			t.Errorf("%s: %v steps, want %v with the warm-up", w.name, get("steps"), steps)
		}
	}
}

// Bits do not depend on threads, here neither.
func TestBenchLossIsTheSame(t *testing.T) {
	t.Parallel()
	dir := images(t)
	var losses []any
	for _, threads := range []string{"1", "2"} {
		r := must(t, t.TempDir(), "bench", "W1", "--threads", threads, "--data", dir, "--steps", "5", "--json")
		o := objects(t, r.stdout)[0]
		losses = append(losses, o["loss"], o["test_acc"])
	}
	if losses[0] != losses[2] || losses[1] != losses[3] {
		t.Errorf("loss and accuracy with one thread and two: %v", losses)
	}
}

func TestBenchForPeople(t *testing.T) {
	t.Parallel()
	r := must(t, t.TempDir(), "bench", "W1", "--threads", "1", "--data", images(t), "--steps", "5")
	for _, part := range []string{"W1 784-128-10, 1 thread: ", " samples/s, ", "test accuracy "} {
		if !strings.Contains(r.stdout, part) {
			t.Errorf("%q is not in %s", part, r.stdout)
		}
	}
}

// A folder that lacks what a run needs is refused with the reason.
func TestBenchRefusesData(t *testing.T) {
	t.Parallel()
	untested := images(t)
	for _, part := range []string{"images-idx3", "labels-idx1"} {
		if err := os.Remove(filepath.Join(untested, "t10k-"+part+"-ubyte")); err != nil {
			t.Fatal(err)
		}
	}
	half := images(t)
	if err := os.Remove(filepath.Join(half, "t10k-labels-idx1-ubyte")); err != nil {
		t.Fatal(err)
	}
	few := filepath.Join(t.TempDir(), "few")
	if err := writeImages(few, 200, 100); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{untested: "no test images", half: "t10k-labels-idx1-ubyte", few: "200 training images"} {
		r := invoke(t, t.TempDir(), "bench", "W1", "--data", dir)
		if r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, want) {
			t.Errorf("status %d, %q; want one about %q", r.status, r.stderr, want)
		}
	}
}

// The arithmetic of a workload as its definition gives it, in millions of operations a sample.
func TestWorkloads(t *testing.T) {
	want := map[string]float64{"W1": 0.409, "W2": 3.209, "W3": 56.877}
	for _, w := range workloads() {
		if got := w.flop() / 1e6; math.Abs(got-want[w.name]) > 0.0006 {
			t.Errorf("%s: %v MFLOP a sample, want %v", w.name, got, want[w.name])
		}
		g := engine.NewGraph()
		x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{28, 28}}})
		g.Output("output", nn.Network(g, w.model(), x))
		plan, err := engine.Compile(g, engine.Options{Rows: 1})
		if err != nil {
			t.Fatal(err)
		}
		weights := 0
		for k, p := range plan.Weights().Keep() {
			inputs := w.widths[k/2]
			limit, high := 1/math.Sqrt(float64(inputs)), 0.0
			for i := range p.Len() {
				high = max(high, math.Abs(p.At(i)))
			}
			if high > limit*1.00001 || p.Len() > 100 && high < 0.9*limit {
				t.Errorf("%s: %s reaches %v, want uniform within %v", w.name, p.Name, high, limit)
			}
			weights += p.Len()
		}
		sum := 0
		for i, n := range w.widths[1:] {
			sum += n * (w.widths[i] + 1)
		}
		if weights != sum {
			t.Errorf("%s: %d weights, want %d", w.name, weights, sum)
		}
	}
}

// What is timed as a product is that product: the gradients that a form is about are there and right, the others are not computed.
func TestProducts(t *testing.T) {
	for _, form := range []string{"NT", "NN", "TN"} {
		s := product{"", form, 3, 4, 5}
		plan, err := s.plan(nil, engine.Float32, new(time.Time))
		if err != nil {
			t.Fatal(err)
		}
		b := batchOfPattern(plan, s.rows)
		if _, err := plan.Forward(&b); err != nil {
			t.Fatal(err)
		}
		if err := plan.Backward(); err != nil {
			t.Fatal(err)
		}
		if form == "NN" { // δ W with δ = 1/4 everywhere
			dx := plan.InputGradient("x")
			for i := range s.inputs {
				want := 0.0
				for u := range s.units {
					want += patternAt(u*s.inputs+i) / 4
				}
				if got := dx.At(i); math.Abs(got-want) > 1e-6 {
					t.Errorf("gradient of input %d is %v, want %v", i, got, want)
				}
			}
		}
	}
	for text, s := range map[string]product{"NT 2x3x4": {"", "NT", 2, 3, 4}, "NN 2x4x3": {"", "NN", 2, 3, 4}, "TN 3x4x2": {"", "TN", 2, 3, 4}} {
		if s.String() != text {
			t.Errorf("%v, want %s", s, text)
		}
	}
}

// The report of a machine has what its object has, for people.
func TestBenchTables(t *testing.T) {
	f := []figure{{1, 108e9, 120e9, 0}, {2, 150e9, 240e9, 110}}
	m := machine{kernels: "avx512", threads: []int{1, 2}, roundTrip: 110, madeUp: true,
		adds:     []measuredAdds{{set: "avx512", rates: []float64{120e9, 240e9}}},
		products: []measured{{"W1 layer 1", "NT", "32x128x784", f}}, updates: []measured{{name: "adam", figures: f}}, work: []measured{{name: "W1 784-128-10", figures: f}}}
	out := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.tell(&program{stdout: file}); err != nil {
		t.Fatal(err)
	}
	file.Close()
	text := string(read(t, out))
	for _, part := range []string{"multiply-adds, float32, avx512", "NT 32x128x784", "90 %", "62 %", "110 ns", "made-up images", "adam"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if strings.Contains(text, "busy") || m.busy() {
		t.Errorf("a quiet machine is called busy:\n%s", text)
	}
	m.work[0].figures = []figure{{1, 1e5, 2e5, 0}, {2, 1e5, 4e5, 5e6}}
	if !m.busy() || nanoseconds(5e6) != "busy" {
		t.Error("an answer after 5 ms counts as one of a quiet machine")
	}
	line, err := json.Marshal(finite(m.json()))
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(line, &o); err != nil {
		t.Fatal(err)
	}
	first := o["products"].([]any)[0].(map[string]any)
	if first["share"] != 0.9 || first["form"] != "NT" || first["size"] != "32x128x784" || first["round_trip_ns"] != nil {
		t.Errorf("%v", first)
	}
}

// Without a peer there is nothing to compare with, and what to do is said.
func TestBenchWithoutPeers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("peers are run on linux")
	}
	t.Parallel()
	c := call(t, t.TempDir(), "bench", "W1", "--peers")
	c.Env = append(c.Env, "TORCH_PYTHON=/nowhere/python", "JAX_PYTHON=/nowhere/python")
	r := ended(t, c)
	if r.status != 1 || !strings.Contains(r.stderr, "PyTorch: there is no program") || !strings.Contains(r.stderr, "pip install") || r.stdout != "" {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// A peer is any program that prints the line; one that fails is said and left out.
func TestBenchPeers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("peers are run on linux")
	}
	t.Parallel()
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	script := "#!/bin/sh\n[ \"$1\" = -c ] && exit 0\necho noise\n" +
		`echo '{"peer": "jax 0 '$4'", "workload": "'$2'", "threads": '$3', "precision": "fp32", "samples_per_s": 10, "step_us": 5.0, "rss_mb": 3, "first_step_s": 0.5, "steps": 4, "loss": 0.1, "test_acc": 0.9}'` + "\n"
	bad := filepath.Join(dir, "bad")
	for name, text := range map[string]string{good: script, bad: "#!/bin/sh\n[ \"$1\" = -c ] && exit 0\necho 'no compiler' >&2\nexit 3\n"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := call(t, t.TempDir(), "bench", "W1", "--peers", "--threads", "1", "--steps", "5", "--data", images(t), "--json")
	c.Env = append(c.Env, "TORCH_PYTHON="+bad, "JAX_PYTHON="+good)
	r := ended(t, c)
	if r.status != 0 || strings.Count(r.stderr, "no compiler") != 3 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	list := objects(t, r.stdout)[0]["contestants"].([]any)
	if len(list) != 3 {
		t.Fatalf("%d contestants, want descent and two forms: %v", len(list), list)
	}
	first := list[0].(map[string]any)
	if first["ours"] != true || first["to_best_peer"] != first["samples_per_s"].(float64)/10 {
		t.Errorf("%v", first)
	}
}

func TestBenchStops(t *testing.T) {
	set, err := makeUp(600, 10)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := &stopSignal{name: "SIGINT", status: 130}
	cancel(cause)
	if _, err := workloads()[0].train(ctx, set, trial{threads: 1}); err != cause {
		t.Errorf("error %v, want the signal", err)
	}
}

// BenchmarkWorkloads is whole steps of the workloads, beside the limit: go test ./cmd/descent -run xxx -bench Workloads -benchmem, with
// -cpuprofile for where the time goes.
func BenchmarkWorkloads(b *testing.B) {
	set, err := makeUp(60000, 10)
	if err != nil {
		b.Fatal(err)
	}
	kernels, err := engine.Kernels()
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range workloads() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", w.name, threads), func(b *testing.B) {
				g, err := limits.New(kernels, threads)
				if err != nil {
					b.Fatal(err)
				}
				s, err := w.session(set, trial{threads: threads, steps: 1 << 30})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				step := func() {
					if _, err := s.Step(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				for range 3 {
					step()
				}
				limit := g.MultiplyAdds()
				b.ReportAllocs()
				for b.Loop() {
					step()
				}
				rate := float64(w.batch) * float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(rate, "samples/s")
				b.ReportMetric(rate*w.flop()/1e9, "GFLOP/s")
				if limit = max(limit, g.MultiplyAdds()); limit > 0 {
					b.ReportMetric(100*rate*w.flop()/limit, "%limit")
				}
				if threads > 1 {
					b.ReportMetric(limits.RoundTrip(), "ns-round-trip")
				}
			})
		}
	}
}
