package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/descent-go/descent/optim"
)

// The table has every optimizer, and every correction has a mark and its reason.
func TestOptimizersTable(t *testing.T) {
	dir := t.TempDir()
	table := must(t, dir, "optimizers").stdout
	flat := strings.Join(strings.Fields(table), " ")
	for _, c := range optim.Cards() {
		name := "\n  " + c.Name + " "
		if c.Survey.Name != "" {
			name += "*"
		}
		if !strings.Contains(table, name) {
			t.Errorf("the table lacks %q", name)
		}
		for _, x := range c.Survey.Corrections {
			if !strings.Contains(flat, strings.Join(strings.Fields(x.Holds), " ")) {
				t.Errorf("the table lacks the reason %q", x.Holds)
			}
		}
		card := must(t, dir, "optimizers", c.Name).stdout
		for _, part := range append([]string{c.Source, c.Default.String(), "Our corrections"}, c.Differs...) {
			if part != "Our corrections" || len(c.Survey.Corrections) > 0 {
				if !strings.Contains(strings.Join(strings.Fields(card), " "), part) {
					t.Errorf("the card of %s lacks %q:\n%s", c.Name, part, card)
				}
			}
		}
	}
	marks, notes := strings.Count(strings.Split(table, "\n\n")[0], "["), strings.Count(table, "we hold")
	if marks < notes || notes < 8 {
		t.Errorf("%d marks for %d notes", marks, notes)
	}
	for line := range strings.Lines(table) {
		if n := len([]rune(line)); n > 81 {
			t.Errorf("a line of %d letters: %s", n, line)
		}
	}
}

func TestOptimizersBytes(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	bytes := func(args ...string) map[string]float64 {
		var o struct {
			Optimizers []struct {
				Name  string
				Bytes float64
			}
			Network struct{ Parameters float64 }
		}
		if err := json.Unmarshal([]byte(must(t, dir, append([]string{"optimizers", "--json"}, args...)...).stdout), &o); err != nil {
			t.Fatal(err)
		}
		m := map[string]float64{"": o.Network.Parameters}
		for _, x := range o.Optimizers {
			m[x.Name] = x.Bytes
		}
		return m
	}
	// 3 features, 3 classes: 3*4+4 and 4*3+3.
	const n = 31.0
	for _, args := range [][]string{{"--model", "mlp(4)", "flowers.csv"}, {"--parameters", "31"}} {
		got := bytes(args...)
		for name, want := range map[string]float64{"": n, "sgd": 0, "momentum": 4 * n, "adam": 8 * n, "amsgrad": 12 * n} {
			if got[name] != want {
				t.Errorf("%v: %q has %v bytes, wanted %v", args, name, got[name], want)
			}
		}
	}
	if got := bytes("--model", "mlp(512, 512)"); got[""] != 64*512+512+512*512+512+512*10+10 {
		t.Errorf("on digits there are %v parameters", got[""])
	}
	// What a training would take is the same number.
	plan := objects(t, must(t, dir, "train", "flowers.csv", "--model", "mlp(4)", "--optimizer", "adam", "--dry-run", "--json").stdout)
	if m := plan[0]["memory"].(map[string]any); m["optimizer"] != 8*n {
		t.Errorf("a plan has %v", m)
	}
	one := objects(t, must(t, dir, "optimizers", "lars", "--json").stdout)
	if len(one) != 1 || one[0]["name"] != "lars" || len(one[0]["settings"].([]any)) < 5 || one[0]["survey"].(map[string]any)["tunable"] != 3.0 {
		t.Errorf("the card is %v", one)
	}
	if d, _ := one[0]["differs"].([]any); len(d) < 3 || d[0] != "PyTorch and Keras: they have no LARS" {
		t.Errorf("the card's differences are %v", one[0]["differs"])
	}
}

func TestOptimizersMistakes(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"optimizers", "adm"}, 1, `did you mean "adam"?`},
		{[]string{"optimizers", "flowers.csv"}, 1, "--model"},
		{[]string{"optimizers", "adam", "digits"}, 2, "too many"},
		{[]string{"optimizers", "adam", "digits", "more", "--model", "relu"}, 2, "too many"},
		{[]string{"optimizers", "--model", "mlp(5)", "none.csv"}, 1, "none.csv"},
		{[]string{"optimizers", "--model", "mpl(5)"}, 1, `did you mean "mlp"?`},
		{[]string{"optimizers", "--model", "null"}, 1, "null"},
		{[]string{"optimizers", "--model", "relu"}, 1, "no parameters"},
		{[]string{"optimizers", "--model", "mlp(2000000000, 2000000000)"}, 1, "more than"},
		{[]string{"optimizers", "--model", "mlp(9000000000000000000, 9000000000000000000)"}, 1, ""},
		{[]string{"optimizers", "--parameters", "0"}, 1, "--parameters: found 0"},
		{[]string{"optimizers", "--parameters", "1e16"}, 1, "1e15"},
		{[]string{"optimizers", "--parameters", "inf"}, 1, "--parameters"},
		{[]string{"optimizers", "--parameters", "many"}, 2, "a number"},
		{[]string{"optimizers", "--parameters", "5", "--model", "relu"}, 2, "give one"},
		{[]string{"optimizers", "replay"}, 2, "FILE is missing"},
		{[]string{"optimizers", "replay", "none"}, 1, `no file "none"`},
		{[]string{"optimizers", "replay", "."}, 1, "folder"},
		{[]string{"schema", "x"}, 2, "too many"},
		{[]string{"runs", "none"}, 1, "descent train DATA"},
		{[]string{"runs", "--by", "size"}, 1, "--by"},
		{[]string{"init"}, 2, "DATA is missing"},
	} {
		r := invoke(t, dir, c.args...)
		if r.status != c.status || !strings.Contains(r.stderr, c.says) || r.stdout != "" {
			t.Errorf("%v: status %d, wanted %d; the error lacks %q:\n%s%s", c.args, r.status, c.status, c.says, r.stderr, r.stdout)
		}
	}
}
