package engine_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/descent-go/descent/engine"
)

// A hundred goroutines predict on one set of weights, through forks that share packed copies and a pool that most find busy, some with batch
// statistics and some without; every result equals that of the same rows alone.
func TestManyGoroutinesPredict(t *testing.T) {
	const goroutines, passes, rows = 100, 4, 9
	pool := engine.NewPool(2)
	defer pool.Close()
	for _, training := range []bool{false, true} {
		t.Run(fmt.Sprintf("training %v", training), func(t *testing.T) {
			p := compile(t, smallNet(), engine.Options{Rows: rows, Pool: pool, Forward: !training})
			batch := func(i, k int) engine.Batch {
				b := batchFor(p, 1+(i+k)%rows, uint64(i*passes+k))
				if i%2 == 0 {
					b.Mode = engine.Evaluate
				} else {
					b.Mode = engine.Again
				}
				return b
			}
			for _, fresh := range []bool{true, false} { // on weights that are packed already, and on changed ones
				if !fresh {
					p.Weights().Changed()
				}
				var got [goroutines][passes][]float32
				var group sync.WaitGroup
				for i := range goroutines {
					f := p.Fork(nil)
					group.Go(func() {
						for k := range passes {
							b := batch(i, k)
							if _, err := f.Forward(&b); err != nil {
								t.Error(err)
								return
							}
							got[i][k] = slices.Clone(f.Output("y").F32)
						}
					})
				}
				group.Wait()
				serial := compile(t, smallNet(), engine.Options{Rows: rows, Forward: !training})
				for i := range goroutines {
					for k := range passes {
						b := batch(i, k)
						if _, err := serial.Forward(&b); err != nil {
							t.Fatal(err)
						}
						if want := serial.Output("y").F32; !slices.Equal(got[i][k], want) {
							t.Fatalf("goroutine %d, pass %d: %v, alone %v", i, k, got[i][k], want)
						}
					}
				}
			}
		})
	}
}

func TestForksMayBeMadeAtTheSameTime(t *testing.T) {
	p := compile(t, smallNet(), engine.Options{Rows: 3})
	b := batchFor(p, 3, 1)
	pass(t, p, &b)
	want := p.Weights().Gradients()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			f := p.Fork(p.Weights().Copy())
			b := b
			if _, err := f.Forward(&b); err != nil {
				t.Error(err)
			}
			if err := f.Backward(); err != nil {
				t.Error(err)
			}
			for i, g := range f.Weights().Gradients() {
				if !slices.Equal(g.F32, want[i].F32) {
					t.Errorf("gradient %v, %v is wanted", g, want[i])
				}
			}
		})
	}
	group.Wait()
}

func TestForkRefusesOtherWeights(t *testing.T) {
	p := compile(t, smallNet(), engine.Options{Rows: 1})
	g := engine.NewGraph()
	g.Output("y", g.Param("else", engine.Shape{1}, engine.Bias, normal{}))
	for name, w := range map[string]*engine.Weights{
		"another network":   compile(t, g, engine.Options{Rows: 1}).Weights(),
		"another precision": compile(t, smallNet(), engine.Options{Rows: 1, Precision: engine.Float64}).Weights(),
	} {
		func() {
			defer func() { contains(t, fmt.Errorf("%v", recover()), []string{"fork", "cannot take the place"}) }()
			p.Fork(w)
			t.Error(name, "is taken")
		}()
	}
}
