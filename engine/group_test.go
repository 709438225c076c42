package engine_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/descent-go/descent/engine"
)

// ring is a group of goroutines: each waits for all, then reads what all brought, in rank order.
type ring struct {
	all  *meeting
	rank int
}

type meeting struct {
	mutex   sync.Mutex
	here    *sync.Cond
	brought [][]float64
	count   int
	round   int
}

func newRing(size int) []*ring {
	m := &meeting{brought: make([][]float64, size)}
	m.here = sync.NewCond(&m.mutex)
	ranks := make([]*ring, size)
	for i := range ranks {
		ranks[i] = &ring{m, i}
	}
	return ranks
}

func (r *ring) Rank() int { return r.rank }
func (r *ring) Size() int { return len(r.all.brought) }

func (r *ring) Sum(t engine.Tensor) error {
	m := r.all
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.brought[r.rank] = numbers(t)
	round := m.round
	if m.count++; m.count == len(m.brought) {
		m.count = 0
		m.round++
		m.here.Broadcast()
	}
	for m.round == round {
		m.here.Wait()
	}
	for i := range t.Len() {
		sum := 0.0
		for _, x := range m.brought {
			sum += x[i]
		}
		if t.F64 != nil {
			t.F64[i] = sum
		} else {
			t.F32[i] = float32(sum)
		}
	}
	return nil
}

func TestGroupOfProcesses(t *testing.T) {
	const rows = 11
	for _, size := range []int{2, 3} {
		for _, accumulated := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d ranks, accumulated %v", size, accumulated), func(t *testing.T) {
				one := compile(t, smallNet(), engine.Options{Rows: rows, Precision: engine.Float64, Seed: 1})
				whole := batchFor(one, rows, 3)
				sum := pass(t, one, &whole)
				want := one.Weights().Gradients()

				sums, weights := make([]engine.Sum, size), make([]*engine.Weights, size)
				var group sync.WaitGroup
				for rank, r := range newRing(size) {
					p := compile(t, smallNet(), engine.Options{Rows: rows, Precision: engine.Float64, Seed: 1, Group: r})
					weights[rank] = p.Weights()
					from, to := rank*rows/size, (rank+1)*rows/size // of different sizes
					group.Go(func() {
						for range 2 { // a second step starts from zero
							sums[rank] = engine.Sum{}
							cuts := []int{from, to}
							if accumulated {
								cuts = []int{from, from + 1, from + 2, to}
							}
							for k := range len(cuts) - 1 {
								b := part(whole, cuts[k], cuts[k+1])
								if accumulated {
									b.Part = []engine.Part{engine.First, engine.Middle, engine.Last}[k]
								}
								s, err := p.Forward(&b)
								if err == nil {
									err = p.Backward()
								}
								if err != nil {
									t.Error(err)
								}
								sums[rank].Loss += s.Loss
								sums[rank].Weight += s.Weight
							}
						}
					})
				}
				group.Wait()
				var total engine.Sum
				for _, s := range sums {
					total.Loss += s.Loss
					total.Weight += s.Weight
				}
				if math.Abs(total.Mean()-sum.Mean()) > 1e-12*math.Abs(sum.Mean()) {
					t.Errorf("mean loss %v, alone %v", total.Mean(), sum.Mean())
				}
				for rank, w := range weights {
					if !same(w.Gradients(), weights[0].Gradients()) {
						t.Errorf("rank %d has another gradient than rank 0", rank)
					}
				}
				for i, g := range weights[0].Gradients() {
					for k, v := range g.F64 {
						if math.Abs(v-want[i].F64[k]) > 1e-12*(1+math.Abs(v)) {
							t.Errorf("gradient of %s is %v, alone %v", g.Name, v, want[i].F64[k])
						}
					}
				}
			})
		}
	}
}

// broken is a group whose connection is lost.
type broken struct{ alone }

var errLost = errors.New("connection lost")

func (broken) Sum(engine.Tensor) error { return errLost }

func TestGroupError(t *testing.T) {
	p := compile(t, smallNet(), engine.Options{Rows: 1, Group: broken{}})
	b := batchFor(p, 1, 1)
	if _, err := p.Forward(&b); err != nil {
		t.Fatal(err)
	}
	if err := p.Backward(); !errors.Is(err, errLost) {
		t.Error(err)
	}
}
