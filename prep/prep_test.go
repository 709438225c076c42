package prep

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/descent-go/descent/engine"
)

func rows(rows ...[]float64) iter.Seq[[]float64] { return slices.Values(rows) }

func numbers(names ...string) []Column {
	var c []Column
	for _, name := range names {
		c = append(c, Column{Name: name, Kind: Number})
	}
	return c
}

func classes(names ...string) Column { return Column{Name: "label", Kind: Class, Categories: names} }

func fit(t *testing.T, columns []Column, o Options, r iter.Seq[[]float64]) *Pipeline {
	t.Helper()
	p, err := Fit(columns, o, r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scaled applies p to one row.
func scaled(p *Pipeline, row ...float64) []float64 {
	to := make([]float64, len(row))
	Features(p, to, row)
	return to
}

func near(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*(1+math.Abs(b)) })
}

func TestScalings(t *testing.T) {
	columns := append(numbers("a", "constant", "far"), Column{Name: "y", Kind: Target})
	data := rows([]float64{1, 0.1, 1e9, 10}, []float64{2, 0.1, 1e9 + 1, 20}, []float64{3, 0.1, 1e9 + 2, 30}, []float64{4, 0.1, 1e9 + 3, 40})
	sd := math.Sqrt(1.25) // of 1, 2, 3, 4, dividing by n
	for _, c := range []struct {
		name string
		o    Options
		want []float64 // of the row 4, 0.1, 1e9+3
		kind string
	}{
		{"usual", Options{}, []float64{1.5 / sd, 0, 1.5 / sd}, Standardize},
		{"usual with a range", Options{Range: 16}, []float64{0.25, 0.1 / 16, (1e9 + 3) / 16}, Range},
		{"standardize", Options{Scaling: Standardize, Range: 16}, []float64{1.5 / sd, 0, 1.5 / sd}, Standardize},
		{"none", Options{Scaling: None}, []float64{4, 0.1, 1e9 + 3}, None},
		{"minmax", Options{Scaling: MinMax}, []float64{1, 0, 1}, MinMax},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := fit(t, columns, c.o, data)
			if got := scaled(p, 4, 0.1, 1e9+3); !near(got, c.want) || p.Scaling() != c.kind {
				t.Errorf("got %v by %s, want %v by %s", got, p.Scaling(), c.want, c.kind)
			}
			mean, sd := p.TargetScale()
			if mean != 25 || math.Abs(sd-math.Sqrt(125)) > 1e-12 {
				t.Errorf("target scale %v, %v", mean, sd)
			}
			if got := p.Unscale(p.TargetValue(17)); math.Abs(got-17) > 1e-12 {
				t.Errorf("17 comes back as %v", got)
			}
		})
	}
	p := fit(t, columns, Options{RawTarget: true}, data)
	if mean, sd := p.TargetScale(); mean != 0 || sd != 1 || p.TargetValue(17) != 17 {
		t.Errorf("raw target: scale %v, %v", mean, sd)
	}
}

func TestConstantFeatureBecomesZero(t *testing.T) {
	// The running mean of many equal numbers may be off by a rounding; the feature must not be blown up by a tiny deviation.
	r := make([][]float64, 1001)
	for i := range r {
		r[i] = []float64{0.1, float64(i % 2)}
	}
	p := fit(t, append(numbers("a"), classes("n", "y")), Options{}, rows(r...))
	if got := scaled(p, 0.1)[0]; math.Abs(got) > 1e-15 {
		t.Errorf("constant becomes %v", got)
	}
	if got := scaled(p, 1.1)[0]; math.Abs(got-1) > 1e-15 {
		t.Errorf("1 above a constant becomes %v, want 1: its deviation counts as 1", got)
	}
}

func TestFitRefuses(t *testing.T) {
	two := append(numbers("a", "b"), classes("n", "y"))
	good := rows([]float64{1, 2, 0}, []float64{2, 3, 1})
	for _, c := range []struct {
		name    string
		columns []Column
		o       Options
		rows    iter.Seq[[]float64]
		want    string
	}{
		{"no rows", two, Options{}, rows(), "no training row"},
		{"no features", two[2:], Options{}, good, "1 columns"},
		{"short row", two, Options{}, rows([]float64{1, 2}), "row 1 has 2 values; the columns have 3"},
		{"NaN", two, Options{}, rows([]float64{1, 2, 0}, []float64{1, math.NaN(), 0}), `row 2, column 2 ("b"): NaN`},
		{"infinite", two, Options{Scaling: None}, rows([]float64{math.Inf(-1), 2, 0}), `row 1, column 1 ("a"): -Inf`},
		{"NaN target", two, Options{}, rows([]float64{1, 2, math.NaN()}), `row 1, target "label"`},
		{"class beyond", two, Options{}, rows([]float64{1, 2, 2}), "class number 2; a whole number from 0 to 1"},
		{"half a class", two, Options{}, rows([]float64{1, 2, 0.5}), "class number 0.5"},
		{"unknown scaling", two, Options{Scaling: "z-score"}, good, `unknown scaling "z-score"; there are none, standardize`},
		{"range unknown", two, Options{Scaling: Range}, good, "names none"},
		{"range negative", two, Options{Range: -1}, good, "range is -1"},
		{"same names", append(numbers("a", "a"), classes("n", "y")), Options{}, good, `two columns have the name "a"`},
		{"category", append([]Column{{Name: "c", Kind: Category}}, two[1:]...), Options{}, good, "does not encode"},
		{"kind", append([]Column{{Name: "c", Kind: "numbr"}}, two[1:]...), Options{}, good, `kind "numbr"; "number" is wanted`},
		{"one class", append(numbers("a", "b"), classes("n")), Options{}, good, "1 classes"},
		{"class twice", append(numbers("a", "b"), classes("n", "n")), Options{}, good, `class "n" twice`},
		{"zero shape", []Column{{Name: "i", Kind: Number, Shape: engine.Shape{0}}, classes("n", "y")}, Options{}, good, "dimensions from 1"},
		{"shape overflows", []Column{{Name: "i", Kind: Number, Shape: engine.Shape{1 << 40, 1 << 40}}, classes("n", "y")}, Options{}, good, "dimensions from 1"},
		{"squares overflow", two, Options{}, rows([]float64{-1e300, 2, 0}, []float64{1e300, 3, 1}), `column 1 ("a"): values from -1e+300 to 1e+300`},
		{"squares vanish", two, Options{}, rows([]float64{0, 2, 0}, []float64{1e-300, 3, 1}), "cannot be scaled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Fit(c.columns, c.o, c.rows)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	p := fit(t, []Column{{Name: "image", Kind: Number, Shape: engine.Shape{2, 3}}, classes("n", "y", "z")}, Options{Range: 255},
		rows([]float64{0, 0, 0, 0, 0, 0, 1}))
	f := p.Fields()
	if len(f) != 2 || f[0].Name != X || !f[0].Type.Shape.Equal(engine.Shape{2, 3}) || f[0].Use != engine.Feature {
		t.Errorf("features: %+v", f)
	}
	if f[1].Name != Y || f[1].Type.Kind != engine.Index || f[1].Type.Below != 3 || f[1].Use != engine.Target {
		t.Errorf("target: %+v", f[1])
	}
	p = fit(t, append(numbers("a", "b", "c"), Column{Name: "y", Kind: Target}), Options{}, rows([]float64{1, 2, 3, 4}))
	if f := p.Fields(); !f[0].Type.Shape.Equal(engine.Shape{3}) || f[1].Type.Kind != engine.Real {
		t.Errorf("table: %+v", f)
	}
}

// Text, numbers and the inner loop of reading give the same bits, in both precisions and for both forms of scaling.
func TestDoorsAgree(t *testing.T) {
	columns := append(numbers("a", "b"), classes("n", "y"))
	for _, o := range []Options{{}, {Range: 3}} {
		p := fit(t, columns, o, rows([]float64{1, 5, 0}, []float64{2, 9, 1}, []float64{7, 11, 1}))
		f32, f64 := make([]float32, 6), make([]float64, 6)
		to := []engine.Tensor{{Name: "other"}, {Name: X, F32: f32}}
		if err := p.Apply([]string{"7", " 2e0 "}, to, 0); err != nil {
			t.Fatal(err)
		}
		if err := p.ApplyNumbers([]float32{7, 2}, to, 1); err != nil {
			t.Fatal(err)
		}
		Features(p, f32[4:], []byte{7, 2})
		if err := p.Apply([]string{"7", "2"}, []engine.Tensor{{Name: X, F64: f64}}, 0); err != nil {
			t.Fatal(err)
		}
		Features(p, f64[2:4], []float32{7, 2})
		Features(p, f64[4:], []byte{7, 2})
		for i := range f32 {
			if f32[i] != f32[i%2] || f64[i] != f64[i%2] || float32(f64[i]) != f32[i] {
				t.Fatalf("scaling %s: %v and %v", p.Scaling(), f32, f64)
			}
		}
	}
}

// The quick way from bytes to float32 gives the bits of the usual one, whatever the scaling and the width.
func TestQuickWaysAreFeatures(t *testing.T) {
	for _, o := range []Options{{Range: 255}, {Range: 16}, {Range: 3.7}, {Range: 1e-45}, {Range: 1e300}, {Scaling: None}, {Scaling: Standardize}, {Scaling: MinMax}} {
		for _, width := range []int{1, 16, 784} {
			row := make([]byte, width)
			values := make([]float64, width+1)
			for i := range row {
				row[i] = byte(i * 7)
				values[i] = float64(row[i])
			}
			second := make([]float64, width+1)
			p, err := Fit([]Column{{Name: "x", Kind: Number, Shape: engine.Shape{width}}, {Name: "y", Kind: Class, Categories: []string{"a", "b"}}}, o,
				slices.Values([][]float64{values, second}))
			if err != nil {
				t.Fatal(err)
			}
			got, want := make([]float32, width), make([]float32, width)
			p.Bytes(got, row)
			Features(p, want, row)
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%+v, byte %d: %v, wanted %v", o, row[i], got[i], want[i])
				}
			}
			// So does the one from numbers, of any size and sign.
			numbers := make([]float32, width)
			for i := range numbers {
				numbers[i] = math.Float32frombits(uint32(i+1) * 0x9e3779b1)
				if i%3 == 0 {
					numbers[i] = math.Float32frombits(uint32(i+1) * 0x9e3779b1 >> 8) // not normal, and positive
				}
			}
			p.Numbers(got, numbers)
			Features(p, want, numbers)
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
					t.Fatalf("%+v, number %v: %v, wanted %v", o, numbers[i], got[i], want[i])
				}
			}
		}
	}
}

func TestNumberPathAllocatesNothing(t *testing.T) {
	columns := append(numbers("a", "b"), classes("n", "y"))
	for _, o := range []Options{{}, {Range: 3}} {
		p := fit(t, columns, o, rows([]float64{1, 5, 0}, []float64{2, 9, 1}))
		to := []engine.Tensor{{Name: X, F32: make([]float32, 2)}}
		raw, b, f := []float32{1, 2}, []byte{1, 2}, []float64{1, 2}
		if n := testing.AllocsPerRun(100, func() {
			if p.ApplyNumbers(raw, to, 0) != nil {
				t.Fatal("refused")
			}
			Features(p, to[0].F32, b)
			Features(p, to[0].F32, f)
		}); n != 0 {
			t.Errorf("scaling %s: %v allocations", p.Scaling(), n)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	p := fit(t, append(numbers("a", "b"), classes("n", "y")), Options{}, rows([]float64{1, 5, 0}, []float64{1 + 1e-9, 9, 1}))
	room := []engine.Tensor{{Name: X, F32: make([]float32, 4)}}
	for _, c := range []struct {
		name string
		row  []string
		to   []engine.Tensor
		at   int
		want string
	}{
		{"width", []string{"1"}, room, 0, `the row has 1 cells; 2 are wanted: "a", "b"`},
		{"word", []string{"1", "x\x1b[31m"}, room, 0, `column 2 ("b"): "x\x1b[31m" is not a number`},
		{"long word", []string{"1", strings.Repeat("é", 100)}, room, 0, strings.Repeat("é", 40) + `"... is not a number`},
		{"empty", []string{"", "2"}, room, 0, "missing values are not filled in"},
		{"NA", []string{"1", "NA"}, room, 0, `"NA" is a missing value`},
		{"hexadecimal", []string{"0x10", "2"}, room, 0, "not a number"},
		{"infinity", []string{"-Inf", "2"}, room, 0, "no finite number"},
		{"decimal comma", []string{"3,14", "2"}, room, 0, "decimals with a point"},
		{"too large", []string{"1e39", "2"}, room, 0, "beyond the largest"},
		{"absurd", []string{"1e999", "2"}, room, 0, "beyond the largest"},
		{"too large after scaling", []string{"1e35", "2"}, room, 0, "after scaling"},
		{"no room", []string{"1", "2"}, room, 2, "room for 2 rows"},
		{"negative place", []string{"1", "2"}, room, -1, "room for 2 rows"},
		{"no tensor", []string{"1", "2"}, nil, 0, `no tensor is named "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := p.Apply(c.row, c.to, c.at)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if err := p.ApplyNumbers([]float32{1, float32(math.NaN())}, room, 0); err == nil || !strings.Contains(err.Error(), `column 2 ("b"): NaN`) {
		t.Errorf("NaN: %v", err)
	}
	if err := p.ApplyNumbers([]float32{1, 2, 3}, room, 0); err == nil {
		t.Error("a row too long passes")
	}
}

func TestParseTarget(t *testing.T) {
	r := rows([]float64{1, 0}, []float64{2, 1})
	words := fit(t, append(numbers("a"), classes("cat", "dog")), Options{}, r)
	digits := fit(t, append(numbers("a"), classes("3", "10")), Options{}, r)
	number := fit(t, append(numbers("a"), Column{Name: "y", Kind: Target}), Options{}, r)
	for _, c := range []struct {
		p    *Pipeline
		cell string
		want float64
		err  string
	}{
		{words, " dog ", 1, ""},
		{words, "dgo", 0, `"dgo" is no class of this model; did you mean "dog"? its classes are "cat", "dog"`},
		{digits, "10.0", 1, ""},
		{digits, "03", 0, ""},
		{digits, "4", 0, "no class"},
		{number, "-1.5", -1.5, ""},
		{number, "x", 0, `target "y": "x" is not a number`},
	} {
		got, err := c.p.ParseTarget(c.cell)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %v, %v; want %v, %q", c.cell, got, err, c.want, c.err)
		}
	}
}

func TestMatch(t *testing.T) {
	r := rows([]float64{1, 2, 0})
	p := fit(t, append(numbers("a", "b"), classes("n", "y")), Options{}, r)
	if got, err := p.Match([]string{"b", "label", "a"}); err != nil || !slices.Equal(got, []int{2, 0}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := p.Match([]string{"A", "label", "b"}); err == nil || !strings.Contains(err.Error(), `column "a", which the model was trained on, is missing; did you mean "A"? the columns are`) {
		t.Errorf("missing: %v", err)
	}
	if _, err := p.Match([]string{"a", "b", "a"}); err == nil || !strings.Contains(err.Error(), "two columns") {
		t.Errorf("twice: %v", err)
	}
	image := fit(t, []Column{{Name: "image", Kind: Number, Shape: engine.Shape{2, 1}}, classes("n", "y")}, Options{}, r)
	if got, err := image.Match([]string{"p1", "p2"}); err != nil || !slices.Equal(got, []int{0, 1}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := image.Match([]string{"p1"}); err == nil || !strings.Contains(err.Error(), "1 columns; 2 are wanted (2x1)") {
		t.Errorf("image: %v", err)
	}
}

// Scaling is right for any numbers: mean 0 and deviation 1, or 0 to 1, measured here by two passes.
func TestStandardizeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 2, 50).Draw(t, "values")
		var r [][]float64
		for i, v := range values {
			r = append(r, []float64{v, float64(i % 2)})
		}
		columns := append(numbers("a"), classes("n", "y"))
		p, err := Fit(columns, Options{}, rows(r...))
		if err != nil {
			if slices.Max(values)-slices.Min(values) > 1e-100 {
				t.Fatal(err)
			}
			return
		}
		sum, squares := 0.0, 0.0
		for _, v := range values {
			s := scaled(p, v)[0]
			sum += s
			squares += s * s
		}
		n := float64(len(values))
		low, high := slices.Min(values), slices.Max(values)
		relative := (high - low) / max(math.Abs(high), math.Abs(low), 1e-300)
		if relative > 1e-6 && (math.Abs(sum/n) > 1e-6 || math.Abs(squares/n-1) > 1e-6) {
			t.Fatalf("mean %v, mean square %v", sum/n, squares/n)
		}
	})
}

func ExampleFit() {
	columns := []Column{
		{Name: "height", Kind: Number},
		{Name: "species", Kind: Class, Categories: []string{"daisy", "tulip"}},
	}
	training := slices.Values([][]float64{{10, 0}, {14, 0}, {30, 1}, {34, 1}})
	p, err := Fit(columns, Options{}, training)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := engine.Tensor{Name: X, F64: make([]float64, 1)}
	fmt.Println(p.Apply([]string{"22"}, []engine.Tensor{x}, 0), x.F64[0])
	fmt.Println(p.Apply([]string{"tall"}, []engine.Tensor{x}, 0))
	// Output:
	// <nil> 0
	// column 1 ("height"): "tall" is not a number
}
