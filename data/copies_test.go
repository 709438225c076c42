package data

import (
	"slices"
	"testing"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// Each copy of a batch is the batch, and an error of one is an error.
func TestCopies(t *testing.T) {
	d := preparedDigits(t)
	rows := upTo(1000)
	for _, threads := range []int{1, 3} {
		pool := engine.NewPool(threads)
		defer pool.Close()
		o := LoaderOptions{Batch: 333, Micro: 200, Seed: 3}
		alone, copied := loader(t, d, rows, o), loader(t, d, rows, o)
		copied.Use(pool)
		want, got := tensors(d, 200), [][]engine.Tensor{tensors(d, 200), tensors(d, 200), tensors(d, 200)}
		for _, at := range []struct {
			step uint64
			part int
		}{{0, 0}, {0, 1}, {3, 0}, {1, 1}, {7, 0}} {
			n, row, err := alone.Batch(at.step, at.part, want)
			if err != nil {
				t.Fatal(err)
			}
			m, from, err := copied.Copies(at.step, at.part, got)
			if err != nil || n != m || row != from {
				t.Fatalf("%d threads, %v: %d rows from %d on, wanted %d from %d on; error %v", threads, at, m, from, n, row, err)
			}
			for c := range got {
				for i := range want {
					if !slices.Equal(got[c][i].F32, want[i].F32) {
						t.Errorf("%d threads, %v: copy %d of tensor %s differs", threads, at, c, want[i].Name)
					}
				}
			}
		}
		if _, _, err := copied.Copies(0, 2, got); err == nil {
			t.Error("a part that does not exist was read")
		}
		if n := testing.AllocsPerRun(20, func() { copied.Copies(1, 0, got) }); n != 0 {
			t.Errorf("%d threads: %v allocations a batch", threads, n)
		}
		broken := loader(t, failing{d}, rows, LoaderOptions{Batch: 333, NoShuffle: true})
		broken.Use(pool)
		got[0], got[1], got[2] = tensors(d, 333), tensors(d, 333), tensors(d, 333)
		if _, _, err := broken.Copies(1, 0, got); err == nil || err.Error() != "row 600 is unreadable" {
			t.Errorf("%d threads: error %v, wanted that of row 600", threads, err)
		}
	}
}

// The rows that are asked for ahead are those of the batch that follows, within an epoch.
func TestRowsAhead(t *testing.T) {
	u8 := bytesTable(t, 100, 8)
	pool := engine.NewPool(2)
	defer pool.Close()
	l := loader(t, u8, upTo(100), LoaderOptions{Batch: 30, Micro: 20, Seed: 1})
	l.Use(pool)
	to := [][]engine.Tensor{tensors(u8, 20), tensors(u8, 20)}
	for step := range uint64(4) {
		for part := range l.Parts(step) {
			if _, _, err := l.Copies(step, part, to); err != nil {
				t.Fatal(err)
			}
			nextStep, nextPart := step, part+1
			if nextPart == l.Parts(step) {
				nextStep, nextPart = step+1, 0
			}
			e := l.copying.next
			for !e.idle.Begin() { // a worker is at it
				time.Sleep(time.Microsecond)
			}
			got := slices.Clone(e.rows)
			e.idle.End(nil, false)
			if nextStep == 4 {
				continue // the rows of the next epoch are not drawn
			}
			if want, _ := l.part(nextStep, nextPart); !slices.Equal(got, want) {
				t.Errorf("after step %d, part %d: rows %v are asked for, wanted %v", step, part, got, want)
			}
		}
	}
	l.copying.next.ask() // reads rows that exist
}

// Bytes are bounded by their scaling; of other numbers nothing is known.
func TestBounded(t *testing.T) {
	u8 := bytesTable(t, 10, 4)
	if l := loader(t, u8, upTo(10), LoaderOptions{}); !l.Bounded("x") || l.Bounded("y") {
		t.Error("bytes as they are are bounded, targets are not")
	}
	if l := loader(t, preparedDigits(t), upTo(10), LoaderOptions{}); !l.Bounded("x") {
		t.Error("the digits' bytes are bounded when they are scaled")
	}
	if l := loader(t, Slices([][]float32{{1 << 60}, {2}}, []int{0, 1}), upTo(2), LoaderOptions{}); l.Bounded("x") {
		t.Error("numbers that nobody has looked at are said to be bounded")
	}
}

// bytesTable is n rows of bytes.
func bytesTable(t *testing.T, n, width int) *memory {
	t.Helper()
	m := &memory{n: n, width: width, u8: make([]byte, n*width), class: make([]int32, n)}
	for i := range m.u8 {
		m.u8[i] = byte(31 * i)
	}
	for j := range width {
		m.columns = append(m.columns, prep.Column{Name: string(rune('a' + j)), Kind: prep.Number})
	}
	m.columns = append(m.columns, prep.Column{Name: "class", Kind: prep.Class, Categories: []string{"no", "yes"}})
	if m.finish(); m.err != nil {
		t.Fatal(m.err)
	}
	return m
}
