package descent_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/internal/safetensors"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

// trained is the file of a network of the README's size, trained for a moment.
func trained(t testing.TB, c train.Config) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := train.Run(context.Background(), c, dir); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// flowers is a table with words as classes, whose columns need scaling.
func flowers(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("length,width,kind\n")
	for i := range 60 {
		f := float64(i % 20)
		b.WriteString([]string{line(1000+f, 0.01*f, "rose"), line(3000-f, 0.5+0.01*f, "tulip"), line(2000+f, 1-0.01*f, "lily")}[i%3])
	}
	path := filepath.Join(t.TempDir(), "flowers.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func line(a, b float64, kind string) string {
	return strings.Join([]string{format(a), format(b), kind}, ",") + "\n"
}

func format(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func TestPredictAppliesTheScalingOfTheTrainingPart(t *testing.T) {
	m, err := descent.Load(trained(t, train.Config{Data: flowers(t), Model: nn.MLP{Units: []int{8}}, Epochs: 60, Batch: 8}))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Classes(); len(got) != 3 || got[0] != "lily" || got[2] != "tulip" {
		t.Errorf("classes are %q", got)
	}
	if in := m.Inputs(); len(in) != 2 || in[0].Name != "length" {
		t.Errorf("inputs are %+v", in)
	}
	for kind, row := range map[string][]any{"rose": {1005.0, 0.05}, "tulip": {"2990", "0.6"}, "lily": {float32(2005), 0.95}} {
		r, err := m.Predict(row...)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, p := range r.Probabilities {
			sum += p
		}
		if r.Class != kind || r.Index < 0 || math.Abs(sum-1) > 1e-6 {
			t.Errorf("%v: %+v, want %s", row, r, kind)
		}
	}
	for name, row := range map[string][]any{
		"has 2 inputs": {1.0}, `"width"`: {1.0, struct{}{}}, "length": {math.NaN(), 1.0}, "twelve": {"twelve", "1"},
	} {
		if _, err := m.Predict(row...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v; want an error with %s", row, err, name)
		}
	}
}

func TestRegressionAnswersInTheTargetsUnit(t *testing.T) {
	var x [][]float32
	var y []float32
	for i := range 200 {
		a, b := float32(i%20), float32(i/20)
		x, y = append(x, []float32{a, b}), append(y, 5000+300*a-100*b)
	}
	m, err := descent.Load(trained(t, train.Config{Dataset: data.Regression(x, y), Model: nn.MLP{Units: []int{16}}, Optimizer: optim.NewAdamW(0.01), Epochs: 100, Batch: 16}))
	if err != nil {
		t.Fatal(err)
	}
	if m.Classes() != nil || m.Outputs() != 1 {
		t.Errorf("%d classes, %d outputs", len(m.Classes()), m.Outputs())
	}
	r, err := m.Predict(10, 5)
	if err != nil || len(r.Values) != 1 || math.Abs(r.Values[0]-7500) > 300 {
		t.Errorf("%+v, %v; about 7500 is wanted", r, err)
	}
}

// One output that tells two classes apart.
func TestBinaryModel(t *testing.T) {
	var x [][]float32
	var y []int
	for i := range 200 {
		x, y = append(x, []float32{float32(i % 20), float32(i / 20)}), append(y, i%20/10)
	}
	c := train.Config{Dataset: data.Slices(x, y), Model: nn.MLP{Units: []int{8}, Outputs: 1}, Loss: nn.BinaryCrossEntropy{}, Optimizer: optim.NewAdamW(0.02), Epochs: 40}
	dir := filepath.Join(t.TempDir(), "run")
	r, err := train.Run(context.Background(), c, dir)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Scores.Confusion.Accuracy().Value; a < 0.9 {
		t.Errorf("accuracy %v", a)
	}
	file, err := os.ReadFile(r.Model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := descent.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]any{{2, 5}, {17, 5}} {
		a, err := m.Predict(row...)
		if err != nil || len(a.Probabilities) != 2 || a.Index != row[0].(int)/10 || math.Abs(a.Probabilities[0]+a.Probabilities[1]-1) > 1e-6 {
			t.Errorf("%v: %+v, %v", row, a, err)
		}
	}
}

// model is a saved network that was never trained, 784-128-10 unless other sizes are said.
func model(t testing.TB) *descent.Model {
	t.Helper()
	x, y := make([][]float32, 40), make([]int, 40)
	for i := range x {
		x[i] = make([]float32, 784)
		for j := range x[i] {
			x[i][j] = float32((i*31+j*17)%97) / 97
		}
		y[i] = i % 10
	}
	m, err := descent.Load(trained(t, train.Config{Dataset: data.Slices(x, y), Model: nn.MLP{Units: []int{128}}, Epochs: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPredictIntoAllocatesNothingAndIsSafe(t *testing.T) {
	m := model(t)
	rows := make([][]float32, 50)
	want := make([][]float32, 50)
	for i := range rows {
		rows[i], want[i] = make([]float32, 784), make([]float32, 10)
		for j := range rows[i] {
			rows[i][j] = float32((i+j)%13) / 13
		}
		if err := m.PredictInto(rows[i], want[i]); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]float32, 10)
	if n := testing.AllocsPerRun(100, func() { m.PredictInto(rows[0], out) }); n != 0 && !raceDetector {
		t.Errorf("%v allocations a prediction", n)
	}
	var wait sync.WaitGroup
	for g := range 100 {
		wait.Go(func() {
			out := make([]float32, 10)
			for k := range 20 {
				i := (g + k) % len(rows)
				if err := m.PredictInto(rows[i], out); err != nil {
					t.Error(err)
					return
				}
				for j := range out {
					if out[j] != want[i][j] {
						t.Errorf("row %d: %v, alone it was %v", i, out, want[i])
						return
					}
				}
			}
		})
	}
	wait.Wait()
	if err := m.PredictInto(rows[0][:3], out); err == nil {
		t.Error("a short row is accepted")
	}
	if err := m.PredictInto(rows[0], out[:3]); err == nil {
		t.Error("a short answer is accepted")
	}
}

func BenchmarkPredictInto(b *testing.B) {
	m := model(b)
	row, out := make([]float32, 784), make([]float32, 10)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.PredictInto(row, out); err != nil {
			b.Fatal(err)
		}
	}
}

// A model file that was changed in any way gives an error, never a panic or a large allocation.
func TestLoadRefusesDamagedFiles(t *testing.T) {
	file := trained(t, train.Config{Data: flowers(t), Model: nn.MLP{Units: []int{4}}, Epochs: 1})
	for _, n := range []int{0, 1, 7, 8, 9, 100, len(file) / 2, len(file) - 1} {
		if _, err := descent.Load(file[:n]); err == nil {
			t.Errorf("%d of %d bytes are accepted", n, len(file))
		}
	}
	parsed, err := safetensors.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(f *safetensors.File){
		"no description": func(f *safetensors.File) { f.Metadata = map[string]string{"format": "pt"} },
		"another form":   func(f *safetensors.File) { f.Metadata["descent.form"] = "9" },
		"unknown layer":  func(f *safetensors.File) { f.Metadata["descent.config"] = `{"evil": {}}` },
		"a huge layer": func(f *safetensors.File) {
			f.Metadata["descent.config"] = `{"mlp": {"units": [1000000000, 1000000000]}}`
		},
		"too many outputs":   func(f *safetensors.File) { f.Metadata["descent.config"] = `{"mlp": {"units": [4], "outputs": 7}}` },
		"no scaling":         func(f *safetensors.File) { delete(f.Metadata, "descent.preprocessing") },
		"scaling is no JSON": func(f *safetensors.File) { f.Metadata["descent.preprocessing"] = "{" },
		"a tensor is gone":   func(f *safetensors.File) { f.Tensors = f.Tensors[1:] },
		"a tensor too many": func(f *safetensors.File) {
			f.Tensors = append(f.Tensors, safetensors.Tensor{Name: "x", DType: "F32", Shape: []int{1}, Data: make([]byte, 4)})
		},
		"whole numbers": func(f *safetensors.File) { f.Tensors[0].DType = "I32" },
		"nested too deep": func(f *safetensors.File) {
			f.Metadata["descent.config"] = strings.Repeat(`{"residual":{"body":`, 5000) + `"relu"` + strings.Repeat("}}", 5000)
		},
	} {
		f := safetensors.File{Metadata: map[string]string{}, Tensors: append([]safetensors.Tensor(nil), parsed.Tensors...)}
		for k, v := range parsed.Metadata {
			f.Metadata[k] = v
		}
		change(&f)
		var b strings.Builder
		if err := safetensors.Write(&b, f); err != nil {
			t.Fatal(err)
		}
		if _, err := descent.Load([]byte(b.String())); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(trained(f, train.Config{Data: flowers(f), Model: nn.MLP{Units: []int{2}}, Epochs: 1}))
	f.Fuzz(func(t *testing.T, file []byte) {
		if m, err := descent.Load(file); err == nil {
			row := make([]float32, m.Width())
			m.PredictInto(row, make([]float32, m.Outputs()))
		}
	})
}

// A network trained in float64 predicts in float64.
func TestFloat64(t *testing.T) {
	m, err := descent.Load(trained(t, train.Config{Data: flowers(t), Epochs: 2, Precision: train.Float64}))
	if err != nil {
		t.Fatal(err)
	}
	if w := m.Weights(); w[0].F64 == nil {
		t.Error("weights are not float64")
	}
	if _, err := m.Predict(1.0, 2.0); err != nil {
		t.Error(err)
	}
}
