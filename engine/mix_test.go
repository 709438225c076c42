package engine_test

import (
	"fmt"
	"math"
	"slices"

	"github.com/descent-go/descent/engine"
)

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
	// What it has promised to forget may be somebody else's memory by now.
	in, out := make([][]float64, len(s.In)), make([]float64, len(s.Out))
	if b.Reads.Out {
		copy(out, s.Out)
	}
	gradOut, sum := slices.Clone(s.GradOut), make([][]float64, len(s.In))
	for j, x := range s.In {
		if b.Reads.In {
			in[j] = slices.Clone(x)
		}
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
