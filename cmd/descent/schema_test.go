package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/descent-go/descent/cmd/descent/yamltree"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/train"
)

// acceptance tells whether the schema and the reader of configurations take a document.
type acceptance struct {
	t      *testing.T
	schema *jsonschema.Resolved
}

func newAcceptance(t *testing.T) acceptance {
	t.Helper()
	// From the text, as an editor has it.
	var s jsonschema.Schema
	if err := json.Unmarshal([]byte(must(t, t.TempDir(), "schema").stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %q", s.Schema)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return acceptance{t, r}
}

func (a acceptance) both(tree spec.Value) (bySchema, byReader error) {
	a.t.Helper()
	var document any
	if err := json.Unmarshal(tree.JSON(), &document); err != nil {
		a.t.Fatal(err)
	}
	var c train.Config
	return a.schema.Validate(document), c.Parse(tree)
}

func (a acceptance) yaml(text string) (bySchema, byReader error) {
	a.t.Helper()
	tree, err := yamltree.Parse("c.yaml", []byte(text))
	if err != nil {
		a.t.Fatal(err)
	}
	return a.both(tree)
}

// What the reader takes, the schema takes; what is plainly wrong, neither does.
func TestSchemaAgreesWithReader(t *testing.T) {
	a := newAcceptance(t)
	for _, text := range []string{
		"", "data: digits", "data: digits\nbatch: full\ntime: 1h30m\nuntil: accuracy=0.97\nseed: 18446744073709551615",
		"time: 0", "until:", "until: \"\"", "task: \"\"", "task: auto", "drop:", "drop: [a, b]", "split: {test: 0.3, no_validation: true}", "evaluate: {steps: 5, time: 10s}",
		"model: relu", "model: dense(5)", "model: \"[dense(5), relu]\"", "model: [relu, dense(5), {dense: 6}, {dense: {units: 7, no_bias: true, init: {normal: 0.1}}}]",
		"model: {mlp: [5, 6]}", "model: {mlp: 5}", "model: {mlp: }", "model: mlp", "model: {mlp: {units: [5], activation: {elu: 0.5}, init: he(gain=2)}}", "model:",
		"model: {sequence: [relu, tanh]}", "model: {sequence: relu}", "model: {residual: [dense(5), relu]}", "model: {residual: {body: {dense: 5}}}", "model: {residual: relu}",
		"model: {named: {name: a, layer: relu}}", "model: [{get: a}]", "model: {add: [relu, tanh]}", "model: {add: {branches: [[relu, tanh], identity]}}",
		"model: {linear: 5}", "model: linear(5)", "model: {dense: {units: 5, init: 0.5}}", "model: {reshape: [2, -1]}",
		"loss: mse", "loss: {cross_entropy: {label_smoothing: 0.1, class_weights: [1, 2]}}", "loss: {huber: 2}", "loss:",
		"optimizer: sgd", "optimizer: {sgd: }", "optimizer: {sgd: 0.1}", "optimizer: {sgd: cosine(0.1)}", "optimizer: sgd(0.1, decay=1e-3)",
		"optimizer: {adamw: {lr: 1e-3, beta2: 0, clip_norm: 1, decay_all: true}}", "optimizer: {adamw: {lr: {warmup: {steps: 5, then: {cosine: 0.1}}}}}",
		"optimizer: {adamw: {lr: [{lr: 0.1, steps: 5}, {lr: {cosine: 0.1}}]}}", "optimizer: {adamw: {lr: {stages: [{lr: 0.1, steps: 5}, cosine(1)]}}}",
		"optimizer: {adamw: {lr: \"1e-3\"}}", "optimizer: {adamw: {wrap: [ema, {ema: 0.9}, ema(0.5)]}}",
		"optimizer: {adamw: {groups: [{roles: [bias, norm], paths: [\"a/**\"], rule: sgd, lr: 0.1, lr_factor: 2, decay: 0.1, clip: 1}]}}",
		"optimizer: {adamw: {groups: [{rule: {momentum: {mu: 0.5}}, decay: {decay: 0.1, decay_all: true}, clip: {clip_value: 2}, lr: \"drop(1, epochs=3)\"}]}}",
		"made: {version: v1, os: linux}", "class_weight: balanced", "class_weight: [1, 2.5]", "class_weight:", "snapshots: 5",
	} {
		bySchema, byReader := a.yaml(text)
		if byReader != nil {
			t.Errorf("the reader refuses what should be right: %s\n%v", text, byReader)
		} else if bySchema != nil {
			t.Errorf("the schema refuses what is right: %s\n%v", text, bySchema)
		}
	}
	for _, text := range []string{
		"modle: relu", "data: 5", "batch: 0", "batch: 1.5", "batch: fill", "epochs: -1", "epochs: \"5\"", "seed: -1", "time: 10", "time: 10 minutes", "time: -5s", "until: accuracy",
		"task: classify", "drop: a", "split: {tst: 1}", "split: 0.2", "precision: float16", "frozen: a", "made: {compiler: gcc}", "no_header: 1", "class_weight: balance", "class_weight: 2", "class_weight: [a]", "snapshots: -1", "evaluate: {steps: 1.5}",
		"model: rleu", "model: [rleu]", "model: {rleu: }", "model: dense", "model: [dense]", "model: {dense: }", "model: {dense: 0}", "model: {dense: {units: 5, bias: false}}", "model: {dense: {no_bias: true}}",
		"model: {dense: {units: 5, init: hee}}", "model: {relu: 1}", "model: {relu: , tanh: }", "model: {mlp: {units: [0]}}", "model: {mlp: {dropout: 1}}", "model: {residual: {dense: 5}}", "model: {sequence: {dense: 5}}",
		"model: {named: a}", "model: 5", "model: {add: {branch: [relu]}}",
		"loss: dense(5)", "loss: relu", "loss: {huber: 0}", "loss: {huber: {delta: x}}",
		"optimizer:", "optimizer: adm", "optimizer: {adam: , sgd: }", "optimizer: {adamw: {beta2: 1}}", "optimizer: {adamw: {beta3: 1}}", "optimizer: {adamw: {lr: cosine}}", "optimizer: {adamw: {lr: {cosine: 0}}}",
		"optimizer: {adamw: {lr: {warmup: {stps: 5}}}}", "optimizer: {sgd: {beta2: 0.9}}", "optimizer: {adamw: {groups: [{roles: [bais]}]}}", "optimizer: {adamw: {groups: {roles: [bias]}}}",
		"optimizer: {adamw: {groups: [{decay: -1}]}}", "optimizer: {adamw: {groups: [{clip: {norm: 1}}]}}", "optimizer: {adamw: {wrap: [emma]}}",
	} {
		bySchema, byReader := a.yaml(text)
		if byReader == nil {
			t.Errorf("the reader takes what should be wrong: %s", text)
		} else if bySchema == nil {
			t.Errorf("the schema takes what is wrong: %s\n%v", text, byReader)
		}
	}
}

// Everything on a list, with its defaults written out and as its help shows it.
func TestSchemaKnowsEverythingOnALists(t *testing.T) {
	a := newAcceptance(t)
	set := train.Registries()
	for kind, place := range map[string]string{"layer": "model", "loss": "loss", "optimizer": "optimizer", "schedule": "optimizer.adamw.lr", "initializer": "model.mlp.init", "wrapper": "optimizer.adamw.wrap", "rule": "optimizer.adamw.groups.rule"} {
		r, ok := set.Registry(kind)
		if !ok {
			t.Fatalf("no list of kind %s", kind)
		}
		for _, e := range r.Entries() {
			v, err := set.Encode(e.Prototype)
			if err != nil {
				t.Fatal(err)
			}
			path := strings.Split(place, ".")
			for i, key := range slices.Backward(path) {
				if key == "wrap" {
					v = spec.Value{Kind: spec.List, Items: []spec.Value{v}}
				}
				v = spec.Value{Kind: spec.Map, Pairs: []spec.Pair{{Key: key, Value: v}}}
				if key == "rule" {
					v, path = spec.Value{Kind: spec.List, Items: []spec.Value{v}}, path[:i]
				}
			}
			bySchema, byReader := a.both(v)
			if byReader == nil && bySchema != nil {
				t.Errorf("the schema refuses the %s %s: %s\n%v", kind, e.Name, v.JSON(), bySchema)
			}
		}
	}
}

// The keys, ranges and needs that the schema reads from tags are those that the reader goes by.
func TestSchemaFieldsAreTheReaders(t *testing.T) {
	set := train.Registries()
	things := []any{train.Config{}}
	for _, kind := range []string{"layer", "loss", "initializer", "optimizer", "rule", "schedule", "wrapper"} {
		r, _ := set.Registry(kind)
		for _, e := range r.Entries() {
			things = append(things, e.Prototype)
		}
	}
	for _, x := range things {
		v := reflect.ValueOf(x)
		if v.Kind() != reflect.Struct {
			continue
		}
		type key struct {
			Key, Help     string
			Arg, Required bool
			Bounded       bool
		}
		var ours, theirs []key
		for _, f := range schemaFields(v) {
			l := f.limits
			ours = append(ours, key{f.key, f.help, f.arg, f.required, l.min != nil || l.above != nil || l.max != nil || l.below != nil || l.choices != nil})
		}
		for _, p := range set.Parameters(x) {
			if !strings.Contains(p.Key, ".") {
				theirs = append(theirs, key{p.Key, p.Help, p.Arg, p.Required, p.Range != ""})
			}
		}
		if d := cmp.Diff(theirs, ours); d != "" {
			t.Errorf("%T (-reader +schema):\n%s", x, d)
		}
	}
}

// The files that the program itself writes or that stand in its tests.
func TestSchemaTakesRealFiles(t *testing.T) {
	a := newAcceptance(t)
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--steps", "1", "--quiet", "--out", "run", "--optimizer", "lars", "--schedule", "warmup(2, cosine)")
	must(t, dir, "init", "houses.csv")
	for _, name := range []string{"run/config.json", "houses.yaml", "first.yaml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bySchema, byReader := a.yaml(string(text)); bySchema != nil || byReader != nil {
			t.Errorf("%s: %v, %v", name, bySchema, byReader)
		}
	}
	if bySchema, _ := a.yaml(string(read(t, dir, "mistakes.yaml"))); bySchema == nil {
		t.Error("the schema takes mistakes.yaml")
	}
}

// Two machines print the same schema, so that it can be kept beside configurations.
func TestSchemaHoldsNothingOfTheMachine(t *testing.T) {
	s, unknown, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	if unknown != nil {
		t.Errorf("the spelling of %v is not known; describe it in spelled", unknown)
	}
	for key, want := range map[string]string{"threads": "0", "kernels": "", "epochs": "30", "batch": "32", "data": "", "made": "", "report": "0", "precision": `"float32"`} {
		if got := string(s.Properties[key].Default); got != want {
			t.Errorf("the default of %s is %s, wanted %s", key, got, want)
		}
	}
}
