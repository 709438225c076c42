package descent_test

// What a program links. Whoever imports the library to predict gets the standard library, golang.org/x/sys and our own rooms; whoever trains
// gets two modules more; the program built without cgo needs no shared library. go list and go build run as child processes here, which the
// test cache does not see; the tests in rooms_test.go read all Go files in the same run, so that a change of one runs these too.

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var (
	predicting = []string{".", "./engine", "./nn", "./prep"}
	training   = []string{"./data", "./train", "./run", "./optim", "./metric"}

	predictingModules = []string{modulePath, "golang.org/x/sys"}
	trainingModules   = append(slices.Clone(predictingModules), "github.com/gofrs/flock", "gonum.org/v1/gonum")
)

// systems are what releases are built for; each links other files.
var systems = []string{"linux", "darwin", "windows"}

func TestLinkedModules(t *testing.T) {
	for _, group := range []struct {
		name              string
		packages, modules []string
	}{
		{"to predict", predicting, predictingModules},
		{"to train", training, trainingModules},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, system := range systems {
				args := []string{"list", "-deps", "-f", "{{if not .Standard}}{{with .Module}}{{.Path}}{{end}} {{.ImportPath}}{{end}}"}
				out := command(t, []string{"CGO_ENABLED=0", "GOOS=" + system}, append(args, group.packages...)...)
				lines := strings.Split(strings.TrimSpace(out), "\n")
				if len(lines) < len(group.packages) {
					t.Fatalf("%s: go list gave %d packages for %v: nothing was checked", system, len(lines), group.packages)
				}
				for _, l := range lines {
					module, imports, _ := strings.Cut(l, " ")
					if !slices.Contains(group.modules, module) {
						t.Errorf("%s: %s of module %q is linked by one of %v; only %v and the standard library may be",
							system, imports, module, group.packages, group.modules)
					}
				}
			}
		})
	}
}

// A service that predicts links no part of training, and nothing but the program links a network client.
func TestWhatIsNotLinked(t *testing.T) {
	for _, c := range []struct {
		packages, never []string
	}{
		{predicting, []string{"optim", "data", "metric", "run", "train", "report", "cmd/descent"}},
		{slices.Concat(predicting, training, []string{"./report"}), []string{"data/fetch", "report/plot", "net", "net/http", "os/exec"}},
	} {
		linked := strings.Fields(command(t, nil, append([]string{"list", "-deps"}, c.packages...)...))
		for _, name := range c.never {
			if slices.Contains(linked, name) || slices.Contains(linked, modulePath+"/"+name) {
				t.Errorf("one of %v links %s", c.packages, name)
			}
		}
	}
}

func TestProgramIsStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("building the program takes long: left out with -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("what is static is read from an ELF file, which a program for linux is")
	}
	program := filepath.Join(t.TempDir(), "descent")
	command(t, []string{"CGO_ENABLED=0"}, "build", "-o", program, "./cmd/descent")
	if err := static(program); err != nil {
		t.Error(err)
	}
}

// static reports what a program for linux loads at its start, as an error: an interpreter, shared libraries.
func static(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name := make([]byte, min(p.Filesz, 200))
			p.ReadAt(name, 0)
			return fmt.Errorf("the program wants the interpreter %q, so it is not static", strings.TrimRight(string(name), "\x00"))
		}
	}
	needed, err := f.DynString(elf.DT_NEEDED)
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return err
	}
	if len(needed) > 0 {
		return fmt.Errorf("the program needs the shared libraries %v", needed)
	}
	return nil
}

// A program of the system that is not static shows that the test above can see it.
func TestStaticSeesLibraries(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("for linux")
	}
	for _, program := range []string{"/bin/sh", "/bin/ls"} {
		f, err := elf.Open(program)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Skipf("%s is no ELF file: %v", program, err)
		}
		dynamic := f.Section(".interp") != nil
		f.Close()
		if err := static(program); (err != nil) != dynamic {
			t.Errorf("%s, dynamic %v: %v", program, dynamic, err)
		}
	}
}

// command runs the go command in the module's folder.
func command(t *testing.T, environment []string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command to ask")
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Env = append(os.Environ(), environment...)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}
