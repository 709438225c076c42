package optim_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
)

func TestSchedules(t *testing.T) {
	at := func(step int) optim.Progress { return optim.Progress{Step: step, Steps: 10, Epoch: float64(step) / 4} }
	// The last one is torch's fixture of whole networks: warm-up over 3 steps to 0.5, then cosine over the 7 that are left.
	warm := func(t float64) float64 { return 0.5 * 0.5 * (1 + math.Cos(math.Pi*(t-3)/7)) }
	tests := []struct {
		text string
		want map[int]float64
	}{
		{"0.1", map[int]float64{0: 0.1, 9: 0.1}},
		{"drop(1, steps=3)", map[int]float64{0: 1, 2: 1, 3: 0.1, 5: 0.1, 6: 0.01}},
		{"drop(1, 0.5, epochs=2)", map[int]float64{0: 1, 7: 1, 8: 0.5, 15: 0.5, 16: 0.25}},
		{"cosine(0.2)", map[int]float64{0: 0.2, 5: 0.1, 10: 0, 11: 0}},
		{"cosine(0.2, end=0.1, steps=4)", map[int]float64{0: 0.2, 1: 0.1 + 0.05*(1+math.Sqrt2/2), 2: 0.15, 4: 0.1, 9: 0.1}},
		{"multistep(1, steps=[2, 5, 6])", map[int]float64{0: 1, 1: 1, 2: 0.1, 4: 0.1, 5: 0.01, 6: 0.001, 9: 0.001}},
		{"multistep(0.8, 0.5, epochs=[0.5, 2])", map[int]float64{0: 0.8, 1: 0.8, 2: 0.4, 7: 0.4, 8: 0.2}},
		{"exponential(0.8, 0.25, steps=2)", map[int]float64{0: 0.8, 1: 0.4, 2: 0.2, 3: 0.1, 4: 0.05, 6: 0.0125}},
		{"exponential(0.8, 0.5, epochs=0.75)", map[int]float64{0: 0.8, 1: 0.8 / math.Cbrt(2), 3: 0.4, 6: 0.2}},
		{"exponential(0.1, 2, steps=2)", map[int]float64{0: 0.1, 1: 0.1 * math.Sqrt2, 2: 0.2, 4: 0.4}},
		{"linear(0.2)", map[int]float64{0: 0.2, 1: 0.18, 5: 0.1, 9: 0.02, 10: 0, 11: 0}},
		{"linear(0.2, 0.1, steps=4)", map[int]float64{0: 0.2, 1: 0.175, 3: 0.125, 4: 0.1, 9: 0.1}},
		{"linear(0.1, 0.3, steps=2)", map[int]float64{0: 0.1, 1: 0.2, 2: 0.3, 9: 0.3}},
		{"polynomial(0.5)", map[int]float64{0: 0.5, 1: 0.405, 5: 0.125, 9: 0.005, 10: 0, 99: 0}},
		{"polynomial(0.5, 0.5, end=0.1, steps=4)", map[int]float64{0: 0.5, 3: 0.3, 2: 0.1 + 0.4*math.Sqrt(0.5), 4: 0.1, 9: 0.1}},
		{"polynomial(0.5, 3, steps=4)", map[int]float64{0: 0.5, 1: 0.2109375, 2: 0.0625, 3: 0.0078125, 4: 0}},
		{"inverse_root(0.4, 4)", map[int]float64{0: 0.1, 1: 0.2, 3: 0.4, 4: 0.4 * 2 / math.Sqrt(5), 8: 0.8 / 3, 15: 0.2, 63: 0.1}},
		{"inverse_root(0.4, 4, hold=true)", map[int]float64{0: 0.4, 2: 0.4, 3: 0.4, 15: 0.2}},
		{"warmup(2, linear(0.8))", map[int]float64{0: 0.4, 1: 0.8, 2: 0.8, 6: 0.4, 10: 0}},
		{"warmup(4, 0.8)", map[int]float64{0: 0.2, 1: 0.4, 3: 0.8, 4: 0.8, 9: 0.8}},
		{"warmup(share=0.3, then=0.3)", map[int]float64{0: 0.1, 2: 0.3, 3: 0.3}},
		{"warmup(2, drop(1, epochs=1))", map[int]float64{0: 0.5, 1: 1, 5: 1, 6: 0.1}},
		{"[{lr=0.1, steps=2}, {lr=cosine(1), steps=4}, {lr=cosine(0.3)}]",
			map[int]float64{0: 0.1, 1: 0.1, 2: 1, 4: 0.5, 6: 0.3, 8: 0.15, 10: 0}},
		{"warmup(3, cosine(0.5))", map[int]float64{0: 0.5 / 3, 2: 0.5, 3: 0.5, 4: warm(4), 7: warm(7), 9: warm(9)}},
	}
	set := spec.NewSet(optim.Lists()...)
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			o, err := optim.Parse("sgd(lr=" + test.text + ")")
			if err != nil {
				t.Fatal(err)
			}
			if again, err := optim.Parse(o.String()); err != nil || !reflect.DeepEqual(again, o) {
				t.Errorf("%v reads as %v, error %v", o, again, err)
			}
			complete, err := set.Encode(o)
			if err != nil {
				t.Fatal(err)
			}
			v, err := spec.ParseJSON("", complete.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if again, err := spec.Decode[optim.Optimizer](set, v); err != nil || !reflect.DeepEqual(again, o) {
				t.Errorf("%s\nreads as %v, error %v", complete.JSON(), again, err)
			}
			for step, want := range test.want {
				if got := o.LR.At(at(step)); math.Abs(got-want) > 1e-15 {
					t.Errorf("step %d: %v, %v is wanted", step, got, want)
				}
			}
		})
	}
}

func TestCosineAgreesWithMath(t *testing.T) {
	for i := range 1001 {
		got := optim.Cosine{LR: 1, Steps: 1000}.At(optim.Progress{Step: i})
		if want := (1 + math.Cos(math.Pi*float64(i)/1000)) / 2; math.Abs(got-want) > 1e-15 {
			t.Errorf("step %d: %v, %v is wanted", i, got, want)
		}
	}
}

// A schedule that begins later sees evaluations from then on only.
func TestScheduleSeesItsOwnPast(t *testing.T) {
	e := []optim.Evaluation{{Step: 0}, {Step: 4}, {Step: 5}, {Step: 8}}
	o := optim.Warmup{Steps: 5, Then: counting{}}
	for n, want := range []float64{0, 0, 0, 1, 2} {
		if got := o.At(optim.Progress{Step: 9, Evaluations: e[:n]}); got != want {
			t.Errorf("%d evaluations: %v, %v is wanted", n, got, want)
		}
	}
}

type counting struct{}

func (counting) At(p optim.Progress) float64 { return float64(len(p.Evaluations)) }

func TestSchedulesRefuse(t *testing.T) {
	tests := map[string]string{
		"-0.1":                                   "learning rate -0.1: a positive finite number is wanted",
		"drop(1)":                                "exactly one of both",
		"drop(1, steps=3, epochs=2)":             "exactly one of both",
		"warmup(3)":                              "then, a number or a schedule, is wanted",
		"warmup(3, 0)":                           "learning rate 0",
		"warmup(then=1)":                         "exactly one of both",
		"[]":                                     "at least one",
		"[{lr=1}, {lr=2}]":                       "stage 1 of 0 steps",
		"[{lr=1, steps=3}]":                      "the last stage runs to the end",
		"multistep(1)":                           "exactly one of both",
		"multistep(1, steps=[1], epochs=[2])":    "exactly one of both",
		"multistep(1, steps=[0])":                ">= 1",
		"multistep(1, steps=[3, 2])":             "milestone 2 after 3",
		"multistep(1, epochs=[1, 1])":            "milestone 1 after 1",
		"multistep(1, 0, steps=[1])":             "factor",
		"exponential(1, 0.5)":                    "exactly one of both",
		"exponential(1, 0.5, steps=1, epochs=1)": "exactly one of both",
		"exponential(1, steps=1)":                "exponential factor 0",
		"exponential(1, 0.5, steps=-1)":          "steps",
		"linear(0)":                              "0",
		"linear(1, -1)":                          "end",
		"polynomial(1, 0)":                       "power",
		"polynomial(1, steps=-1)":                "steps",
		"inverse_root(1)":                        "warm-up of 0 steps",
		"inverse_root(warmup=3)":                 "learning rate 0",
		"cosin(0.1)":                             "cosine",
		"cosine(0)":                              "0",
	}
	for text, want := range tests {
		_, err := optim.Parse("sgd(lr=" + text + ")")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; %q is wanted", text, err, want)
		}
	}
	if x := (optim.Warmup{Share: 0.07, Then: optim.Constant(7)}).At(optim.Progress{Step: 1, Steps: 100}); x != 2 {
		t.Errorf("7 %% of 100 steps are not 7: rate %v, 2 is wanted", x)
	}
	if x := (optim.Warmup{Share: 0.1, Then: optim.Constant(1)}).At(optim.Progress{Step: 3}); !math.IsNaN(x) {
		t.Errorf("a share of a training of open length: %v", x)
	}
}

// "lrate = d_model^-0.5 min(step_num^-0.5, step_num warmup_steps^-1.5)": Vaswani and others, equation 3; T5: "1/sqrt(max(n, k))".
func TestInverseRootOfTheTransformer(t *testing.T) {
	o, t5 := optim.NewInverseRoot(512, 4000), optim.InverseRoot{LR: 0.01, Warmup: 10000, Hold: true}
	for _, n := range []float64{1, 2, 100, 3999, 4000, 4001, 100000} {
		want := math.Pow(512, -0.5) * math.Min(math.Pow(n, -0.5), n*math.Pow(4000, -1.5))
		if got := o.At(optim.Progress{Step: int(n) - 1}); math.Abs(got-want) > 1e-14*want {
			t.Errorf("step %v: %v, %v is wanted", n, got, want)
		}
		want = 1 / math.Sqrt(math.Max(n, 10000))
		if got := t5.At(optim.Progress{Step: int(n) - 1}); math.Abs(got-want) > 1e-14*want {
			t.Errorf("T5, step %v: %v, %v is wanted", n, got, want)
		}
	}
}

// What would be refused in text is refused in Go, too.
func TestSchedulesValidate(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, s := range []interface{ Validate() error }{
		optim.Constant(nan), optim.Drop{LR: 1, Factor: inf, Steps: 1}, optim.Cosine{LR: 1, End: nan},
		optim.MultiStep{LR: 1, Factor: 0.1}, optim.MultiStep{LR: 1, Factor: nan, Steps: []int{1}}, optim.MultiStep{LR: 1, Factor: 1, Epochs: []float64{nan}},
		optim.MultiStep{LR: 1, Factor: 1, Epochs: []float64{1, inf}}, optim.MultiStep{LR: 1, Factor: 1, Steps: []int{1, 2, 3}, Epochs: []float64{1}},
		optim.Exponential{LR: 1, Factor: 0.5, Steps: -1}, optim.Exponential{LR: 1, Factor: 0.5, Epochs: nan}, optim.Exponential{LR: inf, Factor: 1, Steps: 1},
		optim.Linear{LR: nan}, optim.Linear{LR: 1, End: inf}, optim.Linear{LR: 1, Steps: -1}, optim.Polynomial{LR: 1, Power: inf},
		optim.InverseRoot{LR: 1}, optim.InverseRoot{LR: nan, Warmup: 1},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	for _, s := range []optim.Schedule{optim.Linear{LR: 1}, optim.NewPolynomial(1), optim.Cosine{LR: 1}} {
		if x := s.At(optim.Progress{Step: 3}); !math.IsNaN(x) {
			t.Errorf("%+v in a training of open length: %v", s, x)
		}
	}
	for _, s := range []interface {
		optim.Schedule
		Validate() error
	}{optim.NewMultiStep(1, 30, 60), optim.NewPolynomial(1), optim.NewInverseRoot(512, 4000), optim.NewDrop(1, 30)} {
		if err := s.Validate(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
