package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

func fill(i engine.Init, s engine.Shape) []float64 {
	w := make([]float64, s.Size())
	i.Fill(w, s, engine.NewRand(5, "init"))
	return w
}

func moments(w []float64) (mean, variance float64) {
	for _, v := range w {
		mean += v
	}
	mean /= float64(len(w))
	for _, v := range w {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(w)-1)
}

// Mean, variance and bounds, each within five standard errors: that of a variance is at most sqrt(2/n) of it for these distributions.
func TestInitializersHaveTheirMoments(t *testing.T) {
	matrix, filters := engine.Shape{200, 300}, engine.Shape{40, 30, 5, 5} // fans 300 and 200; 750 and 1000
	for _, c := range []struct {
		name               string
		init               engine.Init
		shape              engine.Shape
		mean, variance, at float64 // at: no number is farther from the mean; 0: no bound
	}{
		{"glorot", Glorot{}, matrix, 0, 2.0 / 500, math.Sqrt(6.0 / 500)},
		{"glorot of filters", Glorot{}, filters, 0, 2.0 / 1750, math.Sqrt(6.0 / 1750)},
		{"glorot normal with gain", Glorot{Normal: true, Gain: 3}, matrix, 0, 9 * 2.0 / 500, 0},
		{"he", He{}, matrix, 0, 2.0 / 300, 0},
		{"he uniform", He{Uniform: true}, matrix, 0, 2.0 / 300, math.Sqrt(6.0 / 300)},
		{"he by outputs", He{FanOut: true}, matrix, 0, 2.0 / 200, 0},
		{"he of filters", He{}, filters, 0, 2.0 / 750, 0},
		{"he of filters by outputs", He{FanOut: true, Gain: 0.5}, filters, 0, 0.25 * 2.0 / 1000, 0},
		{"he of a vector", He{}, engine.Shape{5000}, 0, 2.0 / 5000, 0},
		{"lecun", LeCun{}, matrix, 0, 1.0 / 300, 0},
		{"lecun uniform by outputs", LeCun{Uniform: true, FanOut: true}, matrix, 0, 1.0 / 200, math.Sqrt(3.0 / 200)},
		{"uniform", Uniform{1, 4}, matrix, 2.5, 9.0 / 12, 1.5},
		{"normal", Normal{Mean: -2, SD: 3}, matrix, -2, 9, 0},
		// A normal distribution cut at two standard deviations has 0.77374 of its variance: 1 - 4 φ(2) / (2 Φ(2) - 1).
		{"truncated normal", TruncatedNormal{Mean: 1, SD: 2}, matrix, 1, 4 * 0.773741, 4},
		{"constant", Constant(0.5), matrix, 0.5, 0, 0},
		{"orthogonal", Orthogonal{}, matrix, 0, 1.0 / 300, 1},
		{"sparse", Sparse{Nonzero: 15, SD: 2}, matrix, 0, 4 * 15.0 / 300, 0},
	} {
		w := fill(c.init, c.shape)
		n := float64(len(w))
		mean, variance := moments(w)
		if math.Abs(mean-c.mean) > 5*math.Sqrt(c.variance/n) {
			t.Errorf("%s: mean %v, want %v", c.name, mean, c.mean)
		}
		spread := math.Sqrt(2 / n)
		if _, sparse := c.init.(Sparse); sparse {
			spread = math.Sqrt(2 / (n / 20)) // 15 of 300 count
		}
		if math.Abs(variance-c.variance) > 5*c.variance*spread {
			t.Errorf("%s: variance %v, want %v", c.name, variance, c.variance)
		}
		for _, v := range w {
			if c.at > 0 && math.Abs(v-c.mean) > c.at*(1+1e-12) {
				t.Errorf("%s: %v lies beyond %v ± %v", c.name, v, c.mean, c.at)
				break
			}
		}
		if !slices.Equal(w, fill(c.init, c.shape)) {
			t.Errorf("%s: other numbers from the same source", c.name)
		}
	}
}

// Rows are orthonormal, or columns where there are fewer; the inner products of a matrix of filters are of its rows.
func TestOrthogonalIsOrthogonal(t *testing.T) {
	for _, s := range []engine.Shape{{1, 1}, {64, 64}, {10, 70}, {70, 10}, {8, 3, 2, 2}, {12}, nil, {1, 5}, {5, 1}} {
		const gain = 1.5
		w := fill(Orthogonal{Gain: gain}, s)
		rows := 1
		if len(s) > 1 {
			rows = s[0]
		}
		columns := len(w) / rows
		at := func(v, k int) float64 { return w[v*columns+k] }
		if rows > columns {
			at = func(v, k int) float64 { return w[k*columns+v] }
		}
		count, length := min(rows, columns), max(rows, columns)
		for a := range count {
			for b := range a + 1 {
				sum, want := 0.0, 0.0
				for k := range length {
					sum += at(a, k) * at(b, k)
				}
				if a == b {
					want = gain * gain
				}
				if math.Abs(sum-want) > 1e-13 {
					t.Fatalf("%v: vectors %d and %d have the product %v, want %v", s, a, b, sum, want)
				}
			}
		}
	}
}

// Vectors that are nearly the same are made orthogonal to rounding: once through Gram and Schmidt would leave errors of 1e-8.
func TestOrthonormalizeNearlyEqualVectors(t *testing.T) {
	const count, length = 3, 20
	q := fill(Normal{SD: 1e-8}, engine.Shape{count, length})
	for k := range q {
		q[k]++
	}
	orthonormalize(q, count, length)
	for a := range count {
		for b := range a {
			if p := inner(q[a*length:(a+1)*length], q[b*length:(b+1)*length]); math.Abs(p) > 1e-14 {
				t.Errorf("vectors %d and %d have the product %v", a, b, p)
			}
		}
	}
}

// Mezzadri 2007, section 4: with R's diagonal positive the distribution is Haar's, under which every element has mean 0 and each sign is
// as likely; without, the first element would always be of one sign.
func TestOrthogonalHasBothSigns(t *testing.T) {
	positive := 0
	for seed := range uint64(400) {
		w := make([]float64, 9)
		Orthogonal{}.Fill(w, engine.Shape{3, 3}, engine.NewRand(seed, "init"))
		if w[0] > 0 {
			positive++
		}
	}
	if positive < 150 || positive > 250 { // five standard deviations
		t.Errorf("the first element is positive in %d of 400", positive)
	}
}

// Martens 2010, section 5: "we limited the number of non-zero incoming connection weights to each unit to 15".
func TestSparseConnectsEachUnitToSome(t *testing.T) {
	for _, c := range []struct {
		nonzero, units, inputs, want int
	}{{15, 50, 100, 15}, {15, 50, 10, 10}, {1, 3, 1, 1}, {100, 20, 100, 100}} {
		w := fill(Sparse{Nonzero: c.nonzero, SD: 1}, engine.Shape{c.units, c.inputs})
		used := make([]int, c.inputs)
		for u := range c.units {
			count := 0
			for k, v := range w[u*c.inputs : (u+1)*c.inputs] {
				if v != 0 {
					count++
					used[k]++
				}
			}
			if count != c.want {
				t.Fatalf("%+v: unit %d has %d weights", c, u, count)
			}
		}
		if c.nonzero == 15 && c.inputs == 100 {
			// 750 weights over 100 inputs: 7.5 on average with standard deviation 2.5.
			if most := slices.Max(used); most > 20 {
				t.Errorf("an input feeds %d of 50 units", most)
			}
		}
	}
	if w := fill(Sparse{Nonzero: -3, SD: 1}, engine.Shape{4, 4}); slices.ContainsFunc(w, func(v float64) bool { return v != 0 }) {
		t.Error("a negative number of weights makes some")
	}
}

// signal is the mean square of the result of 30 layers of 256 units with ReLU before the last one's, over that of the first.
func signal(t *testing.T, init engine.Init, activation Layer) float64 {
	t.Helper()
	const width, depth, rows = 256, 30, 40
	var s Sequence
	for range depth {
		s = append(s, Dense{Units: width, Init: init, NoBias: true}, activation)
	}
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: vector(width)})
	first := g.Output("first", s[:2].Build(g.In("first"), x))
	g.Output("last", s[2:].Build(g, first))
	p, err := engine.Compile(g, engine.Options{Rows: rows, Forward: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	in := make([]float32, rows*width)
	r := engine.NewRand(2, "x")
	for i := range in {
		in[i] = float32(r.Normal(0, i))
	}
	if _, err := p.Forward(&engine.Batch{In: []engine.Tensor{{F32: in}}, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	square := func(name string) float64 {
		sum := 0.0
		for _, v := range p.Output(name).F32 {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	return square("last") / square("first")
}

// He et al. 2015, section 2.2: with equation 10 the variance of the last layer is that of the first; "Xavier" lacks the factor 2 of a
// rectifier, so that each layer halves it and a 30-layer model stalls. He and Glorot agree on a square weight but for that factor.
func TestHeKeepsSignalsThroughThirtyLayers(t *testing.T) {
	for _, c := range []struct {
		name       string
		init       engine.Init
		activation Layer
		low, high  float64
	}{
		{"he with relu", He{}, ReLU{}, 0.1, 10},
		{"glorot with relu", Glorot{}, ReLU{}, 0, math.Pow(2, -29) * 10},
		{"he with leaky relu of its slope", LeakyReLU{0.5}.start(), LeakyReLU{0.5}, 0.1, 10},
		{"orthogonal without activation", Orthogonal{}, Identity{}, 0.999, 1.001},
		{"lecun with selu", SELU{}.start(), SELU{}, 0.8, 1.25},
	} {
		if got := signal(t, c.init, c.activation); !(got >= c.low && got <= c.high) {
			t.Errorf("%s: the mean square changes by %v, want %v to %v", c.name, got, c.low, c.high)
		}
	}
}
