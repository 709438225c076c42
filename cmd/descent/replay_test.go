package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replayLines runs cases through the program and gives the answers, one a case.
func replayLines(t *testing.T, input string) []map[string]any {
	t.Helper()
	c := call(t, t.TempDir(), "optimizers", "replay", "-")
	c.Stdin = strings.NewReader(input)
	r := ended(t, c)
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	return objects(t, r.stdout)
}

// What comes out is where PyTorch's and Optax's optimizers go, to 1e-12 of the larger of a weight and the step.
func TestReplayFollowsOthers(t *testing.T) {
	for _, from := range []string{"torch", "optax"} {
		text, err := os.ReadFile(filepath.Join("../../optim/testdata/trajectories", from+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var theirs struct {
			Rates     []float64
			Start     []float64
			Gradients [][]float64
			Weights   map[string][][]float64
		}
		if err := json.Unmarshal(text, &theirs); err != nil {
			t.Fatal(err)
		}
		var names []string
		var input strings.Builder
		for name := range theirs.Weights {
			names = append(names, name)
			line, err := json.Marshal(map[string]any{"optimizer": name, "lr": theirs.Rates, "gradients": theirs.Gradients, "parameters": []any{
				map[string]any{"name": "weight", "shape": []int{3, 3}, "role": "weight", "weights": theirs.Start[:9]},
				map[string]any{"name": "bias", "shape": []int{3}, "role": "bias", "weights": theirs.Start[9:]},
			}})
			if err != nil {
				t.Fatal(err)
			}
			input.Write(append(line, '\n'))
		}
		answers := replayLines(t, input.String())
		if len(answers) != len(names) || len(names) < 10 {
			t.Fatalf("%d answers to %d cases", len(answers), len(names))
		}
		for i, name := range names {
			steps, _ := answers[i]["weights"].([]any)
			if len(steps) != len(theirs.Gradients) {
				t.Errorf("%s %s: %v", from, name, answers[i])
				continue
			}
			before := theirs.Start
			for k, step := range steps {
				for j, x := range step.([]any) {
					want := theirs.Weights[name][k][j]
					if off := math.Abs(x.(float64) - want); !(off <= 1e-12*max(math.Abs(want), math.Abs(before[j]))) {
						t.Fatalf("%s %s: step %d, weight %d: %v, theirs is %v", from, name, k, j, x, want)
					}
				}
				before = theirs.Weights[name][k]
			}
		}
	}
}

func TestReplay(t *testing.T) {
	const w = `"parameters": [{"name": "w", "shape": [2, 1], "weights": [1, 2]}, {"name": "b", "role": "bias", "weights": [3]}]`
	one := func(rest string) string { return `{"optimizer": "sgd", ` + rest + `}` }
	for _, c := range []struct{ name, in, want string }{
		{"a step", one(`"settings": {"lr": 0.5}, ` + w + `, "gradients": [[2, 4, 6]]`), `{"weights":[[0,0,0]]}`},
		{"no steps", one(w + `, "gradients": []`), `{"weights":[]}`},
		{"exact digits", one(`"settings": {"lr": 1}, "parameters": [{"name": "w", "weights": [0.1]}], "gradients": [[-0.2], [0]]`), `{"weights":[[0.30000000000000004],[0.30000000000000004]]}`},
		{"minus zero", one(`"settings": {"lr": 1}, "parameters": [{"name": "w", "weights": [-0.0]}], "gradients": [[0]]`), `{"weights":[[-0]]}`},
		{"not finite", one(`"settings": {"lr": 1}, "parameters": [{"name": "w", "weights": [1, "-Infinity", 5]}], "gradients": [["NaN", 1, "-Infinity"]]`), `{"weights":[["NaN","-Infinity","Infinity"]]}`},
		{"a scalar", one(`"settings": {"lr": 1}, "parameters": [{"name": "w", "shape": [], "weights": [1]}], "gradients": [[1]]`), `{"weights":[[0]]}`},
		{"settings in the name", `{"optimizer": "sgd(lr=1, decay=0.5)", "settings": {"lr": 0.5}, ` + w + `, "gradients": [[0, 0, 0]]}`, `{"weights":[[0.75,1.5,3]]}`},
		{"settings of its own", one(`"settings": {"lr": 0.5}, "parameters": [{"name": "a/[*", "weights": [1], "settings": {"lr": 1}}, {"name": "a/[x", "weights": [1]},
			{"name": "b", "role": "bias", "weights": [2], "settings": {"decay": 0.5, "lr_factor": 2}}], "gradients": [[1, 1, 1]]`), `{"weights":[[0,0.5,0]]}`},
		{"groups of the case", one(`"settings": {"lr": 0.5, "groups": [{"roles": ["bias"], "lr_factor": 2}]}, ` + w + `, "gradients": [[1, 2, 3]]`), `{"weights":[[0.5,1,0]]}`},
		{"a rate a step", one(`"lr": [1, 0, 0.5], "parameters": [{"name": "w", "weights": [1]}], "gradients": [[1], [1], [1]]`), `{"weights":[[0],[0],[-0.5]]}`},
		{"a schedule with its rate", one(`"schedule": {"name": "drop", "settings": {"lr": 1, "factor": 0.5, "steps": 1}}, "parameters": [{"name": "w", "weights": [1]}], "gradients": [[1], [1]]`), `{"weights":[[0],[-0.5]]}`},
		{"a schedule with the optimizer's rate", one(`"settings": {"lr": 2}, "schedule": "drop(factor=0.25, epochs=1)", "parameters": [{"name": "w", "weights": [1]}], "gradients": [[1], [1]]`), `{"weights":[[-1],[-1.5]]}`},
		{"a function", one(`"settings": {"lr": 0.25}, "parameters": [{"name": "x", "weights": [8]}, {"name": "y", "weights": [8]}], "function": "saddle", "steps": 2`), `{"weights":[[4,12],[2,18]]}`},
		{"a function from its start", one(`"settings": {"lr": 0.5}, "function": "saddle", "steps": 1`), `{"weights":[[0,2e-06]]}`},

		{"no JSON", `{"optimizer"`, "at byte 12"},
		{"no object", `[1]`, "found a list, wanted an object"},
		{"deep", one(`"settings": ` + strings.Repeat(`{"lr":`, 200) + "1" + strings.Repeat("}", 200) + `, "function": "beale", "steps": 1`), "levels"},
		{"deeper", strings.Repeat("[", 100_000), "at byte"},
		{"not UTF-8", "{\"optimizer\": \"\xff\"}", "UTF-8"},
		{"unknown key", `{"optimizr": "sgd"}`, `did you mean "optimizer"?`},
		{"unknown key of a parameter", one(`"parameters": [{"name": "w", "wights": [1]}], "gradients": []`), `parameters[0]: unknown key "wights"; did you mean "weights"?`},
		{"unknown setting", one(`"settings": {"decy": 1}, "function": "beale", "steps": 1`), `settings: unknown key "decy"; did you mean "decay"?`},
		{"key twice", `{"optimizer": "sgd", "optimizer": "adam"}`, `"optimizer" comes twice`},
		{"setting twice", one(`"settings": {"lr": 1, "lr": 2}, "function": "beale", "steps": 1`), "lr"},
		{"unknown optimizer", `{"optimizer": "adm", "function": "beale", "steps": 1}`, `did you mean "adam"?`},
		{"unknown function", one(`"function": "beal", "steps": 1`), `did you mean "beale"?`},
		{"unknown role", one(`"parameters": [{"name": "w", "role": "bais", "weights": [1]}], "gradients": []`), `parameters[0] ("w"): role`},
		{"weights and shape", one(`"parameters": [{"name": "w", "shape": [2, 3], "weights": [1, 2]}], "gradients": []`), `parameters[0] ("w"): weights has 2 numbers, wanted 6 for the shape [2 3]`},
		{"huge shape", one(`"parameters": [{"name": "w", "shape": [2000000000, 2000000000, 2000000000], "weights": [1]}], "gradients": []`), "wanted"},
		{"shape of halves", one(`"parameters": [{"name": "w", "shape": [0.5], "weights": [1]}], "gradients": []`), "whole numbers"},
		{"gradients too short", one(w + `, "gradients": [[1, 2, 3], [1, 2]]`), `gradients[1]: found 2 numbers, wanted 3: "w" 2, "b" 1`},
		{"a text among numbers", one(w + `, "gradients": [[1, "a, b", 3]]`), `gradients[0][1]: found a text, wanted a number or "NaN"`},
		{"a list among numbers", one(w + `, "gradients": [[1, [2], 3]]`), `gradients[0][1]: found a list`},
		{"too large", one(w + `, "gradients": [[1, 1e999, 3]]`), `gradients[0][1]: 1e999 is too large for float64`},
		{"name twice", one(`"parameters": [{"name": "w", "weights": [1]}, {"name": "w", "weights": [1]}], "gradients": []`), "parameters[1]"},
		{"name below one with settings", one(`"parameters": [{"name": "a", "settings": {}, "weights": [1]}, {"name": "a/b", "weights": [1]}], "gradients": []`), "stands"},
		{"no name", one(`"parameters": [{"name": "a//b", "weights": [1]}], "gradients": []`), "names between slashes"},
		{"gradients and function", one(w + `, "gradients": [], "function": "beale", "steps": 1`), "both"},
		{"neither", one(w), "gradients is missing"},
		{"rates", one(`"lr": [1, 2], "function": "beale", "steps": 3`), "lr: found 2 numbers, wanted 3"},
		{"a rate", one(`"lr": 1, "function": "beale", "steps": 3`), "lr in settings"},
		{"rate and schedule", one(`"lr": [1], "schedule": "cosine", "function": "beale", "steps": 1`), "one is wanted"},
		{"negative rate", one(`"lr": [1, -1], "function": "beale", "steps": 2`), "step 2: "},
		{"too many steps", one(`"function": "beale", "steps": 1e7`), "steps: found 1e7"},
		{"weights for a function", one(w + `, "function": "beale", "steps": 1`), "parameters have 3 weights, and beale takes 2"},
		{"too much to answer", one(`"parameters": [{"name": "w", "weights": [` + strings.Repeat("0,", 9999) + `0]}], "gradients": [` + strings.Repeat("[],", 999) + `[]]`), "make several cases"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			// Between two cases that run, so that it is seen that the others go on.
			const other = `{"optimizer":"sgd(1)","parameters":[{"name":"w","weights":[2]}],"gradients":[[1]]}`
			in := other + "\n" + strings.ReplaceAll(c.in, "\n", " ") + "\n\n" + other
			if err := replayAll(t.Context(), strings.NewReader(in), &b); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(b.String(), "\n")
			if len(lines) != 4 || lines[0] != `{"weights":[[1]]}` || lines[2] != lines[0] || lines[3] != "" {
				t.Fatalf("answers are\n%s", b.String())
			}
			if strings.HasPrefix(c.want, "{") {
				if lines[1] != c.want {
					t.Errorf("got %s, wanted %s", lines[1], c.want)
				}
				return
			}
			var answer map[string]string
			if err := json.Unmarshal([]byte(lines[1]), &answer); err != nil || len(answer) != 1 || !strings.Contains(answer["error"], c.want) {
				t.Errorf("got %.300s, wanted an error with %s", lines[1], c.want)
			}
		})
	}
}

// A line of any length takes no more memory than the longest that is read, and the next is read as ever.
func TestReplayLongLine(t *testing.T) {
	var b strings.Builder
	long := fmt.Sprintf("{\"optimizer\": %q}\n", strings.Repeat("a", replayLine))
	if err := replayAll(t.Context(), strings.NewReader(long+`{"optimizer":"sgd(1)","parameters":[{"name":"w","weights":[2]}],"gradients":[[1]]}`), &b); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(b.String(), "\n"); len(lines) != 3 || !strings.Contains(lines[0], "more than 67108864 bytes") || lines[1] != `{"weights":[[1]]}` {
		t.Errorf("answers are %.300s", b.String())
	}
}

func FuzzReplay(f *testing.F) {
	f.Add(`{"optimizer":"adam","parameters":[{"name":"w","shape":[1],"role":"bias","weights":["NaN"],"settings":{"lr":1}}],"gradients":[[1]]}`)
	f.Add(`{"optimizer":"lars(wrap=[ema])","schedule":{"name":"cosine","settings":{}},"function":"beale","steps":3}`)
	f.Fuzz(func(t *testing.T, line string) {
		if c, err := readReplay([]byte(line)); err == nil && c.steps > 1000 {
			return
		}
		answer, err := replayed(t.Context(), []byte(line))
		if err == nil && !json.Valid(answer) {
			t.Errorf("no JSON: %s", answer)
		}
	})
}
