package nn

import (
	"math"
	"testing"

	"github.com/descent-go/descent/engine"
)

// pass runs an activation on x and returns its result and derivative, in one precision.
func pass[T engine.Float](t *testing.T, l Layer, x []T) (y, slope []T) {
	t.Helper()
	precision := engine.Float32
	if _, ok := any(x).([]float64); ok {
		precision = engine.Float64
	}
	g := engine.NewGraph()
	row := engine.Type{Shape: engine.Shape{1}}
	v := g.Output("y", l.Build(g, g.Input(engine.Field{Name: "x", Type: row})))
	g.Objective(v, engine.Value{})
	p, err := engine.Compile(g, engine.Options{Precision: precision, Rows: len(x), InputGradients: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Forward(&engine.Batch{In: []engine.Tensor{engine.TensorOf("x", nil, x)}, Rows: len(x)}); err != nil {
		t.Fatal(err)
	}
	y = append(y, engine.Numbers[T](p.Output("y"))...)
	if err := p.Backward(); err != nil {
		t.Fatal(err)
	}
	return y, append(slope, engine.Numbers[T](p.InputGradient("x"))...)
}

// Far out, result and derivative are their limits, without overflow and without NaN; NaN stays NaN.
func TestActivationsFarOut(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name         string
		layer        Layer
		low, lowBy   float64 // the result far on the left and its derivative
		high, highBy float64 // ... on the right; Inf: it grows with x
	}{
		{"sigmoid", Sigmoid{}, 0, 0, 1, 0},
		{"tanh", Tanh{}, -1, 0, 1, 0},
		{"relu", ReLU{}, 0, 0, inf, 1},
		{"elu", ELU{1.5}, -1.5, 0, inf, 1},
		{"selu", SELU{}, -seluScale * seluAlpha, 0, inf, seluScale},
		{"celu", CELU{2}, -2, 0, inf, 1},
		{"gelu", GELU{}, 0, 0, inf, 1},
		{"gelu by tanh", GELU{Tanh: true}, 0, 0, inf, 1},
		{"silu", SiLU{}, 0, 0, inf, 1},
		{"softplus", Softplus{}, 0, 0, inf, 1},
		{"softsign", Softsign{}, -1, 0, 1, 0},
		{"hard sigmoid", HardSigmoid{}, 0, 0, 1, 0},
		{"hard tanh", HardTanh{}, -1, 0, 1, 0},
		{"hard swish", HardSwish{}, 0, 0, inf, 1},
	} {
		x := []float64{-inf, -1e300, -1e30, inf, 1e300, 1e30, math.NaN()}
		y, slope := pass(t, c.layer, x)
		for i, v := range x[:6] {
			want, by := c.low, c.lowBy
			if v > 0 {
				want, by = c.high, c.highBy
			}
			if math.IsInf(want, 1) { // grows with x
				want = v * by
			}
			if !close(y[i], want) || !close(slope[i], by) {
				t.Errorf("%s at %v: %v with derivative %v, want %v and %v", c.name, v, y[i], slope[i], want, by)
			}
		}
		if !math.IsNaN(y[6]) {
			t.Errorf("%s of NaN: %v", c.name, y[6])
		}
		// In float32 the same numbers, rounded once.
		small := []float32{-20, -3.5, -1, -0.1, -1e-6, 1e-30, 0.3, 2, 3.25, 40}
		x = x[:0]
		for _, v := range small {
			x = append(x, float64(v))
		}
		y, slope = pass(t, c.layer, x)
		y32, slope32 := pass(t, c.layer, small)
		for i := range small {
			if math.Abs(float64(y32[i])-y[i]) > 3e-7*math.Abs(y[i])+1e-37 || math.Abs(float64(slope32[i])-slope[i]) > 3e-7 {
				t.Errorf("%s at %v: %v and %v in float32, %v and %v in float64", c.name, small[i], y32[i], slope32[i], y[i], slope[i])
			}
		}
	}
}

func close(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-15*math.Abs(b)+1e-30 }

// Small results keep their digits where a sum with 1 would lose them.
func TestActivationsNearZeroKeepDigits(t *testing.T) {
	for _, c := range []struct {
		name    string
		layer   Layer
		x, want float64
	}{
		{"elu", ELU{1}, -1e-10, -9.9999999995e-11},
		{"selu", SELU{}, -1e-10, seluScale * seluAlpha * -9.9999999995e-11},
		{"softplus", Softplus{}, -40, 4.248354255291589e-18},
		{"silu", SiLU{}, -50, -9.643749239819589e-21},
		{"gelu by tanh", GELU{Tanh: true}, -5, -2.291796196629506e-07},
	} {
		y, _ := pass(t, c.layer, []float64{c.x})
		if math.Abs(y[0]-c.want) > 1e-13*math.Abs(c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, y[0], c.want)
		}
	}
}

// Logits far apart give finite logarithms and losses.
func TestLogSoftmaxFarOut(t *testing.T) {
	got := run(t, LogSoftmax{}, 1000, 0, -1000, 999, 1e300, 0, 0, 0)
	want := []float64{-math.Log1p(math.Exp(-1)), -1000 - math.Log1p(math.Exp(-1)), -2000 - math.Log1p(math.Exp(-1)), -1 - math.Log1p(math.Exp(-1)), 0, -1e300, -1e300, -1e300}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12*max(1, math.Abs(want[i])) {
			t.Errorf("number %d: %v, want %v", i, got[i], want[i])
		}
	}
}
