package par

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
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
						time.Sleep(2 * workerLooks) // workers sleep
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

// Both pieces wait until both have begun: a worker that sleeps through its
// wake-up would hang the test. The pauses are about as long as workers look before
// they sleep, so that some Runs begin just then.
func TestWorkersTakePart(t *testing.T) {
	p := New(2)
	defer p.Close()
	p.crew.patience = 0 // sleepers are woken at once
	for round := range 1500 {
		for began := time.Now(); time.Since(began) < workerLooks*time.Duration(50+round%100)/100; {
			runtime.Gosched()
		}
		var begun sync.WaitGroup
		begun.Add(2)
		p.Run(2, taskFunc(func(int, int) {
			begun.Done()
			begun.Wait()
		}))
	}
}

// A worker that sleeps is woken in a burst of Runs, and not for a short one.
func TestSleepersAreWoken(t *testing.T) {
	p := New(2)
	defer p.Close()
	var helped atomic.Bool
	task := taskFunc(func(_, worker int) {
		if worker == 1 {
			helped.Store(true)
		}
		for began := time.Now(); time.Since(began) < 10*time.Microsecond; {
		}
	})
	asleep := func() {
		for !p.crew.seats[1].parked.Load() {
			time.Sleep(time.Millisecond)
		}
	}
	asleep()
	p.crew.seats[1].paid.Store(false)
	for began := time.Now(); !helped.Load(); {
		p.Run(2, task)
		if time.Since(began) > 5*time.Second {
			t.Fatal("a worker sleeps through a long burst of Runs")
		}
	}
	p.crew.patience = time.Hour
	asleep()
	p.crew.seats[1].paid.Store(false)
	helped.Store(false)
	for range 50 {
		p.Run(2, task)
	}
	if helped.Load() {
		t.Error("a worker was woken before it was time")
	}
}

func TestTake(t *testing.T) {
	for _, test := range []struct {
		name  string
		left  span
		first bool
		piece int // -1: none
		after span
	}{
		{"the first of many", spanOf(4, 8), true, 4, spanOf(5, 8)},
		{"the last of many", spanOf(4, 8), false, 7, spanOf(4, 7)},
		{"the only one", spanOf(7, 8), true, 7, spanOf(8, 8)},
		{"the only one from behind", spanOf(7, 8), false, 7, spanOf(7, 7)},
		{"none left", spanOf(8, 8), true, -1, spanOf(8, 8)},
		{"none ever", 0, false, -1, 0},
		{"gone", gone, true, -1, gone},
		{"the largest number", spanOf(mostPieces-1, mostPieces), false, mostPieces - 1, spanOf(mostPieces-1, mostPieces-1)},
	} {
		var s seat
		s.left.Store(uint64(test.left))
		piece, ok := s.take(test.first)
		if !ok {
			piece = -1
		}
		if piece != test.piece || ok != (test.piece >= 0) || span(s.left.Load()) != test.after {
			t.Errorf("%s: took %d, %v and left %#x; want %d and %#x", test.name, piece, ok, s.left.Load(), test.piece, uint64(test.after))
		}
	}
}

// All threads take at once, from both ends: no piece is lost, none taken twice.
func TestTakeTogether(t *testing.T) {
	for range 200 {
		var s seat
		c := newCount(200, 4)
		s.left.Store(uint64(spanOf(0, 200)))
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i, ok := s.take(w%2 == 0); ok; i, ok = s.take(w%2 == 0) {
					c.Do(i, w)
				}
			})
		}
		wg.Wait()
		c.check(t)
	}
}

// Each worker is handed the same contiguous range at every Run, so that its
// caches hold what its pieces touch; few pieces go to the low workers.
func TestShare(t *testing.T) {
	for _, test := range []struct {
		threads, pieces int
		want            []span
	}{
		{2, 2, []span{spanOf(0, 1), spanOf(1, 2)}},
		{2, 6, []span{spanOf(0, 3), spanOf(3, 6)}},
		{2, 5, []span{spanOf(0, 2), spanOf(2, 5)}},
		{3, 8, []span{spanOf(0, 2), spanOf(2, 5), spanOf(5, 8)}},
		{4, 2, []span{spanOf(0, 1), spanOf(1, 2), 0, 0}},
	} {
		c := &crew{threads: test.threads, seats: make([]seat, test.threads)} // nobody works
		task := &add{}
		if workers := c.share(test.pieces, task); workers != min(test.threads, test.pieces) {
			t.Errorf("%d pieces on %d threads go to %d workers", test.pieces, test.threads, workers)
		}
		for w, want := range test.want {
			if got := span(c.seats[w].left.Load()); got != want || want != 0 && c.seats[w].task != task {
				t.Errorf("%d pieces on %d threads: worker %d has [%d, %d), want [%d, %d)", test.pieces, test.threads, w,
					got.begin(), got.end(), want.begin(), want.end())
			}
		}
	}
}

// Where pieces take equally long and all workers run, nobody takes another's.
func TestWorkersKeepTheirPieces(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor")
	}
	p := New(2)
	defer p.Close()
	by := make([]int, 6)
	kept := 0
	for began := time.Now(); time.Since(began) < 3*time.Second && kept < 10; {
		p.Run(6, taskFunc(func(i, worker int) {
			by[i] = worker
			for began := time.Now(); time.Since(began) < 20*time.Microsecond; {
			}
		}))
		if slices.Equal(by, []int{0, 0, 0, 1, 1, 1}) {
			kept++
		}
	}
	if kept < 10 {
		t.Errorf("%d Runs in which each worker ran its own pieces", kept)
	}
}

// A worker that does not get on loses its other pieces.
func TestOthersHelp(t *testing.T) {
	for _, slow := range []int{0, 1, 2} {
		p := New(3)
		p.crew.patience = 0
		for range 20 {
			var done atomic.Int32
			p.Run(12, taskFunc(func(i, _ int) {
				if i != 4*slow { // the first piece of the slow worker waits for all others
					done.Add(1)
					return
				}
				for done.Load() < 11 {
					runtime.Gosched()
				}
			}))
		}
		p.Close()
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
	p.crew.patience = 0 // wake at once
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

// A piece of the caller that ends its goroutine: what others have begun is
// waited for, the rest is dropped, and the pool remains usable.
func TestGoexitOnTheCaller(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 20 {
		var inside atomic.Int32
		ended := make(chan int32)
		go func() {
			defer func() { ended <- inside.Load() }()
			p.Run(100, taskFunc(func(_, worker int) {
				inside.Add(1)
				defer inside.Add(-1)
				if worker == 0 {
					runtime.Goexit()
				}
				runtime.Gosched()
			}))
			t.Error("Run has returned")
		}()
		if n := <-ended; n != 0 {
			t.Fatalf("%d pieces still run", n)
		}
		c := newCount(16, 2)
		p.Run(16, c)
		c.check(t)
	}
}

// An owner that has slept because a piece took long is woken.
func TestLongPieces(t *testing.T) {
	p := New(3)
	defer p.Close()
	for range 30 {
		c := newCount(3, 3)
		p.Run(3, taskFunc(func(i, worker int) {
			c.Do(i, worker)
			if i > 0 {
				time.Sleep(time.Duration(i) * 2 * ownerLooks)
			}
		}))
		c.check(t)
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

// A pool that nobody refers to any more sends its goroutines home, also if the
// last task refers to it.
func TestDroppedPool(t *testing.T) {
	for _, pause := range []time.Duration{0, 5 * time.Millisecond} { // without a look at it, or in its sleep
		before := runtime.NumGoroutine()
		func() {
			p := New(4)
			time.Sleep(pause)
			p.Run(10, &holder{newCount(10, 4), p})
		}()
		gone := false
		for began := time.Now(); !gone && time.Since(began) < 5*time.Second; {
			runtime.GC()
			time.Sleep(5 * time.Millisecond)
			gone = runtime.NumGoroutine() <= before
		}
		if !gone {
			t.Errorf("after a pause of %v: %d goroutines, %d before", pause, runtime.NumGoroutine(), before)
		}
	}
}

type holder struct {
	*count
	pool *Pool
}

// An idle pool sleeps: no goroutine of it is running or runnable.
func TestIdleWorkersSleep(t *testing.T) {
	p := New(3)
	defer p.Close()
	p.Run(30, newCount(30, 3))
	for range 200 {
		time.Sleep(5 * time.Millisecond)
		if p.crew.seats[1].parked.Load() && p.crew.seats[2].parked.Load() {
			return
		}
	}
	t.Error("workers look for pieces that nobody hands out")
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
