package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/descent-go/descent/engine"
)

// sight is an operation of pieces that take a while, each of which writes the first number of x that its worker sees.
type sight struct{}

const sights = 12

func (sight) Type([]engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{sights}}, nil
}

func (sight) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: sightBody{}}
}

type sightBody struct{}

func (sightBody) Forward(s *engine.Step[float32]) { s.Each(sights, &sightPiece{}) }
func (sightBody) Backward(*engine.Step[float32])  {}

type sightPiece struct{}

func (*sightPiece) Do(s *engine.Step[float32], i int, _ []float32) {
	time.Sleep(time.Millisecond)
	s.Out[i] = s.In[0][0]
}

// Each worker reads its own copy of a batch, in plans that follow each other with and without copies.
func TestWorkersReadTheirCopies(t *testing.T) {
	pool := engine.NewPool(3)
	defer pool.Close()
	g := engine.NewGraph()
	g.Output("y", g.Apply(sight{}, g.Input(engine.Field{Name: "x", Type: rowsOf(2)})))
	p := compile(t, g, engine.Options{Rows: 1, Pool: pool, Forward: true})
	in := func(v float32) []engine.Tensor { return []engine.Tensor{{F32: []float32{v, v}}} }
	seen := map[float32]bool{}
	for range 50 {
		b := engine.Batch{In: in(1), Copies: [][]engine.Tensor{in(2), in(3)}, Rows: 1, Mode: engine.Evaluate}
		for range 2 {
			if _, err := p.Forward(&b); err != nil {
				t.Fatal(err)
			}
			for _, v := range p.Output("y").F32 {
				if len(b.Copies) == 0 && v != 1 {
					t.Fatalf("without copies a worker saw %v", v)
				}
				seen[v] = true
			}
			b.Copies = nil
		}
		if len(seen) == 3 {
			return
		}
	}
	t.Errorf("the workers saw %v of the three copies", seen)
}

func TestCopiesThatDoNotFit(t *testing.T) {
	pool := engine.NewPool(2)
	defer pool.Close()
	p := compile(t, smallNet(), engine.Options{Rows: 4, Pool: pool})
	b := batchFor(p, 4, 1)
	short := slices.Clone(b.In)
	short[0].F32 = short[0].F32[:11]
	other := slices.Clone(b.In)
	other[1] = engine.Tensor{F64: make([]float64, 8)}
	for _, c := range []struct {
		name   string
		copies [][]engine.Tensor
		want   []string
	}{
		{"too many", [][]engine.Tensor{b.In, b.In}, []string{"2 copies", "1 are wanted"}},
		{"too few tensors", [][]engine.Tensor{b.In[:2]}, []string{"copy 1", "2 tensors", "3 inputs"}},
		{"too short", [][]engine.Tensor{short}, []string{`"x"`, "copy 1", "11 numbers", "12"}},
		{"another precision", [][]engine.Tensor{other}, []string{`"t"`, "float32"}},
	} {
		b.Copies = c.copies
		_, err := p.Forward(&b)
		t.Run(c.name, func(t *testing.T) { contains(t, err, c.want) })
	}
	b.Copies, b.Bounded = nil, make([]bool, 4)
	_, err := p.Forward(&b)
	contains(t, err, []string{"3 tensors", "4"})
}

// Copies change no bits.
func TestCopiesChangeNothing(t *testing.T) {
	pool := engine.NewPool(3)
	defer pool.Close()
	run := func(copies int) string {
		p := compile(t, smallNet(), engine.Options{Rows: 7, Pool: pool, Seed: 5})
		b := batchFor(p, 7, 1)
		for range copies {
			b.Copies = append(b.Copies, b.In)
		}
		sum := pass(t, p, &b)
		v, _ := engine.Vectors[float32](p.Weights())
		return fmt.Sprint(sum, v.Grad)
	}
	if a, b := run(0), run(2); a != b {
		t.Errorf("with copies %s, without %s", b, a)
	}
}
