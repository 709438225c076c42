package data

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

func loader(t testing.TB, d Dataset, rows []int, o LoaderOptions) *Loader {
	t.Helper()
	l, err := NewLoader(d, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func upTo(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// Whatever the options: an epoch without replacement has every row at most once, and once if nothing is dropped; the parts of a step put
// together are its batch; and nothing depends on the order of calls.
func TestLoaderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "rows")
		o := LoaderOptions{
			Batch: rapid.IntRange(0, 45).Draw(t, "batch"),
			Micro: rapid.IntRange(0, 12).Draw(t, "micro"),
			Seed:  rapid.Uint64().Draw(t, "seed"),
		}
		switch rapid.IntRange(0, 3).Draw(t, "order") {
		case 1:
			o.Replace = true
		case 2:
			o.DropLast = true
		case 3:
			o.NoShuffle = true
		}
		d := numbered(n+5, 2)
		rows := upTo(n + 5)[3 : n+3]
		l, err := NewLoader(d, rows, o)
		if err != nil {
			t.Fatal(err)
		}
		other, err := NewLoader(d, rows, o)
		if err != nil {
			t.Fatal(err)
		}

		to, whole := tensors(d, l.MaxRows()), make([]float32, n)
		epochs := 3
		var seen []int
		var steps [][]int
		for step := range uint64(epochs * l.Steps()) {
			size := 0
			for part := range l.Parts(step) {
				count, row, err := l.Batch(step, part, to)
				if err != nil {
					t.Fatal(err)
				}
				if row != size || count > l.MaxRows() || count < 1 {
					t.Fatalf("step %d part %d: %d rows at %d after %d", step, part, count, row, size)
				}
				for k := range count {
					whole[size+k] = to[0].F32[2*k]
					if to[0].F32[2*k+1] != -to[0].F32[2*k] || to[1].F32[k] != float32(int(to[0].F32[2*k])%2) {
						t.Fatalf("step %d: fields of different rows together", step)
					}
				}
				size += count
			}
			if size != l.Size(step) {
				t.Fatalf("step %d has %d rows and says %d", step, size, l.Size(step))
			}
			var batch []int
			for _, v := range whole[:size] {
				batch = append(batch, int(v))
			}
			if !slices.Equal(batch, l.Indices(step)) {
				t.Fatalf("step %d: rows %v, indices %v", step, batch, l.Indices(step))
			}
			steps = append(steps, batch)
			seen = append(seen, batch...)
			if (step+1)%uint64(l.Steps()) == 0 {
				slices.Sort(seen)
				switch distinct := slices.Compact(slices.Clone(seen)); {
				case o.Replace:
				case len(distinct) != len(seen):
					t.Fatalf("a row twice in an epoch: %v", seen)
				case !o.DropLast && !slices.Equal(distinct, rows):
					t.Fatalf("an epoch has %v of %v", distinct, rows)
				case o.DropLast && len(seen)%l.batch != 0:
					t.Fatalf("a short batch is not dropped: %d rows by %d", len(seen), l.batch)
				}
				seen = seen[:0]
			}
		}
		// The same steps by another loader, at random.
		for range 10 {
			step := rapid.IntRange(0, len(steps)-1).Draw(t, "step")
			if got := other.Indices(uint64(step)); !slices.Equal(got, steps[step]) {
				t.Fatalf("step %d out of order: %v, in order %v", step, got, steps[step])
			}
		}
	})
}

func TestLoaderOrders(t *testing.T) {
	d := numbered(100, 2)
	rows := upTo(100)
	all := loader(t, d, rows, LoaderOptions{Seed: 1})
	if all.Steps() != 1 || !slices.Equal(all.Indices(0), rows) || !slices.Equal(all.Indices(7), rows) {
		t.Error("the full batch is not the rows in their order")
	}
	shuffled := loader(t, d, rows, LoaderOptions{Batch: 10, Seed: 1})
	first := slices.Clone(shuffled.Indices(0))
	if slices.Equal(first, rows[:10]) || slices.Equal(first, shuffled.Indices(10)) {
		t.Error("epochs are not shuffled, or all alike")
	}
	if slices.Equal(first, loader(t, d, rows, LoaderOptions{Batch: 10, Seed: 2}).Indices(0)) {
		t.Error("two seeds give one order")
	}
	drawn := loader(t, d, rows, LoaderOptions{Batch: 64, Replace: true, Seed: 1})
	if drawn.Steps() != 2 || drawn.Size(1) != 64 {
		t.Errorf("with replacement: %d steps, the last of %d rows", drawn.Steps(), drawn.Size(1))
	}
	counts := make([]int, 100)
	for step := range uint64(1000) {
		for _, i := range drawn.Indices(step) {
			counts[i]++
		}
	}
	// 640 draws of each row on average, with deviation 25.
	if slices.Min(counts) < 500 || slices.Max(counts) > 780 {
		t.Errorf("rows are drawn from %d to %d times of 640", slices.Min(counts), slices.Max(counts))
	}
	// The last step of all does not confuse the cache.
	if got := loader(t, d, rows, LoaderOptions{Replace: true}).Indices(1<<64 - 1); slices.Max(got) == 0 {
		t.Error("the last step is not drawn")
	}
}

func TestLoaderRefuses(t *testing.T) {
	d := numbered(10, 2)
	for _, c := range []struct {
		name string
		rows []int
		o    LoaderOptions
		want string
	}{
		{"no rows", nil, LoaderOptions{}, "no rows"},
		{"row beyond", []int{10}, LoaderOptions{}, "row 10 does not exist"},
		{"batch", upTo(10), LoaderOptions{Batch: -1}, "batch is -1"},
		{"micro", upTo(10), LoaderOptions{Micro: -1}, "micro is -1"},
		{"replace and drop", upTo(10), LoaderOptions{Replace: true, DropLast: true}, "no last one to drop"},
		{"replace in order", upTo(10), LoaderOptions{Replace: true, NoShuffle: true}, "no order to keep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewLoader(d, c.rows, c.o)
			wantError(t, err, c.want)
		})
	}
	l := loader(t, d, upTo(10), LoaderOptions{Batch: 4, Micro: 3})
	for _, part := range []int{-1, 2} {
		_, _, err := l.Batch(0, part, tensors(d, 3))
		wantError(t, err, "parts 0 to 1")
	}
	_, _, err := l.Batch(2, 1, tensors(d, 3)) // the last batch has two rows, one part
	wantError(t, err, "parts 0 to 0")
}

func preparedDigits(t testing.TB) Dataset {
	d, err := digits()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Fit(d, upTo(1000), prep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := Prepared(d, p)
	if err != nil {
		t.Fatal(err)
	}
	return prepared
}

func TestBatchAllocatesNothing(t *testing.T) {
	d := preparedDigits(t)
	foreign, err := Prepared(struct{ Table }{d.(*prepared).Table}, d.(*prepared).p)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]Dataset{"memory": d, "foreign": foreign} {
		for _, o := range []LoaderOptions{{Batch: 32}, {Batch: 32, Micro: 10}, {Batch: 32, Replace: true}} {
			l := loader(t, d, upTo(1000), o)
			to := tensors(d, l.MaxRows())
			step := uint64(0)
			n := testing.AllocsPerRun(100, func() {
				if _, _, err := l.Batch(step, 0, to); err != nil {
					t.Fatal(err)
				}
				step++
			})
			if n != 0 {
				t.Errorf("%s, %+v: %v allocations a batch", name, o, n)
			}
		}
	}
}

// A batch that several threads read is the batch that one reads, the short last one too; an error of one piece is the batch's.
func TestBatchOnPool(t *testing.T) {
	d := preparedDigits(t)
	rows := upTo(1000)
	for _, threads := range []int{1, 2, 5} {
		pool := engine.NewPool(threads)
		defer pool.Close()
		alone, shared := loader(t, d, rows, LoaderOptions{Batch: 333, Seed: 3}), loader(t, d, rows, LoaderOptions{Batch: 333, Seed: 3})
		shared.Use(pool)
		want, got := tensors(d, 333), tensors(d, 333)
		for _, step := range []uint64{0, 3, 1, 7} {
			n, _, err := alone.Batch(step, 0, want)
			if err != nil {
				t.Fatal(err)
			}
			m, _, err := shared.Batch(step, 0, got)
			if err != nil || n != m {
				t.Fatalf("%d threads, step %d: %d rows, wanted %d; error %v", threads, step, m, n, err)
			}
			for i := range want {
				if !slices.Equal(got[i].F32, want[i].F32) {
					t.Errorf("%d threads, step %d: tensor %s differs", threads, step, want[i].Name)
				}
			}
		}
		if n := testing.AllocsPerRun(20, func() { shared.Batch(1, 0, got) }); n != 0 {
			t.Errorf("%d threads: %v allocations a batch", threads, n)
		}
		broken := loader(t, failing{d}, rows, LoaderOptions{Batch: 333, NoShuffle: true})
		broken.Use(pool)
		if _, _, err := broken.Batch(1, 0, got); err == nil || err.Error() != "row 600 is unreadable" {
			t.Errorf("%d threads: error %v, wanted that of row 600", threads, err)
		}
	}
}

// failing cannot read row 600.
type failing struct{ Dataset }

func (f failing) Read(rows []int, to []engine.Tensor) error {
	if slices.Contains(rows, 600) {
		return errors.New("row 600 is unreadable")
	}
	return f.Dataset.Read(rows, to)
}

func BenchmarkBatch(b *testing.B) {
	d := preparedDigits(b)
	l := loader(b, d, upTo(1000), LoaderOptions{Batch: 128})
	to := tensors(d, l.MaxRows())
	b.ReportAllocs()
	rows, step := 0, uint64(0)
	for b.Loop() {
		n, _, err := l.Batch(step, 0, to)
		if err != nil {
			b.Fatal(err)
		}
		rows += n
		step++
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
