package par

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// count is a task that counts how often each piece ran and checks its worker.
type count struct {
	threads int
	times   []int32       // a piece
	busy    []atomic.Bool // a worker
	wrong   atomic.Int32
}

func newCount(n, threads int) *count {
	return &count{threads: threads, times: make([]int32, n), busy: make([]atomic.Bool, threads)}
}

func (c *count) Do(i, worker int) {
	if worker < 0 || worker >= c.threads || c.busy[worker].Swap(true) {
		c.wrong.Add(1)
		return
	}
	c.times[i]++ // the race detector sees a piece that runs twice
	if i%7 == 0 {
		runtime.Gosched()
	}
	c.busy[worker].Store(false)
}

func (c *count) check(t *testing.T) {
	t.Helper()
	for i, n := range c.times {
		if n != 1 {
			t.Errorf("piece %d of %d ran %d times", i, len(c.times), n)
		}
	}
	if n := c.wrong.Load(); n != 0 {
		t.Errorf("%d pieces ran on a worker that doesn't exist or was busy", n)
	}
}

type taskFunc func(i, worker int)

func (f taskFunc) Do(i, worker int) { f(i, worker) }

func TestEveryPieceOnce(t *testing.T) {
	for _, threads := range []int{-1, 0, 1, 2, 5} {
		for _, procs := range []int{1, runtime.NumCPU()} {
			t.Run(fmt.Sprintf("%d threads on %d processors", threads, procs), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				p := New(threads)
				defer p.Close()
				if want := max(threads, 1); p.Threads() != want {
					t.Fatalf("Threads() = %d, want %d", p.Threads(), want)
				}
				for round := range 300 {
					for _, n := range []int{0, 1, 2, 3, 5, 64} {
						c := newCount(n, p.Threads())
						p.Run(n, c)
						c.check(t)
					}
					if round%100 == 50 {
						time.Sleep(2 * spinFor) // workers sleep
					}
				}
			})
		}
	}
}

func TestNilPool(t *testing.T) {
	var p *Pool
	if p.Threads() != 1 {
		t.Errorf("Threads() = %d, want 1", p.Threads())
	}
	c := newCount(9, 1)
	p.Run(9, c)
	c.check(t)
	p.Close()
}

// Each piece waits until all have begun: a worker that sleeps through its wake-up
// would hang the test. The pauses are about as long as workers look before they
// sleep, so that some Runs begin just then.
func TestWorkersTakePart(t *testing.T) {
	p := New(3)
	defer p.Close()
	for round := range 1500 {
		for began := time.Now(); time.Since(began) < spinFor*time.Duration(50+round%100)/100; {
			runtime.Gosched()
		}
		var begun sync.WaitGroup
		begun.Add(3)
		p.Run(3, taskFunc(func(int, int) {
			begun.Done()
			begun.Wait()
		}))
	}
}

func TestNobodyJoinsAClosedJob(t *testing.T) {
	c := newCrew(1)
	for _, s := range []struct {
		name  string
		state uint64
		want  bool
	}{
		{"open", 5*oneJob | open, true},
		{"open with somebody inside", 5*oneJob | open | 1, true},
		{"closed", 5 * oneJob, false},
		{"closed with somebody inside", 5*oneJob | 1, false},
		{"another job", 6*oneJob | open, false},
	} {
		c.state.Store(s.state)
		if got := c.join(5); got != s.want {
			t.Errorf("%s: joined %v, want %v", s.name, got, s.want)
		}
		after := s.state
		if s.want {
			after++
		}
		if got := c.state.Load(); got != after {
			t.Errorf("%s: state %#x, want %#x", s.name, got, after)
		}
	}
}

func TestOnePieceStaysWithTheCaller(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 1000 {
		p.Run(1, taskFunc(func(i, worker int) {
			if worker != 0 {
				t.Errorf("worker %d", worker)
			}
		}))
	}
}

func TestConcurrentCallers(t *testing.T) {
	p := New(3)
	defer p.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				c := newCount(20, 3)
				p.Run(20, c)
				c.check(t)
			}
		})
	}
	wg.Wait()
}

func TestNestedRun(t *testing.T) {
	p := New(3)
	defer p.Close()
	for range 200 {
		var ran atomic.Int32
		p.Run(6, taskFunc(func(int, int) {
			p.Run(5, taskFunc(func(_, worker int) {
				if worker != 0 {
					t.Errorf("nested piece on worker %d", worker)
				}
				ran.Add(1)
			}))
		}))
		if ran.Load() != 30 {
			t.Fatalf("%d nested pieces ran, want 30", ran.Load())
		}
	}
}

// recovered returns what f panics with.
func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestPanic(t *testing.T) {
	cause := errors.New("bad piece")
	for _, threads := range []int{1, 3} {
		for _, bad := range []int{0, 1, 7} {
			t.Run(fmt.Sprintf("%d threads, piece %d", threads, bad), func(t *testing.T) {
				p := New(threads)
				defer p.Close()
				for range 100 {
					var inside atomic.Int32
					v := recovered(func() {
						p.Run(8, taskFunc(func(i, _ int) {
							inside.Add(1)
							defer inside.Add(-1)
							if i == bad {
								panic(cause)
							}
							runtime.Gosched()
						}))
					})
					if n := inside.Load(); n != 0 {
						t.Fatalf("%d pieces still run after Run has returned", n)
					}
					raised, ok := v.(*Panic)
					if !ok || raised.Piece != bad || raised.Value != cause || !errors.Is(raised, cause) {
						t.Fatalf("panic %v, want piece %d: %v", v, bad, cause)
					}
					if !strings.Contains(raised.Error(), "TestPanic") {
						t.Fatalf("the stack does not name the piece's function: %s", raised)
					}
					c := newCount(16, threads)
					p.Run(16, c)
					c.check(t)
				}
			})
		}
	}
}

func TestNestedPanicKeepsItsPlace(t *testing.T) {
	p := New(2)
	defer p.Close()
	v := recovered(func() {
		p.Run(2, taskFunc(func(i, _ int) {
			if i == 1 {
				p.Run(4, taskFunc(func(j, _ int) {
					if j == 3 {
						panic("inner")
					}
				}))
			}
		}))
	})
	if raised, ok := v.(*Panic); !ok || raised.Piece != 3 || raised.Value != "inner" {
		t.Fatalf("panic %v, want piece 3: inner", v)
	}
}

// A piece that ends its goroutine must neither hang Run nor cost a worker.
func TestGoexitOnAWorker(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 20 {
		var begun sync.WaitGroup
		begun.Add(2)
		v := recovered(func() {
			p.Run(2, taskFunc(func(_, worker int) {
				begun.Done()
				begun.Wait() // both threads are in
				if worker == 1 {
					runtime.Goexit()
				}
			}))
		})
		if raised, ok := v.(*Panic); !ok || !strings.Contains(raised.Error(), "Goexit") {
			t.Fatalf("panic %v, want one that names Goexit", v)
		}
	}
}

func TestClose(t *testing.T) {
	p := New(4)
	p.Close()
	p.Close()
	c := newCount(10, 1) // one worker: all inline
	p.Run(10, c)
	c.check(t)
}

func TestCloseWaitsForRun(t *testing.T) {
	p := New(2)
	begun, done := make(chan struct{}), make(chan struct{})
	c := newCount(200, 2)
	go func() {
		defer close(done)
		var once sync.Once
		p.Run(200, taskFunc(func(i, worker int) {
			once.Do(func() { close(begun) })
			c.Do(i, worker)
		}))
	}()
	<-begun
	p.Close()
	<-done
	c.check(t)
}

// A pool that nobody refers to any more sends its goroutines home.
func TestDroppedPool(t *testing.T) {
	before := runtime.NumGoroutine()
	func() {
		p := New(4)
		p.Run(10, newCount(10, 4))
	}()
	for range 200 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// An idle pool sleeps: no goroutine of it is running or runnable.
func TestIdleWorkersSleep(t *testing.T) {
	p := New(3)
	defer p.Close()
	p.Run(30, newCount(30, 3))
	for range 200 {
		time.Sleep(5 * time.Millisecond)
		if p.crew.parked.Load() == 2 {
			return
		}
	}
	t.Errorf("%d workers sleep, want 2", p.crew.parked.Load())
}

func TestRunDoesNotAllocate(t *testing.T) {
	for _, threads := range []int{1, 3} {
		p := New(threads)
		defer p.Close()
		task := &add{}
		if n := testing.AllocsPerRun(500, func() { p.Run(16, task) }); n != 0 {
			t.Errorf("%d threads: %v allocations a Run", threads, n)
		}
	}
}

// add is a task that writes what is a piece's own.
type add struct{ sums [64]int }

func (a *add) Do(i, _ int) { a.sums[i] += i }

// meet is a task of two pieces that wait for each other.
type meet struct{ in atomic.Int32 }

func (m *meet) Do(int, int) {
	m.in.Add(1)
	for m.in.Load() < 2 {
		runtime.Gosched()
	}
}

func BenchmarkRun(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d threads", threads), func(b *testing.B) {
			p := New(threads)
			defer p.Close()
			task := &add{}
			for b.Loop() {
				p.Run(2*threads, task)
			}
		})
	}
	b.Run("both threads in", func(b *testing.B) { // the time in which a spinning worker starts
		p := New(2)
		defer p.Close()
		task := &meet{}
		for b.Loop() {
			task.in.Store(0)
			p.Run(2, task)
		}
	})
	b.Run("one processor", func(b *testing.B) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		p := New(2)
		defer p.Close()
		task := &add{}
		for b.Loop() {
			p.Run(4, task)
		}
	})
	b.Run("parked workers", func(b *testing.B) {
		p := New(2)
		defer p.Close()
		task := &add{}
		for b.Loop() {
			b.StopTimer()
			time.Sleep(time.Millisecond)
			b.StartTimer()
			p.Run(4, task)
		}
	})
}
