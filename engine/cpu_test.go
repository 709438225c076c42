package engine_test

import (
	"testing"

	"github.com/descent-go/descent/engine"
)

func TestKernelSet(t *testing.T) {
	best, err := engine.Kernels()
	if err != nil || best == "" {
		t.Fatal(best, err)
	}
	t.Setenv("DESCENT_CPU", "portable")
	if p := compile(t, smallNet(), engine.Options{Rows: 1}); p.Kernels() != "portable" {
		t.Error(p.Kernels())
	}
	t.Setenv("DESCENT_CPU", "abacus")
	_, err = engine.Kernels()
	contains(t, err, []string{"DESCENT_CPU", `"abacus"`, "portable", best})
	_, err = engine.Compile(smallNet(), engine.Options{Rows: 1})
	contains(t, err, []string{"DESCENT_CPU", `"abacus"`, "portable"})
	// What is asked for in so many words goes before the environment.
	if p := compile(t, smallNet(), engine.Options{Rows: 1, Kernels: "portable"}); p.Kernels() != "portable" {
		t.Error(p.Kernels())
	}
}

func TestNames(t *testing.T) {
	for _, p := range []engine.Precision{engine.Float32, engine.Float64} {
		if got, err := engine.ParsePrecision(p.String()); err != nil || got != p {
			t.Error(p, got, err)
		}
	}
	_, err := engine.ParsePrecision("float16")
	contains(t, err, []string{`"float16"`, "float32"})
	for r := engine.Weight; r <= engine.Output; r++ {
		if got, err := engine.ParseRole(r.String()); err != nil || got != r {
			t.Error(r, got, err)
		}
	}
	_, err = engine.ParseRole("head")
	contains(t, err, []string{`"head"`, "weight, bias, norm, embedding, output"})
	modes := []engine.Mode{engine.Train, engine.Again, engine.Calibrate, engine.Evaluate}
	for i, want := range []string{"train", "again", "calibrate", "evaluate"} {
		m := modes[i]
		if m.String() != want || m.Random() != (i < 2) || m.Batch() != (i < 3) || m.Learns() != (i == 0 || i == 2) {
			t.Error(m, m.Random(), m.Batch(), m.Learns())
		}
	}
	if s := engine.Mode(7).String(); s != "mode 7" {
		t.Error(s)
	}
	for _, c := range []struct {
		shape engine.Shape
		size  int
		text  string
	}{
		{nil, 1, "scalar"}, {engine.Shape{2, 3}, 6, "2x3"}, {engine.Shape{2, 0}, 0, "2x0"}, {engine.Shape{-1}, -1, "-1"},
		{engine.Shape{1 << 40, 1 << 40}, -1, "1099511627776x1099511627776"},
	} {
		if got := c.shape.Size(); got != c.size || c.shape.String() != c.text {
			t.Errorf("%v has size %d, %d is wanted", c.shape, got, c.size)
		}
	}
}
