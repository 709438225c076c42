package engine_test

import (
	"fmt"
	"testing"

	"github.com/descent-go/descent/engine"
)

// The operations that the tests of this package run.

// linear is y = x W (x [n], W [n, m]), cut into pieces, with a packed transpose and row norms; it allocates nothing.
type linear struct{ Units int }

func (o linear) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 || !in[1].Fixed || !in[1].Shape.Equal(engine.Shape{in[0].Shape.Size(), o.Units}) {
		return engine.Type{}, fmt.Errorf("inputs are %v; a row and a weight row x %d are wanted", in, o.Units)
	}
	return engine.Type{Shape: engine.Shape{o.Units}}, nil
}

func (o linear) MultiplyAdds(in []engine.Type) float64 { return float64(in[1].Shape.Size()) }

func (o linear) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	n := in[1].Shape[0]
	return engine.Code{F32: &linearBody[float32]{n, o.Units}, F64: &linearBody[float64]{n, o.Units}}
}

type linearBody[T engine.Float] struct{ n, m int }

func (b *linearBody[T]) Traits() engine.Traits {
	return engine.Traits{First: true, ForgetsOut: true, Packed: b.n * b.m, Local: b.m, Scratch: 8}
}

func (b *linearBody[T]) Pack(s *engine.Step[T]) {
	for i := range b.n {
		for j := range b.m {
			s.Packed[j*b.n+i] = s.In[1][i*b.m+j]
		}
	}
}

func (b *linearBody[T]) Forward(s *engine.Step[T]) { s.Each(s.Rows, (*linearForward[T])(b)) }

type linearForward[T engine.Float] linearBody[T]

func (b *linearForward[T]) Do(s *engine.Step[T], r int, local []T) {
	clear(local)
	for j := range b.m {
		for i, x := range s.In[0][r*b.n : (r+1)*b.n] {
			local[j] += x * s.Packed[j*b.n+i]
		}
	}
	copy(s.Out[r*b.m:(r+1)*b.m], local)
}

func (b *linearBody[T]) Backward(s *engine.Step[T]) {
	for j := range s.GradIn {
		if s.GradIn[j] != nil && s.First[j] {
			clear(s.GradIn[j])
		}
	}
	for r := range s.Rows {
		for i := range b.n {
			for j := range b.m {
				g := s.GradOut[r*b.m+j]
				if s.GradIn[0] != nil {
					s.GradIn[0][r*b.n+i] += g * s.In[1][i*b.m+j]
				}
				if s.GradIn[1] != nil {
					s.GradIn[1][i*b.m+j] += g * s.In[0][r*b.n+i]
				}
			}
		}
	}
}

func (b *linearBody[T]) RowNorms(s *engine.Step[T], sq []float64) {
	if s.GradIn[1] == nil {
		return
	}
	for r := range s.Rows {
		x, g := 0.0, 0.0
		for _, v := range s.In[0][r*b.n : (r+1)*b.n] {
			x += float64(v) * float64(v)
		}
		for _, v := range s.GradOut[r*b.m : (r+1)*b.m] {
			g += float64(v) * float64(v)
		}
		sq[r] += x * g
	}
}

// scale is y = a x with a parameter a of x's shape, by rows.
type scale struct{}

func (scale) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 || !in[0].Shape.Equal(in[1].Shape) {
		return engine.Type{}, fmt.Errorf("inputs are %v; two of one shape are wanted", in)
	}
	return engine.Type{Shape: in[0].Shape}, nil
}

func (scale) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: scaleBody[float32]{}, F64: scaleBody[float64]{}}
}

type scaleBody[T engine.Float] struct{}

func (scaleBody[T]) Traits() engine.Traits { return engine.Traits{Rowwise: true, ForgetsOut: true} }

func (scaleBody[T]) Forward(s *engine.Step[T]) {
	for i, x := range s.In[0] {
		s.Out[i] = x * s.In[1][i%len(s.In[1])]
	}
}

func (scaleBody[T]) Backward(s *engine.Step[T]) {
	for i, g := range s.GradOut {
		k := i % len(s.In[1])
		if s.GradIn[0] != nil {
			s.GradIn[0][i] += g * s.In[1][k]
		}
		if s.GradIn[1] != nil {
			s.GradIn[1][k] += g * s.In[0][i]
		}
	}
}

// squares is half the squared distance of two rows.
type squares struct{}

func (squares) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 || in[0].Shape.Size() != in[1].Shape.Size() {
		return engine.Type{}, fmt.Errorf("inputs are %v; two of one size are wanted", in)
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (squares) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: squaresBody[float32]{}, F64: squaresBody[float64]{}}
}

type squaresBody[T engine.Float] struct{}

func (squaresBody[T]) Traits() engine.Traits { return engine.Traits{Rowwise: true, ForgetsOut: true} }

func (squaresBody[T]) Forward(s *engine.Step[T]) {
	clear(s.Out)
	n := len(s.In[0]) / s.Rows
	for i, x := range s.In[0] {
		d := x - s.In[1][i]
		s.Out[i/n] += d * d / 2
	}
}

func (squaresBody[T]) Backward(s *engine.Step[T]) {
	n := len(s.In[0]) / s.Rows
	for i, x := range s.In[0] {
		d := (x - s.In[1][i]) * s.GradOut[i/n]
		if s.GradIn[0] != nil {
			s.GradIn[0][i] += d
		}
		if s.GradIn[1] != nil {
			s.GradIn[1][i] -= d
		}
	}
}

// normal fills a parameter with standard normal numbers.
type normal struct{}

func (normal) Fill(w []float64, _ engine.Shape, r engine.Rand) {
	for i := range w {
		w[i] = r.Normal(0, i)
	}
}

func rowsOf(shape ...int) engine.Type { return engine.Type{Shape: shape} }

// smallNet is x [3] -> linear 4 -> scale -> linear 2, with the squared distance to t [2], weighted by w.
func smallNet() *engine.Graph {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(3)})
	one, two := g.In("one"), g.In("two")
	h := one.Apply(linear{4}, x, one.Param("weight", engine.Shape{3, 4}, engine.Weight, normal{}))
	h = one.Apply(scale{}, h, one.Param("scale", engine.Shape{4}, engine.Norm, normal{}))
	y := g.Output("y", two.Apply(linear{2}, h, two.Param("weight", engine.Shape{4, 2}, engine.Output, normal{})))
	t := g.Input(engine.Field{Name: "t", Type: rowsOf(2), Use: engine.Target})
	w := g.Input(engine.Field{Name: "w", Type: rowsOf(1), Use: engine.RowWeight})
	g.Objective(g.Apply(squares{}, y, t), w)
	return g
}

// batchFor makes a batch of normal numbers for a plan's inputs, whole ones for an index.
func batchFor(p *engine.Plan, rows int, seed uint64) engine.Batch {
	b := engine.Batch{Rows: rows}
	for _, f := range p.Inputs() {
		r := engine.NewRand(seed, f.Name)
		x := make([]float64, rows*f.Type.Shape.Size())
		for i := range x {
			if x[i] = r.Normal(0, i); f.Type.Kind == engine.Index {
				x[i] = float64(int(r.At(0, i) * float64(f.Type.Below)))
			}
		}
		t := engine.Tensor{Name: f.Name, F64: x}
		if p.Weights().Precision() == engine.Float32 {
			t = engine.Tensor{Name: f.Name, F32: make([]float32, len(x))}
			for i, v := range x {
				t.F32[i] = float32(v)
			}
		}
		b.In = append(b.In, t)
	}
	return b
}

func compile(t testing.TB, g *engine.Graph, o engine.Options) *engine.Plan {
	t.Helper()
	p, err := engine.Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pass(t testing.TB, p *engine.Plan, b *engine.Batch) engine.Sum {
	t.Helper()
	sum, err := p.Forward(b)
	if err == nil {
		err = p.Backward()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// part is rows from..to of a batch.
func part(b engine.Batch, from, to int) engine.Batch {
	c := b
	c.In = nil
	for _, t := range b.In {
		n := t.Len() / b.Rows
		if t.F64 != nil {
			t.F64 = t.F64[from*n : to*n]
		} else {
			t.F32 = t.F32[from*n : to*n]
		}
		c.In = append(c.In, t)
	}
	c.Rows, c.Row = to-from, b.Row+from
	return c
}

func numbers(t engine.Tensor) []float64 {
	x := make([]float64, t.Len())
	for i := range x {
		x[i] = t.At(i)
	}
	return x
}
