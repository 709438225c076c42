package engine_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

// The operations that the tests of this package run.
//
// A mix is made to find buffers that share memory too early. All its numbers are small whole numbers, so that sums are exact in any order
// and a plan can be compared with a naive executor bit for bit. Its attributes choose the promises of its body, and the body does its worst
// within them: it fills its result, its scratch and gradients that it is to overwrite with NaN before it reads anything, and the gradient
// by its result after it has read it. Its "derivative" is not that of its result (nothing here needs that) but a number that depends on
// exactly what its promises let it read.
type mix struct {
	Size                                   int
	Coef                                   []float64 // an input each
	Reads                                  struct{ In, Out bool }
	First, Rowwise, Pieces, Scratch, Local bool
	Saved                                  int  // 1: a value with rows; 2: also a number for the batch
	Packed                                 bool // packs its first Fixed input
	Absorbs                                bool
}

// wrap maps a whole number to -5..5, slope to -2..2.
func wrap(v float64) float64  { return math.Mod(math.Mod(v, 11)+11, 11) - 5 }
func slope(v float64) float64 { return math.Mod(math.Mod(v, 5)+5, 5) - 2 }

func (o mix) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != len(o.Coef) {
		return engine.Type{}, fmt.Errorf("%d inputs; %d are wanted", len(in), len(o.Coef))
	}
	return engine.Type{Shape: engine.Shape{o.Size}}, nil
}

// packs is the input that is packed, or -1.
func (o mix) packs(in []engine.Type) int {
	if o.Packed {
		for j, t := range in {
			if t.Fixed {
				return j
			}
		}
	}
	return -1
}

// row computes one row: what is added up, the result and what is saved.
func (o mix) row(acc, out, saved []float64, in [][]float64, packed []float64) {
	clear(acc)
	m := o.Size
	for _, x := range in {
		m = max(m, len(x))
	}
	for i := range m {
		for j, x := range in {
			acc[i%o.Size] += o.Coef[j] * x[i%len(x)]
		}
	}
	for i := range acc {
		if packed != nil {
			acc[i] += packed[i%len(packed)]
		}
		out[i] = wrap(acc[i])
		if saved != nil {
			saved[i] = wrap(3*acc[i] + 1)
		}
	}
}

// back adds one row's gradients.
func (o mix) back(grad, in [][]float64, out, saved, gradOut, packed []float64, batch float64) {
	for j, g := range grad {
		if g == nil {
			continue
		}
		for i := range max(o.Size, len(g)) {
			k := i % o.Size
			s := o.Coef[j]
			if o.Reads.In {
				s += in[j][i%len(g)]
			}
			if o.Reads.Out {
				s += out[k]
			}
			if saved != nil {
				s += saved[k]
			}
			if packed != nil {
				s += packed[k%len(packed)]
			}
			g[i%len(g)] += gradOut[k] * slope(s+batch)
		}
	}
}

func (o mix) Absorb(next engine.Op, slot int) (engine.Op, bool) {
	second, ok := next.(mix)
	if !ok || !o.Absorbs || o.Packed || second.Packed || o.Saved > 1 || second.Saved > 1 {
		return nil, false
	}
	return chain{o, second, slot}, true
}

func (o mix) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	b := &mixBody{mix: o, fixed: make([]bool, len(in)), packs: o.packs(in)}
	for j, t := range in {
		b.fixed[j] = t.Fixed
	}
	if b.packs >= 0 {
		b.packedSize = in[b.packs].Shape.Size()
	}
	return engine.Code{F64: b}
}

type mixBody struct {
	mix
	fixed             []bool
	packs, packedSize int
}

func (b *mixBody) Traits() engine.Traits {
	t := engine.Traits{Rowwise: b.Rowwise, First: b.First, ForgetsIn: !b.Reads.In, ForgetsOut: !b.Reads.Out,
		BatchStatistics: b.Saved > 1, Packed: b.packedSize}
	if b.Scratch {
		t.Scratch = b.Size + 3
	}
	if b.Local {
		t.Local = b.Size + 5
	}
	if b.Saved > 0 {
		t.Saved = append(t.Saved, engine.Type{Shape: engine.Shape{b.Size}})
	}
	if b.Saved > 1 {
		t.Saved = append(t.Saved, engine.Type{Shape: engine.Shape{1}, Fixed: true})
	}
	return t
}

func poison(x []float64) {
	for i := range x {
		x[i] = math.NaN()
	}
}

func (b *mixBody) Pack(s *engine.Step[float64]) {
	for i, v := range s.In[b.packs] {
		s.Packed[i] = wrap(2 * v)
	}
}

func (b *mixBody) packed(s *engine.Step[float64]) []float64 {
	if b.packs < 0 {
		return nil
	}
	return s.Packed
}

// rowOf is row r of each input.
func (b *mixBody) rowOf(x [][]float64, r, rows int) [][]float64 {
	out := make([][]float64, len(x))
	for j := range x {
		switch {
		case x[j] == nil:
		case b.fixed[j]:
			out[j] = x[j]
		default:
			n := len(x[j]) / rows
			out[j] = x[j][r*n : (r+1)*n]
		}
	}
	return out
}

func (b *mixBody) Forward(s *engine.Step[float64]) {
	poison(s.Out)
	poison(s.Scratch)
	for _, x := range s.Saved {
		poison(x)
	}
	if b.Pieces {
		s.Each(s.Rows, (*mixPiece)(b))
	} else {
		for r := range s.Rows {
			b.do(s, r, s.Scratch)
		}
	}
	if b.Saved > 1 {
		sum := 0.0
		for r := range s.Rows {
			sum += s.Saved[0][r*b.Size]
		}
		s.Saved[1][0] = wrap(sum)
	}
}

func (b *mixBody) do(s *engine.Step[float64], r int, scratch []float64) {
	acc := make([]float64, b.Size)
	if len(scratch) >= b.Size {
		acc = scratch[:b.Size]
	}
	var saved []float64
	if b.Saved > 0 {
		saved = s.Saved[0][r*b.Size : (r+1)*b.Size]
	}
	b.row(acc, s.Out[r*b.Size:(r+1)*b.Size], saved, b.rowOf(s.In, r, s.Rows), b.packed(s))
}

type mixPiece mixBody

func (p *mixPiece) Do(s *engine.Step[float64], r int, local []float64) {
	if p.Local && len(local) != p.Size+5 {
		panic(fmt.Sprintf("%d elements of local memory, %d were asked for", len(local), p.Size+5))
	}
	poison(local)
	(*mixBody)(p).do(s, r, local)
}

func (b *mixBody) Backward(s *engine.Step[float64]) {
	if b.Scratch && len(s.Scratch) != b.Size+3 {
		panic(fmt.Sprintf("%d elements of scratch, %d were asked for", len(s.Scratch), b.Size+3))
	}
	poison(s.Scratch)
	for j, g := range s.GradIn {
		if g != nil && b.First && s.First[j] {
			poison(g)
		}
	}
	in, out, gradOut, sum := make([][]float64, len(s.In)), slices.Clone(s.Out), slices.Clone(s.GradOut), make([][]float64, len(s.In))
	for j, x := range s.In {
		in[j] = slices.Clone(x)
		if s.GradIn[j] != nil {
			sum[j] = make([]float64, len(s.GradIn[j]))
		}
	}
	batch := 0.0
	if b.Saved > 1 {
		batch = s.Saved[1][0]
	}
	for r := range s.Rows {
		var saved []float64
		if b.Saved > 0 {
			saved = s.Saved[0][r*b.Size : (r+1)*b.Size]
		}
		b.back(b.rowOf(sum, r, s.Rows), b.rowOf(in, r, s.Rows), out[r*b.Size:(r+1)*b.Size], saved,
			gradOut[r*b.Size:(r+1)*b.Size], b.packed(s), batch)
	}
	for j := len(s.GradIn) - 1; j >= 0; j-- { // in an order of its own
		if s.GradIn[j] != nil && b.First && s.First[j] {
			copy(s.GradIn[j], sum[j])
			continue
		}
		for i := range s.GradIn[j] {
			s.GradIn[j][i] += sum[j][i]
		}
	}
	poison(s.GradOut)
}

// chain is a mix that has absorbed its reader.
type chain struct {
	first, second mix
	slot          int
}

func (o chain) Type(in []engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{o.second.Size}}, nil
}

func (o chain) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	b := &chainBody{chain: o, all: mixBody{fixed: make([]bool, len(in))}}
	for j, t := range in {
		b.all.fixed[j] = t.Fixed
	}
	return engine.Code{F64: b}
}

// chainBody has no traits, which is always right.
type chainBody struct {
	chain
	all mixBody // for its rowOf
}

// both gives the inputs of the second operation.
func (b *chainBody) both(x [][]float64, middle []float64) [][]float64 {
	n := len(b.first.Coef)
	out := append([][]float64(nil), x[n:n+b.slot]...)
	return append(append(out, middle), x[n+b.slot:]...)
}

func (b *chainBody) run(s *engine.Step[float64], r int) (in [][]float64, middle, saved1, out, saved2 []float64) {
	in = b.all.rowOf(s.In, r, s.Rows)
	n, m := b.first.Size, b.second.Size
	middle, out = make([]float64, n), make([]float64, m)
	if b.first.Saved > 0 {
		saved1 = make([]float64, n)
	}
	if b.second.Saved > 0 {
		saved2 = make([]float64, m)
	}
	b.first.row(make([]float64, n), middle, saved1, in[:len(b.first.Coef)], nil)
	b.second.row(make([]float64, m), out, saved2, b.both(in, middle), nil)
	return in, middle, saved1, out, saved2
}

func (b *chainBody) Forward(s *engine.Step[float64]) {
	poison(s.Out)
	for r := range s.Rows {
		_, _, _, out, _ := b.run(s, r)
		copy(s.Out[r*b.second.Size:], out)
	}
}

func (b *chainBody) Backward(s *engine.Step[float64]) {
	for r := range s.Rows {
		in, middle, saved1, out, saved2 := b.run(s, r)
		grad := b.all.rowOf(s.GradIn, r, s.Rows)
		gradMiddle := make([]float64, len(middle))
		b.second.back(b.both(grad, gradMiddle), b.both(in, middle), out, saved2, s.GradOut[r*b.second.Size:(r+1)*b.second.Size], nil, 0)
		b.first.back(grad[:len(b.first.Coef)], in[:len(b.first.Coef)], middle, saved1, gradMiddle, nil, 0)
	}
	poison(s.GradOut)
}

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
