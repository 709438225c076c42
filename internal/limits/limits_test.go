package limits

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descent-go/descent/internal/kernel"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int{"32K": 32 << 10, "1024K\n": 1 << 20, "16M": 16 << 20, "1G": 1 << 30, "4096": 4096, "": 0, "K": 0, "-1K": 0, "many": 0, "99999999999G": 0} {
		if got := bytesOf(text); got != want {
			t.Errorf("%q: %d bytes, want %d", text, got, want)
		}
	}
}

// What is gone over lies in its level and not in the one above, for any machine that there is.
func TestLevels(t *testing.T) {
	for _, size := range [][3]int{{}, {32 << 10, 1 << 20, 32 << 20}, {48 << 10, 2 << 20, 105 << 20}, {64 << 10, 512 << 10, 4 << 20}} {
		for _, threads := range []int{1, 2, 64} {
			levels := levelsOf(size, threads)
			for i, l := range levels {
				if i < 3 && (l.Bytes > l.Size && l.Name != "L3" || l.Size == 0) {
					t.Errorf("%v, %d threads: %s goes over %d of %d bytes", size, threads, l.Name, l.Bytes, l.Size)
				}
				if i > 0 && i < 3 && l.Bytes <= levels[i-1].Size {
					t.Errorf("%v, %d threads: %s goes over %d bytes, which are in %s", size, threads, l.Name, l.Bytes, levels[i-1].Name)
				}
			}
			if total := threads * levels[3].Bytes; total < 4*levels[2].Size || total > 2<<30 {
				t.Errorf("%v, %d threads: memory goes over %d bytes in all", size, threads, total)
			}
		}
	}
}

func TestBadGauges(t *testing.T) {
	if _, err := New("abacus", 1); err == nil {
		t.Error("an unknown set has a gauge")
	}
	if _, err := New("", 0); err == nil {
		t.Error("no threads have a gauge")
	}
}

// Rates are those of this machine and no others: two ways to measure one thing agree within what noise explains.
func TestRates(t *testing.T) {
	for _, set := range kernel.Names() {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d threads", set, threads), func(t *testing.T) {
				g, err := New(set, threads)
				if err != nil {
					t.Fatal(err)
				}
				if v := g.MultiplyAdds(); (v == 0) != (set == "portable") || v < 0 || v > 1e13 {
					t.Errorf("%v multiply-adds", v)
				}
				r := g.Bandwidth(16 << 10)
				for name, v := range map[string]float64{"read": r.Read, "write": r.Write, "update": r.Update} {
					if v < 1e8 || v > 1e13 {
						t.Errorf("%s: %v bytes a second", name, v)
					}
				}
			})
		}
	}
}

func TestRoundTrip(t *testing.T) {
	v := RoundTrip()
	if runtime.GOMAXPROCS(0) > 1 && (v < 5 || v > 1e8) {
		t.Errorf("%v ns", v)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if v := RoundTrip(); v != 0 {
		t.Errorf("%v ns on one processor", v)
	}
}

// Who measures on a busy machine gets an answer all the same, and soon.
func TestRoundTripBesideBusyThreads(t *testing.T) {
	var stop atomic.Bool
	var busy sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		busy.Go(func() {
			for !stop.Load() {
			}
		})
	}
	begin := time.Now()
	RoundTrip()
	took := time.Since(begin)
	stop.Store(true)
	busy.Wait()
	if took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// Threads of a gauge on one processor take turns: a gate does not wait for who cannot run.
func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	g, err := New("", 3)
	if err != nil {
		t.Fatal(err)
	}
	if r := g.Bandwidth(1 << 10); r.Read <= 0 {
		t.Error(r)
	}
}

func BenchmarkLimits(b *testing.B) {
	for _, threads := range []int{1, 2} {
		g, err := New("", threads)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("multiply-adds/threads=%d", threads), func(b *testing.B) {
			top := 0.0
			for b.Loop() {
				top = max(top, g.MultiplyAdds())
			}
			b.ReportMetric(top/1e9, "GFLOP/s")
		})
		for _, l := range Levels(threads) {
			b.Run(fmt.Sprintf("%s/threads=%d", l.Name, threads), func(b *testing.B) {
				var r Rates
				for b.Loop() {
					r = g.Bandwidth(l.Bytes)
				}
				b.ReportMetric(r.Read/1e9, "read-GB/s")
				b.ReportMetric(r.Write/1e9, "write-GB/s")
				b.ReportMetric(r.Update/1e9, "update-GB/s")
			})
		}
	}
	b.Run("round trip", func(b *testing.B) {
		v := 0.0
		for b.Loop() {
			v = RoundTrip()
		}
		b.ReportMetric(v, "ns-there-and-back")
	})
}
