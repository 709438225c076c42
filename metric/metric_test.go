package metric_test

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/metric"
)

// rows is a set of rows to cut batches from.
type rows struct {
	output, target, loss, weight []float64
	width, wants                 int // elements of a row
}

func (r rows) len() int { return len(r.target) / r.wants }

// batch is rows from to to-1 in precision T.
func batch[T engine.Float](r rows, from, to int) metric.Batch {
	convert := func(x []float64, width int) engine.Tensor {
		var y []T
		for _, v := range x[from*width : to*width] {
			y = append(y, T(v))
		}
		return engine.TensorOf("", engine.Shape{to - from, width}, y)
	}
	values := map[string]engine.Tensor{"output": convert(r.output, r.width), "target": convert(r.target, r.wants)}
	b := metric.Batch{Rows: to - from, Values: func(name string) engine.Tensor { return values[name] }}
	if r.loss != nil {
		b.Loss = r.loss[from:to]
	}
	if r.weight != nil {
		b.Weight = r.weight[from:to]
	}
	return b
}

func measure[T engine.Float](m metric.Metric, r rows, size int) [3]float64 {
	for from := 0; from < r.len(); from += size {
		m.Add(batch[T](r, from, min(from+size, r.len())))
	}
	v, low, high := m.Value()
	return [3]float64{v, low, high}
}

func near(a, b, tolerance float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || a == b || math.Abs(a-b) <= tolerance*max(1, math.Abs(b))
}

func check(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !near(got, want, tolerance) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// reference is what testdata/reference.py stores.
type reference struct {
	Classes, Width                             int
	Target, Logits, Y, Predicted, Weight, Loss []float64
	Precision, Recall, Support                 []*float64
	F1Class                                    []*float64 `json:"f1_class"`
	Confusion                                  [][]int
	Accuracy, F1, Top2, R2, MAE, MSE           float64
	Balanced                                   float64 `json:"balanced_accuracy"`
	R2First                                    float64 `json:"r2_first"`
	R2FirstSD                                  float64 `json:"r2_first_bootstrap_sd"`
	R2Half                                     float64 `json:"r2_half"`
	MAEHalf                                    float64 `json:"mae_half"`
	MeanLoss                                   float64 `json:"mean_loss"`
}

func load(t *testing.T) (r reference, class, real rows) {
	t.Helper()
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r, rows{output: r.Logits, target: r.Target, loss: r.Loss, width: r.Classes, wants: 1},
		rows{output: r.Predicted, target: r.Y, width: r.Width, wants: r.Width}
}

func TestAgainstScikitLearn(t *testing.T) {
	r, class, real := load(t)
	weighted := class
	weighted.weight = r.Weight
	for _, c := range []struct {
		name string
		m    metric.Metric
		rows rows
		want float64
	}{
		{"accuracy", &metric.Accuracy{}, class, r.Accuracy},
		{"confusion", &metric.Confusion{}, class, r.Accuracy},
		{"balanced", &metric.BalancedAccuracy{}, class, r.Balanced},
		{"f1", &metric.F1{}, class, r.F1},
		{"top 1", &metric.TopK{K: 1}, class, r.Accuracy},
		{"top 2", &metric.TopK{K: 2}, class, r.Top2},
		{"top 5 of 4", &metric.TopK{}, class, 1},
		{"loss", &metric.Loss{}, weighted, r.MeanLoss},
		{"r2", &metric.R2{}, real, r.R2},
		{"mae", &metric.MAE{}, real, r.MAE},
		{"rmse", &metric.RMSE{}, real, math.Sqrt(r.MSE)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := measure[float64](c.m, c.rows, 7)
			check(t, "float64", got[0], c.want, 1e-12)
			c.m.Reset()
			check(t, "float32", measure[float32](c.m, c.rows, 60)[0], c.want, 1e-6)
			if !math.IsNaN(got[1]) && !(got[1] <= got[0] && got[0] <= got[2]) {
				t.Errorf("%v lies outside its interval", got)
			}
		})
	}
}

func TestIntervalsAgainstNumPy(t *testing.T) {
	r, _, real := load(t)
	r2, mae := measure[float64](&metric.R2{}, real, 9), measure[float64](&metric.MAE{}, real, 9)
	check(t, "R2 bound", r2[1], r.R2-r.R2Half, 1e-9)
	check(t, "MAE bound", mae[2], r.MAE+r.MAEHalf, 1e-9)
	check(t, "other MAE bound", mae[1], r.MAE-r.MAEHalf, 1e-9)
}

func TestConfusionAgainstScikitLearn(t *testing.T) {
	r, class, _ := load(t)
	c := &metric.Confusion{}
	measure[float32](c, class, 11)
	if got := c.Matrix(); !reflect.DeepEqual(got, r.Confusion) {
		t.Errorf("matrix %v, want %v", got, r.Confusion)
	}
	value := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	for i := range r.Classes {
		got := c.Class(i)
		check(t, "precision", got.Precision.Value, value(r.Precision[i]), 1e-12)
		check(t, "recall", got.Recall.Value, value(r.Recall[i]), 1e-12)
		check(t, "F1", got.F1, value(r.F1Class[i]), 1e-12)
		check(t, "rows", float64(got.Rows), value(r.Support[i]), 0)
	}
	check(t, "majority", c.Majority(), 38.0/60, 1e-15)
	c.Reset()
	measure[float64](c, class, 60)
	if got := c.Matrix(); !reflect.DeepEqual(got, r.Confusion) {
		t.Errorf("matrix after Reset %v, want %v", got, r.Confusion)
	}
}

// By hand: 3 rows of class 0 of which 2 are right, 1 row of class 1 that is right, none of class 2.
func TestByHand(t *testing.T) {
	r := rows{output: []float64{
		5, 1, 0,
		1, 1, 0, // a tie: the first class
		0, 0, 9,
		0, 1, 0,
	}, target: []float64{0, 0, 0, 1}, width: 3, wants: 1}
	c := &metric.Confusion{}
	measure[float64](c, r, 4)
	if want := [][]int{{2, 0, 1}, {0, 1, 0}, {0, 0, 0}}; !reflect.DeepEqual(c.Matrix(), want) {
		t.Errorf("matrix %v, want %v", c.Matrix(), want)
	}
	b := c.BalancedAccuracy()
	check(t, "balanced accuracy", b.Value, (2.0/3+1)/2, 1e-15)
	// Wilson's intervals are 0.207655..0.938508 for 2 of 3 and 0.206549..1 for 1 of 1.
	check(t, "its lower bound", b.Low, 5.0/6-math.Hypot(2.0/3-0.207655, 1-0.206549)/2, 1e-5)
	check(t, "its upper bound", b.High, 5.0/6+(0.938508-2.0/3)/2, 1e-5)
	check(t, "precision of the absent class", c.Class(2).Precision.Value, 0, 0)
	check(t, "recall of the absent class", c.Class(2).Recall.Value, math.NaN(), 0)
	check(t, "majority", c.Majority(), 0.75, 0)

	// Wilson's interval for 3 of 4: 0.300642..0.954413.
	a := measure[float64](&metric.Accuracy{}, r, 3)
	check(t, "accuracy", a[0], 0.75, 0)
	check(t, "lower bound", a[1], 0.300642, 1e-6)
	check(t, "upper bound", a[2], 0.954413, 1e-6)

	// Errors 1, -1, 2, 0 on targets 1, 2, 3, 4: SSE 6, SST 5.
	q := rows{output: []float64{2, 1, 5, 4}, target: []float64{1, 2, 3, 4}, width: 1, wants: 1}
	check(t, "R2", measure[float64](&metric.R2{}, q, 1)[0], 1-6.0/5, 1e-14)
	mae := measure[float64](&metric.MAE{}, q, 1)
	check(t, "MAE", mae[0], 1, 1e-14)
	check(t, "MAE's upper bound", mae[2], 1+1.959964*math.Sqrt(2.0/3/4), 1e-6)
	check(t, "RMSE", measure[float64](&metric.RMSE{}, q, 1)[0], math.Sqrt(1.5), 1e-14)

	// Weighted loss: (1·1 + 3·3)/4 = 2.5; variance 2·(1·2.25 + 9·0.25)/16.
	l := rows{output: q.output, target: q.target, loss: []float64{1, 3, 9, 9}, weight: []float64{1, 3, 0, 0}, width: 1, wants: 1}
	loss := measure[float64](&metric.Loss{}, l, 1)
	check(t, "loss", loss[0], 2.5, 1e-15)
	check(t, "its upper bound", loss[2], 2.5+1.959964*0.75, 1e-6)
}

func TestR2IntervalAgainstBootstrap(t *testing.T) {
	r, _, real := load(t)
	first := rows{width: 1, wants: 1}
	for i := 0; i < len(real.target); i += r.Width {
		first.target = append(first.target, real.target[i])
		first.output = append(first.output, real.output[i])
	}
	got := measure[float64](&metric.R2{}, first, 40)
	check(t, "R2", got[0], r.R2First, 1e-12)
	if sd := (got[2] - got[1]) / 2 / 1.96; sd < 0.8*r.R2FirstSD || sd > 1.25*r.R2FirstSD {
		t.Errorf("standard deviation %v, the bootstrap has %v", sd, r.R2FirstSD)
	}
}

func TestUnscale(t *testing.T) {
	_, _, real := load(t)
	scaled := rows{width: real.width, wants: real.wants}
	at, by := []float64{3, -500, 0}, []float64{2, 10, 1000}
	for i := range real.target {
		scaled.target = append(scaled.target, (real.target[i]-at[i%3])/by[i%3])
		scaled.output = append(scaled.output, (real.output[i]-at[i%3])/by[i%3])
	}
	u := func(i int, v float64) float64 { return v*by[i] + at[i] }
	for _, name := range []string{"mae", "rmse", "r2"} {
		plain, _ := metric.New(name, nil)
		undone, _ := metric.New(name, u)
		a, b := measure[float64](plain, real, 40), measure[float64](undone, scaled, 40)
		for i := range a {
			check(t, name, b[i], a[i], 1e-9)
		}
	}
}

// Every metric on the list: however rows are cut into batches the numbers are equal to rounding, and after Reset once more.
func TestCutsMakeNoDifference(t *testing.T) {
	r, class, real := load(t)
	class.weight = r.Weight
	for _, e := range metric.List() {
		t.Run(e.Name, func(t *testing.T) {
			data := class
			if e.Task == "regression" {
				data = real
			}
			m := e.New(nil)
			want := measure[float32](m, data, 1000)
			for _, size := range []int{1, 2, 7, 32} {
				m.Reset()
				got := measure[float32](m, data, size)
				tolerance := 1e-9
				if e.Task == "classification" {
					tolerance = 0
				}
				for i := range got {
					check(t, "value or bound", got[i], want[i], tolerance)
				}
			}
			if !e.Share && e.Name != "loss" && math.IsNaN(want[1]) {
				t.Errorf("no interval: %v", want)
			}
		})
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	r, class, real := load(t)
	class.weight = r.Weight
	for _, e := range metric.List() {
		data := class
		if e.Task == "regression" {
			data = real
		}
		m, b32, b64 := e.New(func(i int, v float64) float64 { return v }), batch[float32](data, 0, 40), batch[float64](data, 0, 40)
		m.Add(b32)
		if n := testing.AllocsPerRun(10, func() { m.Add(b32); m.Add(b64) }); n != 0 {
			t.Errorf("%s: %v allocations", e.Name, n)
		}
	}
}

func TestRowsOfWeightZeroAreLeftOut(t *testing.T) {
	_, class, real := load(t)
	for _, e := range metric.List() {
		data := class
		if e.Task == "regression" {
			data = real
		}
		fewer := rows{output: data.output[:30*data.width], target: data.target[:30*data.wants], width: data.width, wants: data.wants}
		data.output = append([]float64(nil), data.output...)
		data.loss = make([]float64, data.len())
		data.weight = make([]float64, data.len())
		fewer.loss = make([]float64, 30)
		for i := range data.len() {
			data.loss[i] = math.NaN()
			if i < 30 {
				data.weight[i], data.loss[i], fewer.loss[i] = 2, float64(i), float64(i)
			} else {
				data.output[i*data.width] = math.NaN()
			}
		}
		got, want := measure[float64](e.New(nil), data, 9), measure[float64](e.New(nil), fewer, 9)
		for i := range got {
			check(t, e.Name, got[i], want[i], 1e-12)
		}
	}
}

func TestNotFinite(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	r := rows{output: []float64{nan, 0, 0, nan, inf, 0, -inf, -inf}, target: []float64{0, 1, 0, 0}, width: 2, wants: 1}
	c := &metric.Confusion{}
	got := measure[float32](c, r, 2)
	check(t, "accuracy", got[0], 0.5, 0)
	if want := [][]int{{2, 0}, {0, 0}}; !reflect.DeepEqual(c.Matrix(), want) || c.Class(0).Rows != 3 || c.Class(1).Rows != 1 {
		t.Errorf("matrix %v, want %v with 3 and 1 rows", c.Matrix(), want)
	}
	check(t, "top 2", measure[float64](&metric.TopK{K: 2}, r, 4)[0], 0.5, 0)

	q := rows{output: []float64{1, nan, 3}, target: []float64{1, 2, 3}, loss: []float64{1, nan, 1}, width: 1, wants: 1}
	for _, name := range []string{"mae", "rmse", "r2", "loss"} {
		m, _ := metric.New(name, nil)
		check(t, name, measure[float64](m, q, 2)[0], nan, 0)
	}
}

// What the wiring can get wrong gives NaN, and Reset brings the metric back.
func TestMisfit(t *testing.T) {
	_, class, real := load(t)
	cases := map[string]metric.Batch{
		"no values":     {Rows: 3},
		"unknown names": {Rows: 3, Values: func(string) engine.Tensor { return engine.Tensor{} }},
		"too few rows": {Rows: 3, Values: func(string) engine.Tensor {
			return engine.Tensor{Shape: engine.Shape{2, 2}, F32: make([]float32, 4)}
		}},
		"other shapes": {Rows: 2, Values: func(name string) engine.Tensor {
			if name == "output" {
				return engine.Tensor{Shape: engine.Shape{2, 3}, F32: make([]float32, 6)}
			}
			return engine.Tensor{Shape: engine.Shape{2, 2}, F32: make([]float32, 4)}
		}},
	}
	for name, b := range cases {
		for _, e := range metric.List() {
			if e.Task == "" {
				continue
			}
			data := class
			if e.Task == "regression" {
				data = real
			}
			m := e.New(nil)
			m.Add(batch[float32](data, 0, 20))
			m.Add(b)
			v, _, _ := m.Value()
			check(t, name+": "+e.Name, v, math.NaN(), 0)
			m.Reset()
			check(t, name+": "+e.Name+" after Reset", measure[float64](m, data, 8)[0], measure[float64](e.New(nil), data, 8)[0], 1e-12)
		}
	}
}

func TestEdges(t *testing.T) {
	for _, e := range metric.List() {
		m := e.New(nil)
		v, _, _ := m.Value()
		check(t, e.Name+" of nothing", v, math.NaN(), 0)
		m.Add(metric.Batch{})
		v, _, _ = m.Value()
		check(t, e.Name+" of an empty batch", v, math.NaN(), 0)
	}
	constant := rows{output: []float64{4, 4, 4}, target: []float64{4, 4, 4}, width: 1, wants: 1}
	check(t, "R2 of a constant that is met", measure[float64](&metric.R2{}, constant, 3)[0], 1, 0)
	constant.output = []float64{4, 5, 4}
	check(t, "R2 of a constant that is missed", measure[float64](&metric.R2{}, constant, 3)[0], 0, 0)

	far := rows{output: []float64{1e9 + 1, 1e9 + 2, 1e9 + 4}, target: []float64{1e9 + 1, 1e9 + 2, 1e9 + 3}, width: 1, wants: 1}
	check(t, "R2 far from zero", measure[float64](&metric.R2{}, far, 3)[0], 0.5, 1e-12)

	outside := rows{output: []float64{1, 2, 1, 2}, target: []float64{7, 1}, width: 2, wants: 1}
	check(t, "accuracy with a target that is no class", measure[float64](&metric.Confusion{}, outside, 2)[0], 0.5, 0)

	outside.output[2] = math.NaN()
	outside.target[1] = 7
	check(t, "accuracy without prediction and class", measure[float64](&metric.Accuracy{}, outside, 2)[0], 0, 0)

	ties := rows{output: []float64{1, 1, 1, 1, 1, 1}, target: []float64{1, 2}, width: 3, wants: 1}
	check(t, "top 2 of equal logits", measure[float64](&metric.TopK{K: 2}, ties, 2)[0], 0.5, 0)

	// Two words a row, three classes a word.
	words := rows{output: []float64{1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0}, target: []float64{0, 2, 1, 0}, width: 6, wants: 2}
	check(t, "accuracy with two positions a row", measure[float64](&metric.Accuracy{}, words, 1)[0], 0.75, 0)

	many := rows{output: make([]float64, 2*(metric.MaxClasses+1)), target: []float64{0, 1}, width: metric.MaxClasses + 1, wants: 1}
	c := &metric.Confusion{}
	check(t, "accuracy with many classes", measure[float64](c, many, 2)[0], 0.5, 0)
	if c.Matrix() != nil || c.Class(1).Rows != 1 {
		t.Error("many classes: want the numbers of each class and no matrix")
	}
}

func TestList(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range metric.List() {
		if e.Name == "" || e.Doc == "" || seen[e.Name] {
			t.Errorf("%+v: want a name of its own and a line of documentation", e.Info)
		}
		seen[e.Name] = true
		m, err := metric.New(e.Name, nil)
		if err != nil || m.Info() != e.Info {
			t.Errorf("New(%q) is %v, %v", e.Name, m, err)
		}
	}
	if _, err := metric.New("acuracy", nil); err == nil || !strings.Contains(err.Error(), "balanced_accuracy") {
		t.Errorf("unknown metric: %v, want an error that lists the names", err)
	}
}
