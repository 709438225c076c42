package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configOf is the configuration that a command line comes to, from a training of one step.
func configOf(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	must(t, dir, append([]string{"train", "digits", "--quiet", "--steps", "1", "--threads", "1", "--out", name}, args...)...)
	return read(t, dir, name, "config.json")
}

func TestOneSpellingEverywhere(t *testing.T) {
	for _, c := range []struct {
		name  string
		yaml  string
		lines [][]string
	}{
		{"settings of an optimizer", "optimizer: {adamw: {lr: 1e-3, beta2: 0.99}}", [][]string{
			{"--optimizer", "adamw", "--lr", "1e-3", "--beta2", "0.99"},
			{"--optimizer", "adamw(lr=1e-3, beta2=0.99)"},
			{"--optimizer", "adamw(0.001, beta2=0.99)"},
			{"--beta2", "0.99"}, // adamw is the usual optimizer, 0.001 its rate
			{"--optimizer", "adamw(lr=3, beta2=0.9)", "--lr", "0.001", "--beta2=0.99"},
		}},
		{"switches and clipping", "optimizer: {momentum: {lr: 0.1, nesterov: true, clip_norm: 1, decay: 1e-4}}", [][]string{
			{"--optimizer", "momentum", "--lr", "0.1", "--nesterov", "--clip-norm", "1", "--decay", "0.0001"},
			{"--optimizer", "momentum(0.1, nesterov=true, clip_norm=1, decay=1e-4)"},
		}},
		{"a schedule takes the rate", "optimizer:\n  sgd:\n    lr: {warmup: {steps: 100, then: {cosine: {lr: 0.1}}}}", [][]string{
			{"--optimizer", "sgd", "--lr", "0.1", "--schedule", "warmup(100, cosine)"},
			{"--optimizer", "sgd(0.1)", "--schedule", "warmup(100, cosine)"},
			{"--optimizer", "sgd", "--schedule", "warmup(100, cosine(0.1))"},
			{"--optimizer", "sgd", "--lr", "9", "--schedule", "warmup(steps=100, then=cosine(lr=0.1))"},
		}},
		{"without a rate the optimizer's own", "optimizer: {sgd: {lr: {drop: {lr: 0.01, epochs: 3}}}}", [][]string{
			{"--optimizer", "sgd", "--schedule", "drop(epochs=3)"},
		}},
		{"stages", "optimizer: {sgd: {lr: {stages: [{lr: 0.1, steps: 5}, {lr: {cosine: 0.1}}]}}}", [][]string{
			{"--optimizer", "sgd", "--lr", "0.1", "--schedule", "[{steps: 5}, {lr: cosine}]"},
		}},
		{"constant", "optimizer: {sgd: {lr: 0.5}}", [][]string{
			{"--optimizer", "sgd", "--lr", "0.5", "--schedule", "constant"},
			{"--optimizer", "sgd(cosine(0.1))", "--lr", "0.5", "--schedule", "constant"},
		}},
		{"models", "model:\n  - dense: 32\n  - relu\n  - dropout: 0.2\n  - dense: {units: 10}", [][]string{
			{"--model", "[dense(32), relu, dropout(0.2), dense(10)]"},
			{"--model", "sequence(dense(units=32), relu(), dropout(rate=0.2), dense(10))"},
		}},
		{"the rest", "batch: full\nmicro: 100\nuntil: accuracy=0.9\nearly_stop: 3\nscaling: standardize\nprecision: float64\nfrozen: [dense1, dense2]\nseed: 7\nsplit: {no_test: true, validation: 0.3}", [][]string{
			{"--batch", "full", "--micro", "100", "--until", "accuracy=0.9", "--early-stop", "3", "--scaling", "standardize", "--precision", "float64",
				"--frozen", "dense1,dense2", "--seed", "7", "--test", "0", "--validation", "0.3"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "c.yaml"), c.yaml)
			want := configOf(t, dir, "yaml", "--config", "c.yaml")
			for i, line := range c.lines {
				if got := configOf(t, dir, "flags"+string(rune('a'+i)), line...); !bytes.Equal(got, want) {
					t.Errorf("%v gives\n%s\nand YAML\n%s", line, got, want)
				}
			}
			// The record alone gives the same run.
			must(t, dir, "train", "--config", "yaml/config.json", "--quiet", "--out", "again")
			if got := read(t, dir, "again", "config.json"); !bytes.Equal(got, want) {
				t.Errorf("config.json repeated gives\n%s\nnot\n%s", got, want)
			}
			if got, want := read(t, dir, "again", "model.safetensors"), read(t, dir, "yaml", "model.safetensors"); !bytes.Equal(got, want) {
				t.Error("the repeated run has another model")
			}
		})
	}
}

func TestFlagsOverrideTheFile(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--config", "first.yaml", "--model", "mlp(8)", "--beta2", "0.5", "--epochs", "1", "--quiet", "--out", "run")
	text := string(read(t, dir, "run", "config.json"))
	for _, part := range []string{"flowers.csv", `"units": [8]`, `"beta2": 0.5`, `"lr": 0.001`, `"epochs": 1,`} {
		if !strings.Contains(text, part) {
			t.Errorf("the configuration lacks %s:\n%s", part, text)
		}
	}
}

// A plan is told, and nothing is written.
func TestDryRunMakesNothing(t *testing.T) {
	dir := t.TempDir()
	must(t, dir, "train", "digits", "--dry-run")
	plan := objects(t, must(t, dir, "train", "digits", "--dry-run", "--json").stdout)
	if len(plan) != 1 || plan[0]["type"] != "plan" || plan[0]["parameters"] != 17226.0 || plan[0]["steps"] != 1230.0 || len(plan[0]["layers"].([]any)) != 7 {
		t.Errorf("the plan is %v", plan)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a plan left %v, %v", entries, err)
	}
}
