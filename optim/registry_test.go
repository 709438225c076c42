package optim_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
)

func TestText(t *testing.T) {
	adamw := func(f func(*optim.Optimizer, *optim.AdamW)) optim.Optimizer {
		o := optim.NewAdamW(1e-3)
		r := o.Rule.(optim.AdamW)
		f(&o, &r)
		o.Rule = r
		return o
	}
	tests := []struct {
		text string // as o is written, too
		want optim.Optimizer
	}{
		{"sgd(0.01)", optim.NewSGD(0.01)},
		{"adamw(0.001)", optim.NewAdamW(1e-3)},
		{"sgd(0.001)", optim.NewSGD(0.001)}, // the default of others
		{"adamw(0.1)", optim.NewAdamW(0.1)},
		{"adamw(0.1, beta2=0.99)", adamw(func(o *optim.Optimizer, r *optim.AdamW) { o.LR, r.Beta2 = optim.Constant(0.1), 0.99 })},
		{"adamw(0.001, beta2=0.99, decay=0, clip_norm=1)", adamw(func(o *optim.Optimizer, r *optim.AdamW) { r.Beta2, o.Decay.Rate, o.Clip.Norm = 0.99, 0, 1 })},
		{"adamw(warmup(10, cosine(0.1)))", adamw(func(o *optim.Optimizer, _ *optim.AdamW) {
			o.LR = optim.Warmup{Steps: 10, Then: optim.Cosine{LR: 0.1}}
		})},
		{"adamw(0.001, wrap=[ema(0.9)])", adamw(func(o *optim.Optimizer, _ *optim.AdamW) { o.Wrap = []optim.Wrapper{optim.EMA{Decay: 0.9}} })},
		{"adamw(0.001, groups=[{paths=[head/**], rule=momentum(mu=0.5), lr=0.1, decay=0.2, clip=3}, {lr_factor=0.5, decay={decay=0.3, decay_all=true}}])",
			adamw(func(o *optim.Optimizer, _ *optim.AdamW) {
				o.Groups = []optim.Group{
					{Match: optim.Match{Paths: []string{"head/**"}}, Rule: optim.Momentum{Mu: 0.5}, LR: optim.Constant(0.1), Decay: &optim.Decay{Rate: 0.2}, Clip: &optim.Clip{Norm: 3}},
					{LRFactor: 0.5, Decay: &optim.Decay{Rate: 0.3, All: true}},
				}
			})},
	}
	set := spec.NewSet(optim.Lists()...)
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := optim.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("read %+v, %+v is wanted", got, test.want)
			}
			if got.String() != test.text {
				t.Errorf("written %s", got)
			}
			complete, err := set.Encode(got)
			if err != nil {
				t.Fatal(err)
			}
			v, err := spec.ParseJSON("", complete.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if again, err := spec.Decode[optim.Optimizer](set, v); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("%s\nreads as %+v, error %v", complete.JSON(), again, err)
			}
		})
	}
}

// Every prototype is valid or says what is missing, and reads back from its own name.
func TestPrototypes(t *testing.T) {
	for _, e := range optim.Lists()[0].Entries()[:len(listed)] {
		o, err := optim.Parse(e.Name)
		if rate := fmt.Sprintf("%s(%v)", e.Name, o.LR); err != nil || o.String() != rate {
			t.Errorf("%s: %v, %s is wanted; error %v", e.Name, o, rate, err)
		}
		if again, err := optim.Parse(o.String()); err != nil || !reflect.DeepEqual(again, o) {
			t.Errorf("%s reads as %v, error %v", o, again, err)
		}
		if _, err := o.Bind(small(t), nil); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if e.Help == "" || o.Rule.Info().Name != e.Name {
			t.Errorf("%s: help %q, rule %q", e.Name, e.Help, o.Rule.Info().Name)
		}
	}
}

func TestTextRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"adamv":                           `did you mean "adam`,
		"adamw(bta2=0.9)":                 `did you mean "beta2"`,
		"adamw(beta2=1)":                  "in [0, 1)",
		"adamw(lr=0)":                     "learning rate 0: a positive",
		"lars(coupled=true)":              "coupled decay does not apply",
		"adamw(decay=-1)":                 ">= 0",
		"adamw(groups=[{paths=[\"[\"]}])": "path pattern",
		"adamw(wrap=[ema(1)])":            "in [0, 1)",
		"sgd(lr=nan)":                     "nan",
		"sgd(lr=constant)":                "learning rate 0",
	} {
		if _, err := optim.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; %q is wanted", text, err, want)
		}
	}
}

var registerOdd = sync.OnceValue(func() error { return optim.Register("odd_for_registry", mine{Strength: 2}) })

func TestRegister(t *testing.T) {
	if err := registerOdd(); err != nil {
		t.Fatal(err)
	}
	o, err := optim.Parse("odd_for_registry(lr=0.5, strength=3, decay=0.1)")
	if err != nil || o.Rule != (mine{Strength: 3}) || o.Decay.Rate != 0.1 {
		t.Errorf("%+v, error %v", o, err)
	}
	if o, err = optim.Parse("sgd(groups=[{rule=odd_for_registry}])"); err != nil || o.Groups[0].Rule != (mine{Strength: 2}) {
		t.Errorf("%+v, error %v", o, err)
	}
	for name, prototype := range map[string]any{"adam": mine{}, "Upper": mine{}, "what": 3, "bare": optim.Optimizer{}} {
		if err := optim.Register(name, prototype); err == nil {
			t.Errorf("%s %T is taken", name, prototype)
		}
	}
}

type mine struct {
	odd
	Strength float64
}

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"dense1/weight", "dense1/weight", true},
		{"dense1", "dense1/weight", true},
		{"dense1/", "dense1/weight", true},
		{"dense", "dense1/weight", false},
		{"dense*", "dense1/weight", true},
		{"*", "dense1/weight", true},
		{"*/bias", "dense1/bias", true},
		{"*/bias", "block/dense1/bias", false},
		{"**/bias", "block/dense1/bias", true},
		{"**/bias", "bias", true},
		{"block/**", "block/dense1/bias", true},
		{"block/**", "block", true},
		{"block/**/weight", "block/a/b/weight", true},
		{"block/**/weight", "block/a/b/bias", false},
		{"block[1-3]/*", "block2/weight", true},
		{"block[1-3]/*", "block4/weight", false},
		{"block?/weight", "block4/weight", true},
		{"dense1/weight/more", "dense1/weight", false},
		{"weight", "dense1/weight", false},
	}
	for _, test := range tests {
		m := optim.Match{Paths: []string{"nothing", test.pattern}}
		if got := m.Matches(engine.Param{Path: test.path}); got != test.want {
			t.Errorf("%s on %s: %v", test.pattern, test.path, got)
		}
	}
	both := optim.Match{Roles: []engine.Role{engine.Bias}, Paths: []string{"a"}}
	for _, test := range []struct {
		p    engine.Param
		want bool
	}{{engine.Param{Path: "a/x", Role: engine.Bias}, true}, {engine.Param{Path: "a/x"}, false}, {engine.Param{Path: "b/x", Role: engine.Bias}, false}} {
		if both.Matches(test.p) != test.want {
			t.Errorf("%v on %+v", both, test.p)
		}
	}
	if !(optim.Match{}).Matches(engine.Param{Path: "x"}) {
		t.Error("the zero Match takes every parameter")
	}
	// Many ** must not cost more than the product of the lengths.
	long := strings.Repeat("a/", 2000) + "b"
	if (optim.Match{Paths: []string{strings.Repeat("**/a/", 1000) + "c"}}).Matches(engine.Param{Path: long}) {
		t.Error("matches c")
	}
}
