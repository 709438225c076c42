// What happens on either side of a Run: the owner who hands out pieces, takes
// part and waits, and the worker who takes pieces and looks for more. Both look
// for a while before they sleep, because a sleeper needs some 10 to 500
// microseconds to wake where a look takes a fraction of one. The look is bounded
// in time, so that an idle program uses no processor, and it lets other
// goroutines run now and then, so that a program which computes without pause
// still serves the others.

package par

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	workerLooks = 100 * time.Microsecond // how long a worker looks for pieces before it sleeps
	lateLooks   = 10 * time.Microsecond  // the same for one that was woken and came too late
	wakeAfter   = 50 * time.Microsecond  // how old a burst of Runs is before it is worth to wake a worker
	ownerLooks  = 50 * time.Microsecond  // how long an owner looks for the end of others' pieces before it sleeps
	yieldEvery  = 50 * time.Microsecond  // how long a worker goes without letting others run, if it is idle then
	looks       = 1024                   // looks between two at the clock: somewhat less than a microsecond
	rounds      = 64                     // a worker that always finds pieces before it looks at the clock does so after this many
)

// crew is the state that the owner of the pool shares with the workers.
type crew struct {
	threads  int
	seats    []seat         // by worker
	ended    chan struct{}  // a token makes an owner that sleeps look again
	born     time.Time      //
	patience time.Duration  // wakeAfter, but in tests
	leave    sync.Once      //
	home     sync.WaitGroup // goroutines that have not ended

	_       line
	owned   sync.Mutex    // held by the Run that uses the workers; for good once dismissed
	total   int64         // pieces of all Runs
	asleep  int           // workers that have been handed pieces in their sleep
	since   time.Duration // when a burst of Runs, without a pause of workerLooks, began while workers slept
	until   time.Duration // when the last such Run ended
	_       line
	idle    atomic.Pointer[Idle]
	waiting atomic.Bool // the owner sleeps until told to look again
	crowded atomic.Bool // there are more threads than processors
	tidying atomic.Int32
	failed  atomic.Pointer[Panic]
	_       line
}

func newCrew(threads int) *crew {
	c := &crew{
		threads:  threads,
		seats:    make([]seat, threads),
		ended:    make(chan struct{}, 1),
		born:     time.Now(),
		patience: wakeAfter,
	}
	c.crowded.Store(threads > runtime.GOMAXPROCS(0))
	for w := range c.seats {
		c.seats[w].wake = make(chan struct{}, 1)
		c.seats[w].paid.Store(true)
	}
	c.home.Add(threads - 1)
	for w := 1; w < threads; w++ {
		go c.work(w)
	}
	return c
}

// run is Run for the goroutine that holds owned.
func (c *crew) run(n int, t Task) {
	defer c.finish() // also when a piece calls runtime.Goexit
	workers := c.share(n, t)
	if c.failed.Load() != nil {
		c.drop(0) // a piece panicked while others were still handed out
	}
	alone := c.asleep > 0
	if alone {
		now := c.clock()
		if now > c.until+workerLooks {
			c.since = now
		}
		c.rouse(now)
	}
	for v := range workers {
		c.serve(0, v)
	}
	if alone {
		c.until = c.clock()
	}
}

// rouse wakes workers that have been handed pieces in their sleep, if it is time.
// That takes some 10 microseconds of the owner's, then some 50 to 500 until a
// worker runs, and it may begin on the owner's processor. A short burst of Runs
// with a pause behind it is sooner done alone. So the owner calls those for whom
// it has paid the last time at once, and others when a burst has lasted a while.
func (c *crew) rouse(now time.Duration) {
	due := now >= c.since+c.patience
	for w := 1; w < c.threads && c.asleep > 0; w++ {
		if s := &c.seats[w]; s.parked.Load() && (due || s.paid.Load()) {
			s.rouse()
			c.asleep--
		}
	}
	if due {
		c.since = now
	}
}

// share hands out pieces 0 to n-1 in equal ranges, and returns to how many
// workers: the same range at every Run of as many pieces, so that what a piece
// touches lies in the cache of the core that touched it before.
func (c *crew) share(n int, t Task) (workers int) {
	c.total += int64(n)
	c.asleep = 0
	workers = min(n, c.threads)
	for w := 1; w < workers; w++ {
		c.hand(w, spanOf(w*n/workers, (w+1)*n/workers), t)
	}
	own := &c.seats[0]
	own.task = t
	own.left.Store(uint64(spanOf(0, n/workers)))
	return workers
}

// hand gives worker w its pieces.
func (c *crew) hand(w int, left span, t Task) {
	s := &c.seats[w]
	s.task = t
	s.left.Store(uint64(left))
	if s.parked.Load() {
		c.asleep++
	}
}

// finish waits for the pieces that others have taken and gives the pool back.
func (c *crew) finish() {
	c.drop(0) // there are some only where a piece of the owner called runtime.Goexit
	if !c.lookForEnd() {
		c.waiting.Store(true)
		for !c.complete() { // a worker sees that somebody waits, or it counted before
			<-c.ended
		}
		c.waiting.Store(false)
	}
	p := c.failed.Load()
	if p != nil {
		c.failed.Store(nil)
	}
	c.seats[0].task = nil
	c.owned.Unlock()
	for w := 1; w < c.threads; w++ {
		if s := &c.seats[w]; s.parked.Load() {
			c.forget(s) // it sleeps, so that it can't do it itself
		}
	}
	if p != nil {
		panic(p)
	}
}

// forget drops the task of a seat whose worker sleeps: a task may refer to the
// Pool, which could then not be found dropped. Where somebody owns the crew, that
// one will do it. A worker that looks for pieces keeps its task for as long,
// because a change would take the cache line from it.
func (c *crew) forget(s *seat) {
	c.tidying.Add(1)
	if c.owned.TryLock() {
		s.task = nil
		c.owned.Unlock()
	}
	c.tidying.Add(-1)
}

// own makes the caller the owner; false when a Run is under way.
func (c *crew) own() bool {
	for range looks {
		// A worker that tidies its seat up is done in a moment, unless it is preempted.
		if c.owned.TryLock() {
			return true
		}
		if c.tidying.Load() == 0 {
			return c.owned.TryLock()
		}
	}
	return false
}

// complete tells whether every piece of every Run has been done or dropped.
func (c *crew) complete() bool {
	left := c.total
	for w := range c.seats {
		left -= c.seats[w].done.Load()
	}
	return left == 0
}

// lookForEnd looks until the Run is complete; false when that takes longer than
// one should look.
func (c *crew) lookForEnd() bool {
	var until, yielded time.Duration
	for {
		for range looks {
			if c.complete() {
				return true
			}
		}
		now := c.clock()
		if until == 0 {
			until, yielded = now+ownerLooks, now
		}
		if now > until {
			return false
		}
		if now > yielded+yieldEvery/4 || c.crowded.Load() {
			runtime.Gosched() // a worker with a piece may be waiting for a processor
			yielded = now
		}
	}
}

// serve runs pieces of seat v as worker w until none is left, and counts them;
// false when there was none. One's own are taken from the front and others' from
// the end, so that who helps tends to get the same pieces each time. Of several
// panics the first is kept.
func (c *crew) serve(w, v int) bool {
	s := &c.seats[v]
	i, ok := s.take(w == v)
	if !ok {
		return false
	}
	n := int64(0)
	defer func() {
		if ok { // piece i did not return
			p := recover()
			if p == nil && w != 0 {
				p = errors.New("a piece called runtime.Goexit")
			}
			if p != nil {
				c.failed.CompareAndSwap(nil, caught(i, p))
			}
			c.drop(w)
			n++
		}
		c.count(w, n)
	}()
	for ok {
		s.task.Do(i, w)
		n++
		i, ok = s.take(w == v)
		if w == 0 && c.asleep > 0 {
			c.rouse(c.clock())
		}
	}
	return true
}

// count adds n to what worker w has done.
func (c *crew) count(w int, n int64) {
	s := &c.seats[w]
	s.done.Store(s.done.Load() + n) // nobody else writes it
	if w != 0 && c.waiting.Load() {
		select {
		case c.ended <- struct{}{}:
		default: // the owner has a token to look again
		}
		runtime.Gosched() // else the owner waits until another thread has woken for it
	}
}

// drop takes the pieces that nobody has begun and counts them as worker w's.
func (c *crew) drop(w int) {
	n := 0
	for v := range c.seats {
		if s := &c.seats[v]; span(s.left.Load()).len() > 0 {
			n += span(s.left.Swap(0)).len()
		}
	}
	if n > 0 {
		c.count(w, int64(n))
	}
}

// work is the life of worker w.
func (c *crew) work(w int) {
	home := false
	defer func() {
		if home {
			c.home.Done()
		} else {
			go c.work(w) // a piece called runtime.Goexit: somebody else takes over
		}
	}()
	var r rest
	for round := 1; ; round++ {
		if c.await(w, &r) == gone {
			home = true
			return
		}
		r.ran = c.serve(w, w) || r.ran
		if round%rounds == 0 {
			c.yield(&r)
		}
	}
}

// await returns what worker w has been handed, once there is something.
func (c *crew) await(w int, r *rest) span {
	s := &c.seats[w]
	for first := true; ; {
		for range looks {
			if left := span(s.left.Load()); left.calls() {
				return left
			}
		}
		if first {
			c.meanwhile() // it has waited for somewhat less than a microsecond
		}
		now := c.yield(r)
		if !first && now <= r.until {
			continue
		}
		// Only now, and again before it sleeps, because a look at others' pieces
		// takes the cache line from them, and mostly they are about to finish.
		helped := false
		for v := range c.seats {
			helped = c.serve(w, v) || helped
		}
		if r.ran = r.ran || helped; r.ran {
			r.ran, r.served = false, c.clock()
		}
		switch {
		case first || helped:
			first = false
			r.until = now + workerLooks
			if r.served < r.woken {
				r.until = now + lateLooks
			}
		default:
			s.paid.Store(r.served > r.woken+wakeAfter)
			c.park(s)
			first, r.woken = true, c.clock()
		}
	}
}

// rest is what a worker remembers of its breaks.
type rest struct {
	yielded time.Duration // when it last let other goroutines run
	woken   time.Duration // when it last woke
	ran     bool          // it has run pieces since it last looked at the clock
	served  time.Duration // when it last saw that it had
	until   time.Duration // when it parks
}

// yield lets other goroutines run if that was last done a while ago, and returns
// the time.
func (c *crew) yield(r *rest) time.Duration {
	now := c.clock()
	if now > r.yielded+yieldEvery || c.crowded.Load() {
		runtime.Gosched()
		now = c.clock()
		r.yielded = now
	}
	return now
}

// park sleeps until somebody wakes the worker of this seat.
func (c *crew) park(s *seat) {
	c.crowded.Store(c.threads > runtime.GOMAXPROCS(0))
	// Say so first, then look: whoever hands out pieces sees a parked worker, or
	// has done it before.
	s.parked.Store(true)
	if span(s.left.Load()).calls() && s.parked.CompareAndSwap(true, false) {
		return
	}
	c.forget(s)
	<-s.wake
}

// clock is the time since the crew was made.
func (c *crew) clock() time.Duration { return time.Since(c.born) }

// dismiss sends the workers home. The pool stays owned for good, so that every
// later Run is inline.
func (c *crew) dismiss() {
	c.leave.Do(func() {
		c.owned.Lock()
		c.seats[0].task = nil
		for w := 1; w < c.threads; w++ {
			c.hand(w, gone, nil)
			c.seats[w].rouse()
		}
	})
}
