package plot

import (
	"math"
	"strings"
	"testing"

	"github.com/descent-go/descent/report"
)

func TestResample(t *testing.T) {
	c := report.Curve{X: []float64{1, 2, 2.01, 4}, Y: []float64{10, 20, 30, 45}}
	got := resample(c, 0, 5, 6)
	want := []float64{math.NaN(), 10, 25, 35, 45, math.NaN()}
	for i := range want {
		if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
			t.Errorf("%v, want %v", got, want)
			break
		}
	}
}

func TestCurves(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	a := report.Curve{Name: "train", X: []float64{0.1, 1, 2, 3}, Y: []float64{4, 3, 2, 1}}
	for _, c := range []struct {
		name   string
		curves []report.Curve
		lines  int // 0: nothing is drawn
	}{
		{"none", nil, 0},
		{"no points", []report.Curve{{}}, 0},
		{"nothing finite", []report.Curve{{X: []float64{1, nan}, Y: []float64{nan, 2}}}, 0},
		{"one point", []report.Curve{{X: []float64{1}, Y: []float64{2}}}, 14},
		{"level", []report.Curve{{X: []float64{1, 2}, Y: []float64{2, 2}}}, 14},
		{"level at zero", []report.Curve{{X: []float64{1, 2}, Y: []float64{0, 0}}}, 14},
		{"infinite in between", []report.Curve{{X: []float64{1, 2, 3}, Y: []float64{2, inf, 3}}}, 14},
		{"far apart", []report.Curve{{X: []float64{1, 2}, Y: []float64{-9e99, 9e99}}}, 14},
		{"too far apart", []report.Curve{{X: []float64{1, 2}, Y: []float64{-1e308, 1e308}}}, 0},
		{"close together", []report.Curve{{X: []float64{1, 2}, Y: []float64{1, 1 + 1e-15}}}, 14},
		{"lengths differ", []report.Curve{{X: []float64{1, 2, 3}, Y: []float64{2, 3}}}, 14},
		{"usual", []report.Curve{a, {Name: "\x1b[2J", X: []float64{1, 2, 3}, Y: []float64{3.5, 3, 2.5}}}, 14},
		{"many", []report.Curve{a, a, a, a, a, a}, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, width := range []int{-5, 0, 20, 60, 100} {
				s := Curves("loss", c.curves, width, false)
				if s == "" != (c.lines == 0) {
					t.Fatalf("drawn:\n%s", s)
				}
				if s == "" {
					continue
				}
				if n := len(strings.Split(s, "\n")); n != c.lines {
					t.Errorf("%d lines, want %d:\n%s", n, c.lines, s)
				}
				for _, l := range strings.Split(s, "\n") {
					if n := len([]rune(l)); width >= 60 && n > width {
						t.Errorf("%d cells, want at most %d: %s", n, width, l)
					}
				}
				if strings.Contains(s, "\x1b") {
					t.Errorf("an escape character:\n%q", s)
				}
			}
		})
	}
	if s := Curves("loss", []report.Curve{a}, 60, true); !strings.Contains(s, "\x1b[") {
		t.Error("no colors")
	}
}
