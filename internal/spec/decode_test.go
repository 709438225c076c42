package spec

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func text(t *testing.T, s string) Value {
	t.Helper()
	v, err := ParseText("f.yaml", s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var compare = cmp.AllowUnexported(config{})

func TestFormsOfAThing(t *testing.T) {
	for _, c := range []struct {
		want  layer
		forms []string
	}{
		{relu{}, []string{`relu`, `"relu"`, `relu()`, `{relu: null}`, `{relu: {}}`, `'"relu"'`}},
		{dense{Units: 512}, []string{`dense(512)`, `"dense(512)"`, `{dense: 512}`, `{dense: {units: 512}}`, `dense(units=512)`, `linear(512.0)`, `{linear: 5.12e2}`}},
		{dense{Units: 3, NoBias: true, Init: he{Gain: 1.4}}, []string{
			`dense(3, no_bias=true, init=he(gain=1.4))`, `{dense: {units: 3, no_bias: true, init: {he: {gain: 1.4}}}}`, `dense(units=3, no_bias=true, init="he(gain=1.4)")`}},
		{mlp{Units: []int{4, 5}, Act: relu{}, Reduce: "mean"}, []string{`mlp(4, 5)`, `mlp([4, 5])`, `{mlp: [4, 5]}`, `mlp(units=[4,5])`, `{mlp: {units: [4, 5], act: relu}}`}},
		{mlp{Units: []int{4}, Act: nil, Reduce: "sum"}, []string{`mlp(4, act=null, reduce=sum)`}},
		{mlp{Units: []int{4}, Act: relu{}, Reduce: "mean"}, []string{`{mlp: 4}`}},
		{sequence{dense{Units: 1}, relu{}}, []string{`[dense(1), relu]`, `dense(1), relu`, `sequence(dense(1), relu)`, `sequence([dense(1), relu])`, `{sequence: [{dense: 1}, relu]}`, `"[dense(1), relu]"`}},
		{residual{Body: sequence{relu{}}, Shortcut: dense{Units: 1}}, []string{`residual([relu], dense(1))`, `{residual: {body: [relu], shortcut: {dense: 1}}}`}},
		{get("length"), []string{`get(length)`, `{get: length}`, `get("length")`}},
		{dropout{0}, []string{`dropout(0)`, `{dropout: 0}`, `dropout(rate=0)`}},
		{dropout{0.5}, []string{`dropout`, `{dropout: {}}`}},
	} {
		for _, form := range c.forms {
			t.Run(form, func(t *testing.T) {
				got, err := Decode[layer](set, text(t, form))
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
				fromFlag, err := Decode[layer](set, Flag("--model", form))
				if err != nil || cmp.Diff(c.want, fromFlag) != "" {
					t.Errorf("as a flag: %v, %v", fromFlag, err)
				}
			})
		}
	}
}

func TestOptimizerKeysAreThoseOfRuleAndOptimizer(t *testing.T) {
	base := optimizer{Rule: adamw{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}, LR: constant(1e-3), Decay: decay{Rate: 0.1}}
	for _, form := range []string{
		`adamw(lr=1e-3, beta2=0.99, decay=0.1)`, `adamw(1e-3, beta2=0.99, decay={rate=0.1})`,
		`{adamw: {lr: {constant: 0.001}, beta2: .99, decay: {rate: 0.1, coupled: false}}}`, `{adamw: {lr: constant(1e-3), beta2: .99, decay: 0.1}}`,
	} {
		got, err := Decode[optimizer](set, text(t, form))
		if err != nil || cmp.Diff(base, got) != "" {
			t.Errorf("%s: %+v, %v", form, got, err)
		}
	}
	// The prototype is untouched.
	fresh, _ := Decode[optimizer](set, text(t, "adamw"))
	if fresh.Rule.(adamw).Beta2 != 0.999 {
		t.Errorf("the prototype was changed: %+v", fresh)
	}
}

// wrapped has no registry of its own: its name chooses the rule that it holds inline, its other keys keep their defaults.
type wrapped struct {
	Rule rule    `spec:",inline"`
	LR   float64 `spec:",arg"`
}

func TestStructAroundAnInlineThing(t *testing.T) {
	got := wrapped{LR: 0.5}
	if err := set.Decode(text(t, "adamw(beta1=0.8)"), &got); err != nil {
		t.Fatal(err)
	}
	want := wrapped{Rule: adamw{Beta1: 0.8, Beta2: 0.999, Eps: 1e-8}, LR: 0.5}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	v, err := set.Encode(got)
	if err != nil || v.String() != "adamw(beta1=0.8, beta2=0.999, eps=1e-8, lr=0.5)" {
		t.Errorf("%s, %v", v, err)
	}
	var again wrapped
	if err := set.Decode(v, &again); err != nil || again != got {
		t.Errorf("%v, %v", again, err)
	}
}

func TestDecodeConfig(t *testing.T) {
	seven := 7
	got := config{Epochs: 3, Scale: 2, Frozen: []string{"old"}}
	err := set.Decode(text(t, `{data: "mnist", model: [dense(8)], loss: smooth, losses: [smooth], optimizer: {sgd: {lr: 0.5, groups: [{roles: [bias, weight], rule: adamw, decay: {rate: 0}}]}},
		batch: full, time: 1h30m, frozen: [a, b], class_weights: {cat: 1, "a dog": 2.5}, limit: 7, seed: 18446744073709551615, threads: 2}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		Data: "mnist", Model: sequence{dense{Units: 8}}, Loss: crossEntropy{0.1}, Losses: []layer{crossEntropy{0.1}},
		Optimizer: optimizer{Rule: sgd{}, LR: constant(0.5), Groups: []group{{Roles: []role{1, 0}, Rule: adamw{0.9, 0.999, 1e-8}, Decay: &decay{}}}},
		Batch:     -1, Epochs: 3, Time: 90 * time.Minute, Frozen: []string{"a", "b"}, ClassWeights: map[string]float64{"cat": 1, "a dog": 2.5},
		Scale: 2, Limit: &seven, Common: common{Seed: 1<<64 - 1, Threads: 2},
	}
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Error(d)
	}
}

// The messages are what people see: each names place, key, found, wanted and, where there is one, the remedy.
func TestErrorMessages(t *testing.T) {
	keys := "data, model, loss, losses, optimizer, batch, epochs, time, frozen, class_weights, scale, limit, seed, threads"
	for _, c := range []struct{ in, want string }{
		{`{epochs: -1}`, `epochs: found -1, wanted a whole number >= 0`},
		{`{epochs: 1.5}`, `epochs: found 1.5, wanted a whole number >= 0`},
		{`{epochs: 1e30}`, `epochs: found 1e30, wanted a whole number from 0 to 9223372036854775807`},
		{`{epochs: many}`, `epochs: found "many", wanted a whole number >= 0`},
		{`{epochs: "3"}`, `epochs: found "3", wanted a whole number >= 0; leave the quotes away`},
		{`{epochs: null}`, `epochs: found nothing (null), wanted a whole number >= 0`},
		{`{epochs: 0x10}`, `epochs: found "0x10", wanted a whole number >= 0`},
		{`{threads: 128}`, `threads: found 128, wanted a whole number from 0 to 127`},
		{`{seed: 18446744073709551616}`, `seed: found 18446744073709551616, wanted a whole number from 0 to 18446744073709551615`},
		{`{seed: -1}`, `seed: found -1, wanted a whole number from 0 to 18446744073709551615`},
		{`{scale: nan}`, `scale: found "nan", wanted a number: infinite and NaN are not accepted`},
		{`{scale: -.inf}`, `scale: found "-.inf", wanted a number: infinite and NaN are not accepted`},
		{`{scale: 1e999}`, `scale: found 1e999, wanted a number: too large for single precision`},
		{`{scale: 1e99}`, `scale: found 1e99, wanted a number: too large for single precision`},
		{`{scale: 1e-400}`, `scale: found 1e-400, wanted a number: too small for single precision, it would become 0`},
		{`{class_weights: {a: 1e999}}`, `class_weights.a: found 1e999, wanted a number: too large`},
		{`{scale: 1e-50}`, `scale: found 1e-50, wanted a number: too small for single precision, it would become 0`},
		{`{scale: [1]}`, `scale: found a list of 1, wanted a number`},
		{`{data: 2024}`, `data: found 2024, wanted text; write "2024" in quotes`},
		{`{time: 90}`, `time: found 90, wanted a duration such as 90s, 10m or 1h30m >= 0; for seconds write 90s`},
		{`{time: -1s}`, `time: found "-1s", wanted a duration such as 90s, 10m or 1h30m >= 0`},
		{`{frozen: a}`, `frozen: found "a", wanted a list, each text; write [a]`},
		{`{frozen: [a, 1]}`, `frozen[1]: found 1, wanted text; write "1" in quotes`},
		{`{class_weights: {a: x}}`, `class_weights.a: found "x", wanted a number`},
		{`{batch: 0}`, `batch: found 0, wanted "full" or a whole number >= 1`},
		{`{Epochs: 1}`, `unknown key "Epochs"; did you mean "epochs"? the keys: ` + keys},
		{`{lr: 1}`, `unknown key "lr"; the keys: ` + keys},
		{`{data: a, dataset: b}`, `unknown key "dataset"; the keys: ` + keys},
		{`{model: desne(3)}`, `model: unknown layer "desne"; did you mean "dense"? known: dense, relu, dropout, mlp, sequence, residual, get`},
		{`{model: Dense(3)}`, `model: unknown layer "Dense"; did you mean "dense"? known: dense, relu, dropout, mlp, sequence, residual, get`},
		{`{model: [relu, {dense: {unit: 3}}]}`, "model[1].units: missing, wanted a whole number >= 1\nmodel[1]: unknown key \"unit\"; did you mean \"units\"? dense has the keys: units, no_bias, init"},
		{`{model: dense(0)}`, `model.units: found 0, wanted a whole number >= 1`},
		{`{model: dense(3, 4)}`, `model: found 4 without a name, wanted key=value: dense takes only units without a name`},
		{`{model: dense(3, units=4)}`, `model.units: given twice: by position and by name`},
		{`{model: relu(3)}`, `model: found 3 without a name, wanted key=value: relu takes no argument without a name`},
		{`{model: relu(a=3)}`, `model: unknown key "a"; relu has no keys`},
		{`{model: dropout(1)}`, `model.rate: found 1, wanted a number in [0, 1)`},
		{`{model: {name: dense, units: 3}}`, `model: found a map with keys name, units, wanted one layer: write {dense: {name: ..., units: ...}}`},
		{`{model: {dense: 3, relu: null}}`, `model: found a map with keys dense, relu, wanted one layer: write {relu: {key: value}}`},
		{`{model: {}}`, `model: found an empty map, wanted one layer: write {dense: {key: value}}`},
		{`{model: 3}`, `model: found 3, wanted a layer such as dense`},
		{`{model: true}`, `model: found true, wanted a layer such as dense`},
		{`{model: "dense(3"}`, `model: found the end, wanted "," or ")" to close what column 10 opens`},
		{`{model: mlp(1, reduce=men)}`, `model.reduce: found "men", wanted mean or sum; did you mean "mean"?`},
		{`{model: mlp(1, 0)}`, `model.units[1]: found 0, wanted a whole number >= 1`},
		{`{model: get(a, b)}`, `model: found "b", but get takes one value`},
		{`{model: get(name=b)}`, `model: get has no key "name": it takes one value, as in get(...)`},
		{`{loss: relu}`, `loss: unknown loss "relu"; known: cross_entropy, smooth`},
		{`{optimizer: adamw(beta3=1)}`, `optimizer: unknown key "beta3"; did you mean "beta1"? adamw has the keys: beta1, beta2, eps, lr, decay, groups`},
		{`{optimizer: sgd(nesterov=yes)}`, `optimizer.nesterov: found "yes", wanted true or false`},
		{`{optimizer: sgd(nesterov=true)}`, `optimizer: nesterov needs momentum > 0`},
		{`{optimizer: adamw(lr=adamw)}`, `optimizer.lr: unknown schedule "adamw"; known: constant, warmup, plateau`},
		{`{optimizer: null}`, `optimizer: found nothing (null), wanted an optimizer such as adamw`},
		{`{optimizer: sgd(groups=[{roles=[head]}])}`, `optimizer.groups[0].roles[0]: found "head", wanted weight or bias`},
		{`[1]`, `found a list of 1, wanted a map of ` + keys},
	} {
		t.Run(c.in, func(t *testing.T) {
			v := text(t, c.in)
			_, err := Decode[config](set, v)
			if err == nil {
				t.Fatal("accepted")
			}
			lines := strings.Split(err.Error(), "\n")
			for i, l := range lines { // positions are tested below
				lines[i] = strings.SplitN(l, ": ", 2)[1]
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAllErrorsInTheOrderOfTheDocument(t *testing.T) {
	v, err := ParseJSON("config.json", []byte("{\"epochs\": -1,\n \"model\": [\"relu\", \"dense(0)\"],\n \"tim\": 1}"))
	if err != nil {
		t.Fatal(err)
	}
	into := config{Epochs: 5}
	err = set.Decode(v, &into, Override{"optimizer.lr", Flag("--lr", "fast")}, Override{"epochs", Flag("--epochs", "x")})
	want := `config.json:2:27: model[1].units: found 0, wanted a whole number >= 1
config.json:3:2: unknown key "tim"; did you mean "time"? the keys: data, model, loss, losses, optimizer, batch, epochs, time, frozen, class_weights, scale, limit, seed, threads
--lr: unknown schedule "fast"; known: constant, warmup, plateau
--epochs: found "x", wanted a whole number >= 0`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if into.Epochs != 5 || into.Model != nil {
		t.Errorf("the target was changed: %+v", into)
	}
	var one *Error
	if !errors.As(err, &one) || one.Pos.Line != 2 || one.Path != "model[1].units" {
		t.Errorf("errors.As found %+v", one)
	}
}

func TestCausesCanBeFound(t *testing.T) {
	_, err := Decode[optimizer](set, text(t, "sgd(nesterov=true)"))
	if !errors.Is(err, errNesterov) || err.Error() != "f.yaml:1:1: nesterov needs momentum > 0" {
		t.Errorf("got %v", err)
	}
}

func TestOverrides(t *testing.T) {
	sgdWith := func(o optimizer) *optimizer { return &o }
	for _, c := range []struct {
		name, doc string
		over      []Override
		want      *optimizer
		fail      string
	}{
		{"key of a name", `{optimizer: sgd}`, []Override{{"optimizer.lr", Flag("--lr", "0.5")}}, sgdWith(optimizer{Rule: sgd{}, LR: constant(0.5)}), ""},
		{"key given by position", `{optimizer: sgd(0.1)}`, []Override{{"optimizer.lr", Flag("--lr", "0.5")}}, sgdWith(optimizer{Rule: sgd{}, LR: constant(0.5)}), ""},
		{"key of a map", `{optimizer: {sgd: {lr: 0.1, momentum: 0.9}}}`, []Override{{"optimizer.lr", Flag("--lr", "0.5")}}, sgdWith(optimizer{Rule: sgd{Momentum: 0.9}, LR: constant(0.5)}), ""},
		{"the whole, then a key", `{optimizer: adamw(beta2=0.9)}`, []Override{{"optimizer", Flag("--optimizer", "sgd(momentum=0.5)")}, {"optimizer.lr", Flag("--lr", "1")}}, sgdWith(optimizer{Rule: sgd{Momentum: 0.5}, LR: constant(1)}), ""},
		{"a key, then the whole", `{}`, []Override{{"optimizer.lr", Flag("--lr", "1")}, {"optimizer", Flag("--optimizer", "sgd")}}, sgdWith(optimizer{Rule: sgd{}, LR: constant(0.1)}), ""},
		{"below a plain struct", `{optimizer: sgd(decay=0.1)}`, []Override{{"optimizer.decay.coupled", Flag("--coupled", "true")}}, sgdWith(optimizer{Rule: sgd{}, LR: constant(0.1), Decay: decay{0.1, true}}), ""},
		{"of the default", `{}`, []Override{{"optimizer.momentum", Flag("--momentum", "0.25")}}, sgdWith(optimizer{Rule: sgd{Momentum: 0.25}, LR: constant(3)}), ""},
		{"a bad value is replaced", `{optimizer: sgd(lr=fast)}`, []Override{{"optimizer.lr", Flag("--lr", "0.5")}}, sgdWith(optimizer{Rule: sgd{}, LR: constant(0.5)}), ""},
		{"unknown key", `{optimizer: sgd}`, []Override{{"optimizer.beta2", Flag("--beta2", "0.5")}}, nil, `--beta2: optimizer: unknown key "beta2"; sgd has the keys: momentum, nesterov, lr, decay, groups`},
		{"unknown key of the default", `{}`, []Override{{"optimizer.beta2", Flag("--beta2", "0.5")}}, nil, `--beta2: optimizer: unknown key "beta2"; sgd has the keys: momentum, nesterov, lr, decay, groups`},
		{"out of range", `{optimizer: sgd}`, []Override{{"optimizer.momentum", Flag("--momentum", "1")}}, nil, `--momentum: found 1, wanted a number in [0, 1)`},
		{"below a number", `{}`, []Override{{"epochs.x", Flag("--x", "1")}}, nil, `--x: epochs: has no key "x": it is a whole number >= 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := config{Optimizer: optimizer{Rule: sgd{}, LR: constant(3)}}
			err := set.Decode(text(t, c.doc), &got, c.over...)
			if c.fail != "" {
				if err == nil || err.Error() != c.fail {
					t.Errorf("\ngot  %v\nwant %s", err, c.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(*c.want, got.Optimizer); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFlagsAreReadByTheWantedType(t *testing.T) {
	var got config
	err := set.Decode(Value{Kind: Map}, &got,
		Override{"data", Flag("--data", "10")}, // text, though it looks like a number
		Override{"frozen", Flag("--frozen", "encoder")},
		Override{"losses", Flag("--losses", "smooth, cross_entropy")},
		Override{"limit", Flag("--limit", "3")},
		Override{"batch", Flag("--batch", "full")},
		Override{"time", Flag("--time", "10m")})
	if err != nil {
		t.Fatal(err)
	}
	three := 3
	want := config{Data: "10", Frozen: []string{"encoder"}, Losses: []layer{crossEntropy{0.1}, crossEntropy{}}, Limit: &three, Batch: -1, Time: 10 * time.Minute}
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Error(d)
	}
}

func TestMerge(t *testing.T) {
	base := text(t, `{a: 1, b: {c: 1, d: [1, 2]}, e: x}`)
	over, _ := ParseText("--set", `{b: {d: [3], f: 4}, e: {g: 1}, h: null}`)
	got := Merge(base, over)
	if want := `{a=1, b={c=1, d=[3], f=4}, e={g=1}, h=null}`; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if base.String() != `{a=1, b={c=1, d=[1, 2]}, e=x}` {
		t.Errorf("base was changed: %s", base)
	}
	b, _ := got.Get("b")
	d, _ := b.Get("d")
	if c, _ := b.Get("c"); d.Pos.Source != "--set" || c.Pos.Source != "f.yaml" {
		t.Errorf("positions: d from %s, c from %s", d.Pos, c.Pos)
	}
}

func TestDecodedThingsShareNothing(t *testing.T) {
	first, err := Decode[schedule](set, text(t, "plateau"))
	if err != nil {
		t.Fatal(err)
	}
	first.(*plateau).Factors[0] = 9
	first.(*plateau).Patience = 9
	second, _ := Decode[schedule](set, text(t, "plateau"))
	if d := cmp.Diff(&plateau{3, []float32{0.1}}, second); d != "" {
		t.Error(d)
	}
}

func TestRegister(t *testing.T) {
	fresh := func() *Registry {
		return NewRegistry[layer]("layer", Entry{Name: "relu", Prototype: relu{}, Aliases: []string{"rectifier"}}, Entry{Name: "sequence", Prototype: sequence{}, List: true})
	}
	type twice struct {
		relu
		A int
		B int `spec:"a"`
	}
	type odd struct {
		relu
		C chan int
	}
	type tag struct {
		relu
		A int `spec:",least=1"`
	}
	for _, c := range []struct {
		name string
		e    Entry
		want string
	}{
		{"taken", Entry{Name: "relu", Prototype: relu{}}, `registering layer "relu": the name "relu" is taken`},
		{"taken by an alias", Entry{Name: "rectifier", Prototype: relu{}}, `registering layer "rectifier": the name "rectifier" is taken`},
		{"alias taken", Entry{Name: "x", Prototype: relu{}, Aliases: []string{"relu"}}, `registering layer "x": the name "relu" is taken`},
		{"alias of itself", Entry{Name: "x", Prototype: relu{}, Aliases: []string{"x"}}, `registering layer "x": the name "x" is taken`},
		{"capitals", Entry{Name: "ReLU", Prototype: relu{}}, `registering layer "ReLU": found the name "ReLU", wanted lower-case letters, digits, - and _, beginning with a letter`},
		{"a word of the grammar", Entry{Name: "true", Prototype: relu{}}, `registering layer "true": found the name "true", wanted lower-case letters, digits, - and _, beginning with a letter`},
		{"nil", Entry{Name: "x"}, `registering layer "x": prototype is <nil>, wanted spec.layer`},
		{"no layer", Entry{Name: "x", Prototype: 1}, `registering layer "x": prototype is int, wanted spec.layer`},
		{"second list", Entry{Name: "x", Prototype: sequence{}, List: true}, `registering layer "x": sequence already stands for bare numbers or lists`},
		{"double key", Entry{Name: "x", Prototype: twice{}}, `registering layer "x": two fields have the key "a"`},
		{"channel", Entry{Name: "x", Prototype: odd{}}, `registering layer "x": c: chan int cannot be set from text; tag the field spec:"-"`},
		{"tag", Entry{Name: "x", Prototype: tag{}}, `registering layer "x": field spec.tag.A: unknown option "least=1" in its spec tag`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fresh()
			if err := r.Register(c.e); err == nil || err.Error() != c.want {
				t.Errorf("\ngot  %v\nwant %s", err, c.want)
			}
			if n := len(r.Names()); n != 2 {
				t.Errorf("%d names afterwards", n)
			}
		})
	}
}

func TestRegisterWhileDecoding(t *testing.T) {
	r := NewRegistry[layer]("layer", Entry{Name: "relu", Prototype: relu{}})
	s := NewSet(r)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for j := range 20 {
				if err := r.Register(Entry{Name: fmt.Sprintf("x%d-%d", i, j), Prototype: relu{}}); err != nil {
					t.Error(err)
				}
				if _, err := Decode[layer](s, StringValue("relu")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if names := r.Names(); len(names) != 81 || names[0] != "relu" {
		t.Errorf("%d names, first %s", len(names), names[0])
	}
}

func TestNearest(t *testing.T) {
	known := []string{"dense", "dropout", "relu", "no_bias", "beta1", "beta2", "cross_entropy"}
	for name, want := range map[string]string{
		"desne": "dense", "Dense": "dense", "denes": "dense", "droput": "dropout", "NoBias": "no_bias", "no-bias": "no_bias", "beta": "beta1",
		"crossentropy": "cross_entropy", "rleu": "relu", "xyz": "", "": "", "q": "", strings.Repeat("dense", 1000): "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
}

func TestKey(t *testing.T) {
	for name, want := range map[string]string{"LR": "lr", "Beta2": "beta2", "NoBias": "no_bias", "LRFactor": "lr_factor", "L2Norm": "l2_norm", "F32": "f32", "EMA": "ema", "Units": "units", "T0": "t0", "DropLast": "drop_last"} {
		if got := Key(name); got != want {
			t.Errorf("Key(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestParameters(t *testing.T) {
	e, err := optimizers.Lookup("adamw")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range set.Parameters(e.Prototype) {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%s", p.Key, p.Type, p.Range, p.Default, p.Kind, p.Help))
	}
	want := []string{
		"beta1|a number|in [0, 1)|0.9||decay of the first moment",
		"beta2|a number|in [0, 1)|0.999||",
		"eps|a number|>= 0|1e-8||",
		"lr|a schedule||0.001|schedule|learning rate",
		"decay|a number, or a map of rate, coupled||{rate=0.01}||",
		"decay.rate|a number|>= 0|0.01||",
		"decay.coupled|true or false||false||",
		"groups|a list, each a map of roles, rule, lr_factor, decay||||",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for name, want := range map[string]string{"dense": "dense(units, no_bias=false, init=...)", "relu": "relu", "mlp": "mlp(units=..., act=relu, reduce=mean)", "get": "get(text)"} {
		e, _ := layers.Lookup(name)
		if got := set.Usage(e); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What inlined structs take is told by their keys, which are what text has, and not by the name of the Go field.
func TestWordsOfInlinedFields(t *testing.T) {
	type place struct {
		Paths []string
		Deep  struct{ Depth int } `spec:",inline"`
	}
	type Named struct {
		Name string `spec:",arg"`
	}
	type part struct {
		Match place `spec:",inline"`
		Decay *decay
	}
	type whole struct {
		Parts  []part
		Byname map[string]struct {
			Named
			Rate float64
		}
	}
	var got []string
	for _, p := range set.Parameters(whole{}) {
		got = append(got, p.Key+"|"+p.Type)
	}
	want := []string{"parts|a list, each a map of paths, depth, decay", "byname|a map, each text, or a map of name, rate"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// The keys that are told are those that are taken.
	v := text(t, `{parts: [{paths: [a], depth: 2, decay: 0.5}], byname: {x: b, y: {name: c, rate: 1}}}`)
	w, err := Decode[whole](set, v)
	if err != nil || w.Parts[0].Match.Deep.Depth != 2 || w.Byname["x"].Name != "b" {
		t.Errorf("%+v, %v", w, err)
	}
	_, err = Decode[whole](set, text(t, `{parts: [{match: 1}]}`))
	if err == nil || !strings.Contains(err.Error(), "keys: paths, depth, decay") {
		t.Errorf("%v", err)
	}
}
