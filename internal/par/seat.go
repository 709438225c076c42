// The place of a worker: what it has been handed, how pieces are taken, and what
// it has done.

package par

import "sync/atomic"

// line separates what different threads write: two cache lines of 64 bytes,
// because processors fetch them in pairs, and one line of 128 bytes elsewhere.
type line [128]byte

// seat is the place of a worker: what it has been handed, and what it has done.
type seat struct {
	left atomic.Uint64 // the span of its pieces that nobody has taken
	task Task          // of those pieces: who has taken one may read it
	_    line

	done   atomic.Int64  // pieces that this worker has run, its own or another's, or dropped, in all Runs
	parked atomic.Bool   // it waits, or is about to wait, for a token that nobody has sent
	wake   chan struct{} // the token
	paid   atomic.Bool   // it was worth to wake it the last time
	_      line
}

// take takes a piece, the first or the last; false when there is none. It is the
// one way to join a Run: a Run can't end while a piece that somebody has taken is
// not done, so that the task stays as it is. It does not matter if the span was
// read in an earlier Run: the piece that is taken belongs to the present one.
func (s *seat) take(first bool) (int, bool) {
	for {
		old := span(s.left.Load())
		if old.len() == 0 {
			return 0, false
		}
		i, left := old.end()-1, spanOf(old.begin(), old.end()-1)
		if first {
			i, left = old.begin(), spanOf(old.begin()+1, old.end())
		}
		if s.left.CompareAndSwap(uint64(old), uint64(left)) {
			return i, true
		}
	}
}

// rouse wakes the worker of this seat if it sleeps.
func (s *seat) rouse() {
	if s.parked.Load() && s.parked.CompareAndSwap(true, false) {
		s.wake <- struct{}{} // has room: there is one token for each time it parks
	}
}

// span is a range of pieces: where it begins in the low half, where it ends in
// the high half.
type span uint64

const (
	mostPieces      = 1<<31 - 1 // that a span can name on every machine
	gone       span = 1         // an empty one: the worker goes home
)

func spanOf(begin, end int) span { return span(begin) | span(end)<<32 }

func (s span) begin() int { return int(uint32(s)) }
func (s span) end() int   { return int(s >> 32) }
func (s span) len() int   { return max(0, s.end()-s.begin()) }

// calls tells a worker whether there is something to do.
func (s span) calls() bool { return s.len() > 0 || s == gone }
