package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// CrossEntropy is the loss of a classification: -log of the probability that a softmax over the network's outputs gives the true class
// (Bridle 1990). Inputs: logits x [K] and the target, a class, which is an index below K, or K probabilities t. With p = softmax(x) and
// ℓ_j = log Σ_i exp(x_i) - x_j, which is -log p_j:
//
//	a class c        L = ℓ_c           ∂L/∂x_j = p_j - [j = c]
//	in general       L = Σ_j q_j ℓ_j   ∂L/∂x_j = p_j Σ_i q_i - q_j   ∂L/∂t_j = w_j (1 - ε) ℓ_j
//	with             q_j = w_j ((1 - ε) t_j + ε / K)
//
// where ε is LabelSmoothing (Szegedy et al., "Rethinking the Inception architecture", 2016, section 7), w ClassWeights, and a class stands for
// t_c = 1 and 0 elsewhere: PyTorch's definitions. The mean over a batch divides by the number of rows, where PyTorch's divides by the sum of
// the weights w_c of the rows' classes. That t is a distribution is not checked. Saved: p.
type CrossEntropy struct {
	LabelSmoothing float64   `spec:",min=0,lt=1" help:"share of the target that is spread evenly over all classes"`
	ClassWeights   []float64 `spec:",min=0" help:"how much each class counts, in the order of the classes; all 1 if not given"`
}

// Build implements [Layer].
func (l CrossEntropy) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type implements [engine.Op].
func (l CrossEntropy) Type(in []engine.Type) (engine.Type, error) {
	t, err := classType(in)
	if len(in) == 2 && soft(in) {
		t, err = pairType(in)
	}
	if err != nil {
		return t, err
	}
	if !(l.LabelSmoothing >= 0 && l.LabelSmoothing < 1) {
		return t, fmt.Errorf("label smoothing is %v; 0 <= smoothing < 1 is wanted", l.LabelSmoothing)
	}
	if k := in[0].Shape.Size(); l.ClassWeights != nil && len(l.ClassWeights) != k {
		return t, fmt.Errorf("%d class weights and %d classes; one a class is wanted", len(l.ClassWeights), k)
	}
	for i, w := range l.ClassWeights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return t, fmt.Errorf("the weight of class %d is %v; a number of at least 0 is wanted", i, w)
		}
	}
	return t, nil
}

// soft reports whether the target is a distribution: several numbers, as many as there are outputs.
func soft(in []engine.Type) bool {
	return in[1].Kind == engine.Real && in[1].Shape.Size() > 1 && in[1].Shape.Size() == in[0].Shape.Size()
}

// classType is the type of a loss of outputs, one a class, and a class: one number a row.
func classType(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, fmt.Errorf("%d inputs; the network's output and a target are wanted", len(in))
	}
	if in[1].Kind != engine.Index || in[1].Shape.Size() != 1 || in[1].Fixed {
		return engine.Type{}, fmt.Errorf("the target is %v; one class a row is wanted (for numbers use half_squares or mean_squares)", in[1])
	}
	if in[0].Kind != engine.Real || in[0].Fixed || in[0].Shape.Size() != in[1].Below {
		return engine.Type{}, fmt.Errorf("the network's output is %v and there are %d classes; one output a class is wanted", in[0], in[1].Below)
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

// Code implements [engine.Op].
func (l CrossEntropy) Code(in []engine.Type, c engine.Conditions) engine.Code {
	n := in[0].Shape.Size()
	f32, f64 := crossEntropy[float32]{table[float32](c), n}, crossEntropy[float64]{table[float64](c), n}
	if l.LabelSmoothing == 0 && l.ClassWeights == nil && !soft(in) {
		return engine.Code{F32: f32, F64: f64}
	}
	return engine.Code{
		F32: weighedCrossEntropy[float32]{f32, newPairs[float32](in), l},
		F64: weighedCrossEntropy[float64]{f64, newPairs[float64](in), l},
	}
}

// crossEntropy is the usual case: a class, nothing else.
type crossEntropy[T engine.Float] struct {
	k *kernel.Table[T]
	n int
}

func (b crossEntropy[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true, Saved: []engine.Type{{Shape: engine.Shape{b.n}}}}
}

func (b crossEntropy[T]) Forward(s *engine.Step[T]) {
	b.k.CrossEntropyRows(s.Rows, b.n, s.Out, s.Saved[0], b.n, s.In[0], b.n, s.In[1])
}

func (b crossEntropy[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] != nil {
		b.k.CrossEntropyBack(s.Rows, b.n, s.GradIn[0], b.n, s.Saved[0], b.n, s.In[1], s.GradOut, !s.First[0])
	}
}

// weighedCrossEntropy is the general case, in float64.
type weighedCrossEntropy[T engine.Float] struct {
	crossEntropy[T]
	pairs pairs[T]
	loss  CrossEntropy
}

// weight is w_j.
func (b weighedCrossEntropy[T]) weight(j int) float64 {
	if b.loss.ClassWeights == nil {
		return 1
	}
	return b.loss.ClassWeights[j]
}

// share is q_j of row r.
func (b weighedCrossEntropy[T]) share(s *engine.Step[T], r, j int) float64 {
	t := float64((1 - b.loss.LabelSmoothing) * float64(b.pairs.target(s, r, j)))
	return float64(b.weight(j) * (t + b.loss.LabelSmoothing/float64(b.n)))
}

func (b weighedCrossEntropy[T]) Forward(s *engine.Step[T]) {
	b.k.Softmax(s.Rows, b.n, s.Saved[0], b.n, s.In[0], b.n)
	for r := range s.Rows {
		x := s.In[0][r*b.n : (r+1)*b.n]
		total, sum := b.k.LogSumExp(x), 0.0
		for j, v := range x {
			sum += gate(total-float64(v), b.share(s, r, j))
		}
		s.Out[r] = T(sum)
	}
}

func (b weighedCrossEntropy[T]) Backward(s *engine.Step[T]) {
	for r := range s.Rows {
		x, p, d := s.In[0][r*b.n:(r+1)*b.n], s.Saved[0][r*b.n:(r+1)*b.n], float64(s.GradOut[r])
		sum := 0.0
		for j := range x {
			sum += b.share(s, r, j)
		}
		for j, v := range p {
			put(s, 0, r*b.n+j, T(d*(float64(float64(v)*sum)-b.share(s, r, j))))
		}
		if b.pairs.class || s.GradIn[1] == nil {
			continue
		}
		total := b.k.LogSumExp(x)
		for j, v := range x {
			put(s, 1, r*b.n+j, T(d*b.weight(j)*(1-b.loss.LabelSmoothing)*(total-float64(v))))
		}
	}
}
