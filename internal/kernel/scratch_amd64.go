package kernel

// The memory that products copy into. A sync.Pool would give it back to the collector at every cycle, and a training step would allocate; so
// what is free stands in a list of bounded length, which grows to as many as compute at the same time.

import "sync"

// stripScratch is the memory of one product.
type stripScratch struct {
	panel []float32 // of B: stripDepth rows of strips
	block []float32 // of A, or of the transpose of C
	merge *mergeScratch
	none  []float32 // a bias of zeros, where a rectifier follows on a product without one
}

// mostTogether is the columns of the panels that any set keeps: those of the strips that
// are computed together, and the next one.
const mostTogether = 192

func newStripScratch() *stripScratch {
	// The allocator gives what is as large as this whole pages.
	return &stripScratch{panel: make([]float32, stripDepth*mostTogether)}
}

// reserveBlock makes the memory that only some products need.
func (m *stripScratch) reserveBlock() {
	if m.block == nil {
		m.block = make([]float32, blockLen)
	}
}

// ending is what follows on the sums of p.
func (m *stripScratch) ending(p *Product[float32]) ending {
	e := ending{p.Bias, negativeInfinity}
	if p.Relu {
		e.floor = 0
		if e.bias == nil {
			if len(m.none) < p.N {
				m.none = make([]float32, p.N)
			}
			e.bias = m.none[:p.N]
		}
	}
	return e
}

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
