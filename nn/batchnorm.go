package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// BatchNorm gives each channel mean 0 and variance 1 over the batch, then a learned scale γ and shift β (Ioffe and Szegedy, "Batch
// normalization", 2015, algorithm 1). A row [C] has C channels; a row [C, rest...] has C channels over rest. Parameters scale [C], initially
// one, and shift [C], initially zero; states mean [C] and variance [C], which evaluation uses in place of the batch's. As in PyTorch a
// state moves by Momentum of the way to the batch's value, and the running variance takes the unbiased one. (Keras: momentum 0.99 is our
// 0.01; epsilon 1e-3.)
type BatchNorm struct {
	Momentum float64 `spec:",gt=0,max=1" help:"share of the batch's statistics in the running ones"`
	Epsilon  float64 `spec:",gt=0" help:"added to the variance"`
}

// NewBatchNorm is a BatchNorm with momentum 0.1 and epsilon 1e-5.
func NewBatchNorm() BatchNorm { return BatchNorm{Momentum: 0.1, Epsilon: 1e-5} }

// Build implements [Layer].
func (l BatchNorm) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "batchnorm", x)
	if !ok {
		return engine.Value{}
	}
	if !(l.Momentum > 0 && l.Momentum <= 1) || !(l.Epsilon > 0) || math.IsInf(l.Epsilon, 1) {
		g.Fail(fmt.Errorf("batchnorm: momentum %v, epsilon %v; momentum in (0, 1] and a positive epsilon are wanted (NewBatchNorm has the usual ones)", l.Momentum, l.Epsilon))
		return engine.Value{}
	}
	c := engine.Shape{1}
	if s := g.Type(v).Shape; len(s) > 0 {
		c = s[:1]
	} else {
		v = g.Reshape(v, c) // a number a row is one channel
	}
	return g.Apply(BatchNormOp(l), v,
		g.Param("scale", c, engine.Norm, Constant(1)), g.Param("shift", c, engine.Norm, Constant(0)),
		g.State("mean", c, Constant(0)), g.State("variance", c, Constant(1)))
}

// BatchNormOp is the operation of [BatchNorm]: inputs x [C, rest...], scale, shift, mean and variance [C]. With n = rows · rest, x̂ = (x - m) / s and
// s = sqrt(v + ε): y = γ x̂ + β. In modes with batch statistics m and v are functions of x, and
//
//	∂L/∂x = γ / (n s) (n δ - Σ δ - x̂ Σ δ x̂),   ∂L/∂γ = Σ δ x̂,   ∂L/∂β = Σ δ;
//
// otherwise ∂L/∂x = γ δ / s. Saved: m and 1/s a channel.
type BatchNormOp struct{ Momentum, Epsilon float64 }

// Type implements [engine.Op].
func (BatchNormOp) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 5 {
		return engine.Type{}, fmt.Errorf("%d inputs; x, scale, shift, mean and variance are wanted", len(in))
	}
	if len(in[0].Shape) == 0 || in[0].Kind != engine.Real || in[0].Fixed {
		return engine.Type{}, fmt.Errorf("input is %v; rows of channels are wanted", in[0])
	}
	for _, t := range in[1:] {
		if !t.Shape.Equal(in[0].Shape[:1]) || !t.Fixed {
			return engine.Type{}, fmt.Errorf("a parameter or state is %v; %v has %d channels", t, in[0].Shape, in[0].Shape[0])
		}
	}
	return engine.Type{Shape: in[0].Shape}, nil
}

// Code implements [engine.Op].
func (o BatchNormOp) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	c := in[0].Shape[0]
	each := in[0].Shape.Size() / c
	return engine.Code{F32: &batchNorm[float32]{o, c, each}, F64: &batchNorm[float64]{o, c, each}}
}

type batchNorm[T engine.Float] struct {
	BatchNormOp
	channels, each int
}

// channelBlock is the number of channels of a piece: their sums stay in registers or the first cache while the rows go by.
const channelBlock = 16

func (b *batchNorm[T]) Traits() engine.Traits {
	c := engine.Type{Shape: engine.Shape{b.channels}, Fixed: true}
	return engine.Traits{First: true, ForgetsOut: true, BatchStatistics: true, Saved: []engine.Type{c, c}}
}

func (b *batchNorm[T]) pieces() int { return (b.channels + channelBlock - 1) / channelBlock }

func (b *batchNorm[T]) Forward(s *engine.Step[T]) { s.Each(b.pieces(), (*batchNormForward[T])(b)) }

func (b *batchNorm[T]) Backward(s *engine.Step[T]) { s.Each(b.pieces(), (*batchNormBackward[T])(b)) }

// row is where channels c0 to c1 of row r lie: element from + i belongs to channel c0 + i / each.
func (b *batchNorm[T]) row(r, c0, c1 int) (from, to int) {
	width := b.channels * b.each
	return r*width + c0*b.each, r*width + c1*b.each
}

type batchNormForward[T engine.Float] batchNorm[T]

func (f *batchNormForward[T]) Do(s *engine.Step[T], i int, _ []T) {
	b := (*batchNorm[T])(f)
	c0, c1 := i*channelBlock, min((i+1)*channelBlock, b.channels)
	x, mean, inverse := s.In[0], s.Saved[0], s.Saved[1]
	if s.Mode.Batch() {
		b.statistics(s, c0, c1)
	} else {
		for c := c0; c < c1; c++ {
			mean[c] = s.In[3][c]
			inverse[c] = T(1 / math.Sqrt(float64(s.In[4][c])+b.Epsilon))
		}
	}
	for r := range s.Rows {
		from, to := b.row(r, c0, c1)
		for k := from; k < to; k++ {
			c := c0 + (k-from)/b.each
			normal := (x[k] - mean[c]) * inverse[c]
			s.Out[k] = T(s.In[1][c]*normal) + s.In[2][c]
		}
	}
}

// statistics computes mean and variance of some channels in float64, in the order of the rows, and lets the running ones learn.
func (b *batchNorm[T]) statistics(s *engine.Step[T], c0, c1 int) {
	var sum, squares [channelBlock]float64
	n := float64(s.Rows * b.each)
	for r := range s.Rows {
		from, to := b.row(r, c0, c1)
		for k := from; k < to; k++ {
			sum[(k-from)/b.each] += float64(s.In[0][k])
		}
	}
	for i := range c1 - c0 {
		sum[i] /= n
	}
	for r := range s.Rows {
		from, to := b.row(r, c0, c1)
		for k := from; k < to; k++ {
			i := (k - from) / b.each
			d := float64(s.In[0][k]) - sum[i]
			squares[i] += float64(d * d)
		}
	}
	for i := range c1 - c0 {
		c, variance := c0+i, squares[i]/n
		s.Saved[0][c] = T(sum[i])
		s.Saved[1][c] = T(1 / math.Sqrt(variance+b.Epsilon))
		if s.Mode.Learns() {
			unbiased := variance
			if n > 1 {
				unbiased = squares[i] / (n - 1)
			}
			s.In[3][c] = toward(s.In[3][c], sum[i], b.Momentum)
			s.In[4][c] = toward(s.In[4][c], unbiased, b.Momentum)
		}
	}
}

func toward[T engine.Float](state T, value, momentum float64) T {
	return T(float64((1-momentum)*float64(state)) + float64(momentum*value))
}

type batchNormBackward[T engine.Float] batchNorm[T]

func (f *batchNormBackward[T]) Do(s *engine.Step[T], i int, _ []T) {
	b := (*batchNorm[T])(f)
	c0, c1 := i*channelBlock, min((i+1)*channelBlock, b.channels)
	x, mean, inverse := s.In[0], s.Saved[0], s.Saved[1]
	var sum, product [channelBlock]float64 // Σ δ and Σ δ x̂
	for r := range s.Rows {
		from, to := b.row(r, c0, c1)
		for k := from; k < to; k++ {
			i := (k - from) / b.each
			d := float64(s.GradOut[k])
			sum[i] += d
			product[i] += float64(d * float64((x[k]-mean[c0+i])*inverse[c0+i]))
		}
	}
	for i := range c1 - c0 {
		c := c0 + i
		put(s, 1, c, T(product[i]))
		put(s, 2, c, T(sum[i]))
	}
	if s.GradIn[0] == nil {
		return
	}
	n := float64(s.Rows * b.each)
	batch := s.Mode.Batch()
	for r := range s.Rows {
		from, to := b.row(r, c0, c1)
		for k := from; k < to; k++ {
			i := (k - from) / b.each
			c := c0 + i
			d := float64(s.GradOut[k])
			if batch {
				normal := float64((x[k] - mean[c]) * inverse[c])
				d -= (sum[i] + float64(normal*product[i])) / n
			}
			put(s, 0, k, T(float64(s.In[1][c])*float64(inverse[c])*d))
		}
	}
}
