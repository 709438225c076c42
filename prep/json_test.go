package prep

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/descent-go/descent/engine"
)

const stored = `{"form":1,"inputs":[{"name":"a","kind":"number"},{"name":"b","kind":"number"}],` +
	`"scaling":{"kind":"standardize","subtract":[1.5,3],"divide":[0.5,1]},"target":{"name":"label","kind":"class","categories":["n","y"]}}`

// The stored form is a promise to old model files: its text must not change without a new form number.
func TestStoredForm(t *testing.T) {
	p := fit(t, append(numbers("a", "b"), classes("n", "y")), Options{}, rows([]float64{1, 3, 0}, []float64{2, 3, 1}))
	got, err := json.Marshal(p)
	if err != nil || string(got) != stored {
		t.Errorf("%v\n got %s\nwant %s", err, got, stored)
	}
	var back Pipeline
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(*p, back) {
		t.Errorf("comes back as %+v, %v", back, err)
	}
}

func TestStoredFormRefuses(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(stored, old) {
			t.Fatalf("%q is not in the form", old)
		}
		return strings.Replace(stored, old, new, 1)
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, "unexpected EOF"},
		{"null", `null`, "found null where {"},
		{"list", `[]`, "found [ where {"},
		{"cut short", stored[:len(stored)/2], "unexpected EOF"},
		{"something follows", stored + ` {}`, "follows the closing brace"},
		{"other form", change(`"form":1`, `"form":2`), "is 2; this version of descent reads form 1"},
		{"form as text", change(`"form":1`, `"form":"1"`), "where a number is wanted"},
		{"form of a fraction", change(`"form":1`, `"form":1.5`), "not a whole number"},
		{"form missing", change(`"form":1,`, ``), `key "form" is missing`},
		{"unknown key", change(`"form":1`, `"form":1,"code":"x"`), `unknown key "code"`},
		{"other case", change(`"form":1`, `"Form":1`), `unknown key "Form"`},
		{"key twice", change(`"form":1`, `"form":1,"form":1`), `key "form" occurs twice`},
		{"key twice inside", change(`"kind":"number"`, `"kind":"number","kind":"number"`), `inputs: key "kind" occurs twice`},
		{"deep", change(`"name":"a"`, `"name":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)), "where a text is wanted"},
		{"deeper than any stack", strings.Repeat("[", 1_000_000), "found [ where {"},
		{"shape negative", change(`"kind":"number"`, `"kind":"number","shape":[-1]`), "not a whole number"},
		{"shape huge", change(`"kind":"number"`, `"kind":"number","shape":[2147483647,2147483647]`), "dimensions from 1"},
		{"shape of zero", change(`"kind":"number"`, `"kind":"number","shape":[0]`), "dimensions from 1"},
		{"scaling short", change(`[1.5,3]`, `[1.5]`), "scaling has 1 numbers to subtract and 2"},
		{"divide by zero", change(`[0.5,1]`, `[0,1]`), "divides by 0"},
		{"divide by infinity", change(`[0.5,1]`, `[1e999,1]`), "beyond the largest"},
		{"scaling unknown", change(`standardize`, `exec`), `unknown scaling "exec"`},
		{"no inputs", change(`{"name":"a","kind":"number"},{"name":"b","kind":"number"}`, ``), "no input column"},
		{"target a number", change(`"kind":"class","categories":["n","y"]`, `"kind":"target"`), "has mean and sd"},
		{"mean of classes", change(`"kind":"class"`, `"kind":"class","mean":0,"sd":1`), "has mean and sd"},
		{"mean of an input", change(`"kind":"number"`, `"kind":"number","mean":1`), `unknown key "mean"`},
		{"class twice", change(`["n","y"]`, `["n","n"]`), `class "n" twice`},
		{"not UTF-8", change(`"a"`, "\"\xff\""), "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Pipeline{scaling: "untouched"}
			err := p.UnmarshalJSON([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if p.scaling != "untouched" || p.width != 0 {
				t.Error("the pipeline was changed")
			}
		})
	}
	if _, err := json.Marshal(&Pipeline{}); err == nil {
		t.Error("an empty pipeline is written")
	}
}

func TestStoredFormProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 10, -1), 2, 6, func(s string) string { return strings.ToValidUTF8(s, "?") }).Draw(t, "names")
		for i := range names {
			names[i] = strings.ToValidUTF8(names[i], "?")
		}
		columns := numbers(names...)
		last := &columns[len(columns)-1]
		last.Kind = Target
		if rapid.Bool().Draw(t, "classes") {
			last.Kind, last.Categories = Class, names
		}
		if len(columns) == 2 {
			columns[0].Shape = engine.Shape{1, 1}
		}
		value := rapid.Float64Range(-1e30, 1e30)
		var r [][]float64
		for range 3 {
			row := rapid.SliceOfN(value, len(columns), len(columns)).Draw(t, "row")
			if last.Kind == Class {
				row[len(row)-1] = 0
			}
			r = append(r, row)
		}
		p, err := Fit(columns, Options{Scaling: rapid.SampledFrom([]string{"", None, MinMax}).Draw(t, "scaling")}, rows(r...))
		if err != nil {
			t.Skip(err)
		}
		text, err := p.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var back Pipeline
		if err := back.UnmarshalJSON(text); err != nil || !reflect.DeepEqual(*p, back) {
			t.Fatalf("%s comes back as %+v, %v", text, back, err)
		}
	})
}

// Whatever the reader takes, it writes again as the same pipeline.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(stored))
	f.Add([]byte(`{"target":{"kind":"target","sd":2,"mean":-1,"name":"y"},"inputs":[{"shape":[2,2],"kind":"number","name":"i"}],"form":1,"scaling":{"divide":[255],"subtract":[0],"kind":"range"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p, back Pipeline
		if p.UnmarshalJSON(text) != nil {
			return
		}
		again, err := p.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalJSON(again); err != nil || !reflect.DeepEqual(p.Fields(), back.Fields()) || !reflect.DeepEqual(p.subtract, back.subtract) {
			t.Fatalf("%s: %v", again, err)
		}
	})
}
