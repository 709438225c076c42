package stats

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// This file compares with the numbers of testdata/scipy.json, which testdata/make.py computed by SciPy and mpmath.

type reference struct {
	Source  string
	Normal  []struct{ P, Q float64 }
	Student []struct{ P, DF, Q float64 }
	Mean    []struct {
		X                          []float64
		Level, Mean, SD, Low, High float64
	}
	Paired []struct {
		A, B                      []float64
		Level, Mean, Low, High, P float64
	}
	Wilson   []struct{ K, N, Level, Low, High float64 }
	Quantile []struct {
		X    []float64
		Q, V float64
	}
}

func readReference(t *testing.T) reference {
	t.Helper()
	text, err := os.ReadFile("testdata/scipy.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// near compares with an error relative to numbers above 1 and absolute below.
func near(t *testing.T, tolerance, got, want float64, what string, args ...any) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf(what+": got %.17g, want %.17g, error %.2g", append(args, got, want, got-want)...)
	}
}

func TestReference(t *testing.T) {
	r := readReference(t)
	t.Run("normal quantile", func(t *testing.T) {
		for _, c := range r.Normal {
			near(t, 1e-13, NormalQuantile(c.P), c.Q, "p %g", c.P)
		}
	})
	t.Run("student quantile", func(t *testing.T) {
		for _, c := range r.Student {
			near(t, 1e-12, StudentQuantile(c.P, c.DF), c.Q, "p %g, df %g", c.P, c.DF)
		}
	})
	t.Run("mean", func(t *testing.T) {
		for i, c := range r.Mean {
			got := Mean(c.X, c.Level)
			near(t, 1e-12, got.Mean, c.Mean, "case %d: mean", i)
			near(t, 1e-12, got.SD, c.SD, "case %d: sd", i)
			near(t, 1e-12, got.Low, c.Low, "case %d: low", i)
			near(t, 1e-12, got.High, c.High, "case %d: high", i)
		}
	})
	t.Run("paired", func(t *testing.T) {
		for i, c := range r.Paired {
			got, err := Paired(c.A, c.B, c.Level, 1)
			if err != nil {
				t.Fatal(err)
			}
			near(t, 1e-12, got.Mean, c.Mean, "case %d: mean", i)
			near(t, 1e-12, got.Low, c.Low, "case %d: low", i)
			near(t, 1e-12, got.High, c.High, "case %d: high", i)
			near(t, 1e-12, got.P, c.P, "case %d: p", i)
		}
	})
	t.Run("wilson", func(t *testing.T) {
		for _, c := range r.Wilson {
			low, high := Wilson(c.K, c.N, c.Level)
			near(t, 1e-13, low, c.Low, "%g of %g: low", c.K, c.N)
			near(t, 1e-13, high, c.High, "%g of %g: high", c.K, c.N)
		}
	})
	t.Run("quantile", func(t *testing.T) {
		for _, c := range r.Quantile {
			near(t, 1e-15, Quantile(c.X, c.Q), c.V, "%v at %g", c.X, c.Q)
		}
	})
}

// Published tables, independent of SciPy: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.1 and 1.3.6.7.2,
// given to three digits.
func TestPublishedTables(t *testing.T) {
	for _, c := range []struct{ p, df, want float64 }{
		{0.95, 1, 6.314}, {0.975, 4, 2.776}, {0.99, 9, 2.821}, {0.995, 2, 9.925}, {0.975, 30, 2.042}, {0.999, 3, 10.215},
	} {
		near(t, 0.0006, StudentQuantile(c.p, c.df), c.want, "t at %g with %g degrees", c.p, c.df)
	}
	near(t, 0.00006, NormalQuantile(0.975), 1.9600, "z at 0.975")
}
