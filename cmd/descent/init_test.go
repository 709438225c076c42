package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descent-go/descent/train"
)

// The file trains as the command without it, to the last bit of the model, and so do the choices that were made by flags.
func TestInitIsTheDefault(t *testing.T) {
	for _, c := range []struct {
		data  string
		flags []string
	}{
		{"digits", nil}, {"flowers.csv", nil}, {"houses.csv", nil},
		{"houses.csv", []string{"--label", "size", "--drop", "age", "--task", "regression"}},
		{"odd name: #1 'x'.csv", []string{"--label", "a: b"}},
		{"headless.csv", []string{"--no-header"}},
	} {
		t.Run(c.data+strings.Join(c.flags, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyFiles(t, dir)
			write(t, filepath.Join(dir, "odd name: #1 'x'.csv"), "\"# no\n- x: \x1b[31m\",a: b\n"+strings.Repeat("1,\"# x\n y: 1\"\n2,true\n3,\"~\"\n", 10))
			write(t, filepath.Join(dir, "headless.csv"), strings.Repeat("1,x\n2,y\n", 10))
			must(t, dir, append([]string{"init", c.data, "--out", "c.yaml"}, c.flags...)...)
			text := string(read(t, dir, "c.yaml"))
			if !strings.HasPrefix(text, "# yaml-language-server: $schema=descent.schema.json\n") || strings.Contains(text, "\x1b") {
				t.Errorf("the file is\n%s", text)
			}
			for line := range strings.Lines(text) {
				if len([]rune(line)) > 101+20 {
					t.Errorf("a line of %d letters: %s", len(line), line)
				}
			}
			must(t, dir, append([]string{"train", c.data, "--quiet", "--epochs", "2", "--out", "usual"}, c.flags...)...)
			must(t, dir, "train", "--config", "c.yaml", "--quiet", "--epochs", "2", "--out", "written")
			for _, file := range []string{"config.json", "model.safetensors"} {
				if !bytes.Equal(read(t, dir, "usual", file), read(t, dir, "written", file)) {
					t.Errorf("%s differs:\n%s\n%s", file, read(t, dir, "usual", "config.json"), read(t, dir, "written", "config.json"))
				}
			}
			// Without --epochs the file says how long.
			a, b := objects(t, must(t, dir, append([]string{"train", c.data, "--dry-run", "--json"}, c.flags...)...).stdout), objects(t, must(t, dir, "train", "--config", "c.yaml", "--dry-run", "--json").stdout)
			if a[0]["steps"] != b[0]["steps"] || a[0]["epochs"] != b[0]["epochs"] {
				t.Errorf("the file trains %v steps, wanted %v", b[0]["steps"], a[0]["steps"])
			}
		})
	}
}

// Every line that is commented out as a setting is one that the reader takes.
func TestInitCommentsAreRight(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	a := newAcceptance(t)
	must(t, dir, "init", "flowers.csv")
	keys := 0
	for line := range strings.Lines(string(read(t, dir, "flowers.yaml"))) {
		setting, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		key, _, isKey := strings.Cut(setting, ": ")
		if !ok || !isKey || strings.ContainsAny(key, " -;.0") || key == "features" {
			continue
		}
		if key == "groups" || key == "wrap" {
			setting = "optimizer: {adamw: {" + setting + "}}"
		}
		keys++
		if bySchema, byReader := a.yaml(setting); bySchema != nil || byReader != nil {
			t.Errorf("%s: %v, %v", setting, bySchema, byReader)
		}
	}
	if keys < 12 {
		t.Errorf("there are %d settings in comments", keys)
	}
}

// Whatever key the configuration has, the file of a classification or that of a regression has it.
func TestInitHasEveryKey(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	text := must(t, dir, "init", "flowers.csv", "--out", "-").stdout + must(t, dir, "init", "houses.csv", "--out", "-").stdout
	for _, p := range train.Registries().Parameters(train.Config{}) {
		if !strings.Contains(p.Key, ".") && p.Key != "made" && !strings.Contains(text, "\n"+p.Key+":") && !strings.Contains(text, "\n# "+p.Key+": ") {
			t.Errorf("no file has the key %s", p.Key)
		}
	}
}

func TestInitLeavesFilesAlone(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	write(t, filepath.Join(dir, "flowers.yaml"), "mine")
	r := invoke(t, dir, "init", "flowers.csv")
	if r.status != 1 || !strings.Contains(r.stderr, "exists") || string(read(t, dir, "flowers.yaml")) != "mine" {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	before := listing(t, dir)
	for _, args := range [][]string{{"init", "none.csv"}, {"init", "houses.csv", "--label", "prize"}, {"init", "houses.csv", "--out", "no/such/folder.yaml"}, {"init", "houses.csv", "--out", "-", "--json"}, {"init", "houses.csv", "--task", "clasification"}} {
		if r := invoke(t, dir, args...); r.status != 1 || r.stdout != "" {
			t.Errorf("%v: status %d, %s", args, r.status, r.stdout)
		}
	}
	out := must(t, dir, "init", "houses.csv", "--out", "-").stdout
	if after := listing(t, dir); after != before || !strings.HasPrefix(out, "# yaml-language-server") {
		t.Errorf("the folder had %s and has %s", before, after)
	}
}

func TestSuggestion(t *testing.T) {
	for _, c := range []struct {
		rows, features, outputs int
		model                   string
		batch                   int
	}{
		{65, 3, 3, "mlp(16, dropout=0.2)", 8},
		{1294, 64, 10, "mlp(256, 128, dropout=0.1)", 32},
		{54000, 784, 10, "mlp(512, 512, dropout=0.1)", 128},
		{1, 1, 1, "mlp(16, dropout=0.2)", 8},
	} {
		if model, batch := suggestion(c.rows, c.features, c.outputs); model != c.model || batch != c.batch {
			t.Errorf("%v gives %s, %d", c, model, batch)
		}
	}
}
