package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// Embedding looks up a learned vector of Width numbers for each index of a row, as for a column of categories or the words of a text: [k]
// indices below n become [k, Width] (Bengio et al., "A neural probabilistic language model", 2003, section 2). How many vectors there are
// the input's type tells. [Dense] reads the result as one vector of k·Width; several columns are brought together by flatten and
// concatenate. Parameter weight [n, Width] with the role embedding, initially standard normal, as PyTorch's: the size of a standardized
// column.
type Embedding struct {
	Width int         `spec:",arg,min=1,required" help:"numbers that stand for an index"`
	Init  engine.Init `help:"initial vectors; normal(1) if not given"`
}

// Build implements [Layer].
func (l Embedding) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "embedding", x)
	if !ok {
		return engine.Value{}
	}
	if l.Width < 1 {
		g.Fail(fmt.Errorf("embedding: width is %d; at least 1 is wanted", l.Width))
		return engine.Value{}
	}
	t := g.Type(v)
	if t.Kind != engine.Index {
		g.Fail(fmt.Errorf("embedding: its input is %v, numbers; an index, such as a column of categories, is wanted", t))
		return engine.Value{}
	}
	init := l.Init
	if init == nil {
		init = Normal{SD: 1}
	}
	return g.Apply(EmbeddingOp{}, v, g.Param("weight", engine.Shape{t.Below, l.Width}, engine.Embedding, init))
}

// EmbeddingOp is the operation of [Embedding]: inputs x, indices of any shape below n, and the table W [n, width]; result y [shape of x,
// width], y_i = W[x_i]. ∂L/∂W[v] = Σ δ_i over all i with x_i = v, in the order of rows and positions; the rows of W that no index
// names get zero. Nothing is saved: backward reads x.
type EmbeddingOp struct{}

// Type implements [engine.Op].
func (EmbeddingOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, fmt.Errorf("%d inputs; indices and a table are wanted", len(in))
	}
	x, w := in[0], in[1]
	if x.Kind != engine.Index || x.Fixed {
		return engine.Type{}, fmt.Errorf("input is %v; indices with rows are wanted", x)
	}
	if len(w.Shape) != 2 || w.Shape[0] != x.Below || !w.Fixed || w.Kind != engine.Real {
		return engine.Type{}, fmt.Errorf("table is %v, the input %v; a parameter of %d vectors is wanted", w, x, x.Below)
	}
	return engine.Type{Shape: append(x.Shape[:len(x.Shape):len(x.Shape)], w.Shape[1])}, nil
}

// Code implements [engine.Op].
func (EmbeddingOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	k, width := in[0].Shape.Size(), in[1].Shape[1]
	return engine.Code{F32: &embedding[float32]{k, width}, F64: &embedding[float64]{k, width}}
}

type embedding[T engine.Float] struct{ k, width int }

// It is not Rowwise: the engine would keep a gradient of the whole table for each tile.
func (b *embedding[T]) Traits() engine.Traits {
	return engine.Traits{First: true, ForgetsOut: true}
}

const (
	lookupRows  = 128 // rows of a piece of the forward pass
	lookupWidth = 16  // columns of the table that a piece of the backward pass sums: one line of the cache or two
)

func (b *embedding[T]) Forward(s *engine.Step[T]) {
	s.Each((s.Rows+lookupRows-1)/lookupRows, (*embeddingForward[T])(b))
}

// Backward cuts the table by columns: each piece goes through all indices in order, so no two meet and the sums have one order.
func (b *embedding[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[1] == nil {
		return
	}
	if s.First[1] {
		clear(s.GradIn[1])
	}
	s.Each((b.width+lookupWidth-1)/lookupWidth, (*embeddingBackward[T])(b))
}

type embeddingForward[T engine.Float] embedding[T]

func (b *embeddingForward[T]) Do(s *engine.Step[T], i int, _ []T) {
	from, to := i*lookupRows*b.k, min((i+1)*lookupRows, s.Rows)*b.k
	for at := from; at < to; at++ {
		v := int(s.In[0][at])
		copy(s.Out[at*b.width:(at+1)*b.width], s.In[1][v*b.width:])
	}
}

type embeddingBackward[T engine.Float] embedding[T]

func (b *embeddingBackward[T]) Do(s *engine.Step[T], i int, _ []T) {
	c0, c1 := i*lookupWidth, min((i+1)*lookupWidth, b.width)
	for at, v := range s.In[0] {
		grad, d := s.GradIn[1][int(v)*b.width+c0:int(v)*b.width+c1], s.GradOut[at*b.width+c0:at*b.width+c1]
		for c := range grad {
			grad[c] += d[c]
		}
	}
}
