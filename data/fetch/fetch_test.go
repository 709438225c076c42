package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descent-go/descent/data"
)

// sample is a small set with its files, unpacked and packed.
type sample struct {
	set           data.Set
	plain, packed map[string][]byte
}

// newSample makes content that packing shortens by about half, so that no two forms of it have the same size.
func newSample() sample {
	s := sample{set: data.Set{Name: "sample"}, plain: map[string][]byte{}, packed: map[string][]byte{}}
	random := rand.New(rand.NewPCG(1, 2))
	for _, f := range []struct {
		name string
		size int
	}{{"t10k-images-idx3-ubyte", 50_000}, {"t10k-labels-idx1-ubyte", 400}, {largest, 300_000}, {"train-labels-idx1-ubyte", 2_000}} {
		content := make([]byte, f.size)
		for i := range content {
			content[i] = byte(random.IntN(16))
		}
		s.plain[f.name], s.packed[f.name] = content, pack(content)
		sum := sha256.Sum256(content)
		s.set.Files = append(s.set.Files, data.SetFile{Name: f.name, Size: int64(f.size), SHA256: hex.EncodeToString(sum[:]), Packed: int64(len(s.packed[f.name]))})
	}
	return s
}

// largest is the file that tests spoil.
const largest = "train-images-idx3-ubyte"

func pack(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// folder writes the set's files into a new folder, every second one packed, one with a dot in its name.
func (s sample) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, f := range s.set.Files {
		switch i {
		case 0:
			write(t, filepath.Join(dir, f.Name+".gz"), s.packed[f.Name])
		case 1:
			write(t, filepath.Join(dir, strings.Replace(f.Name, "-idx", ".idx", 1)), s.plain[f.Name])
		default:
			write(t, filepath.Join(dir, f.Name), s.plain[f.Name])
		}
	}
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

// getter gets the sample, without long waits.
func (s sample) getter() *getter {
	return &getter{set: s.set, client: client(nil), waits: []time.Duration{0, time.Millisecond, time.Millisecond}, stall: usualStall}
}

// tree is all files below dir with their content, locks left out.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".lock") || path == ".":
		case d.Type().IsRegular():
			content, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				return err
			}
			found[path] = string(content)
		default:
			found[path] = d.Type().String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// whole checks that dir holds the set and nothing else.
func (s sample) whole(t *testing.T, dir string) {
	t.Helper()
	if err := s.set.Check(filepath.Join(dir, "sample")); err != nil {
		t.Fatal(err)
	}
	if found := tree(t, dir); len(found) != 1+len(s.set.Files) {
		for name := range found {
			t.Log(name)
		}
		t.Fatalf("%d names in the folder", len(found))
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; wanted one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestFromFolder(t *testing.T) {
	s := newSample()
	from, dir := s.folder(t), t.TempDir()
	r, err := s.getter().get(t.Context(), Options{From: from, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.whole(t, dir)
	if r.Dir != filepath.Join(dir, "sample") || r.Place != from || r.Already || r.Bytes != 352_400 {
		t.Errorf("%+v", r)
	}
	before, _ := os.Stat(filepath.Join(r.Dir, largest))
	if r, err = s.getter().get(t.Context(), Options{From: from, Dir: dir}); err != nil || !r.Already {
		t.Errorf("again: %+v, %v", r, err)
	}
	if after, _ := os.Stat(filepath.Join(r.Dir, largest)); !os.SameFile(before, after) {
		t.Error("a set that was there was written again")
	}
}

func TestFolderRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, s sample, dir string)
		want  []string
	}{
		{"missing", func(t *testing.T, s sample, dir string) { os.Remove(filepath.Join(dir, largest)) }, []string{"no file " + largest}},
		{"wrong content", func(t *testing.T, s sample, dir string) {
			content := bytes.Clone(s.plain[largest])
			content[1000] ^= 1
			write(t, filepath.Join(dir, largest), content)
		}, []string{"the content has SHA-256", "wanted " + newSample().set.Files[2].SHA256}},
		{"short", func(t *testing.T, s sample, dir string) {
			write(t, filepath.Join(dir, largest), s.plain[largest][:1000])
		}, []string{"has 1000 bytes, wanted 300000"}},
		{"long", func(t *testing.T, s sample, dir string) {
			write(t, filepath.Join(dir, largest), append(bytes.Clone(s.plain[largest]), 0))
		}, []string{"more than the 300000 bytes wanted"}},
		{"unpacks to more", func(t *testing.T, s sample, dir string) {
			write(t, filepath.Join(dir, largest), pack(make([]byte, 1<<22)))
		}, []string{"more than the 300000 bytes wanted"}},
		{"packed and cut", func(t *testing.T, s sample, dir string) {
			write(t, filepath.Join(dir, largest), s.packed[largest][:1000])
		}, []string{"unexpected EOF"}},
		{"damaged gzip", func(t *testing.T, s sample, dir string) {
			write(t, filepath.Join(dir, largest), []byte{0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		}, []string{"cannot be unpacked"}},
		{"folder in place of a file", func(t *testing.T, s sample, dir string) {
			os.Remove(filepath.Join(dir, largest))
			os.Mkdir(filepath.Join(dir, largest), 0o777)
		}, []string{"no regular file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSample()
			from, dir := s.folder(t), t.TempDir()
			c.spoil(t, s, from)
			_, err := s.getter().get(t.Context(), Options{From: from, Dir: dir})
			wantError(t, err, append(c.want, from, "sample")...)
			if _, err := os.Stat(filepath.Join(dir, "sample")); !errors.Is(err, fs.ErrNotExist) {
				t.Error("the set appeared all the same")
			}
			for name := range tree(t, dir) {
				if strings.Contains(name, largest) {
					t.Errorf("%s was left", name)
				}
			}
		})
	}
}

// zeros never ends; it counts what is taken.
type zeros struct{ taken int64 }

func (z *zeros) Read(p []byte) (int, error) {
	const most = 1 << 24 // so that whoever reads on does not fill the disk
	if z.taken > most {
		return 0, errors.New("much too much was read")
	}
	clear(p)
	z.taken += int64(len(p))
	return len(p), nil
}

func TestNoMoreIsReadThanWanted(t *testing.T) {
	s := newSample()
	store, err := openStore(t.TempDir(), s.set)
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	if err := store.begin(); err != nil {
		t.Fatal(err)
	}
	var z zeros
	wantError(t, store.stage(s.set.Files[0], &z), "more than the 50000 bytes wanted")
	if z.taken > 50_000+1<<17 {
		t.Errorf("%d bytes were read", z.taken)
	}
	store.tidy()
	if found := tree(t, store.dir); len(found) != 0 {
		t.Errorf("left: %v", found)
	}
}

func TestFromRefused(t *testing.T) {
	s := newSample()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	for _, c := range []struct{ name, from, want string }{
		{"http", "http://mirror.example/x", `scheme "http", wanted https`},
		{"file", "file:///etc", `scheme "file", wanted https`},
		{"password is not told", "http://user:secret@mirror.example/x", "user:xxxxx@"},
		{"no host", "https:///x", "names no host"},
		{"query", "https://mirror.example/x?a=b", "query"},
		{"no folder", filepath.Join(filepath.Dir(file), "none"), "no folder"},
		{"file in place of a folder", file, "is a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			_, err := s.getter().get(t.Context(), Options{From: c.from, Dir: dir})
			wantError(t, err, c.want)
			if _, err := os.Stat(dir); err == nil {
				t.Error("a folder was made")
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, name := range []string{"../mnist", "mnist/../x", "", "MNIST", "/etc"} {
		_, err := Get(t.Context(), name, Options{})
		wantError(t, err, "there is no data set", "digits, mnist, fashion-mnist")
	}
	_, err := Get(t.Context(), "mnits", Options{})
	wantError(t, err, "did you mean mnist?")
	if r, err := Get(t.Context(), "digits", Options{}); err != nil || !r.Already || r.Dir != "" {
		t.Errorf("digits: %+v, %v", r, err)
	}
	for _, s := range data.Sets() { // no name may lead out of the cache
		if s.Name != filepath.Base(s.Name) || strings.HasPrefix(s.Name, ".") {
			t.Errorf("name %q", s.Name)
		}
		if s.Files != nil && len(places(s.Name).list()) == 0 {
			t.Errorf("%s has no known place", s.Name)
		}
		for _, m := range places(s.Name).mirrors {
			if one, err := mirrorOf(m); err != nil || one.base != m {
				t.Errorf("%s: mirror %s: %v, %v", s.Name, m, one, err)
			}
		}
	}
}

func TestWhatIsInTheWay(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, s sample, dir string)
		want    string // "": it is replaced
	}{
		{"damaged set", func(t *testing.T, s sample, dir string) {
			os.Mkdir(filepath.Join(dir, "sample"), 0o777)
			for name, content := range s.plain {
				write(t, filepath.Join(dir, "sample", name), content[:100])
			}
		}, ""},
		{"empty folder", func(t *testing.T, s sample, dir string) { os.Mkdir(filepath.Join(dir, "sample"), 0o777) }, ""},
		{"left by a kill", func(t *testing.T, s sample, dir string) {
			for _, folder := range []string{".sample.part", ".sample.old"} {
				os.Mkdir(filepath.Join(dir, folder), 0o777)
				write(t, filepath.Join(dir, folder, largest), []byte("half"))
				write(t, filepath.Join(dir, folder, largest+".tmp"), []byte("half"))
				write(t, filepath.Join(dir, folder, "other"), []byte("half"))
			}
		}, ""},
		{"somebody's folder", func(t *testing.T, s sample, dir string) {
			os.Mkdir(filepath.Join(dir, "sample"), 0o777)
			write(t, filepath.Join(dir, "sample", "thesis.tex"), []byte("years of work"))
		}, `holds "thesis.tex", which is no part of the set`},
		{"file", func(t *testing.T, s sample, dir string) { write(t, filepath.Join(dir, "sample"), []byte("x")) }, "exists and is no folder"},
		{"link", func(t *testing.T, s sample, dir string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, "sample")); err != nil {
				t.Skip(err)
			}
		}, "exists and is no folder"},
		{"gathering place is a link", func(t *testing.T, s sample, dir string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, ".sample.part")); err != nil {
				t.Skip(err)
			}
		}, "escapes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSample()
			from, dir := s.folder(t), t.TempDir()
			c.prepare(t, s, dir)
			before := tree(t, dir)
			_, err := s.getter().get(t.Context(), Options{From: from, Dir: dir})
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				s.whole(t, dir)
				return
			}
			wantError(t, err, c.want)
			after := tree(t, dir)
			for name, content := range before {
				if after[name] != content {
					t.Errorf("%s has changed", name)
				}
			}
		})
	}
}

// Ten at once: one gets the set, and the others find it.
func TestTogether(t *testing.T) {
	s := newSample()
	from, dir := s.folder(t), t.TempDir()
	var all sync.WaitGroup
	results, errs := make([]Result, 10), make([]error, 10)
	for i := range results {
		all.Go(func() { results[i], errs[i] = s.getter().get(t.Context(), Options{From: from, Dir: dir}) })
	}
	all.Wait()
	wrote := 0
	for i, r := range results {
		if errs[i] != nil {
			t.Error(errs[i])
		}
		if !r.Already {
			wrote++
		}
	}
	if wrote != 1 {
		t.Errorf("%d wrote the set, wanted 1", wrote)
	}
	s.whole(t, dir)
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	s := newSample()
	dir := t.TempDir()
	other, err := openStore(dir, s.set)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.lock(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	g := s.getter()
	g.progress = func(p Progress) {
		if p.Place == "" {
			cancel(stopped)
		}
	}
	if _, err := g.get(ctx, Options{From: s.folder(t), Dir: dir}); !errors.Is(err, stopped) {
		t.Errorf("%v", err)
	}
}

func TestKnownPlacesInTurn(t *testing.T) {
	s := newSample()
	good, bad, dir := s.folder(t), s.folder(t), t.TempDir()
	os.Remove(filepath.Join(bad, largest))
	g := s.getter()
	g.known = known{installed: bad, module: "example.org/none@v1.0.0", inside: "data"}
	goCommand(t, `echo '{"Dir": "`+filepath.ToSlash(filepath.Dir(good))+`"}'`)
	g.known.inside = filepath.Base(good)
	r, err := g.get(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.whole(t, dir)
	if len(r.Missed) != 1 || !strings.HasPrefix(r.Missed[0].Error(), bad) || r.Place != "go mod download example.org/none@v1.0.0" {
		t.Errorf("%+v", r)
	}
}

func TestModuleRefused(t *testing.T) {
	s := newSample()
	for _, c := range []struct{ name, script, want string }{
		{"error of the go command", `echo '{"Error": "not found: unknown revision"}'; exit 1`, "not found: unknown revision"},
		{"complaint", `echo 'go: cannot' >&2; exit 1`, "go: cannot"},
		{"silent", `exit 3`, "exit status 3"},
		{"nonsense", `echo hello`, "did not say where"},
		{"no folder", `echo '{"Dir": "/nonexistent"}'`, "no file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			goCommand(t, c.script)
			g, dir := s.getter(), t.TempDir()
			g.known = known{module: "example.org/none@v1.0.0"}
			_, err := g.get(t.Context(), Options{Dir: dir})
			wantError(t, err, c.want, "go mod download example.org/none@v1.0.0", "--from FOLDER")
			if found := tree(t, dir); len(found) != 0 {
				t.Errorf("left: %v", found)
			}
		})
	}
	t.Run("no go command", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		g := s.getter()
		g.known = known{module: "example.org/none@v1.0.0"}
		_, err := g.get(t.Context(), Options{Dir: t.TempDir()})
		wantError(t, err, "the go command is not on this machine")
	})
}

// goCommand puts a shell script in place of the go command.
func goCommand(t *testing.T, script string) {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no shell to stand in for the go command")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script+"\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}
