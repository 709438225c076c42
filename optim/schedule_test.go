package optim_test

import (
	"math"
	"strings"
	"testing"

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
		{"warmup(4, 0.8)", map[int]float64{0: 0.2, 1: 0.4, 3: 0.8, 4: 0.8, 9: 0.8}},
		{"warmup(share=0.3, then=0.3)", map[int]float64{0: 0.1, 2: 0.3, 3: 0.3}},
		{"warmup(2, drop(1, epochs=1))", map[int]float64{0: 0.5, 1: 1, 5: 1, 6: 0.1}},
		{"[{lr=0.1, steps=2}, {lr=cosine(1), steps=4}, {lr=cosine(0.3)}]",
			map[int]float64{0: 0.1, 1: 0.1, 2: 1, 4: 0.5, 6: 0.3, 8: 0.15, 10: 0}},
		{"warmup(3, cosine(0.5))", map[int]float64{0: 0.5 / 3, 2: 0.5, 3: 0.5, 4: warm(4), 7: warm(7), 9: warm(9)}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			o, err := optim.Parse("sgd(lr=" + test.text + ")")
			if err != nil {
				t.Fatal(err)
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
		"-0.1":                       "learning rate -0.1: a positive finite number is wanted",
		"drop(1)":                    "exactly one of both",
		"drop(1, steps=3, epochs=2)": "exactly one of both",
		"warmup(3)":                  "then, a number or a schedule, is wanted",
		"warmup(3, 0)":               "learning rate 0",
		"warmup(then=1)":             "exactly one of both",
		"[]":                         "at least one",
		"[{lr=1}, {lr=2}]":           "stage 1 of 0 steps",
		"[{lr=1, steps=3}]":          "the last stage runs to the end",
		"cosin(0.1)":                 "cosine",
		"cosine(0)":                  "0",
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
