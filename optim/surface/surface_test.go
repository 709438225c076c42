package surface

import (
	"math"
	"strings"
	"testing"
)

func TestGradients(t *testing.T) {
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			for _, x := range [][]float64{f.Start, {0.3, -0.7}, {-1.1, 0.4}, {2.5, 1.3}, {0, 0}} {
				got := make([]float64, 2)
				f.Gradient(x, got)
				for i := range x {
					const h = 1e-5
					at := func(step float64) float64 {
						y := []float64{x[0], x[1]}
						y[i] += step * h
						return f.Value(y)
					}
					want := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
					if scale := math.Max(1, math.Abs(want)) + math.Abs(f.Value(x)); !(math.Abs(got[i]-want) <= 1e-8*scale) {
						t.Errorf("at %v the gradient's element %d is %v; by differences %v", x, i, got[i], want)
					}
				}
			}
		})
	}
}

// What a function says of its minima must be so: the value, no gradient, curved upwards, and the condition number.
func TestMinima(t *testing.T) {
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			if len(f.Minima) == 0 != math.IsInf(f.Least, -1) {
				t.Errorf("%d minima, and the least value is %v", len(f.Minima), f.Least)
			}
			for _, m := range f.Minima {
				if v := f.Value(m); !(math.Abs(v-f.Least) < 1e-25) {
					t.Errorf("value %v at %v, wanted %v", v, m, f.Least)
				}
				if !f.Region.Contains(m) {
					t.Errorf("the minimum %v is not in the picture", m)
				}
				const h = 1e-4
				var second [2][2]float64
				for i := range 2 {
					plus, minus := []float64{m[0], m[1]}, []float64{m[0], m[1]}
					plus[i] += h
					minus[i] -= h
					a, b := make([]float64, 2), make([]float64, 2)
					f.Gradient(plus, a)
					f.Gradient(minus, b)
					for j := range 2 {
						second[i][j] = (a[j] - b[j]) / (2 * h)
					}
				}
				trace, determinant := second[0][0]+second[1][1], second[0][0]*second[1][1]-second[0][1]*second[1][0]
				if !(trace > 0 && determinant > 0) {
					t.Errorf("%v is no minimum: trace %v, determinant %v", m, trace, determinant)
				}
				large := (trace + math.Sqrt(trace*trace-4*determinant)) / 2
				if got := large * large / determinant; len(f.Minima) == 1 && !(math.Abs(got/f.Condition-1) < 1e-4) {
					t.Errorf("condition number %v, wanted %v", f.Condition, got)
				}
			}
			if len(f.Minima) != 1 && f.Condition != 0 {
				t.Errorf("condition number %v of %d minima", f.Condition, len(f.Minima))
			}
			if !f.Region.Contains(f.Start) || f.Steps < 1 || f.Formula == "" || f.Source == "" {
				t.Errorf("start %v, steps %d, formula %q, source %q", f.Start, f.Steps, f.Formula, f.Source)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	for _, name := range Names() {
		if f, err := Lookup(name); err != nil || f.Name != name {
			t.Errorf("%s: %v, %v", name, f.Name, err)
		}
	}
	for name, says := range map[string]string{"ravin": `did you mean "ravine"?`, "rosenbrok": `"rosenbrock"`, "zzzzzz": "known: ravine, rosenbrock", "": "known: ravine"} {
		if _, err := Lookup(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v lacks %q", name, err, says)
		}
	}
	for _, k := range []float64{0, -1, 0.5, 1e7, math.NaN(), math.Inf(1)} {
		if _, err := Ravine(k); err == nil || !strings.Contains(err.Error(), "[1, 1e6]") {
			t.Errorf("condition %v: %v", k, err)
		}
	}
}

// A caller that changes what it got must not change what others get.
func TestListsAreTheCallersOwn(t *testing.T) {
	f := Functions()[0]
	f.Start[0], f.Minima[0][0], f.Rates["sgd"] = 99, 99, 99
	if g := Functions()[0]; g.Start[0] == 99 || g.Minima[0][0] == 99 || g.Rates["sgd"] == 99 {
		t.Error("shared")
	}
}
