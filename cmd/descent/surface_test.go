package main

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The survey's Figure 1: SGD oscillates across the ravine, momentum is at the minimum in fewer steps.
func TestSurface(t *testing.T) {
	dir := t.TempDir()
	r := must(t, dir, "surface", "ravine", "--optimizers", "sgd,momentum")
	for _, part := range []string{"start (-10, 1), condition number 100", "minimum at (0, 0)", "sgd", "0.019", "361 steps", "momentum", "0.003", "127 steps", "surface-ravine.svg", "surface-ravine.png"} {
		if !strings.Contains(r.stdout, part) {
			t.Errorf("the table lacks %q:\n%s", part, r.stdout)
		}
	}
	svg := read(t, dir, "surface-ravine.svg")
	for _, part := range []string{"sgd, rate 0.019", "momentum, rate 0.003", "start (−10, 1), condition number 100", "minimum", "(a) ", "(b) "} {
		if !bytes.Contains(svg, []byte(part)) {
			t.Errorf("the picture lacks %q", part)
		}
	}
	if _, err := png.Decode(bytes.NewReader(read(t, dir, "surface-ravine.png"))); err != nil {
		t.Error(err)
	}
	// A second time nothing is replaced, unless asked for, and then by the same bytes.
	if r := invoke(t, dir, "surface", "ravine"); r.status != 1 || !strings.Contains(r.stderr, `"surface-ravine.svg" exists; --force replaces it`) {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	must(t, dir, "surface", "ravine", "--force")
	if !bytes.Equal(svg, read(t, dir, "surface-ravine.svg")) {
		t.Error("the picture differs the second time")
	}
	files, _ := filepath.Glob(dir + "/*")
	if len(files) != 2 {
		t.Errorf("left: %v", files)
	}
}

// The picture in the documents is what the command draws. Other processors round in other places.
func TestSurfaceIsInTheDocuments(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the picture was drawn on amd64")
	}
	dir := t.TempDir()
	must(t, dir, "surface", "ravine", "--optimizers", "sgd,momentum", "--out", "figure1")
	for _, name := range []string{"figure1.svg", "figure1.png"} {
		got, want := read(t, dir, name), read(t, "../../docs/images", name)
		if strings.HasSuffix(name, ".png") { // one version of Go packs bytes another way than the next
			got, want = pixels(t, got), pixels(t, want)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/images/%s is another picture: in docs/images, run descent surface ravine --optimizers sgd,momentum --out figure1 --force", name)
		}
	}
}

func pixels(t *testing.T, picture []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	size := img.Bounds()
	all := image.NewRGBA(size)
	draw.Draw(all, size, img, size.Min, draw.Src)
	return append([]byte(size.String()), all.Pix...)
}

func TestSurfaceAsJSON(t *testing.T) {
	dir := t.TempDir()
	r := must(t, dir, "surface", "booth", "--optimizers", "sgd(0.05),adam(lr=0.5, beta2=0.9),sgd(2)", "--steps", "100", "--start", "-6,1.5", "--out", "a.svg", "--json")
	list := objects(t, r.stdout)
	if len(list) != 1 {
		t.Fatalf("%d objects", len(list))
	}
	o := list[0]
	paths := o["optimizers"].([]any)
	if o["function"] != "booth" || o["condition"] != 9.0 || o["start"].([]any)[1] != 1.5 || len(paths) != 3 || o["files"].([]any)[0] != "a.svg" {
		t.Errorf("%v", o)
	}
	sgd, wild := paths[0].(map[string]any), paths[2].(map[string]any)
	if n, ok := sgd["reached"].(float64); !ok || n < 10 || n > 100 || sgd["lr"] != 0.05 || len(sgd["path"].([]any)) != 101 || sgd["diverged"] != nil {
		t.Errorf("%v", sgd)
	}
	if wild["diverged"] == nil || wild["reached"] != nil {
		t.Errorf("%v, %v", wild["diverged"], wild["reached"])
	}
	if _, err := os.Stat(filepath.Join(dir, "a.png")); err == nil {
		t.Error("--out a.svg wrote a.png")
	}
}

func TestSurfaceStatuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/old.svg", "mine")
	if err := os.Mkdir(dir+"/folder.svg", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line   string
		status int
		says   string
	}{
		{"surface", 2, "FUNCTION is missing"},
		{"surface ravine booth", 2, "too many arguments"},
		{"surface ravine --lr fast", 2, "wanted numbers divided by commas"},
		{"surface ravine --start here", 2, "wanted numbers divided by commas"},
		{"surface ravine --steps 1.5", 2, "wanted a whole number"},
		{"surface ravine --condition steep", 2, "wanted a number"},
		{"surface ravine --optimiser sgd", 2, "did you mean --optimizers?"},
		{"surface ravin", 1, `did you mean "ravine"?`},
		{"surface zzzz", 1, "known: ravine, rosenbrock"},
		{"surface ravine --lr -0.1", 1, "--lr: learning rate -0.1"},
		{"surface ravine --lr 0", 1, "--lr: learning rate 0"},
		{"surface ravine --lr NaN", 1, "--lr: found NaN"},
		{"surface ravine --lr 0.1,inf", 1, "--lr: found inf"},
		{"surface ravine --lr 0.1,0.2,0.3", 1, "3 rates for 2 optimizers"},
		{"surface ravine --optimizers sgd(0.1) --lr 0.1", 1, "has a rate of its own"},
		{"surface ravine --optimizers sgd(lr=-1)", 1, "-1"},
		{"surface ravine --optimizers adm", 1, `did you mean "adam"?`},
		{"surface ravine --optimizers sgd(", 1, "--optimizers"},
		{"surface ravine --optimizers sgd(beta2=0.9)", 1, "beta2"},
		{"surface ravine --optimizers=", 1, "wanted names divided by commas"},
		{"surface ravine --optimizers sgd,,adam", 1, "--optimizers"},
		{"surface ravine --optimizers sgd,sgd,sgd,sgd,sgd,sgd,sgd,sgd,sgd,sgd,sgd,sgd,sgd", 1, "at most 12"},
		{"surface ravine --start 1", 1, "--start: found 1 of the 2 numbers x and y, as in --start -10,1"},
		{"surface ravine --start 1,2,3", 1, "--start: found 3"},
		{"surface ravine --start NaN,1", 1, "--start: found NaN"},
		{"surface ravine --start 1e200,1", 1, "--start: start (1e+200, 1)"},
		{"surface ravine --steps 0", 1, "--steps: found 0"},
		{"surface ravine --steps 99999999999999999999", 1, "[1, 100000]"},
		{"surface ravine --condition 0.5", 1, "[1, 1e6]"},
		{"surface ravine --condition NaN", 1, "[1, 1e6]"},
		{"surface booth --condition 5", 1, "booth has no condition number to set"},
		{"surface ravine --out picture.gif", 1, "ends in .svg or .png"},
		{"surface ravine --out none/", 1, "wanted the name of a file"},
		{"surface ravine --out none/a.svg", 1, "none"},
		{"surface ravine --out old", 1, `"old.svg" exists; --force replaces it, --out writes elsewhere`},
		{"surface ravine --out folder.svg --force", 1, "is a folder"},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			r := invoke(t, dir, strings.Fields(c.line)...)
			if r.status != c.status || !strings.Contains(r.stderr, c.says) {
				t.Errorf("status %d, wanted %d; the error lacks %q:\n%s", r.status, c.status, c.says, r.stderr)
			}
			if r.stdout != "" || strings.Count(r.stderr, "descent: ") != 1 {
				t.Errorf("wanted one message on standard error and nothing on standard output:\n%s\n%s", r.stderr, r.stdout)
			}
		})
	}
	t.Cleanup(func() {
		if text := string(read(t, dir, "old.svg")); text != "mine" {
			t.Error("a refused picture was written")
		}
		if files, _ := filepath.Glob(dir + "/*"); len(files) != 2 {
			t.Errorf("left: %v", files)
		}
	})
}
