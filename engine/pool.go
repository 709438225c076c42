package engine

import "github.com/descent-go/descent/internal/par"

// Pool is a set of worker goroutines that plans and optimizers share. Results do not depend on its size. A nil Pool works on the caller
// alone. It may be used by several goroutines at once; who finds it busy works alone.
type Pool struct{ workers *par.Pool }

// NewPool starts a pool of so many threads, the caller of a step being one of them.
func NewPool(threads int) *Pool { return &Pool{par.New(threads)} }

// Threads is the number of threads that work on a step.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.workers.Threads()
}

// Close ends the workers and waits for them; later work runs on the caller alone.
func (p *Pool) Close() {
	if p != nil {
		p.workers.Close()
	}
}

// Idle is work that changes nothing but what lies in a cache, such as a look at what is needed soon: a worker may do it while it waits.
type Idle = par.Idle

// Offer offers h, for which the caller has called h.Begin, to a worker that waits.
func (p *Pool) Offer(h *Idle) {
	if p == nil {
		h.End(nil, false)
		return
	}
	h.End(p.workers, true)
}

// Task is work cut into pieces: piece i is done by one worker, 0 <= worker < Threads.
type Task interface{ Do(i, worker int) }

// Run does pieces 0 to n-1 and returns when all are done.
func (p *Pool) Run(n int, t Task) {
	if p == nil {
		for i := range n {
			t.Do(i, 0)
		}
		return
	}
	p.workers.Run(n, t)
}
