// What a worker does while it has no piece: work that changes nothing but what lies
// in its cache.

package par

import "sync"

// Idle is work for a worker that waits: Do is called once after each time that it
// has been offered, or never. It must be short, because a piece that is handed out
// meanwhile waits for it.
type Idle struct {
	Do func()

	busy sync.Mutex // held while Do runs or what it reads changes
	due  bool
}

// Begin reports whether what Do reads may be changed now; then End has to be
// called. Otherwise a worker is still at it.
func (h *Idle) Begin() bool { return h.busy.TryLock() }

// End ends the change, and offers the work unless there is none.
func (h *Idle) End(p *Pool, due bool) {
	h.due = due
	h.busy.Unlock()
	if due && p != nil && p.crew.idle.Load() != h {
		p.crew.idle.Store(h)
	}
}

// meanwhile does what the crew has been offered.
func (c *crew) meanwhile() {
	h := c.idle.Load()
	if h == nil || !h.busy.TryLock() {
		return
	}
	if h.due {
		h.due = false
		h.Do()
	}
	h.busy.Unlock()
}
