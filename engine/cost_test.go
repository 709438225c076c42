package engine

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// broad is an operation that widens a row, with wants of all kinds.
type broad struct{ Size int }

func (o broad) Type([]Type) (Type, error) { return Type{Shape: Shape{o.Size}}, nil }
func (o broad) Code([]Type, Conditions) Code {
	return Code{F32: broadBody[float32]{o.Size}, F64: broadBody[float64]{o.Size}}
}
func (o broad) MultiplyAdds([]Type) float64 { return float64(o.Size) }

type broadBody[T Float] struct{ size int }

func (b broadBody[T]) Traits() Traits {
	return Traits{Saved: []Type{{Shape: Shape{b.size}}}, Scratch: 10, Local: 20, Packed: 30}
}
func (broadBody[T]) Pack(*Step[T])     {}
func (broadBody[T]) Forward(*Step[T])  {}
func (broadBody[T]) Backward(*Step[T]) {}

type zeros struct{}

func (zeros) Fill([]float64, Shape, Rand) {}

func broadGraph(size int) *Graph {
	g := NewGraph()
	x := g.Input(Field{Name: "x", Type: Type{Shape: Shape{2}}})
	h := g.In("wide").Apply(broad{size}, x, g.Param("w", Shape{3, 5}, Weight, zeros{}), g.State("s", Shape{4}, zeros{}))
	g.Objective(g.In("loss").Apply(broad{1}, h), Value{})
	return g
}

func TestEstimateIsWhatCompileTakes(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	for _, o := range []Options{
		{Rows: 7}, {Rows: 7, Precision: Float64}, {Rows: 1, Pool: pool}, {Rows: 100, Pool: pool, Precision: Float64},
	} {
		t.Run(fmt.Sprintf("%v %d", o.Precision, o.Rows), func(t *testing.T) {
			g := broadGraph(50)
			c, err := Estimate(g, o)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(g, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Cost().Total(); got != c.Total() {
				t.Errorf("the plan says %d bytes, the estimate %d", got, c.Total())
			}
			in := Tensor{F32: make([]float32, 2*o.Rows), F64: make([]float64, 2*o.Rows)}
			if _, err := p.Forward(&Batch{In: []Tensor{in}, Rows: o.Rows}); err != nil {
				t.Fatal(err)
			}
			var taken Cost
			if o.Precision == Float64 {
				taken = bytesOf(p.run.(*program[float64]), 8)
			} else {
				taken = bytesOf(p.run.(*program[float32]), 4)
			}
			for _, x := range [][2]int64{{taken.Weights, c.Weights}, {taken.Gradients, c.Gradients}, {taken.Activations, c.Activations},
				{taken.Scratch, c.Scratch}, {taken.Packed, c.Packed}} {
				if x[0] != x[1] || x[0] == 0 {
					t.Errorf("taken: %+v, estimated: %+v", taken, c)
					break
				}
			}
			if c.MultiplyAdds != 51 || len(c.Choices) != 2 || c.Choices["wide"] == "" {
				t.Errorf("multiply-adds %v, choices %v", c.MultiplyAdds, c.Choices)
			}
		})
	}
}

func bytesOf[T Float](p *program[T], width int) Cost {
	c := Cost{Weights: int64(len(p.live.Weight) + len(p.live.State)), Gradients: int64(len(p.live.Grad)), Activations: int64(len(p.arena))}
	for _, local := range p.locals {
		c.Scratch += int64(len(local))
	}
	for i := range p.packs.copies {
		c.Packed += int64(len(p.packs.copies[i].data))
	}
	for _, n := range []*int64{&c.Weights, &c.Gradients, &c.Activations, &c.Scratch, &c.Packed} {
		*n *= int64(width)
	}
	return c
}

func TestEstimateTakesNoMemory(t *testing.T) {
	g := broadGraph(1 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := Estimate(g, Options{Rows: 1 << 16})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if c.Activations < 1<<38 {
		t.Errorf("activations of %d bytes", c.Activations)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20 {
		t.Errorf("took %d bytes", taken)
	}
}

func TestSizesThatNoMachineHolds(t *testing.T) {
	input := func(size int) *Graph {
		g := NewGraph()
		g.Output("y", g.Input(Field{Name: "x", Type: Type{Shape: Shape{size}}}))
		return g
	}
	param := func(sizes ...int) *Graph {
		g := NewGraph()
		for i, n := range sizes {
			g.Output(fmt.Sprint("y", i), g.Param(fmt.Sprint("p", i), Shape{n}, Weight, zeros{}))
		}
		return g
	}
	for name, c := range map[string]struct {
		g    *Graph
		rows int
	}{
		"rows":                     {broadGraph(1 << 10), math.MaxInt},
		"rows, just too many":      {broadGraph(1), maxElements + 1},
		"row":                      {broadGraph(math.MaxInt), 1},
		"rows that wrap to 0":      {broadGraph(1 << 32), 1 << 32},
		"bytes, not elements":      {broadGraph(1 << 20), 1 << 20},
		"input":                    {input(1 << 32), 1 << 32},
		"parameter":                {param(math.MaxInt), 1},
		"parameters, each allowed": {param(1<<39, 1<<39, 1<<39), 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range []Options{{Rows: c.rows}, {Rows: c.rows, Precision: Float64}} {
				if _, err := Estimate(c.g, o); err == nil {
					t.Errorf("estimated in %v", o.Precision)
				}
				if _, err := Compile(c.g, o); err == nil {
					t.Errorf("compiled in %v", o.Precision)
				}
			}
		})
	}
}

// Lives that overlap in time never overlap in place, and an arena is no larger than all lives together.
func TestArrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "lives")
		at, lives, sum := make([]int, n), make([]life, n), 0
		for i := range lives {
			from := rapid.IntRange(0, 20).Draw(t, "from")
			lives[i] = life{from, from + rapid.IntRange(0, 8).Draw(t, "moments"), rapid.IntRange(1, 9).Draw(t, "size") * alignment, &at[i]}
			sum += lives[i].size
		}
		total := arrange(lives)
		if total > sum {
			t.Fatalf("%d elements for lives of %d", total, sum)
		}
		for i, x := range lives {
			if *x.at < 0 || *x.at+x.size > total || *x.at%alignment != 0 {
				t.Fatalf("%v at %d lies outside %d or unaligned", x, *x.at, total)
			}
			for _, y := range lives[:i] {
				if x.from <= y.to && y.from <= x.to && *x.at < *y.at+y.size && *y.at < *x.at+x.size {
					t.Fatalf("%v at %d and %v at %d overlap", x, *x.at, y, *y.at)
				}
			}
		}
	})
}
