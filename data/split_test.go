package data

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// splitDigits are the first rows of the test part of digits with seed 1.
var splitDigits = []int{0, 4, 5, 7, 8, 12, 13, 22}

func TestSplitUsual(t *testing.T) {
	d, err := Open("digits", Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Split{}.Rows(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Train) != 1294 || len(p.Validation) != 144 || len(p.Test) != 359 {
		t.Errorf("%d, %d, %d rows", len(p.Train), len(p.Validation), len(p.Test))
	}
	// The first rows of the test part, so that a change of the draw, which would change every published score, is noticed on any platform.
	if got := p.Test[:8]; !slices.Equal(got, splitDigits) {
		t.Errorf("test part begins with %v", got)
	}
	class := make([]int, d.Len())
	if err := classes(d, class); err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string][]int{"train": p.Train, "validation": p.Validation, "test": p.Test} {
		whole, here := make([]float64, 10), make([]float64, 10)
		for _, c := range class {
			whole[c] += float64(len(part)) / float64(d.Len())
		}
		for _, i := range part {
			here[class[i]]++
		}
		for c := range whole {
			if math.Abs(whole[c]-here[c]) > 2 {
				t.Errorf("%s has %v rows of class %d; %v are its share", name, here[c], c, whole[c])
			}
		}
	}
}

// Every row is in exactly one part, the parts are as large as asked for, every class keeps a training row, and the seed alone decides.
func TestSplitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 120).Draw(t, "rows")
		x := make([][]float32, n)
		regression := rapid.Bool().Draw(t, "regression")
		values, y := make([]float32, n), make([]int, n)
		for i := range x {
			x[i] = []float32{0}
			y[i] = rapid.IntRange(0, 5).Draw(t, "class")
		}
		y[0] = 1
		d := Slices(x, y)
		if regression {
			d = Regression(x, values)
		}
		s := Split{
			Test:         rapid.SampledFrom([]float64{0, 0.01, 0.2, 0.5, 0.99}).Draw(t, "test"),
			Validation:   rapid.SampledFrom([]float64{0, 0.01, 0.2, 0.5, 0.99}).Draw(t, "validation"),
			Unstratified: rapid.Bool().Draw(t, "unstratified"),
		}
		if rapid.Bool().Draw(t, "no test") {
			s.Test, s.NoTest = 0, true
		}
		if rapid.Bool().Draw(t, "no validation") {
			s.Validation, s.NoValidation = 0, true
		}
		seed := rapid.Uint64().Draw(t, "seed")
		p, err := s.Rows(d, seed)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(p.Train, p.Validation, p.Test)
		slices.Sort(all)
		for i, row := range all {
			if len(all) != n || row != i {
				t.Fatalf("rows %v are not 0 to %d, once each", all, n-1)
			}
		}
		for _, part := range [][]int{p.Train, p.Validation, p.Test} {
			if !slices.IsSorted(part) {
				t.Fatalf("%v is not in order", part)
			}
		}
		if len(p.Train) == 0 || s.NoTest && len(p.Test) > 0 || s.NoValidation && len(p.Validation) > 0 {
			t.Fatalf("%+v gives %+v", s, p)
		}
		if regression && !s.NoTest {
			if want := min(n-1, int(math.Round(orUsual(s.Test, usualTest)*float64(n)))); len(p.Test) != want {
				t.Fatalf("%d rows for the test, want %d", len(p.Test), want)
			}
		}
		if !regression && !s.Unstratified {
			kept := map[int]bool{}
			for _, i := range p.Train {
				kept[y[i]] = true
			}
			for i, c := range y {
				if !kept[c] {
					t.Fatalf("class %d of row %d has no training row", c, i)
				}
			}
		}
		again, err := s.Rows(d, seed)
		if err != nil || !slices.Equal(p.Test, again.Test) || !slices.Equal(p.Validation, again.Validation) {
			t.Fatalf("the same seed gives %+v and %+v, %v", p, again, err)
		}
	})
}

func TestSplitSeeds(t *testing.T) {
	d := numbered(200, 2)
	a, _ := Split{}.Rows(d, 1)
	b, _ := Split{}.Rows(d, 2)
	if slices.Equal(a.Test, b.Test) || slices.Equal(a.Validation, b.Validation) {
		t.Error("two seeds give one split")
	}
	// What is held out for the test must not depend on whether there is a validation part.
	c, _ := Split{NoValidation: true}.Rows(d, 1)
	if !slices.Equal(a.Test, c.Test) {
		t.Error("the test part depends on the validation part")
	}
}

type givenTest struct {
	Dataset
	test []int
}

func (g givenTest) About() About { return About{Test: g.test} }

func TestSplitGiven(t *testing.T) {
	d := numbered(20, 2)
	p, err := Split{}.Rows(givenTest{d, []int{19, 3}}, 1)
	if err != nil || !slices.Equal(p.Test, []int{3, 19}) || len(p.Train) != 16 || len(p.Validation) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = Split{NoTest: true}.Rows(givenTest{d, []int{19, 3}}, 1)
	if err != nil || len(p.Test) != 0 || slices.Contains(p.Train, 3) || slices.Contains(p.Validation, 3) {
		t.Errorf("the given test part is trained on: %+v, %v", p, err)
	}
	_, err = Split{Test: 0.5}.Rows(givenTest{d, []int{19, 3}}, 1)
	wantError(t, err, "brings its own test part of 2 rows")
	_, err = Split{}.Rows(givenTest{d, []int{3, 3}}, 1)
	wantError(t, err, "names row 3")
	_, err = Split{}.Rows(givenTest{d, []int{20}}, 1)
	wantError(t, err, "names row 20")
	all := make([]int, 20)
	for i := range all {
		all[i] = i
	}
	_, err = Split{}.Rows(givenTest{d, all}, 1)
	wantError(t, err, "all of its 20 rows")
}

// The test part in place of held-out rows: what was the test part is then for validation, drawn or given, and every other row trains.
func TestSplitTestAsValidation(t *testing.T) {
	d, err := Open("digits", Options{})
	if err != nil {
		t.Fatal(err)
	}
	usual, err := Split{}.Rows(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Split{TestAsValidation: true}.Rows(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Validation, usual.Test) || len(p.Test) != 0 || len(p.Train) != d.Len()-len(usual.Test) {
		t.Errorf("%d, %d, %d rows", len(p.Train), len(p.Validation), len(p.Test))
	}
	for _, s := range []Split{
		{TestAsValidation: true, NoTest: true}, {TestAsValidation: true, NoValidation: true}, {TestAsValidation: true, Validation: 0.1},
	} {
		if _, err := s.Rows(d, 1); err == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, s := range []Split{{Test: 1}, {Test: -0.1}, {Test: math.NaN()}, {Validation: 1.5}, {Test: 0.1, NoTest: true}, {Validation: 0.1, NoValidation: true}} {
		if err := s.Validate(); err == nil {
			t.Errorf("%+v passes", s)
		}
	}
	err := Split{Test: 2, Validation: 3}.Validate()
	wantError(t, err, "test is 2")
	wantError(t, err, "validation is 3")
	_, err = Split{}.Rows(nil, 1)
	wantError(t, err, "no data set")
}
