// Package par runs the pieces of one task on a fixed set of threads.
//
// The caller cuts its work into pieces by size, never by the number of threads,
// so that what is computed does not depend on how many threads compute it. Every
// worker is handed an equal range of the pieces, the same each time, so that what
// a piece touches is in the cache of the core that touched it before. Who is done
// with its own takes pieces of others: a worker that the operating system does
// not run loses them.
//
// One Run owns the pool at a time. A Run that finds the pool taken, because
// another goroutine runs on it or because it was called from inside a piece,
// executes its pieces itself: there is nothing to wait for and no deadlock.
//
// How a Run starts and ends: the caller writes the task and a range of pieces to
// each worker's seat, which that worker looks at. A piece is taken by changing the
// range, in one atomic word, and whoever takes it may read the task beside it. The
// caller takes pieces until none is left anywhere, and then waits until the
// workers' counts say that all of them are done. A worker that comes too late
// finds no piece and costs nothing.
package par

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// A Task is work that is cut into pieces.
type Task interface {
	// Do computes piece i on worker 0..Threads()-1. It must not wait for another
	// piece, because one worker may run them all. No two pieces run on one worker
	// of one Run at the same time, so that a worker's number may select scratch
	// memory. Pieces that run inline (see Run) run on worker 0: scratch memory
	// selected by the worker must belong to the Run, not to the pool.
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
// are done. It allocates nothing. The caller takes part as worker 0. Fewer pieces
// than threads go to the low workers. The pool may refer to t for a moment longer.
//
// Run may be called by several goroutines at once and from inside a piece. All
// but the first run all their pieces on their own goroutine as worker 0; so
// does a Run after Close.
//
// If a piece panics, pieces that have not begun are dropped, those that have
// are waited for, and Run panics with a *Panic that holds the value and the
// stack of the first. The pool remains usable.
func (p *Pool) Run(n int, t Task) {
	if n <= 1 || n > mostPieces || p == nil || p.crew.threads == 1 || !p.crew.own() {
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
