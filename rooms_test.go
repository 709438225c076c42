package descent_test

// Which room may import which. The table below is the whole list: an import that it lacks fails the test, and so does a line of it that no
// import uses any more. Whoever needs a new edge writes it there and says why in the commit.
//
// Import lines are read here, with go/parser, and not by a child process: the go command then knows that the test has read these files, and
// runs it again when one of them changes. Files for all systems are read, whatever the test runs on.

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/descent-go/descent"

// roomsTable has a line a room: its folder, the rooms that it may import, and after "|" the modules of other people. "descent" is the folder
// of the module itself. Rooms import those above them only. A word alone is the name of a floor.
const roomsTable = `
cellar
	internal/kernel:  | golang.org/x/sys    # what the processor can do
	internal/par:
	internal/limits:    internal/kernel    # a clock is its trade, so it is not in the table of quiet rooms
	internal/rng:
	internal/spec:
	internal/stats:
	internal/safetensors:

compute
	engine:             internal/kernel internal/par internal/rng
	engine/enginetest:  engine

describe
	nn:                 engine internal/kernel internal/spec
	optim:              engine internal/kernel internal/spec
	optim/optimtest:    engine optim
	optim/surface:      engine optim internal/spec
	prep:               engine internal/kernel internal/spec
	data:               engine prep internal/kernel internal/rng internal/spec     # prep: a table becomes numbers by what was fitted
	data/fetch:         data internal/spec | github.com/gofrs/flock    # apart from data, so that who trains links no network
	metric:             engine internal/stats

predict
	descent:            engine nn prep internal/safetensors        # and nothing of training: a service links this

train
	run:                engine internal/safetensors | github.com/gofrs/flock golang.org/x/sys
	train:              engine nn optim prep data metric run internal/spec descent    # descent: a model is written by what reads it

show
	report:             run | golang.org/x/term                    # run alone: what is shown is read from events
	report/plot:        report | github.com/guptarohit/asciigraph gonum.org/v1/plot codeberg.org/go-fonts/liberation golang.org/x/image
	cmd/descent/yamltree: internal/spec | github.com/goccy/go-yaml
	cmd/descent:        descent engine nn optim prep data data/fetch optim/surface run train report report/plot cmd/descent/yamltree internal/kernel internal/limits internal/spec internal/stats | github.com/spf13/cobra github.com/spf13/pflag github.com/google/jsonschema-go golang.org/x/sys golang.org/x/term    # it wires them all
`

// noiseTable says what rooms must not import of the standard library, with everything below it: "os" forbids os/exec too. A clock, a file, a
// flag or a random number that is not keyed by the seed would be a way for two runs with one seed to differ.
const noiseTable = `
	*:  C plugin math/rand        # no cgo; random numbers come from internal/rng
	internal/kernel internal/par internal/rng internal/spec internal/stats engine nn optim optim/surface metric prep:  os syscall log flag net crypto/rand
	internal/kernel internal/par internal/rng internal/stats engine nn optim optim/surface metric prep:  time
`

// exceptions are the files that may import such a thing all the same.
const exceptions = `
	engine/cpu.go:         os     # reads DESCENT_CPU
	internal/par/crew.go:  time   # how long a worker looks for work before it sleeps
`

// room is a line of the table.
type room struct {
	name           string
	rooms, modules []string
}

// use is an import line.
type use struct{ room, file, imports string }

func TestRooms(t *testing.T) {
	table := readRooms(t)
	uses := readImports(t)
	folders := map[string]bool{}
	used := map[string]bool{} // "room imports", in the words of the table
	for _, u := range uses {
		folders[u.room] = true
		r, known := table[u.room]
		if !known || u.imports == "" {
			continue
		}
		switch to, ours := ourRoom(u.imports); {
		case ours:
			used[r.name+" "+to] = true
			if !slices.Contains(r.rooms, to) {
				t.Errorf("%s: %s imports %s, which roomsTable in rooms_test.go does not allow: do without, or add %q to the line %q there and say why",
					u.file, r.name, to, to, r.name)
			}
		case !standard(u.imports):
			i := slices.IndexFunc(r.modules, func(m string) bool { return within(u.imports, m) })
			if i < 0 {
				t.Errorf("%s: %s imports %s of another module, which roomsTable in rooms_test.go does not allow: do without, or add its module to the line %q there and say why",
					u.file, r.name, u.imports, r.name)
				continue
			}
			used[r.name+" "+r.modules[i]] = true
		}
	}
	for name := range folders {
		if _, ok := table[name]; !ok {
			t.Errorf("the room %s is not in roomsTable in rooms_test.go: add a line for it on its floor", name)
		}
	}
	for name, r := range table {
		if !folders[name] {
			t.Errorf("roomsTable in rooms_test.go has a line for %s, and there is no such room: take the line out", name)
			continue
		}
		for _, to := range slices.Concat(r.rooms, r.modules) {
			if !used[name+" "+to] {
				t.Errorf("roomsTable in rooms_test.go lets %s import %s, and it doesn't: take %q out of the line", name, to, to)
			}
		}
	}
}

func TestQuietRooms(t *testing.T) {
	allowed, needed := map[string]string{}, map[string]bool{}
	for _, l := range tableLines(exceptions) {
		file, what, _ := strings.Cut(l, ":")
		allowed[file] = strings.TrimSpace(what)
	}
	uses := readImports(t)
	for _, l := range tableLines(noiseTable) {
		rooms, noise, _ := strings.Cut(l, ":")
		for _, u := range uses {
			if rooms != "*" && !slices.Contains(strings.Fields(rooms), u.room) {
				continue
			}
			for _, what := range strings.Fields(noise) {
				switch {
				case u.imports == "" || !within(u.imports, what):
				case allowed[u.file] == what:
					needed[u.file] = true
				default:
					t.Errorf("%s: %s imports %s, which noiseTable in rooms_test.go keeps out of it", u.file, u.room, u.imports)
				}
			}
		}
		for _, name := range strings.Fields(rooms) {
			if name != "*" && !slices.ContainsFunc(uses, func(u use) bool { return u.room == name }) {
				t.Errorf("noiseTable in rooms_test.go names %s, and there is no such room", name)
			}
		}
	}
	for file, what := range allowed {
		if !needed[file] {
			t.Errorf("exceptions in rooms_test.go let %s import %s, and it doesn't: take the line out", file, what)
		}
	}
}

// tableLines are the lines of a table without comments and empty ones.
func tableLines(table string) []string {
	var lines []string
	for l := range strings.Lines(table) {
		l, _, _ = strings.Cut(l, "#")
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// readRooms reads the table and checks that imports go up its lines, that is, down the floors.
func readRooms(t *testing.T) map[string]room {
	t.Helper()
	table := map[string]room{}
	for _, l := range tableLines(roomsTable) {
		name, rest, ok := strings.Cut(l, ":")
		if !ok {
			continue // a floor
		}
		ours, others, _ := strings.Cut(rest, "|")
		r := room{name, strings.Fields(ours), strings.Fields(others)}
		for _, to := range r.rooms {
			if _, above := table[to]; !above {
				t.Errorf("roomsTable in rooms_test.go: %s may import %s, which has no line above it", name, to)
			}
		}
		if _, twice := table[name]; twice {
			t.Errorf("roomsTable in rooms_test.go has two lines for %s", name)
		}
		table[name] = r
	}
	return table
}

// goFiles walks the module's Go files, slash-separated, without tests, testdata and modules of their own.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name == "." {
				return nil
			}
			if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go") && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_") {
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("%d Go files found: the test does not run in the module's folder", len(files))
	}
	return files
}

// readImports gives every import line of the module; a file without any gives one that imports nothing, so that its room is known.
func readImports(t *testing.T) []use {
	t.Helper()
	var uses []use
	for _, name := range goFiles(t) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		u := use{room: roomOf(path.Dir(name)), file: name}
		uses = append(uses, u)
		for _, spec := range f.Imports {
			if u.imports, err = strconv.Unquote(spec.Path.Value); err != nil {
				t.Fatal(fmt.Errorf("%s: %w", name, err))
			}
			uses = append(uses, u)
		}
	}
	return uses
}

func roomOf(folder string) string {
	if folder == "." {
		return "descent"
	}
	return folder
}

// ourRoom is the room that an import names, false if it is of another module or the standard library.
func ourRoom(imports string) (string, bool) {
	if !within(imports, modulePath) {
		return "", false
	}
	if imports == modulePath {
		return "descent", true
	}
	return strings.TrimPrefix(imports, modulePath+"/"), true
}

// standard reports whether an import is of the standard library: its first element has no dot.
func standard(imports string) bool {
	first, _, _ := strings.Cut(imports, "/")
	return !strings.Contains(first, ".")
}

// within reports whether an import is a path or lies below it.
func within(imports, of string) bool { return imports == of || strings.HasPrefix(imports, of+"/") }
