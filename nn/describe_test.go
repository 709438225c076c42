package nn

import (
	"reflect"
	"testing"
)

func TestDescriptionsRoundTrip(t *testing.T) {
	for text, want := range map[string]Layer{
		"relu":       ReLU{},
		"dense(512)": Dense{Units: 512},
		"mlp(512, 256, activation=tanh, dropout=0.2)":                   MLP{Units: []int{512, 256}, Activation: Tanh{}, Dropout: 0.2},
		"sequence(dense(4, init=he(uniform=true), no_bias=true), relu)": Sequence{Dense{Units: 4, Init: He{Uniform: true}, NoBias: true}, ReLU{}},
		"[dense(4), dropout]":                               Sequence{Dense{Units: 4}, Dropout{Rate: 0.5}},
		"residual(sequence(dense(4), relu))":                Residual{Body: Sequence{Dense{Units: 4}, ReLU{}}},
		"add(named(a, dense(3, init=0.5)), get(a), get(x))": Add{[]Layer{Named{"a", Dense{Units: 3, Init: Constant(0.5)}}, Get("a"), Get("x")}},
		"batchnorm(momentum=0.2)":                           BatchNorm{0.2, 1e-5},
	} {
		l, err := Parse("test", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !reflect.DeepEqual(l, want) {
			t.Errorf("%s: %#v, want %#v", text, l, want)
		}
		j, err := Describe(l)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for form, read := range map[string]func(string) (Layer, error){
			string(j): func(s string) (Layer, error) { return Described("test", []byte(s)) },
			Text(l):   func(s string) (Layer, error) { return Parse("test", s) },
		} {
			if back, err := read(form); err != nil || !reflect.DeepEqual(back, l) {
				t.Errorf("%s as %s: %#v, %v", text, form, back, err)
			}
		}
	}
}
