package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// This file holds what must be true of every sample, and the cases at the ends: no numbers, one, equal ones.

func sample(least int) *rapid.Generator[[]float64] {
	return rapid.SliceOfN(rapid.Float64Range(-1000, 1000), least, 20)
}

func level() *rapid.Generator[float64] { return rapid.Float64Range(0.01, 0.999) }

func TestWilsonProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Float64Range(0.5, 1e6).Draw(t, "n")
		k := rapid.Float64Range(0, n).Draw(t, "k")
		l := rapid.OneOf(level(), rapid.Float64Range(1e-15, 1e-6)).Draw(t, "level") // tiny ones test the rounding
		low, high := Wilson(k, n, l)
		if !(0 <= low && low <= k/n && k/n <= high && high <= 1) {
			t.Fatalf("[%v, %v] does not lie around %v", low, high, k/n)
		}
		other, _ := Wilson(n-k, n, l)
		if math.Abs(high-(1-other)) > 1e-9 {
			t.Fatalf("high %v of k, low %v of n-k: not symmetric", high, other)
		}
		wider, _ := Wilson(k, n, l+(1-l)/2)
		if wider > low*(1+1e-10) {
			t.Fatalf("level %v: low %v, wider level: %v", l, low, wider)
		}
		// The bounds are where the score test just accepts, Wilson's definition.
		if z := NormalQuantile(0.5 + l/2); low > 0 {
			if score := (k/n - low) / math.Sqrt(low*(1-low)/n); math.Abs(score-z) > 1e-5*max(1, z) && k/n-low > 1e-9 {
				t.Fatalf("score %v at the lower bound, want %v", score, z)
			}
		}
	})
}

func TestWilsonEnds(t *testing.T) {
	for _, c := range []struct{ k, n, level, low, high float64 }{
		{0, 0, 0.95, 0, 1},
		{0, -1, 0.95, 0, 1},
		{0, math.SmallestNonzeroFloat64, 0.95, 0, 1},
		{5, 5, 0.95, 0.5655175352168252, 1},        // SciPy
		{5.000001, 5, 0.95, 0.5655175352168252, 1}, // weights that sum to a little more
		{-0.000001, 5, 0.95, 0, 0.4344824647831749},
		{1, 2, 0, math.NaN(), math.NaN()},
		{1, 2, 1, math.NaN(), math.NaN()},
		{1, 2, 95, math.NaN(), math.NaN()},
		{1, 2, math.NaN(), math.NaN(), math.NaN()},
		{math.NaN(), 2, 0.95, math.NaN(), math.NaN()},
		{1, math.NaN(), 0.95, math.NaN(), math.NaN()},
	} {
		low, high := Wilson(c.k, c.n, c.level)
		if !same(low, c.low) || !same(high, c.high) {
			t.Errorf("%v of %v at %v: [%v, %v], want [%v, %v]", c.k, c.n, c.level, low, high, c.low, c.high)
		}
	}
}

func TestWilsonAllOrNone(t *testing.T) {
	for n := 1.0; n < 2000; n++ {
		if low, high := Wilson(0, n, 0.95); low != 0 || !(high > 0 && high < 1) {
			t.Errorf("0 of %v: [%v, %v]", n, low, high)
		}
		if low, high := Wilson(n, n, 0.95); !(low > 0 && low < 1) || high != 1 {
			t.Errorf("%v of %v: [%v, %v]", n, n, low, high)
		}
	}
}

func same(got, want float64) bool {
	return math.Abs(got-want) <= 1e-12 || math.IsNaN(got) && math.IsNaN(want)
}

func TestMeanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, l := sample(2).Draw(t, "x"), level().Draw(t, "level")
		shift, scale := rapid.Float64Range(-1000, 1000).Draw(t, "shift"), rapid.Float64Range(0.1, 10).Draw(t, "scale")
		a := Mean(x, l)
		y := slices.Clone(x)
		for i := range y {
			y[i] = shift + scale*y[i]
		}
		b := Mean(y, l)
		tolerance := 1e-8 * max(1, math.Abs(b.High), math.Abs(b.Low))
		if math.Abs(b.Low-(shift+scale*a.Low)) > tolerance || math.Abs(b.High-(shift+scale*a.High)) > tolerance {
			t.Fatalf("%+v moved and stretched is %+v", a, b)
		}
		if !(a.Low <= a.Mean && a.Mean <= a.High) || a.N != len(x) {
			t.Fatalf("%+v", a)
		}
	})
}

func TestMeanEnds(t *testing.T) {
	if got, want := Mean(nil, 0.95), (Interval{}); got != want {
		t.Errorf("no numbers: %+v, want %+v", got, want)
	}
	if got, want := Mean([]float64{3}, 0.95), (Interval{Mean: 3, Low: 3, High: 3, N: 1}); got != want {
		t.Errorf("one number: %+v, want %+v", got, want)
	}
	if got, want := Mean([]float64{3, 3, 3}, 0.95), (Interval{Mean: 3, Low: 3, High: 3, N: 3}); got != want {
		t.Errorf("equal numbers: %+v, want %+v", got, want)
	}
	for _, l := range []float64{0, 1, -1, 95, math.NaN()} {
		for n := range 3 {
			if got := Mean([]float64{1, 2}[:n], l); !math.IsNaN(got.Low) || !math.IsNaN(got.High) || math.IsNaN(got.Mean) {
				t.Errorf("level %v, %d numbers: %+v", l, n, got)
			}
		}
	}
}

func TestRunning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := sample(0).Draw(t, "x")
		cut := rapid.IntRange(0, len(x)).Draw(t, "cut")
		var all, left, right Running
		sum := 0.0
		for i, v := range x {
			all.Add(v)
			sum += v
			if i < cut {
				left.Add(v)
			} else {
				right.Add(v)
			}
		}
		left.Merge(right)
		mean, squares := 0.0, 0.0
		if len(x) > 0 {
			mean = sum / float64(len(x))
		}
		for _, v := range x {
			squares += (v - mean) * (v - mean)
		}
		for _, r := range []Running{all, left} {
			if r.N != len(x) || !(math.Abs(r.Mean-mean) <= 1e-10) || !(math.Abs(r.M2-squares) <= 1e-7) {
				t.Fatalf("%+v, want mean %v and sum of squares %v of %d", r, mean, squares, len(x))
			}
		}
		if want := squares / float64(max(1, len(x)-1)); math.Abs(all.Variance()-want) > 1e-7 || all.SD() != math.Sqrt(all.Variance()) {
			t.Fatalf("variance %v, want %v; sd %v", all.Variance(), want, all.SD())
		}
	})
	// The sum of squares minus the square of the sum has no digit left here.
	var r Running
	for _, v := range []float64{4, 7, 13, 16} {
		r.Add(1e12 + v)
	}
	if r.Variance() != 30 {
		t.Errorf("variance with a large mean: %v, want 30", r.Variance())
	}
}

// Three values give 27 equally likely samples, so that the exact distribution of what the bootstrap draws is known.
func TestBootstrapExact(t *testing.T) {
	x := []float64{0, 1, 10}
	key := func(sample []float64) float64 { return sample[0]*10000 + sample[1]*100 + sample[2] }
	var means []float64
	counts := map[float64]int{}
	for _, a := range x {
		for _, b := range x {
			for _, c := range x {
				means = append(means, (a+b+c)/3)
				counts[key([]float64{a, b, c})] = 0
			}
		}
	}
	slices.Sort(means)
	const resamples = 27000
	low, high := Bootstrap(x, func(sample []float64) float64 {
		counts[key(sample)]++
		slices.Sort(sample) // allowed
		return average(sample)
	}, resamples, 0.9, 7)
	for k, n := range counts { // each 1000 times, with a standard deviation of 31
		if n < 850 || n > 1150 {
			t.Errorf("sample %v came %d times, want about 1000", k, n)
		}
	}
	if len(counts) != 27 {
		t.Errorf("%d kinds of samples, want 27", len(counts))
	}
	if want := sortedQuantile(means, 0.05); low != want {
		t.Errorf("low %v, want %v", low, want)
	}
	if want := sortedQuantile(means, 0.95); high != want {
		t.Errorf("high %v, want %v", high, want)
	}
	if !slices.Equal(x, []float64{0, 1, 10}) {
		t.Errorf("the values were reordered: %v", x)
	}
}

// The bits may not change with a release of Go or of this package: a run that is judged again must be judged the same.
func TestBootstrapBits(t *testing.T) {
	x := []float64{0.9712, 0.9698, 0.9731, 0.9705, 0.9719}
	low, high := Bootstrap(x, Median, 1000, 0.95, 42)
	if low != 0.9698 || high != 0.9731 {
		t.Errorf("median: [%v, %v]", low, high)
	}
	var first, more []float64
	record := func(to *[]float64) func([]float64) float64 {
		return func(s []float64) float64 {
			m := average(s)
			*to = append(*to, m)
			return m
		}
	}
	Bootstrap(x, record(&first), 10, 0.95, 42)
	Bootstrap(x, record(&more), 20, 0.5, 42)
	if !slices.Equal(first, more[:10]) {
		t.Error("the first resamples depend on their number or on the level")
	}
	more = nil
	Bootstrap(x, record(&more), 10, 0.95, 43)
	if slices.Equal(first, more) {
		t.Error("the seed has no effect")
	}
	if got := []uint64{scramble(0), scramble(0x9e3779b97f4a7c15)}; got[0] != 0xe220a8397b1dcdaf || got[1] != 0x6e789e6aa1b965f4 {
		t.Errorf("SplitMix64 of seed 0 begins with %#x", got) // as published with the generator
	}
}

// A 95 % interval holds the true mean in about 95 of 100 samples.
func TestCoverage(t *testing.T) {
	const trials, n = 1000, 30
	r := rand.New(rand.NewPCG(1, 2))
	inMean, inBootstrap := 0, 0
	x := make([]float64, n)
	for trial := range trials {
		for i := range x {
			x[i] = r.NormFloat64()
		}
		if m := Mean(x, 0.95); m.Low <= 0 && 0 <= m.High {
			inMean++
		}
		if low, high := Bootstrap(x, average, 400, 0.95, uint64(trial)); low <= 0 && 0 <= high {
			inBootstrap++
		}
	}
	if inMean < 925 || inMean > 975 {
		t.Errorf("Student-t: %d of %d", inMean, trials)
	}
	if inBootstrap < 910 || inBootstrap > 965 { // known to be narrow by a factor sqrt((n-1)/n), and more
		t.Errorf("bootstrap: %d of %d", inBootstrap, trials)
	}
}

func TestBootstrapEnds(t *testing.T) {
	for name, bounds := range map[string]func() (float64, float64){
		"no values":         func() (float64, float64) { return Bootstrap(nil, average, 10, 0.95, 1) },
		"no resamples":      func() (float64, float64) { return Bootstrap([]float64{1}, average, 0, 0.95, 1) },
		"resamples below 0": func() (float64, float64) { return Bootstrap([]float64{1}, average, -1, 0.95, 1) },
		"level 95":          func() (float64, float64) { return Bootstrap([]float64{1}, average, 10, 95, 1) },
		"level NaN":         func() (float64, float64) { return Bootstrap([]float64{1}, average, 10, math.NaN(), 1) },
		"a NaN":             func() (float64, float64) { return Bootstrap([]float64{math.NaN()}, average, 10, 0.95, 1) },
	} {
		if low, high := bounds(); !math.IsNaN(low) || !math.IsNaN(high) {
			t.Errorf("%s: [%v, %v]", name, low, high)
		}
	}
	if low, high := Bootstrap([]float64{3}, average, 10, 0.95, 1); low != 3 || high != 3 {
		t.Errorf("one value: [%v, %v]", low, high)
	}
}

func TestPaired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := sample(1).Draw(t, "a")
		b := make([]float64, len(a))
		for i := range b {
			b[i] = rapid.Float64Range(-1000, 1000).Draw(t, "b")
		}
		x, err := Paired(a, b, 0.9, 5)
		if err != nil {
			t.Fatal(err)
		}
		y, err := Paired(b, a, 0.9, 5)
		if err != nil {
			t.Fatal(err)
		}
		if x.Low != -y.High || x.High != -y.Low || x.P != y.P || x.Mean != -y.Mean || x.N != len(a) {
			t.Fatalf("%+v, the other way round %+v", x, y)
		}
		// The two-sided test and the interval of the same level must agree.
		if inside := x.Low <= 0 && 0 <= x.High; len(a) > 1 && math.Abs(x.P-0.1) > 1e-9 && inside != (x.P > 0.1) {
			t.Fatalf("%+v: the interval and the p value disagree", x)
		}
		if x.BootLow > x.BootHigh || x.P < 0 || x.P > 1 {
			t.Fatalf("%+v", x)
		}
	})
	for _, c := range []struct {
		name string
		a, b []float64
		p    float64
	}{
		{"one pair", []float64{2}, []float64{1}, 1},
		{"no difference", []float64{2, 3}, []float64{2, 3}, 1},
		{"the same difference everywhere", []float64{2, 3}, []float64{1, 2}, 0},
	} {
		if d, err := Paired(c.a, c.b, 0.95, 1); err != nil || d.P != c.p || d.Low != d.High || d.BootLow != d.Mean || d.BootHigh != d.Mean {
			t.Errorf("%s: %+v, %v", c.name, d, err)
		}
	}
	if _, err := Paired([]float64{1}, nil, 0.95, 1); err == nil {
		t.Error("unequal lengths are taken")
	}
	if _, err := Paired(nil, nil, 0.95, 1); err == nil {
		t.Error("no pairs are taken")
	}
}

func TestQuantileProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := sample(1).Draw(t, "x")
		before := slices.Clone(x)
		p, q := rapid.Float64Range(0, 1).Draw(t, "p"), rapid.Float64Range(0, 1).Draw(t, "q")
		if p > q {
			p, q = q, p
		}
		if a, b := Quantile(x, p), Quantile(x, q); a > b+1e-9 {
			t.Fatalf("falls from %v at %v to %v at %v", a, p, b, q)
		}
		if Quantile(x, 0) != slices.Min(x) || Quantile(x, 1) != slices.Max(x) {
			t.Fatal("0 and 1 are not the least and the greatest value")
		}
		below := 0
		for _, v := range x {
			if v < Median(x) {
				below++
			}
		}
		if 2*below > len(x) {
			t.Fatalf("%d of %d values lie below the median", below, len(x))
		}
		if !slices.Equal(x, before) {
			t.Fatal("the values were reordered")
		}
	})
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		x       []float64
		q, want float64
	}{
		{nil, 0.5, nan}, {[]float64{1, nan}, 1, nan}, {[]float64{1}, -0.1, nan}, {[]float64{1}, 1.1, nan}, {[]float64{1}, nan, nan},
		{[]float64{inf, inf}, 0.5, inf}, {[]float64{1, 2, inf}, 0.5, 2}, {[]float64{1, inf}, 0.5, inf}, {[]float64{-inf, 1}, 1, 1},
		{[]float64{0.1, 0.1}, 0.3, 0.1}, {[]float64{0.1, 0.1}, 0.7, 0.1},
	} {
		if got := Quantile(c.x, c.q); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%v at %v: %v, want %v", c.x, c.q, got, c.want)
		}
	}
}

// The series for large arguments must meet the logarithms of the gamma function where it takes over.
func TestLogGammaRatio(t *testing.T) {
	for _, a := range []float64{30, 31.5, 40} {
		above, _ := math.Lgamma(a + 0.5)
		below, _ := math.Lgamma(a)
		near(t, 1.5e-14, logGammaRatio(a), above-below, "a %v", a)
	}
}

// A quantile is the inverse of the distribution.
func TestQuantileInverts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := math.Exp(rapid.Float64Range(math.Log(1e-140), math.Log(0.5)).Draw(t, "log p"))
		df := math.Exp(rapid.Float64Range(math.Log(1), math.Log(1e5)).Draw(t, "log df"))
		if got := studentTail(-StudentQuantile(p, df), df); !(math.Abs(got-p) <= 1e-9*p) {
			t.Fatalf("t, df %v: tail of the quantile at %v is %v", df, p, got)
		}
		if got := 0.5 * math.Erfc(-NormalQuantile(p)/math.Sqrt2); !(math.Abs(got-p) <= 1e-12*p) {
			t.Fatalf("normal: tail of the quantile at %v is %v", p, got)
		}
		if StudentQuantile(1-p, df) != -StudentQuantile(1-(1-p), df) || NormalQuantile(1-p) != -NormalQuantile(1-(1-p)) {
			t.Fatal("not symmetric")
		}
	})
	for _, df := range []float64{0.001, 0.5, 1, 50, 1000, 1e5, 1e6} { // beyond what is promised: not wrong by sign or NaN
		for p := 1e-323; p < 0.5; p *= 1000 {
			if q := StudentQuantile(p, df); !(q < 0) || !(NormalQuantile(p) < 0) {
				t.Errorf("df %v, p %v: %v and %v", df, p, q, NormalQuantile(p))
			}
		}
	}
	inf := math.Inf(1)
	for _, c := range []struct{ p, df, want float64 }{
		{0, 3, -inf}, {1, 3, inf}, {0.5, 3, 0}, {-0.1, 3, math.NaN()}, {1.1, 3, math.NaN()}, {math.NaN(), 3, math.NaN()},
		{0.3, 0, math.NaN()}, {0.3, -1, math.NaN()}, {0.3, math.NaN(), math.NaN()}, {0.025, inf, NormalQuantile(0.025)},
	} {
		if got := StudentQuantile(c.p, c.df); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("t at %v with %v degrees: %v, want %v", c.p, c.df, got, c.want)
		}
	}
	for _, c := range []struct{ p, want float64 }{{0, -inf}, {1, inf}, {0.5, 0}, {-0.1, math.NaN()}, {1.1, math.NaN()}, {math.NaN(), math.NaN()}} {
		if got := NormalQuantile(c.p); math.Abs(got-c.want) > 1e-16 && got != c.want || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("z at %v: %v, want %v", c.p, got, c.want)
		}
	}
}
