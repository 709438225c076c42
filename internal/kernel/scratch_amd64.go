package kernel

// The memory that products copy into. A sync.Pool would give it back to the collector at every cycle, and a training step would allocate; so
// what is free stands in a list of bounded length, which grows to as many as compute at the same time.

import "sync"

type scratchList struct {
	mu   sync.Mutex
	free []*stripScratch
}

// mostScratch is how many free ones are kept: more than a machine has threads that compute products at once.
const mostScratch = 64

func newScratchList() *scratchList { return &scratchList{free: make([]*stripScratch, 0, mostScratch)} }

func (l *scratchList) get() *stripScratch {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.free)
	if n == 0 {
		return newStripScratch()
	}
	s := l.free[n-1]
	l.free = l.free[:n-1]
	return s
}

func (l *scratchList) put(s *stripScratch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) < mostScratch {
		l.free = append(l.free, s)
	}
}
