package train_test

// A training that has all threads of the machine shares them: the process goes on answering requests, and the garbage collector ends its
// rounds. Goroutines can't be interrupted inside assembly, so that these tests guard two things: that every kernel returns to Go soon, where
// there is a check of the stack, and that idle workers of the pool let others run. The bounds are far from what a quiet machine shows, since
// machines that run tests are busy, and far below what a mistake of that kind costs, which is seconds or for ever.

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

// training runs steps of a network on all processors until the test is over, and counts them. It returns after the first.
func training(t *testing.T, units []int, batch int) (steps *atomic.Int64) {
	t.Helper()
	const rows, inputs = 1024, 784
	x, y := make([][]float32, rows), make([]int, rows)
	for i := range x {
		x[i], y[i] = make([]float32, inputs), i%10
		for j := range x[i] {
			x[i][j] = float32((i*31+j*17)%97) / 97
		}
	}
	bind := func(batch int) *train.Session {
		s, err := train.Bind(train.Config{
			Dataset: data.Slices(x, y), Model: nn.MLP{Units: units}, Optimizer: optim.NewSGD(0.01), Batch: train.Batch(batch),
			Epochs: 1 << 20, Threads: runtime.GOMAXPROCS(0),
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := bind(batch)
	if s.Weights().Kernels() == "portable" {
		s.Close()
		s = bind(min(batch, 32)) // steps without assembly take long, and can be interrupted anywhere
	}
	ctx, stop := context.WithCancel(context.Background())
	steps = new(atomic.Int64)
	first, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer s.Close()
		for ctx.Err() == nil {
			if _, err := s.Step(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("step: %v", err)
				return
			}
			if steps.Add(1) == 1 {
				close(first)
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	select {
	case <-first:
	case <-done:
	}
	return steps
}

func TestTrainingLeavesTimeForRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
	defer server.Close()
	for _, network := range []struct {
		name   string
		units  []int
		batch  int
		median time.Duration // at most: 0.2 and 3 ms on two quiet processors, 45 if workers look for pieces without letting others run
	}{
		{"short pieces", []int{128}, 32, 25 * time.Millisecond},
		{"long pieces", []int{1024, 1024}, 256, 80 * time.Millisecond},
	} {
		t.Run(network.name, func(t *testing.T) {
			steps := training(t, network.units, network.batch)
			before := steps.Load()
			var took []time.Duration
			const every = 3 * time.Millisecond // so that the training is not kept from its work
			for began := time.Now(); len(took) < 60 && time.Since(began) < 20*time.Second; {
				due := time.Now().Add(every)
				time.Sleep(every)
				answer, err := server.Client().Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				took = append(took, time.Since(due))
			}
			slices.Sort(took)
			median, worst := took[len(took)/2], took[len(took)-1]
			t.Logf("%d requests in a training of %d steps: median %v, worst %v", len(took), steps.Load()-before, median, worst)
			if median > network.median || worst > 2*time.Second {
				t.Errorf("requests wait for the training: median %v, worst %v", median, worst)
			}
		})
	}
}

func TestTrainingLeavesTimeForTheCollector(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	steps := training(t, []int{2048, 2048}, 512)
	before := steps.Load()
	var took []time.Duration
	for range 20 {
		time.Sleep(20 * time.Millisecond)
		began := time.Now()
		runtime.GC()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	t.Logf("%d collections in a training of %d steps: median %v, worst %v", len(took), steps.Load()-before, median, worst)
	if median > 500*time.Millisecond || worst > 3*time.Second {
		t.Errorf("the collector waits for the training: median %v, worst %v", median, worst)
	}
}
