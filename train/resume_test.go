package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/internal/safetensors"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/run"
)

// kills is how often the long proof kills a run; 50 for the one in the README:
//
//	go test ./train -run TestKilledRunsResume -kills 50
var kills = flag.Int("kills", 4, "how often TestKilledRunsResume kills a run")

// small is a training with everything that has state: dropout, batch norm, Adam, an average of the weights, a schedule, accumulation.
func small() Config {
	o := optim.NewAdamW(0.01)
	o.LR = optim.Warmup{Steps: 5, Then: optim.Cosine{LR: 0.01}}
	o.Wrap = []optim.Wrapper{optim.NewEMA()}
	return Config{
		Data: "digits", Model: nn.MLP{Units: []int{24, 16}, Dropout: 0.2, BatchNorm: true}, Optimizer: o,
		Batch: 100, Micro: 64, Epochs: 4, Seed: 3, Threads: 1, Report: 3, Checkpoint: Every{Steps: 7},
	}
}

// stopAt cancels its context when a step has been reported.
type stopAt struct {
	step   uint64
	cancel context.CancelCauseFunc
}

var errStop = errors.New("SIGINT")

func (s *stopAt) Observe(e run.Event) {
	if e.Type == "step" && e.Step >= s.step {
		s.cancel(errStop)
	}
}

func TestResumeGivesTheSameBits(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		whole := filepath.Join(t.TempDir(), "whole")
		if _, err := Run(context.Background(), small(), whole); err != nil {
			t.Fatal(err)
		}
		c := small()
		c.Threads = threads
		cut := filepath.Join(t.TempDir(), "cut")
		ctx, cancel := context.WithCancelCause(context.Background())
		r, err := Run(ctx, c, cut, &stopAt{10, cancel})
		if !errors.Is(err, errStop) || !r.Stopped || r.Steps != 12 {
			t.Fatalf("%d threads: stopped after %+v, %v", threads, r, err)
		}
		for stops := 0; err != nil; stops++ {
			ctx, cancel := context.WithCancelCause(context.Background())
			if r, err = Resume(ctx, nil, cut, &stopAt{uint64(r.Steps + 10), cancel}); err != nil && !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			if stops > 10 {
				t.Fatal("the run does not end")
			}
		}
		compareRuns(t, cut, whole)
	}
}

// A run that is over goes on with more epochs as if it had been given them at once, where nothing depends on the planned length.
func TestResumeForMoreEpochs(t *testing.T) {
	c := small()
	c.Optimizer.LR = optim.Constant(0.01)
	c.Checkpoint = Every{Steps: 1000}
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	if _, err := Run(context.Background(), c, whole); err != nil {
		t.Fatal(err)
	}
	c.Epochs = 2
	if _, err := Run(context.Background(), c, cut); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(context.Background(), nil, cut); err == nil || !strings.Contains(err.Error(), "--epochs") {
		t.Fatalf("a run that is over is resumed: %v", err)
	}
	// The refusal leaves the run as it was.
	if e := events(t, cut); !strings.Contains(e[len(e)-1], `"type":"done"`) {
		t.Errorf("the last event is %s", e[len(e)-1])
	}
	c.Epochs = 4
	if _, err := Resume(context.Background(), &c, cut); err != nil {
		t.Fatal(err)
	}
	sameFile(t, filepath.Join(cut, modelFile), filepath.Join(whole, modelFile))
}

// A run that was killed before its first checkpoint begins again and ends the same.
func TestResumeBeforeTheFirstCheckpoint(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	if _, err := Run(context.Background(), small(), whole); err != nil {
		t.Fatal(err)
	}
	for name, last := range map[string]string{"nothing told": "", "started": "start"} {
		cut := filepath.Join(t.TempDir(), "cut")
		s, err := Bind(small())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		text, err := s.record().JSON()
		if err != nil {
			t.Fatal(err)
		}
		folder, err := run.Create(cut, text)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			training := newTraining(s, folder, nil)
			start, err := training.start()
			if err != nil {
				t.Fatal(err)
			}
			if err := training.tell(start); err != nil {
				t.Fatal(err)
			}
		}
		folder.Close()
		if _, err := Resume(context.Background(), nil, cut); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compareRuns(t, cut, whole)
	}
}

// TestKilledRunsResume kills a training process by SIGKILL at random moments, again and again, and compares what the last one leaves with a
// run that nobody disturbed.
func TestKilledRunsResume(t *testing.T) {
	if dir := os.Getenv("DESCENT_TEST_RUN"); dir != "" {
		child(dir)
		return
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if _, err := Run(context.Background(), slow(), whole); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut")
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	killed := 0
	for tries := 0; ; tries++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRunsResume$")
		cmd.Env = append(os.Environ(), "DESCENT_TEST_RUN="+cut)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		patience := time.Duration(20+r.IntN(400)) * time.Millisecond
		if killed >= *kills {
			patience = time.Minute
		}
		var err error
		select {
		case err = <-done:
		case <-time.After(patience):
			cmd.Process.Kill()
			if err = <-done; err != nil {
				killed++
				continue
			}
		}
		if err != nil {
			t.Fatalf("after %d kills: %v\n%s", killed, err, out.String())
		}
		if killed >= *kills || tries > 20**kills {
			break
		}
		// It came to its end before enough kills: once more from the beginning.
		compareRuns(t, cut, whole)
		if err := os.RemoveAll(cut); err != nil {
			t.Fatal(err)
		}
	}
	compareRuns(t, cut, whole)
	t.Logf("%d kills", killed)
}

func slow() Config {
	c := small()
	c.Epochs, c.Checkpoint = 12, Every{Steps: 11}
	return c
}

// child trains in a process of its own, from the beginning or from where the last one was killed.
func child(dir string) {
	var err error
	if _, e := os.Stat(filepath.Join(dir, "config.json")); e == nil {
		_, err = Resume(context.Background(), nil, dir)
	} else {
		os.RemoveAll(dir) // killed within Create: there is no run yet
		_, err = Run(context.Background(), slow(), dir)
	}
	if err != nil && !strings.Contains(err.Error(), "is over") {
		fmt.Println(err)
		os.Exit(1)
	}
}

// compareRuns wants the same model, the same last checkpoint and the same events, seconds aside.
func compareRuns(t *testing.T, got, want string) {
	t.Helper()
	sameFile(t, filepath.Join(got, modelFile), filepath.Join(want, modelFile))
	a, b := checkpoint(t, got), checkpoint(t, want)
	if len(a) != len(b) {
		t.Errorf("the checkpoints have %d and %d tensors", len(a), len(b))
	}
	for name, x := range b {
		if name == "progress/numbers" { // its second number is seconds
			x, a[name] = slices.Delete(slices.Clone(x), 8, 16), slices.Delete(slices.Clone(a[name]), 8, 16)
		}
		if !bytes.Equal(a[name], x) {
			t.Errorf("tensor %q of the last checkpoint differs", name)
		}
	}
	e, f := events(t, got), events(t, want)
	for i := range max(len(e), len(f)) {
		if i >= len(e) || i >= len(f) || e[i] != f[i] {
			t.Errorf("event %d:\n%s\nis wanted, found\n%s", i, at(f, i), at(e, i))
			return
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(none)"
}

func sameFile(t *testing.T, got, want string) {
	t.Helper()
	a, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s differs from %s", got, want)
	}
}

func checkpoint(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "checkpoints", "last.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, x := range file.Tensors {
		out[x.Name] = x.Data
	}
	return out
}

// events are the lines of a run without what is allowed to differ: times, the folder, threads, and that it was resumed.
func events(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range bytes.Lines(text) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for _, key := range []string{"time", "time/seconds", "time/samples_per_second", "seconds", "samples_per_second", "dir", "threads"} {
			delete(e, key)
		}
		if e["type"] == "resume" {
			continue
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

// Where nothing is held out for the test, the scores of the best evaluation are the run's: they are those that the saved weights have.
func TestScoresOfTheBestEvaluationAreThoseOfItsWeights(t *testing.T) {
	c := small()
	c.Split.NoTest = true
	c.Optimizer, c.Epochs = optim.NewAdam(0.1), 12 // large steps: the last weights are hardly the best
	s, err := Bind(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := s.record().JSON()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := run.Create(filepath.Join(t.TempDir(), "run"), text)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	training := newTraining(s, folder, nil)
	r, err := training.begin(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	if r.BestStep == r.Steps {
		t.Fatal("the last weights are the best: nothing is proved")
	}
	part, rows := s.source.scored()
	want, err := s.evaluator.fork(training.best).on(context.Background(), part, rows)
	if err != nil {
		t.Fatal(err)
	}
	if part != "validation" || training.scores.Part != part {
		t.Fatalf("the scores are of %q, those that were kept of %q", part, training.scores.Part)
	}
	if !reflect.DeepEqual(r.Scores, want) {
		t.Errorf("the run's scores are %v, its weights have %v", r.Scores, want)
	}
}
