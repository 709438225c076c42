package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Files that somebody cut, filled or made up: one clear error each, soon, and nothing is changed.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--quiet", "--out", "run")
	model, config := read(t, dir, "run", "model.safetensors"), read(t, dir, "run", "config.json")
	file := func(name, text string) string {
		write(t, filepath.Join(dir, name), text)
		return name
	}
	type attempt struct {
		args []string
		says string
	}
	list := []attempt{
		{[]string{"train", "--config", file("cut.json", string(config[:len(config)/2]))}, "cut.json:"},
		{[]string{"train", "--config", file("nested.yaml", strings.Repeat("[", 300_000))}, "nested.yaml"},
		{[]string{"train", "--config", file("aliases.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")}, "anchor"},
		{[]string{"train", "--config", file("merge.yaml", "a: &a {x: 1}\nb: {<<: *a}\n")}, "merge.yaml"},
		{[]string{"train", "--config", file("many.yaml", strings.Repeat("k: 1\n", 100_000))}, "many.yaml"},
		{[]string{"train", "--config", file("large.yaml", strings.Repeat("# x\n", 400_000))}, "at most"},
		{[]string{"train", "--config", file("two.yaml", "data: digits\n---\ndata: digits\n")}, "two.yaml"},
		{[]string{"train", "--config", file("twice.json", `{"data": "digits", "data": "digits"}`)}, "twice.json"},
		{[]string{"train", "--config", file("deep.json", strings.Repeat(`{"model":`, 50_000))}, "deep.json"},
		{[]string{"train", "--config", "."}, "config.json"},
		{[]string{"train", file("empty.csv", "")}, "empty"},
		{[]string{"train", file("header.csv", "a,b\n")}, "no rows"},
		{[]string{"train", file("binary.csv", "\x7fELF\x00\x00")}, "binary.csv"},
		{[]string{"train", file("idx", "\x00\x00\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")}, "idx"},
		{[]string{"train", file("one.csv", "a,b\n1,x\n2,x\n")}, "only one class"},
		{[]string{"train", file("nan.csv", "a,b\n1,x\nNaN,y\n1,x\n2,y\n")}, "line 3, column 1"},
		{[]string{"predict", "run", file("empty2.csv", "")}, "empty"},
		{[]string{"predict", "run", file("quote.csv", "petal,sepal,stem\n\"1,2,3\n")}, "line"},
		{[]string{"predict", "run", file("utf.csv", "petal,sepal,stem\n1,2,\xff\n")}, "line 2"},
		{[]string{"predict", "run", file("twice.csv", "petal,petal,sepal,stem\n1,2,3,4\n")}, "two columns"},
		{[]string{"predict", "run", "."}, "folder"},
		{[]string{"train", "digits", "--model", strings.Repeat("residual(", 5000)}, "--model"},
		{[]string{"train", "digits", "--model", "mlp(300000, 300000)"}, "this training needs about"},
	}
	for _, n := range []int{0, 7, 8, 100, len(model) / 2, len(model) - 1} {
		list = append(list, attempt{[]string{"predict", file(fmt.Sprintf("cut%d.safetensors", n), string(model[:n])), "new.csv"}, "safetensors"})
	}
	flipped := bytes.Clone(model)
	flipped[20] ^= 0x40
	list = append(list,
		attempt{[]string{"eval", file("flipped.safetensors", string(flipped)), "flowers.csv"}, "flipped.safetensors"},
		attempt{[]string{"show", file("foreign.safetensors", "\x02\x00\x00\x00\x00\x00\x00\x00{}")}, "no description"},
	)
	before := listing(t, dir)
	for _, a := range list {
		t.Run(strings.Join(a.args, " ")[:min(60, len(strings.Join(a.args, " ")))], func(t *testing.T) {
			begun := time.Now()
			r := invoke(t, dir, a.args...)
			if r.status != 1 || !strings.Contains(r.stderr, a.says) {
				t.Errorf("status %d; the error lacks %q:\n%s", r.status, a.says, r.stderr)
			}
			if strings.Contains(r.stderr, "goroutine ") || len(r.stderr) > 4000 {
				t.Errorf("an error of %d bytes: %.400s", len(r.stderr), r.stderr)
			}
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the folder had %s and has %s", before, after)
	}
}

// listing lists a folder.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}
