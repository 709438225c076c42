// Package par runs the pieces of one task on a fixed set of threads.
//
// The caller cuts its work into pieces by size, never by the number of threads,
// so that what is computed does not depend on how many threads compute it. The
// pool hands out the pieces by an atomic counter: a worker that the operating
// system does not run takes none, and the others take its share.
//
// One Run owns the pool at a time. A Run that finds the pool taken, because
// another goroutine runs on it or because it was called from inside a piece,
// executes its pieces itself: there is nothing to wait for and no deadlock.
//
// How a Run starts and ends: the caller fills in the task, opens the job in one
// atomic word and wakes parked workers. A worker joins an open job by raising
// the count in the same word, and leaves by lowering it. When no piece is left
// the caller closes the job, after which nobody can join, and waits for those
// inside. A worker that wakes too late finds the job closed and costs nothing.
package par

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// A Task is work that is cut into pieces.
type Task interface {
	// Do computes piece i on worker 0..Threads()-1. No two pieces run on one
	// worker of one Run at the same time, so that a worker's number may select
	// scratch memory. Pieces that run inline (see Run) run on worker 0: scratch
	// memory selected by the worker must belong to the Run, not to the pool.
	Do(i, worker int)
}

// A Pool is a fixed number of threads: the one that calls Run and Threads()-1
// goroutines. A nil *Pool is a pool of one thread.
//
// A Pool should be closed. One that is dropped without Close stops its
// goroutines after the garbage collector has found it.
type Pool struct {
	// crew is what the goroutines hold. They don't hold the Pool, so that a
	// dropped Pool can be collected and its cleanup can send them home.
	crew *crew
}

// New returns a pool of the given number of threads; less than 1 means 1.
func New(threads int) *Pool {
	c := newCrew(max(threads, 1))
	p := &Pool{crew: c}
	runtime.AddCleanup(p, (*crew).dismiss, c)
	return p
}

// Threads returns the number of threads, the caller's included.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.crew.threads
}

// Run executes t.Do(i, worker) once for every i in 0..n-1 and returns when all
// are done. It allocates nothing. The caller takes part as worker 0. No worker
// is woken for a single piece, nor more workers than there are other pieces.
//
// Run may be called by several goroutines at once and from inside a piece. All
// but the first run all their pieces on their own goroutine as worker 0; so
// does a Run after Close.
//
// If a piece panics, pieces that have not begun are dropped, those that have
// are waited for, and Run panics with a *Panic that holds the value and the
// stack of the first. The pool remains usable.
func (p *Pool) Run(n int, t Task) {
	if n <= 1 || p == nil || p.crew.threads == 1 || !p.crew.owned.TryLock() {
		inline(n, t)
		return
	}
	p.crew.run(n, t)
	runtime.KeepAlive(p) // a pool must not be found dropped while it runs
}

// Close stops the goroutines and waits for them; a Run under way is completed
// first. It must not be called from inside a piece. Closing twice, or closing a
// nil Pool, does nothing.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.crew.dismiss()
	p.crew.home.Wait()
}

// inline runs all pieces on the calling goroutine.
func inline(n int, t Task) {
	i := 0
	defer func() {
		if v := recover(); v != nil {
			panic(caught(i, v))
		}
	}()
	for ; i < n; i++ {
		t.Do(i, 0)
	}
}

// A Panic is what Run panics with when a piece panicked.
type Panic struct {
	Piece int    // number of the piece
	Value any    // what it panicked with
	Stack []byte // its stack, as debug.Stack formats it
}

// Error returns the piece's number, its value and its stack.
func (p *Panic) Error() string {
	return fmt.Sprintf("piece %d: %v\n\n%s", p.Piece, p.Value, p.Stack)
}

// Unwrap returns the value where that is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// caught wraps a recovered value. A *Panic of a Run inside the piece passes as
// it is: it names the place where things went wrong.
func caught(i int, v any) *Panic {
	if p, ok := v.(*Panic); ok {
		return p
	}
	return &Panic{Piece: i, Value: v, Stack: debug.Stack()}
}

// line separates what different threads write: two cache lines of 64 bytes,
// because processors fetch them in pairs, and one line of 128 bytes elsewhere.
type line [128]byte

// crew is the state that the owner of the pool shares with the workers.
type crew struct {
	threads int
	owned   sync.Mutex     // held by the Run that uses the workers; for good once dismissed
	leave   sync.Once      //
	home    sync.WaitGroup // goroutines that have not ended
	wake    chan struct{}  // one token wakes one parked worker
	done    chan struct{}  // the last worker inside tells an owner that waits

	// The job, written by the owner before it opens it.
	n    int64
	task Task

	_      line
	state  atomic.Uint64 // see the constants below
	_      line
	next   atomic.Int64 // the first piece that nobody has taken
	_      line
	parked atomic.Int64 // workers that wait, or are about to wait, for a token that nobody has sent
	_      line
	failed atomic.Pointer[Panic]
	_      line
}

// The word state, from the low end: how many workers are inside the job (30
// bits), three flags, and the job's number.
const (
	inside  = uint64(1)<<30 - 1
	open    = uint64(1) << 30 // workers may join
	waiting = uint64(1) << 31 // the owner sleeps until the last worker leaves
	over    = uint64(1) << 32 // workers go home
	oneJob  = uint64(1) << 33
)
