// Package limits measures what this machine can do at most at this moment: multiply-adds, bandwidth of each level of the memory, and how long
// two cores take to answer each other. Whatever is timed beside it can then be given as a share of the limit.
//
// Clocks move with the load of a machine and of its host, and all rates with them. A limit is therefore measured right before or after what it
// is compared with, takes some milliseconds, and is the best of several short samples.
package limits

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/descent-go/descent/internal/kernel"
)

// A Gauge measures limits of a kernel set on a number of threads. It is used by one goroutine at a time.
type Gauge struct {
	set     string
	threads int
	table   *kernel.Table[float32]
	gate    gate
}

// lane is what one thread works on. Threads' lanes are two cache lines apart, because processors fetch lines in pairs.
type lane struct {
	a, b  []float32
	rate  float64
	sums  [64]float32
	found int
	_     [128]byte
}

// New returns a gauge of the set of that name on so many threads; "" is the best set of this machine.
func New(set string, threads int) (*Gauge, error) {
	table, err := kernel.For[float32](set)
	if err != nil {
		return nil, err
	}
	if threads < 1 {
		return nil, fmt.Errorf("threads is %d; at least 1 is wanted", threads)
	}
	return &Gauge{set: table.Name, threads: threads, table: table}, nil
}

// together runs do on all threads, which begin at the same moment, and returns the sum of the rates that they measured.
func (g *Gauge) together(lanes []lane, do func(*lane)) float64 {
	g.gate.open(g.threads)
	atOnce(g.threads, func(i int) {
		g.gate.pass()
		do(&lanes[i])
	})
	sum := 0.0
	for i := range lanes {
		sum += lanes[i].rate
	}
	return sum
}

// best is the best of several runs of all threads: whatever disturbs a run makes it slower, never faster.
func (g *Gauge) best(samples int, lanes []lane, do func(*lane)) float64 {
	best := 0.0
	for range samples {
		best = max(best, g.together(lanes, do))
	}
	return best
}

// atOnce runs do for 0 to n-1 on goroutines of their own, since they wait for one another, as pieces of a pool must not.
func atOnce(n int, do func(i int)) {
	var others sync.WaitGroup
	for i := 1; i < n; i++ {
		others.Go(func() { do(i) })
	}
	do(0)
	others.Wait()
}

// gate lets a number of threads through when all have arrived.
type gate struct{ missing atomic.Int64 }

func (g *gate) open(n int) { g.missing.Store(int64(n)) }

// pass waits by looking, since who sleeps wakes late; it yields, since on a busy machine the one that is missing may have no processor.
func (g *gate) pass() {
	g.missing.Add(-1)
	for looks := 1; g.missing.Load() > 0; looks++ {
		if looks%1024 == 0 {
			runtime.Gosched()
		}
	}
}

const (
	// busyRounds is one call of assembly: some tens of microseconds at most, so that the garbage collector never waits for it.
	busyRounds = 3000
	busyCalls  = 40
)

// MultiplyAdds is the rate of independent float32 multiply-adds in registers, all threads together, in operations a second, two a
// multiply-add. A set without vectors has none: 0.
func (g *Gauge) MultiplyAdds() float64 { return g.busy(kernel.MultiplyAdds) }

// BFloat16 is the same for products of bfloat16 with float32 sums.
func (g *Gauge) BFloat16() float64 { return g.busy(kernel.BFloat16MultiplyAdds) }

func (g *Gauge) busy(loop func(set string, rounds int) float64) float64 {
	return g.best(6, make([]lane, g.threads), func(l *lane) {
		flop, begin := 0.0, time.Now()
		for range busyCalls {
			flop += loop(g.set, busyRounds)
		}
		l.rate = flop / time.Since(begin).Seconds()
	})
}

// sampleBytes is about what one sample of one thread moves.
const sampleBytes = 64 << 20

// An Area is memory that a gauge's threads go over, each its own part, again and again, with the vector loops of the set.
type Area struct {
	g     *Gauge
	lanes []lane
	n     int // floats in each of a thread's two halves
	turns int // times in a sample
}

// Area takes so many bytes a thread. For a level of the caches they should fill a good part of it and none of the one below.
func (g *Gauge) Area(bytes int) *Area {
	r := &Area{g: g, lanes: make([]lane, g.threads), n: max(bytes/8/64*64, 64)}
	r.turns = max(1, sampleBytes/(8*r.n))
	for i := range r.lanes {
		// The halves are apart by some lines more: at a distance of their size they would meet in the same sets of a cache.
		const apart = 1024
		all := make([]float32, 2*r.n+apart)
		r.lanes[i].a, r.lanes[i].b = all[:2*r.n], all[r.n+apart:]
	}
	r.over(1, func(l *lane) { g.table.Fill(l.a, 1) }) // its pages are there from now on
	return r
}

// over is the best rate of several samples in which a loop moves so many bytes.
func (r *Area) over(moved int, loop func(l *lane)) float64 {
	return r.g.best(7, r.lanes, func(l *lane) {
		begin := time.Now()
		for range r.turns {
			loop(l)
		}
		l.rate = float64(moved) * float64(r.turns) / time.Since(begin).Seconds()
	})
}

// Read only reads.
func (r *Area) Read() float64 {
	// The loops that only read differ in what they compute besides, and which is the faster one differs between sets.
	k := r.g.table
	return max(
		r.over(8*r.n, func(l *lane) { k.SumRows(2*r.n/64, 64, l.sums[:], l.a, 64, false) }),
		r.over(8*r.n, func(l *lane) { l.found += k.NonFinite(l.a) }))
}

// Write only writes.
func (r *Area) Write() float64 {
	return r.over(8*r.n, func(l *lane) { r.g.table.Fill(l.a, 0.5) })
}

// Update is y = y + a x: two streams read and one written, 12 bytes an element, as an optimizer does.
func (r *Area) Update() float64 {
	return r.over(12*r.n, func(l *lane) { r.g.table.Axpy(l.a[:r.n], 1e-9, l.b) })
}

// Rates are bytes a second, all threads together, of the bytes that a program names: not those that a store fetches first.
type Rates struct{ Read, Write, Update float64 }

// Bandwidth is all of an area of so many bytes a thread.
func (g *Gauge) Bandwidth(bytes int) Rates {
	r := g.Area(bytes)
	return Rates{Write: r.Write(), Read: r.Read(), Update: r.Update()}
}

// RoundTrip is how long two cores take to ask and answer each other through one cache line each way, in nanoseconds: the median of several
// short exchanges at this moment. In virtual machines it moves between about 100 and 500 for seconds to minutes, and the figures of all that
// runs on two threads for microseconds move with it. 0 where there is one processor.
func RoundTrip() float64 {
	if runtime.GOMAXPROCS(0) < 2 {
		return 0
	}
	var samples []float64
	for range 7 {
		e := &exchange{}
		e.gate.open(2)
		atOnce(2, e.run)
		samples = append(samples, e.nanoseconds)
	}
	return median(samples)
}

const (
	exchanges = 1000
	// patience bounds an exchange on a machine that is busy with other things, where an answer may take as long as a turn of the system's.
	patience = 2 * time.Millisecond
	enough   = math.MaxInt64 // the question that ends an exchange
)

// exchange is two goroutines that answer each other.
type exchange struct {
	gate        gate
	_           [128]byte
	ask         atomic.Int64
	_           [128]byte
	answer      atomic.Int64
	_           [128]byte
	nanoseconds float64
}

// run is one of the two.
func (e *exchange) run(i int) {
	e.gate.pass()
	if i != 0 {
		for k := int64(1); until(&e.ask, k) != enough; k++ {
			e.answer.Store(k)
		}
		return
	}
	begin, k := time.Now(), int64(0)
	for k < exchanges && (k%16 != 0 || time.Since(begin) < patience) {
		k++
		e.ask.Store(k)
		until(&e.answer, k)
	}
	e.nanoseconds = float64(time.Since(begin).Nanoseconds()) / float64(k)
	e.ask.Store(enough)
}

// until looks at a word until it has a value, or a larger one.
func until(word *atomic.Int64, k int64) int64 {
	for looks := 1; ; looks++ {
		if v := word.Load(); v >= k {
			return v
		}
		if looks%10_000 == 0 { // the partner is not running
			runtime.Gosched()
		}
	}
}
