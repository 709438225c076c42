package par

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// meet is a task of two pieces that wait for each other.
type meet struct{ in atomic.Int32 }

func (m *meet) Do(int, int) {
	m.in.Add(1)
	for m.in.Load() < 2 {
	}
}

// toil is a task of pieces that each multiply and add so often, in memory of their own.
type toil struct {
	rounds int
	sums   [64]struct {
		v float64
		_ line
	}
}

func (t *toil) Do(i, _ int) {
	v := t.sums[i].v
	for range t.rounds {
		v = v*0.999 + 1
	}
	t.sums[i].v = v
}

// toilFor makes pieces that take about so long.
func toilFor(d time.Duration) *toil {
	t := &toil{rounds: 1 << 20}
	best := time.Hour
	for range 10 {
		began := time.Now()
		t.Do(0, 0)
		best = min(best, time.Since(began))
	}
	t.rounds = int(float64(t.rounds) * float64(d) / float64(best))
	return t
}

// roundTrip is the median time in which two cores answer each other, over two
// lines, one written by each. Figures of two threads say little without it: cores
// of a virtual machine may be near (100 ns) at one time and far (500) at another.
func roundTrip() time.Duration {
	var word [3]struct {
		v atomic.Int64
		_ line
	}
	const rounds = 1000
	done := make(chan struct{})
	samples := make([]time.Duration, 0, 21)
	go func() {
		defer close(done)
		for want := int64(1); want <= int64(cap(samples)*rounds); want++ {
			for word[0].v.Load() != want {
			}
			word[1].v.Store(want)
		}
	}()
	n := int64(0)
	for range cap(samples) {
		began := time.Now()
		for range rounds {
			n++
			word[0].v.Store(n)
			for word[1].v.Load() != n {
			}
		}
		samples = append(samples, time.Since(began)/rounds)
	}
	<-done
	slices.Sort(samples)
	return samples[len(samples)/2]
}

// BenchmarkRun is what handing pieces over costs. "roundtrip-ns" is the cores'
// round trip before or after, the longer of the two; "overhead-ns" is what a Run
// takes beyond half of its pieces on one thread.
func BenchmarkRun(b *testing.B) {
	run := func(name string, threads, pieces int, task Task) {
		b.Run(name, func(b *testing.B) {
			p := New(threads)
			defer p.Close()
			before := roundTrip()
			for range 1000 {
				p.Run(pieces, task)
			}
			for b.Loop() {
				p.Run(pieces, task)
			}
			b.StopTimer()
			b.ReportMetric(float64(max(before, roundTrip())), "roundtrip-ns")
		})
	}
	run("one piece", 2, 1, &add{})
	run("one thread, 4 empty", 1, 4, &add{})
	run("2 empty", 2, 2, &add{})
	run("4 empty", 2, 4, &add{})
	b.Run("2 that meet", func(b *testing.B) { // the time in which a spinning worker starts and ends
		p := New(2)
		defer p.Close()
		p.crew.patience = 0
		task := &meet{}
		before := roundTrip()
		for b.Loop() {
			task.in.Store(0)
			p.Run(2, task)
		}
		b.StopTimer()
		b.ReportMetric(float64(max(before, roundTrip())), "roundtrip-ns")
	})
	for _, d := range []time.Duration{500, 2000, 12000, 100000} {
		for _, pieces := range []int{2, 8} {
			b.Run(fmt.Sprintf("%d of %v", pieces, d), func(b *testing.B) {
				task := toilFor(d)
				p := New(2)
				defer p.Close()
				before := roundTrip()
				var alone, both time.Duration
				for b.Loop() {
					t0 := time.Now()
					for i := range pieces / 2 {
						task.Do(i, 0)
					}
					t1 := time.Now()
					for range 10 {
						p.Run(pieces, task)
					}
					alone, both = alone+t1.Sub(t0), both+time.Since(t1)/10
				}
				b.ReportMetric(float64(both-alone)/float64(b.N), "overhead-ns")
				b.ReportMetric(float64(max(before, roundTrip())), "roundtrip-ns")
			})
		}
	}
	b.Run("one processor", func(b *testing.B) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		p := New(2)
		defer p.Close()
		task := &add{}
		for b.Loop() {
			p.Run(4, task)
		}
	})
	b.Run("parked worker", func(b *testing.B) {
		p := New(2)
		defer p.Close()
		task := toilFor(12 * time.Microsecond)
		for b.Loop() {
			b.StopTimer()
			time.Sleep(time.Millisecond)
			b.StartTimer()
			p.Run(4, task)
		}
	})
}
