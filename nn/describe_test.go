package nn

import (
	"reflect"
	"testing"

	"github.com/descent-go/descent/engine"
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
		"leaky_relu":                                        LeakyReLU{0.01},
		"leaky_relu(0)":                                     LeakyReLU{},
		"swish":                                             SiLU{},
		"gelu(tanh=true)":                                   GELU{Tanh: true},
		"reshape(1, 28, -1)":                                Reshape{[]int{1, 28, -1}},
		"layernorm(last=true)":                              LayerNorm{true, 1e-5},
		"embedding(8, init=orthogonal(gain=2))":             Embedding{8, Orthogonal{2}},
		"dense(4, bias_init=uniform(-0.5, 0.5))":            Dense{Units: 4, BiasInit: Uniform{-0.5, 0.5}},
		"dense(4, init=sparse(3))":                          Dense{Units: 4, Init: Sparse{3, 1}},
		"dense(4, init=truncated_normal)":                   Dense{Units: 4, Init: TruncatedNormal{SD: 0.05}},
		"dense(4, init=he(fan_out=true))":                   Dense{Units: 4, Init: He{FanOut: true}},
		"mlp(4, activation=prelu(single=true, init=0.1))":   MLP{Units: []int{4}, Activation: PReLU{true, Constant(0.1)}},
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

func TestLossesRoundTrip(t *testing.T) {
	for text, want := range map[string]Layer{
		`"mae"`:           MeanAbsolute{},
		`"mse"`:           MeanSquares{},
		`"huber"`:         Huber{1},
		`"hinge"`:         Hinge{1},
		`"cross_entropy"`: CrossEntropy{},
		`{"cross_entropy": {"label_smoothing": 0.1, "class_weights": [1, 2.5, 0]}}`: CrossEntropy{0.1, []float64{1, 2.5, 0}},
		`{"binary_cross_entropy": {"positive_weight": 4}}`:                          BinaryCrossEntropy{4},
	} {
		l, err := DescribedLoss("test", []byte(text))
		if err != nil || !reflect.DeepEqual(l, want) {
			t.Errorf("%s: %#v, %v", text, l, err)
			continue
		}
		j, err := Describe(l)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if back, err := DescribedLoss("test", j); err != nil || !reflect.DeepEqual(back, l) {
			t.Errorf("%s as %s: %#v, %v", text, j, back, err)
		}
	}
}

// What every name stands for can be written and read back, completely and shortly, and has a line of help.
func TestEveryNameRoundTrips(t *testing.T) {
	for _, list := range Lists() {
		for _, e := range list.Entries() {
			if e.Help == "" {
				t.Errorf("%s %s has no help", list.Kind(), e.Name)
			}
			layer, ok := examples[e.Name]
			switch p := e.Prototype.(type) {
			case engine.Init:
				layer = Dense{Units: 2, Init: p}
			case Layer:
				if !ok {
					layer = p
				}
			}
			read := Described
			if list.Kind() == "loss" {
				read = DescribedLoss
			}
			j, err := Describe(layer)
			if err != nil {
				t.Errorf("%s: %v", e.Name, err)
				continue
			}
			if back, err := read("test", j); err != nil || !reflect.DeepEqual(back, layer) {
				t.Errorf("%s as %s: %#v, %v", e.Name, j, back, err)
			}
			if list.Kind() == "loss" {
				continue
			}
			if back, err := Parse("test", Text(layer)); err != nil || !reflect.DeepEqual(back, layer) {
				t.Errorf("%s as %s: %#v, %v", e.Name, Text(layer), back, err)
			}
		}
	}
}
