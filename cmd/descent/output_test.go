package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func TestJSONAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	train := must(t, dir, "train", "flowers.csv", "--epochs", "4", "--json", "--out", "run")
	if events := read(t, dir, "run", "events.jsonl"); train.stdout != string(events) {
		t.Errorf("--json is not the lines of events.jsonl:\n%s\n%s", train.stdout, events)
	}
	events := objects(t, train.stdout)
	if first, last := events[0], events[len(events)-1]; first["type"] != "start" || last["type"] != "done" || last["accuracy"] == nil || last["loss"] == nil {
		t.Errorf("the events begin with %v and end with %v", first, last)
	}
	resume := must(t, dir, "resume", "run", "--epochs", "6", "--json")
	if events := read(t, dir, "run", "events.jsonl"); !strings.HasSuffix(string(events), resume.stdout) {
		t.Errorf("resume --json is not the end of events.jsonl:\n%s", resume.stdout)
	}
	if list := objects(t, resume.stdout); list[0]["type"] != "resume" || list[len(list)-1]["type"] != "done" {
		t.Errorf("resume tells %v", list)
	}
	one := objects(t, must(t, dir, "train", "flowers.csv", "--epochs", "1", "--json", "--quiet").stdout)
	if len(one) != 1 || one[0]["type"] != "done" {
		t.Errorf("--json --quiet gives %v", one)
	}
	for _, line := range []string{"eval run", "show run", "show run/model.safetensors", "version", "train digits --dry-run"} {
		r := must(t, dir, append(strings.Fields(line), "--json")...)
		if list := objects(t, r.stdout); len(list) != 1 || r.stderr != "" {
			t.Errorf("%s --json gives %d objects and %q", line, len(list), r.stderr)
		}
	}
	if list := objects(t, must(t, dir, "predict", "run", "flowers.csv", "--json").stdout); len(list) != 90 {
		t.Errorf("predict --json gives %d objects for 90 rows", len(list))
	}
	// Errors are no part of it.
	if r := invoke(t, dir, "eval", "run", "none.csv", "--json"); r.status != 1 || r.stdout != "" || r.stderr == "" {
		t.Errorf("an error with --json: %+v", r)
	}
	// A training that fails says so in its last line, and on standard error.
	r := invoke(t, dir, "train", "flowers.csv", "--optimizer", "sgd", "--lr", "1e30", "--json")
	list := objects(t, r.stdout)
	if r.status != 1 || list[len(list)-1]["type"] != "failed" || !strings.HasPrefix(r.stderr, "descent: ") {
		t.Errorf("a training that fails: %+v", r)
	}
}

// The scores of a run are those that eval finds: the test part is the run's own.
func TestEvalRepeatsTheRun(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	for _, data := range []string{"digits", "flowers.csv", "houses.csv"} {
		lines := objects(t, must(t, dir, "train", data, "--epochs", "2", "--json", "--out", "of-"+data).stdout)
		done := lines[len(lines)-1]
		for _, args := range [][]string{{"eval", "of-" + data, "--json"}, {"eval", "of-" + data, data, "--json"}, {"eval", "of-" + data, "--part", "test", "--json"}} {
			got := objects(t, must(t, dir, args...).stdout)[0]
			for _, key := range []string{"accuracy", "loss", "r2", "mae", "rmse", "rows", "part"} {
				if got[key] != done[key] {
					t.Errorf("%v: %s is %v, at the end of the run it was %v", args, key, got[key], done[key])
				}
			}
		}
		all := objects(t, must(t, dir, "eval", "of-"+data, "--part", "all", "--json").stdout)[0]
		file := objects(t, must(t, dir, "eval", filepath.Join("of-"+data, "model.safetensors"), data, "--json").stdout)[0]
		if all["loss"] != file["loss"] || all["rows"] != file["rows"] || all["rows"] == done["rows"] {
			t.Errorf("%s: on all rows the run's model gives %v, its file %v", data, all, file)
		}
	}
	// Columns in another order, and one more, are the same data to a model.
	var b strings.Builder
	for line := range strings.Lines(string(read(t, dir, "flowers.csv"))) {
		c := strings.Split(strings.TrimSpace(line), ",")
		b.WriteString(strings.Join([]string{c[3], c[2], "note", c[0], c[1]}, ",") + "\n")
	}
	write(t, filepath.Join(dir, "turned.csv"), b.String())
	want := objects(t, must(t, dir, "eval", "of-flowers.csv/model.safetensors", "flowers.csv", "--json").stdout)[0]
	got := objects(t, must(t, dir, "eval", "of-flowers.csv", "turned.csv", "--json").stdout)[0]
	if got["loss"] != want["loss"] || got["accuracy"] != want["accuracy"] {
		t.Errorf("columns in another order give %v, not %v", got, want)
	}
}

func TestPredictions(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "digits", "--epochs", "3", "--quiet", "--out", "run")
	want := must(t, dir, "predict", "run", "digits", "--json").stdout
	list := objects(t, want)
	if len(list) != 1797 {
		t.Fatalf("%d answers", len(list))
	}
	for _, answer := range list[:50] {
		sum := 0.0
		for _, p := range answer["probabilities"].(map[string]any) {
			sum += p.(float64)
		}
		if math.Abs(sum-1) > 1e-5 || answer["probabilities"].(map[string]any)[answer["class"].(string)] != answer["probability"] {
			t.Errorf("probabilities of %v", answer)
		}
	}
	// The same rows as IDX, and as text with and without a header: two images of zeros and of 16.
	pixels := append(make([]byte, 64), bytes.Repeat([]byte{16}, 64)...)
	write(t, filepath.Join(dir, "images"), "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x08\x00\x00\x00\x08"+string(pixels))
	var head, rows strings.Builder
	for i, v := range pixels {
		separator := ","
		if i%64 == 63 {
			separator = "\n"
		}
		if i < 64 {
			head.WriteString("p" + string(rune('A'+i/8)) + string(rune('a'+i%8)) + separator)
		}
		rows.WriteString(strings.TrimSpace(strings.Repeat(" ", 3)+map[byte]string{0: "0", 16: "16"}[v]) + separator)
	}
	write(t, filepath.Join(dir, "named.csv"), head.String()+rows.String())
	write(t, filepath.Join(dir, "bare.csv"), rows.String())
	images := must(t, dir, "predict", "run", "images", "--json").stdout
	for _, file := range []string{"named.csv", "bare.csv"} {
		if got := must(t, dir, "predict", "run", file, "--json").stdout; got != images {
			t.Errorf("%s gives\n%s\nimages give\n%s", file, got, images)
		}
	}
	if len(objects(t, images)) != 2 {
		t.Errorf("two images give %s", images)
	}
	write(t, filepath.Join(dir, "cut"), "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x08\x00\x00\x00\x08"+string(pixels[:100]))
	if r := invoke(t, dir, "predict", "run", "cut", "--json"); r.status != 1 || len(objects(t, r.stdout)) != 1 || !strings.Contains(r.stderr, "image 2 of 2") {
		t.Errorf("images cut short: %+v", r)
	}
	write(t, filepath.Join(dir, "other"), "\x00\x00\x08\x03\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x08"+string(pixels[:56]))
	if r := invoke(t, dir, "predict", "run", "other"); r.status != 1 || !strings.Contains(r.stderr, "the model wants") {
		t.Errorf("images of another size: %+v", r)
	}
}

// A training goes on when nobody reads what it says.
func TestClosedOutputLosesNothing(t *testing.T) {
	for _, flags := range [][]string{nil, {"--json"}, {"--seeds", "1"}} {
		dir := t.TempDir()
		c := call(t, dir, append([]string{"train", "digits", "--epochs", "12", "--out", "run"}, flags...)...)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var complaints bytes.Buffer
		c.Stderr = &complaints
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		out.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("%v with a closed output: %v\n%s", flags, err, complaints.String())
		}
		run := "run"
		if flags != nil && flags[0] == "--seeds" {
			run = "run/seed-0"
		}
		lines := bytes.Split(bytes.TrimSpace(read(t, dir, run, "events.jsonl")), []byte("\n"))
		var last map[string]any
		if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last["type"] != "done" {
			t.Errorf("%v: the run ends with %s", flags, lines[len(lines)-1])
		}
		read(t, dir, run, "model.safetensors")
	}
}

func TestSeeds(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	r := must(t, dir, "train", "flowers.csv", "--epochs", "3", "--seeds", "3", "--seed", "5", "--json")
	list := objects(t, r.stdout)
	last := list[len(list)-1]
	seen := map[any]bool{}
	for _, o := range list[:len(list)-1] {
		seen[o["seed"]] = true
	}
	if len(seen) != 3 || !seen[5.0] || !seen[7.0] || last["type"] != "seeds" || last["accuracy"] == nil || last["loss"] == nil {
		t.Fatalf("seeds %v, last %v", seen, last)
	}
	runs := last["runs"].([]any)
	sum := 0.0
	for i, one := range runs {
		o := one.(map[string]any)
		sum += o["accuracy"].(float64)
		if want := filepath.Join("runs", "flowers-1", "seed-"+string(rune('5'+i))); o["dir"] != want {
			t.Errorf("run %d is in %v, wanted %s", i, o["dir"], want)
		}
		// A run of a series is a run like any other.
		alone := objects(t, must(t, dir, "train", "flowers.csv", "--epochs", "3", "--seed", string(rune('5'+i)), "--json", "--quiet").stdout)[0]
		if alone["accuracy"] != o["accuracy"] || alone["loss"] != o["loss"] {
			t.Errorf("seed %d alone gives %v, in the series %v", 5+i, alone["loss"], o["loss"])
		}
	}
	if mean := last["accuracy"].(float64); math.Abs(mean-sum/3) > 1e-12 || last["accuracy_low"].(float64) > mean || last["accuracy_high"].(float64) < mean {
		t.Errorf("mean %v of %v", last, sum/3)
	}
	// One that fails is told of, and the others stand.
	r = invoke(t, dir, "train", "flowers.csv", "--optimizer", "sgd", "--lr", "1e30", "--seeds", "2", "--json", "--quiet")
	if r.status != 1 || !strings.Contains(r.stderr, "2 of 2 seeds failed") || len(objects(t, r.stdout)) != 1 {
		t.Errorf("seeds that fail: %+v", r)
	}
}

// Data that is no longer what the run was trained on has no test part: some of its rows may have been learned.
func TestEvalNoticesChangedData(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--quiet", "--out", "run")
	write(t, filepath.Join(dir, "flowers.csv"), string(read(t, dir, "flowers.csv"))+"1,1,1,rose\n")
	if r := invoke(t, dir, "eval", "run"); r.status != 1 || !strings.Contains(r.stderr, "has changed since the run") {
		t.Errorf("%+v", r)
	}
	if got := objects(t, must(t, dir, "eval", "run", "flowers.csv", "--json").stdout)[0]; got["part"] != "all" || got["rows"] != 91.0 {
		t.Errorf("named, it is measured as %v on %v rows", got["part"], got["rows"])
	}
	if r := invoke(t, dir, "resume", "run", "--epochs", "2"); r.status != 1 || !strings.Contains(r.stderr, "fingerprint") {
		t.Errorf("resume: %+v", r)
	}
}
