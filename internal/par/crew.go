// What happens on either side of a Run: the owner who opens a job, takes part
// and waits, and the worker who joins, takes pieces and leaves. Both look at the
// shared word for a while before they sleep, because a sleeper needs some 10 to
// 500 microseconds to wake where a look takes a fraction of one. The look is
// bounded in time, so that an idle program uses no processor, and it yields
// every microsecond or so, so that it delays nobody on a machine that is busy
// or has one processor.

package par

import (
	"errors"
	"runtime"
	"time"
)

const (
	spinFor = 50 * time.Microsecond // how long one looks before one sleeps
	looks   = 256                   // looks at the shared word between two yields
)

func newCrew(threads int) *crew {
	c := &crew{
		threads: threads,
		wake:    make(chan struct{}, threads),
		done:    make(chan struct{}, 1),
	}
	c.home.Add(threads - 1)
	for w := 1; w < threads; w++ {
		go c.work(w, 0)
	}
	return c
}

// run is Run for the goroutine that holds owned.
func (c *crew) run(n int, t Task) {
	c.n, c.task = int64(n), t
	c.next.Store(0)
	// Only the owner changes the word while the job is closed.
	c.state.Store((c.state.Load()&^(oneJob-1) + oneJob) | open)
	c.rouse(int64(n - 1))
	defer c.finish() // also when a piece calls runtime.Goexit
	c.take(0)
}

// finish closes the job, waits for the workers inside and gives the pool back.
func (c *crew) finish() {
	s := c.state.Add(^(open - 1)) // subtracts open
	if s&inside != 0 && !c.lookFor(func(s uint64) bool { return s&inside == 0 }) {
		// Nobody can join, so either the last one sees the flag or it left before.
		if c.state.Add(waiting)&inside != 0 {
			<-c.done
		}
	}
	c.task = nil
	p := c.failed.Swap(nil)
	c.owned.Unlock()
	if p != nil {
		panic(p)
	}
}

// rouse makes sure that up to want workers are awake.
func (c *crew) rouse(want int64) {
	for {
		parked := c.parked.Load()
		k := min(want-(int64(c.threads-1)-parked), parked)
		if k <= 0 {
			return
		}
		if c.parked.CompareAndSwap(parked, parked-k) {
			for range k {
				c.wake <- struct{}{} // has room for every worker
			}
			return
		}
	}
}

// take runs pieces until none is left. Of several panics the first is kept.
func (c *crew) take(worker int) {
	var i int64
	defer func() {
		v := recover()
		if v == nil && i < c.n && worker != 0 {
			v = errors.New("a piece called runtime.Goexit")
		}
		if v != nil {
			c.failed.CompareAndSwap(nil, caught(int(i), v))
			c.next.Store(c.n) // drops the rest
		}
	}()
	for {
		if i = c.next.Add(1) - 1; i >= c.n {
			return
		}
		c.task.Do(int(i), worker)
	}
}

// work is the life of worker w, which has seen the job number seen.
func (c *crew) work(w int, seen uint64) {
	ended := false
	defer func() {
		if ended {
			c.home.Done()
		} else {
			go c.work(w, seen) // a piece called runtime.Goexit: somebody else takes over
		}
	}()
	for {
		s := c.await(seen)
		if s&over != 0 {
			ended = true
			return
		}
		seen = s / oneJob
		if c.join(seen) {
			c.serve(w)
		}
	}
}

// join enters the job of that number if it is still open.
func (c *crew) join(number uint64) bool {
	for {
		s := c.state.Load()
		if s/oneJob != number || s&open == 0 {
			return false
		}
		if c.state.CompareAndSwap(s, s+1) {
			return true
		}
	}
}

// serve takes pieces and leaves the job.
func (c *crew) serve(w int) {
	defer func() {
		if s := c.state.Add(^uint64(0)); s&waiting != 0 && s&inside == 0 {
			c.done <- struct{}{}
		}
	}()
	c.take(w)
}

// await returns the word once it shows a job other than seen, or that the crew
// is dismissed.
func (c *crew) await(seen uint64) uint64 {
	news := func(s uint64) bool { return s/oneJob != seen || s&over != 0 }
	for {
		if c.lookFor(news) {
			return c.state.Load()
		}
		// Say so first, then look again: an owner either sees a parked worker
		// or has changed the word before.
		c.parked.Add(1)
		if news(c.state.Load()) && c.unpark() {
			return c.state.Load()
		}
		<-c.wake
	}
}

// unpark takes one from the parked workers; false means that somebody has done
// so and sent a token.
func (c *crew) unpark() bool {
	for {
		parked := c.parked.Load()
		if parked == 0 {
			return false
		}
		if c.parked.CompareAndSwap(parked, parked-1) {
			return true
		}
	}
}

// lookFor looks at the word until it is as wanted; false when that took longer
// than one should look.
func (c *crew) lookFor(wanted func(uint64) bool) bool {
	var start time.Time
	for {
		for range looks {
			if wanted(c.state.Load()) {
				return true
			}
		}
		runtime.Gosched()
		if start.IsZero() {
			start = time.Now()
		} else if time.Since(start) > spinFor {
			return wanted(c.state.Load())
		}
	}
}

// dismiss sends the workers home. The pool stays owned for good, so that every
// later Run is inline.
func (c *crew) dismiss() {
	c.leave.Do(func() {
		c.owned.Lock()
		c.state.Or(over)
		c.rouse(int64(c.threads - 1))
	})
}
