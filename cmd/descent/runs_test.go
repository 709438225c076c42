package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRunsStates(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "flowers.csv", "--epochs", "2", "--quiet")
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--seeds", "11", "--quiet", "--out", "runs/many")
	if r := invoke(t, dir, "train", "houses.csv", "--optimizer", "sgd", "--lr", "1e30", "--epochs", "3", "--quiet", "--out", "runs/blown"); r.status != 1 {
		t.Fatalf("a training that cannot be ended with %d: %s", r.status, r.stderr)
	}
	for name, config := range map[string]string{"cut": `{"data":`, "silent": "{}"} {
		if err := os.MkdirAll(filepath.Join(dir, "runs", name), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "runs", name, "config.json"), config)
	}
	if err := os.Mkdir(filepath.Join(dir, "runs", "notes"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "runs", "a file"), "")
	must(t, dir, "train", "flowers.csv", "--epochs", "1", "--quiet", "--out", "runs/damaged")
	write(t, filepath.Join(dir, "runs", "damaged", "events.jsonl"), "\x00\n"+string(read(t, dir, "runs", "damaged", "events.jsonl")))

	going := call(t, dir, "train", "digits", "--epochs", "1000000", "--quiet", "--out", "runs/going", "--model", "mlp(16)")
	if err := going.Start(); err != nil {
		t.Fatal(err)
	}
	defer going.Wait()
	defer going.Process.Kill()
	list := func(args ...string) map[string]map[string]any {
		byName := map[string]map[string]any{}
		for _, o := range objects(t, must(t, dir, append([]string{"runs", "--json"}, args...)...).stdout) {
			group, _ := o["group"].(string)
			byName[filepath.Join(group, o["name"].(string))] = o
		}
		return byName
	}
	until := time.Now().Add(timeout)
	for {
		o := list()["going"]
		if o["state"] == stateRunning && o["step"].(float64) > 0 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("a run that goes on is told of as %v", o)
		}
		time.Sleep(20 * time.Millisecond)
	}
	before := listing(t, filepath.Join(dir, "runs", "going"))
	going.Process.Kill()
	going.Wait()
	runs := list()
	for name, state := range map[string]string{"flowers-1": stateDone, "many/seed-0": stateDone, "many/seed-10": stateDone, "blown": stateFailed, "cut": stateBroken, "silent": stateKilled,
		"notes": stateBroken, "damaged": stateDone, "going": stateKilled} {
		if o := runs[name]; o == nil || o["state"] != state {
			t.Errorf("%s is %v, wanted %s", name, o, state)
		}
	}
	if len(runs) != 7+11 {
		t.Errorf("there are %d runs", len(runs))
	}
	if o := runs["flowers-1"]; o["data"] != "flowers.csv" || o["epoch"] != 2.0 || o["epochs"] != 2.0 || o["part"] != "test" || o["accuracy"] == nil || o["val/accuracy"] == nil || o["optimizer"] != "adamw(0.001)" {
		t.Errorf("a run is %v", o)
	}
	for name, part := range map[string]string{"blown": "", "cut": "not JSON", "silent": "before it began", "notes": "config.json", "damaged": "1 lines"} {
		if reason, _ := runs[name]["reason"].(string); reason == "" || !strings.Contains(reason, part) {
			t.Errorf("the reason of %s is %q", name, reason)
		}
	}
	if after := listing(t, filepath.Join(dir, "runs", "going")); after != before {
		t.Errorf("listing changed a folder from %s to %s", before, after)
	}

	var names []string
	for line := range strings.Lines(must(t, dir, "runs", "--by", "name").stdout) {
		if words := strings.Fields(line); len(words) > 1 && !strings.Contains(words[0], ":") {
			names = append(names, words[0])
		}
	}
	want := []string{"run", "blown", "cut", "damaged", "flowers-1", "going", "many", "seed-0", "seed-1", "seed-2", "seed-3", "seed-4", "seed-5", "seed-6", "seed-7", "seed-8", "seed-9", "seed-10", "notes", "silent"}
	if !slices.Equal(names, want) {
		t.Errorf("by name they are %v, wanted %v", names, want)
	}
	first := strings.Fields(strings.Split(must(t, dir, "runs").stdout, "\n")[1])[0]
	if first != "going" && first != "damaged" { // files written since have changed the time of broken folders alone
		t.Errorf("the newest is %s", first)
	}
	if r := invoke(t, dir, "runs", "runs/flowers-1"); r.status != 1 || !strings.Contains(r.stderr, "descent show") {
		t.Errorf("a run in place of a folder of runs: %d, %s", r.status, r.stderr)
	}
}

// A name or a word from a folder must not drive a terminal, and what hostile files hold is a reason, not an end.
func TestRunsOfHostileFolders(t *testing.T) {
	dir := t.TempDir()
	hostile := filepath.Join(dir, "runs", "evil\x1b[31m")
	if err := os.MkdirAll(hostile, 0o777); err != nil {
		t.Skip(err)
	}
	write(t, filepath.Join(hostile, "config.json"), `{"epochs": "\u001b[2J"}`)
	write(t, filepath.Join(hostile, "events.jsonl"), `{"type":"start","step":0,"epoch":0,"time":"2026-01-01T00:00:00Z","data":"\u001b]0;x\u0007","epochs":"NaN","model":7}`+"\n"+
		`{"type":"failed","step":18446744073709551615,"epoch":1e300,"time":"2026-01-01T00:00:00Z","message":"\u001b[31m"}`+"\n[[[\n")
	for _, args := range [][]string{{"runs"}, {"runs", "--json"}} {
		r := must(t, dir, args...)
		if strings.ContainsAny(r.stdout+r.stderr, "\x1b\x07") || !strings.Contains(r.stdout, "failed") {
			t.Errorf("%v: %q", args, r.stdout)
		}
	}
}

func TestNatural(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"a-2", "a-10", -1}, {"a-10", "a-2", 1}, {"a", "a-1", -1}, {"a-02", "a-2", 0}, {"b", "a10", 1}, {"2", "10", -1}, {"99999999999999999999", "100000000000000000000", -1}, {"", "", 0}} {
		if got := natural(c.a, c.b); got != c.want {
			t.Errorf("natural(%q, %q) is %d, wanted %d", c.a, c.b, got, c.want)
		}
	}
}
