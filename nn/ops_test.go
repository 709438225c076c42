package nn

import (
	"math"
	"reflect"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/engine/enginetest"
)

func vector(n ...int) engine.Type { return engine.Type{Shape: n} }
func fixed(n ...int) engine.Type  { return engine.Type{Shape: n, Fixed: true} }
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

var operations = []enginetest.Case{
	{Name: "dense", Op: AffineOp{}, In: []engine.Type{vector(5), fixed(3, 5), fixed(3)}},
	{Name: "dense without bias", Op: AffineOp{}, In: []engine.Type{vector(5), fixed(3, 5)}},
	{Name: "dense of one", Op: AffineOp{}, In: []engine.Type{vector(1), fixed(1, 1), fixed(1)}},
	{Name: "dense wide", Op: AffineOp{}, In: []engine.Type{vector(37), fixed(65, 37), fixed(65)}},
	{Name: "dense of parameters", Op: AffineOp{}, In: []engine.Type{fixed(5), fixed(3, 5), fixed(3)}},
	{Name: "dense with relu", Op: AffineOp{Then: reluActivation}, In: []engine.Type{vector(5), fixed(4, 5), fixed(4)}},
	{Name: "dense with sigmoid", Op: AffineOp{Then: sigmoidActivation}, In: []engine.Type{vector(5), fixed(3, 5), fixed(3)}},
	{Name: "dense with tanh", Op: AffineOp{Then: tanhActivation}, In: []engine.Type{vector(33), fixed(19, 33)}},
	{Name: "relu", Op: ReLU{}, In: []engine.Type{vector(7)}},
	{Name: "relu of a picture", Op: ReLU{}, In: []engine.Type{vector(2, 3, 3)}},
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
	{Name: "cross entropy", Op: CrossEntropy{}, In: []engine.Type{vector(6), class(6)}},
	{Name: "cross entropy of two", Op: CrossEntropy{}, In: []engine.Type{vector(2), class(2)}},
	{Name: "squares", Op: SquaresOp{0.5}, In: []engine.Type{vector(3), vector(3)}},
	{Name: "squares of a class", Op: SquaresOp{0.25}, In: []engine.Type{vector(4), class(4)}},
}

func TestOperations(t *testing.T) { enginetest.Run(t, operations...) }

// Every operation that a registered layer or loss puts into a graph must be on the list above.
func TestEveryOperationIsTested(t *testing.T) {
	tested := map[reflect.Type]bool{}
	for _, c := range operations {
		tested[reflect.TypeOf(c.Op)] = true
	}
	for _, list := range Lists()[:2] {
		for _, e := range list.Entries() {
			layer := e.Prototype.(Layer)
			switch l := layer.(type) {
			case Dense:
				l.Units = 3
				layer = l
			case Residual:
				l.Body = ReLU{}
				layer = l
			case Named:
				layer = Named{"n", ReLU{}}
			case Shared:
				layer = Shared{"s", ReLU{}}
			case Get:
				layer = Get("x")
			}
			g := engine.NewGraph()
			x := g.Input(engine.Field{Name: "x", Type: vector(4)})
			target := g.Input(engine.Field{Name: "target", Type: class(4), Use: engine.Target})
			in := []engine.Value{x}
			if list.Kind() == "loss" {
				in = append(in, target)
			}
			layer.Build(g, in...)
			if err := g.Err(); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
			for _, n := range g.Nodes() {
				if n.Op != nil && !tested[reflect.TypeOf(n.Op)] {
					t.Errorf("%s: operation %T runs through no test", e.Name, n.Op)
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
