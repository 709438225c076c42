package nn

import (
	"math"
	"reflect"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/engine/enginetest"
	"github.com/descent-go/descent/internal/spec"
)

func vector(n ...int) engine.Type { return engine.Type{Shape: n} }
func fixed(n ...int) engine.Type  { return engine.Type{Shape: n, Fixed: true} }
func indices(below int, n ...int) engine.Type {
	return engine.Type{Shape: n, Kind: engine.Index, Below: below}
}
func class(k int) engine.Type {
	return engine.Type{Shape: engine.Shape{1}, Kind: engine.Index, Below: k}
}

// positive makes every input positive, as a running variance is; other inputs are normal.
func positive(input int) func(j, i int, r engine.Rand) float64 {
	return func(j, i int, r engine.Rand) float64 {
		if j == input {
			return 0.5 + r.At(j, i)
		}
		return r.Normal(j, i)
	}
}

// within makes an input's numbers uniform in (0, 1), as a target of probabilities is; other inputs are normal.
func within(input int) func(j, i int, r engine.Rand) float64 {
	return func(j, i int, r engine.Rand) float64 {
		if j == input {
			return r.At(j, i)
		}
		return r.Normal(j, i)
	}
}

// wide makes normal numbers large enough for both ends of an activation.
func wide(j, i int, r engine.Rand) float64 { return 4 * r.Normal(j, i) }

var operations = []enginetest.Case{
	{Name: "dense", Op: DenseOp{}, In: []engine.Type{vector(5), fixed(3, 5), fixed(3)}},
	{Name: "dense without bias", Op: DenseOp{}, In: []engine.Type{vector(5), fixed(3, 5)}},
	{Name: "dense of one", Op: DenseOp{}, In: []engine.Type{vector(1), fixed(1, 1), fixed(1)}},
	{Name: "dense wide", Op: DenseOp{}, In: []engine.Type{vector(37), fixed(65, 37), fixed(65)}},
	// Large enough to be cut into pieces both ways, forward and back.
	{Name: "dense of several pieces", Op: DenseOp{Then: tanhActivation}, In: []engine.Type{vector(300), fixed(256, 300), fixed(256)}, Rows: []int{2}},
	{Name: "dense of parameters", Op: DenseOp{}, In: []engine.Type{fixed(5), fixed(3, 5), fixed(3)}},
	{Name: "dense with relu", Op: DenseOp{Then: reluActivation}, In: []engine.Type{vector(5), fixed(4, 5), fixed(4)}},
	{Name: "dense with sigmoid", Op: DenseOp{Then: sigmoidActivation}, In: []engine.Type{vector(5), fixed(3, 5), fixed(3)}},
	{Name: "dense with tanh", Op: DenseOp{Then: tanhActivation}, In: []engine.Type{vector(33), fixed(19, 33)}},
	{Name: "relu", Op: ReLU{}, In: []engine.Type{vector(7)}},
	{Name: "relu of a picture", Op: ReLU{}, In: []engine.Type{vector(2, 3, 3)}},
	{Name: "leaky relu", Op: LeakyReLU{0.01}, In: []engine.Type{vector(7)}},
	{Name: "leaky relu that folds", Op: LeakyReLU{-0.5}, In: []engine.Type{vector(2, 3)}},
	{Name: "leaky relu without slope", Op: LeakyReLU{}, In: []engine.Type{vector(7)}},
	{Name: "prelu", Op: PReLUOp{}, In: []engine.Type{vector(5), fixed(5)}},
	{Name: "prelu of a picture", Op: PReLUOp{}, In: []engine.Type{vector(3, 2, 2), fixed(3)}},
	{Name: "prelu with one slope", Op: PReLUOp{}, In: []engine.Type{vector(2, 3), fixed(1)}},
	{Name: "prelu of a parameter", Op: PReLUOp{}, In: []engine.Type{fixed(4), fixed(4)}},
	{Name: "elu", Op: ELU{0.7}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "selu", Op: SELU{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "celu", Op: CELU{1.7}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "gelu", Op: GELU{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "gelu by tanh", Op: GELU{Tanh: true}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "silu", Op: SiLU{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "softplus", Op: Softplus{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "softsign", Op: Softsign{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "hard sigmoid", Op: HardSigmoid{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "hard tanh", Op: HardTanh{}, In: []engine.Type{vector(7)}},
	{Name: "hard swish", Op: HardSwish{}, In: []engine.Type{vector(7)}, Value: wide},
	{Name: "log softmax", Op: LogSoftmax{}, In: []engine.Type{vector(7)}},
	{Name: "log softmax of one", Op: LogSoftmax{}, In: []engine.Type{vector(1)}},
	{Name: "scale", Op: Scale{-2.5}, In: []engine.Type{vector(7)}},
	{Name: "scale to nothing", Op: Scale{}, In: []engine.Type{vector(3)}},
	{Name: "sigmoid", Op: Sigmoid{}, In: []engine.Type{vector(7)}},
	{Name: "tanh", Op: Tanh{}, In: []engine.Type{vector(7)}},
	{Name: "softmax", Op: Softmax{}, In: []engine.Type{vector(7)}},
	{Name: "softmax of one", Op: Softmax{}, In: []engine.Type{vector(1)}},
	{Name: "dropout", Op: Dropout{Rate: 0.4}, In: []engine.Type{vector(9)}},
	{Name: "dropout of nothing", Op: Dropout{}, In: []engine.Type{vector(4)}},
	{Name: "add", Op: AddOp{}, In: []engine.Type{vector(4), vector(4), vector(4)}},
	{Name: "add a parameter", Op: AddOp{}, In: []engine.Type{vector(4), fixed(4)}},
	{Name: "multiply", Op: MultiplyOp{}, In: []engine.Type{vector(2, 2), vector(2, 2), vector(2, 2)}},
	{Name: "multiply by a parameter", Op: MultiplyOp{}, In: []engine.Type{fixed(3), vector(3)}},
	{Name: "concatenate", Op: ConcatenateOp{}, In: []engine.Type{vector(4), vector(3), fixed(2)}},
	{Name: "concatenate pictures", Op: ConcatenateOp{}, In: []engine.Type{vector(1, 2, 2), vector(3, 2, 2)}},
	{Name: "batchnorm", Op: BatchNormOp{0.1, 1e-5}, In: []engine.Type{vector(5), fixed(5), fixed(5), fixed(5), fixed(5)}, States: []int{3, 4}, Value: positive(4), Rows: []int{2, 7}},
	// One row has no variance: the result does not depend on it and every difference is zero.
	{Name: "batchnorm of pictures", Op: BatchNormOp{0.3, 1e-3}, In: []engine.Type{vector(18, 2, 3), fixed(18), fixed(18), fixed(18), fixed(18)}, States: []int{3, 4}, Value: positive(4)},
	{Name: "layernorm", Op: LayerNormOp{1e-5}, In: []engine.Type{vector(6), fixed(6), fixed(6)}},
	{Name: "layernorm of a picture", Op: LayerNormOp{1e-3}, In: []engine.Type{vector(2, 3, 2), fixed(2, 3, 2), fixed(2, 3, 2)}},
	{Name: "layernorm over the last axis", Op: LayerNormOp{1e-5}, In: []engine.Type{vector(3, 5), fixed(5), fixed(5)}},
	{Name: "layernorm of a parameter", Op: LayerNormOp{1e-5}, In: []engine.Type{fixed(5), fixed(5), fixed(5)}},
	{Name: "embedding", Op: EmbeddingOp{}, In: []engine.Type{indices(5, 3), fixed(5, 4)}},
	{Name: "embedding of one", Op: EmbeddingOp{}, In: []engine.Type{indices(1, 1), fixed(1, 1)}},
	{Name: "embedding, wide", Op: EmbeddingOp{}, In: []engine.Type{indices(3, 1), fixed(3, 37)}},
	{Name: "embedding of a picture", Op: EmbeddingOp{}, In: []engine.Type{indices(256, 2, 2), fixed(256, 3)}},
	{Name: "class weight", Op: ClassWeight{[]float64{0.5, 2, 1}}, In: []engine.Type{class(3)}},
	{Name: "cross entropy", Op: CrossEntropy{}, In: []engine.Type{vector(6), class(6)}},
	{Name: "cross entropy of two", Op: CrossEntropy{}, In: []engine.Type{vector(2), class(2)}},
	{Name: "cross entropy, smoothed", Op: CrossEntropy{LabelSmoothing: 0.1}, In: []engine.Type{vector(6), class(6)}},
	{Name: "cross entropy with class weights", Op: CrossEntropy{ClassWeights: []float64{0.5, 0, 3}}, In: []engine.Type{vector(3), class(3)}},
	{Name: "cross entropy of a distribution", Op: CrossEntropy{}, In: []engine.Type{vector(4), vector(4)}, Value: within(1)},
	{Name: "cross entropy of all kinds", Op: CrossEntropy{0.2, []float64{1, 2, 0.3, 1}}, In: []engine.Type{vector(4), vector(4)}, Value: within(1)},
	{Name: "binary cross entropy", Op: BinaryCrossEntropy{}, In: []engine.Type{vector(4), vector(4)}, Value: within(1)},
	{Name: "binary cross entropy, weighed", Op: BinaryCrossEntropy{3}, In: []engine.Type{vector(2, 2), vector(4)}, Value: within(1)},
	{Name: "binary cross entropy of one of two", Op: BinaryCrossEntropy{2}, In: []engine.Type{vector(1), class(2)}},
	{Name: "binary cross entropy of a class", Op: BinaryCrossEntropy{}, In: []engine.Type{vector(3), class(3)}},
	{Name: "hinge", Op: Hinge{1}, In: []engine.Type{vector(5), class(5)}},
	{Name: "hinge of two", Op: Hinge{0.3}, In: []engine.Type{vector(2), class(2)}},
	{Name: "mean absolute", Op: MeanAbsolute{}, In: []engine.Type{vector(3), vector(3)}},
	{Name: "mean absolute of a class", Op: MeanAbsolute{}, In: []engine.Type{vector(3), class(3)}},
	{Name: "huber", Op: Huber{1}, In: []engine.Type{vector(3), vector(3)}},
	{Name: "huber of a class", Op: Huber{0.5}, In: []engine.Type{vector(3), class(3)}},
	{Name: "squares", Op: SquaresOp{0.5}, In: []engine.Type{vector(3), vector(3)}},
	{Name: "squares of a class", Op: SquaresOp{0.25}, In: []engine.Type{vector(4), class(4)}},
}

func TestOperations(t *testing.T) { enginetest.Run(t, operations...) }

// examples are layers of the registry as somebody would use them, where the prototype lacks what is required.
var examples = map[string]Layer{
	"dense": Dense{Units: 3}, "embedding": Embedding{Width: 3}, "reshape": Reshape{Shape: []int{2, -1}}, "residual": Residual{Body: ReLU{}},
	"named": Named{"n", ReLU{}}, "shared": Shared{"s", ReLU{}}, "get": Get("x"),
	"class_weight": ClassWeight{[]float64{1, 2, 3, 4}},
}

// builds lists the graphs in which a layer or a loss works: from numbers or from an index, with numbers or a class as the target.
func builds(kind string, layer Layer) (graphs []*engine.Graph, first error) {
	in := [][]engine.Type{{vector(4)}, {class(4)}}
	if kind == "loss" {
		in = [][]engine.Type{{vector(4), class(4)}, {vector(4), vector(4)}}
	}
	for _, types := range in {
		g := engine.NewGraph()
		x := []engine.Value{g.Input(engine.Field{Name: "x", Type: types[0]})}
		target := engine.Field{Name: "target", Type: class(4), Use: engine.Target}
		if kind == "loss" {
			target.Type = types[1]
			x = append(x, g.Input(target))
		} else {
			g.Input(target) // for those that take their size from it
		}
		layer.Build(g, x...)
		if err := g.Err(); err == nil {
			graphs = append(graphs, g)
		} else if first == nil {
			first = err
		}
	}
	return graphs, first
}

// Every operation that a registered layer or loss puts into a graph must be on the list above.
func TestEveryOperationIsTested(t *testing.T) {
	tested := map[reflect.Type]bool{}
	for _, c := range operations {
		tested[reflect.TypeOf(c.Op)] = true
	}
	for _, list := range []*spec.Registry{layers, losses} {
		for _, e := range list.Entries() {
			layer, ok := examples[e.Name]
			if !ok {
				layer = e.Prototype.(Layer)
			}
			graphs, err := builds(list.Kind(), layer)
			if len(graphs) == 0 {
				t.Errorf("%s: %v; add an example if it needs one", e.Name, err)
			}
			for _, g := range graphs {
				for _, n := range g.Nodes() {
					if n.Op != nil && !tested[reflect.TypeOf(n.Op)] {
						t.Errorf("%s: operation %T runs through no test", e.Name, n.Op)
					}
				}
			}
		}
	}
}

// A planted error must be found: relu with the derivative of the identity, and one that is off by a ten-thousandth.
type planted struct {
	ReLU
	wrong float64
}

func (p planted) Code(in []engine.Type, c engine.Conditions) engine.Code {
	code := p.ReLU.Code(in, c)
	body := code.F64.(pointwise[float64])
	right := body.fromOut
	body.fromOut = func(dx, y, dy []float64, add bool) {
		right(dx, y, dy, add)
		for i := range dx {
			dx[i] *= 1 + p.wrong
		}
	}
	code.F64 = body
	return code
}

func TestPlantedErrorIsFound(t *testing.T) {
	for wrong, found := range map[float64]bool{0: false, 1e-4: true, 1: true} {
		errs := enginetest.Check(enginetest.Case{Name: "planted", Op: planted{wrong: wrong}, In: []engine.Type{vector(6)}})
		if (len(errs) > 0) != found {
			t.Errorf("derivative off by %v: the suite says %v", wrong, errs)
		}
	}
}

func TestDropoutDropsItsShare(t *testing.T) {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: vector(1000)})
	g.Output("y", Dropout{Rate: 0.3}.Build(g, x))
	p, err := engine.Compile(g, engine.Options{Rows: 20, Forward: true})
	if err != nil {
		t.Fatal(err)
	}
	ones := make([]float32, 20*1000)
	for i := range ones {
		ones[i] = 1
	}
	b := &engine.Batch{In: []engine.Tensor{{F32: ones}}, Rows: 20, Mode: engine.Train}
	masks := map[uint64]float64{}
	for step := range uint64(2) {
		b.Step = step
		if _, err := p.Forward(b); err != nil {
			t.Fatal(err)
		}
		zeros, sum := 0, 0.0
		for _, v := range p.Output("y").F32 {
			if v == 0 {
				zeros++
			}
			sum += float64(v)
		}
		// Five standard deviations of a binomial share.
		if share := float64(zeros) / 20000; math.Abs(share-0.3) > 5*math.Sqrt(0.3*0.7/20000) {
			t.Errorf("step %d: %v of the inputs dropped, 0.3 is wanted", step, share)
		}
		if mean := sum / 20000; math.Abs(mean-1) > 0.03 {
			t.Errorf("step %d: mean %v after dropout, 1 is wanted", step, mean)
		}
		masks[step] = float64(zeros)
	}
	b.Mode = engine.Evaluate
	p.Forward(b)
	for _, v := range p.Output("y").F32 {
		if v != 1 {
			t.Fatal("evaluation drops")
		}
	}
}
