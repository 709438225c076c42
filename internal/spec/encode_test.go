package spec

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genThing draws a value of any sample type.
func genThing(t *rapid.T, depth int) layer {
	n := rapid.IntRange(0, 7).Draw(t, "layer")
	if depth == 0 && n > 4 {
		n -= 4
	}
	inner := func() layer {
		if rapid.Bool().Draw(t, "nil") {
			return nil
		}
		return genThing(t, depth-1)
	}
	switch n {
	case 0:
		return relu{}
	case 1:
		return dense{Units: rapid.IntRange(1, 1000).Draw(t, "units"), NoBias: rapid.Bool().Draw(t, "bias"), Init: rapid.SampledFrom([]initializer{nil, he{1}, he{1.4}, zeros{}}).Draw(t, "init")}
	case 2:
		return dropout{rapid.Float64Range(0, 0.999).Draw(t, "rate")}
	case 3:
		return get(rapid.SampledFrom([]string{"", "a", "true", "1", "a b", "dense(3)", "é\n\""}).Draw(t, "get"))
	case 4:
		return crossInLayers(t)
	case 5:
		m := mlp{Units: rapid.SliceOfN(rapid.IntRange(1, 9), 0, 3).Draw(t, "units"), Act: inner(), Reduce: rapid.SampledFrom([]string{"mean", "sum"}).Draw(t, "reduce")}
		if len(m.Units) == 0 {
			m.Units = rapid.SampledFrom([][]int{nil, {}}).Draw(t, "none")
		}
		return m
	case 6:
		s := sequence{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			s = append(s, inner())
		}
		return s
	}
	return residual{Body: inner(), Shortcut: inner()}
}

func crossInLayers(t *rapid.T) layer { return sequence{sequence{genThing(t, 0)}} }

func genSchedule(t *rapid.T, depth int) schedule {
	switch rapid.IntRange(0, 2+min(depth, 1)).Draw(t, "schedule") {
	case 0:
		return nil
	case 1:
		return constant(rapid.Float64().Draw(t, "lr"))
	case 2:
		return &plateau{rapid.Int().Draw(t, "patience"), rapid.SliceOfN(rapid.Float32(), 1, 2).Draw(t, "factors")}
	}
	return warmup{rapid.IntRange(0, 200).Draw(t, "steps"), genSchedule(t, depth-1)}
}

func genConfig(t *rapid.T) config {
	seven := 7
	unit := rapid.Float64Range(0, 0.999)
	d := decay{rapid.Float64Range(0, 1).Draw(t, "rate"), rapid.Bool().Draw(t, "coupled")}
	o := optimizer{LR: genSchedule(t, 2), Decay: d}
	if rapid.Bool().Draw(t, "adam") {
		o.Rule = adamw{unit.Draw(t, "beta1"), rapid.SampledFrom([]float64{0.999, 0.5}).Draw(t, "beta2"), 1e-8}
	} else {
		o.Rule = sgd{Momentum: 0.5, Nesterov: rapid.Bool().Draw(t, "nesterov")}
	}
	if rapid.Bool().Draw(t, "groups") {
		o.Groups = []group{{Roles: []role{1, 0}, Rule: rapid.SampledFrom([]rule{nil, sgd{}, adamw{Beta1: 0.5}}).Draw(t, "rule"), Decay: rapid.SampledFrom([]*decay{nil, {}, {Rate: 1}}).Draw(t, "decay")}}
	}
	return config{
		Data: rapid.String().Filter(valid).Draw(t, "data"), Model: genThing(t, 3), Optimizer: o,
		Loss: crossEntropy{rapid.SampledFrom([]float64{0, 0.1, 0.2}).Draw(t, "smoothing")}, Losses: rapid.SampledFrom([][]layer{nil, {}, {crossEntropy{}}}).Draw(t, "losses"),
		Batch: batch(rapid.SampledFrom([]int{-1, 1, 128}).Draw(t, "batch")), Epochs: rapid.IntRange(0, math.MaxInt).Draw(t, "epochs"),
		Time: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "time")), Frozen: rapid.SampledFrom([][]string{nil, {}, {"a", ""}}).Draw(t, "frozen"),
		ClassWeights: rapid.SampledFrom([]map[string]float64{nil, {}, {"a b": 1, "": math.SmallestNonzeroFloat64, "c": math.MaxFloat64}}).Draw(t, "weights"),
		Scale:        rapid.Float32().Draw(t, "scale"), Limit: rapid.SampledFrom([]*int{nil, &seven}).Draw(t, "limit"),
		Common: common{Seed: rapid.Uint64().Draw(t, "seed"), Threads: rapid.Int8Range(0, 127).Draw(t, "threads")},
	}
}

func valid(s string) bool {
	for _, r := range s {
		if r == 0 {
			return false
		}
	}
	return true
}

// The law of the package: what is written is read back equal, complete or short, as JSON or as text.
func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genConfig(t)
		base := config{Epochs: 3, Optimizer: optimizer{Rule: sgd{}, LR: constant(1), Decay: decay{0.5, true}}, Limit: new(int)}
		full, err := set.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		short, err := set.EncodeShort(c, base)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []struct {
			name string
			v    Value
			base config
		}{{"complete", full, config{}}, {"complete over other defaults", full, base}, {"short", short, base}} {
			fromJSON, err := ParseJSON("c.json", form.v.JSON())
			if err != nil {
				t.Fatalf("%s: %v\n%s", form.name, err, form.v.JSON())
			}
			fromText, err := ParseText("--x", form.v.String())
			if err != nil {
				t.Fatalf("%s: %v\n%s", form.name, err, form.v)
			}
			for i, v := range []Value{form.v, fromJSON, fromText} {
				got := form.base
				if err := set.Decode(v, &got); err != nil {
					t.Fatalf("%s, way %d: %v\n%s", form.name, i, err, v)
				}
				if !reflect.DeepEqual(c, got) {
					t.Fatalf("%s, way %d: %s\n%s", form.name, i, cmp.Diff(c, got, compare), v)
				}
			}
		}
	})
}

func TestEncodeEveryRegisteredThing(t *testing.T) {
	for _, r := range []*Registry{layers, losses, inits, schedules, rules, optimizers} {
		for _, e := range r.Entries() {
			v, err := set.Encode(e.Prototype)
			if err != nil {
				t.Errorf("%s %s: %v", r.Kind(), e.Name, err)
				continue
			}
			got := reflect.New(r.typ)
			if err := NewSet(append([]*Registry{r}, others(r)...)...).Decode(v, got.Interface()); err != nil && e.Name != "dense" && e.Name != "mlp" {
				t.Errorf("%s %s: %v", r.Kind(), e.Name, err)
			}
		}
	}
}

func others(r *Registry) []*Registry {
	var out []*Registry
	for _, o := range []*Registry{layers, losses, inits, schedules, rules, optimizers} {
		if o != r {
			out = append(out, o)
		}
	}
	return out
}

func TestJSONOfAConfig(t *testing.T) {
	o, err := Decode[optimizer](set, text(t, "adamw(lr=warmup(10, 1e-5), decay=0.1, groups=[{rule=sgd}])"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := set.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "adamw": {
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "lr": {"warmup": {"steps": 10, "then": 1e-5}},
    "decay": {"rate": 0.1, "coupled": false},
    "groups": [
      {
        "roles": null,
        "rule": {"sgd": {"momentum": 0, "nesterov": false}},
        "lr_factor": 0,
        "decay": null
      }
    ]
  }
}
`
	if d := cmp.Diff(want, string(v.JSON())); d != "" {
		t.Error(d)
	}
	short, err := set.EncodeShort(o, nil)
	if err != nil || short.String() != "adamw(warmup(10, 1e-5), decay={rate=0.1}, groups=[{rule=sgd}])" {
		t.Errorf("got %s, %v", short, err)
	}
}

// Where a JSON object in the place of an argument would read as named arguments, the call is written as text.
func TestJSONOfCalls(t *testing.T) {
	for in, want := range map[string]string{
		"residual(dense(5))":     `"residual(dense(5))"`,
		"residual(relu)":         `{"residual": "relu"}`,
		"residual([dense(5)])":   `{"residual": [{"dense": 5}]}`,
		"residual(null)":         `"residual(null)"`,
		"dense(5, no_bias=true)": `"dense(5, no_bias=true)"`,
		"dense(units=5)":         `{"dense": {"units": 5}}`,
		"relu()":                 `"relu"`,
		"mlp(4, 5)":              `"mlp(4, 5)"`,
		"true()":                 `"true()"`,
	} {
		v, err := ParseText("--x", in)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(v.JSON()); got != want+"\n" {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	type stranger struct{ relu }
	for _, c := range []struct {
		name string
		x    any
		want string
	}{
		{"NaN", struct{ A struct{ B float64 } }{struct{ B float64 }{math.NaN()}}, "writing a.b: found NaN, wanted a finite number"},
		{"unregistered", struct{ Model layer }{stranger{}}, "writing model: spec.stranger is not on the list of layer names: register it"},
		{"not UTF-8", struct{ A []string }{[]string{"\xff"}}, `writing a[0]: found "\xff", wanted UTF-8 text`},
	} {
		if _, err := set.Encode(c.x); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}
