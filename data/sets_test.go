package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// small is a set of two training images and two for the test, and its files.
func small() (Set, [4][]byte) {
	content := [4][]byte{
		idxFile([]uint32{2, 1, 2}, 0, 255, 1, 254),
		idxFile([]uint32{2}, 0, 1),
		idxFile([]uint32{2, 1, 2}, 2, 3, 4, 5),
		idxFile([]uint32{2}, 1, 0),
	}
	s := Set{Name: "small", Title: "Small", Credit: "Us", License: "CC0", Classes: []string{"no", "yes"}}
	for k, c := range content {
		sum := sha256.Sum256(c)
		s.Files = append(s.Files, SetFile{Name: idxNames[k], Size: int64(len(c)), SHA256: hex.EncodeToString(sum[:])})
	}
	return s, content
}

func TestCacheDir(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	xdg := filepath.Join(home, "other")
	t.Setenv("XDG_CACHE_HOME", xdg)
	if dir, err := CacheDir(); err != nil || dir != filepath.Join(xdg, "descent", "datasets") {
		t.Errorf("%q, %v", dir, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	for _, invalid := range []string{"", "relative/path"} {
		t.Setenv("XDG_CACHE_HOME", invalid)
		if dir, err := CacheDir(); err != nil || dir != filepath.Join(home, ".cache", "descent", "datasets") {
			t.Errorf("XDG_CACHE_HOME %q: %q, %v", invalid, dir, err)
		}
	}
	t.Setenv("HOME", "")
	_, err := CacheDir()
	wantError(t, err, "set XDG_CACHE_HOME")
	// Whoever has no cache still has everything else.
	if _, err := Open("digits", Options{}); err != nil {
		t.Error(err)
	}
	_, err = Open("mnist", Options{})
	wantError(t, err, "descent data get mnist")
}

func TestSetsAgreeWithWhatTheyName(t *testing.T) {
	for _, s := range Sets() {
		if len(s.Classes) != 10 || s.License == "" || s.Credit == "" || s.Title == "" {
			t.Errorf("%+v", s)
		}
		if s.Files == nil {
			d, err := Open(s.Name, Options{})
			if err != nil {
				t.Fatal(err)
			}
			columns := d.(Table).Columns()
			if d.Len() != s.Rows || !columns[0].Shape.Equal(s.Shape) || len(columns[1].Categories) != len(s.Classes) {
				t.Errorf("%s: %d rows of %v", s.Name, d.Len(), columns)
			}
			continue
		}
		if len(s.Files) != len(idxNames) {
			t.Fatalf("%s has %d files", s.Name, len(s.Files))
		}
		images := s.Files[0].Size + s.Files[2].Size - 32
		labels := s.Files[1].Size + s.Files[3].Size - 16
		if images != int64(s.Rows*s.Shape.Size()) || labels != int64(s.Rows) || s.Files[3].Size-8 != int64(s.Test) {
			t.Errorf("%s: files of %d and %d bytes for %d rows", s.Name, images, labels, s.Rows)
		}
		for _, f := range s.Files {
			if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != sha256.Size || f.Packed <= 0 || f.Packed >= f.Size {
				t.Errorf("%s: %+v", s.Name, f)
			}
		}
	}
}

func TestCachedSet(t *testing.T) {
	s, content := small()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, found, err := s.inCache(); found || err != nil {
		t.Errorf("empty cache: %v, %v", found, err)
	}
	dir, err := s.Dir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
	for k, f := range s.Files {
		write(t, filepath.Join(dir, f.Name), content[k])
	}
	d, found, err := s.inCache()
	if !found || err != nil {
		t.Fatalf("%v, %v", found, err)
	}
	if d.Len() != 4 || len(d.(Describer).About().Test) != 2 {
		t.Errorf("%d rows, test part %v", d.Len(), d.(Describer).About().Test)
	}
	if err := s.Check(dir); err != nil {
		t.Error(err)
	}

	for _, c := range []struct {
		name  string
		file  int
		spoil []byte // nil: the file goes
		want  string
	}{
		{"a byte", 2, idxFile([]uint32{2, 1, 2}, 2, 3, 4, 6), "has SHA-256"},
		{"a header of one more row", 1, idxFile([]uint32{3}, 0, 1), "has SHA-256"},
		{"cut short", 0, content[0][:10], "has 10 bytes, wanted 20"},
		{"more", 3, append(bytes.Clone(content[3]), 0), "has 11 bytes, wanted 10"},
		{"packed", 3, pack(t, content[3]), "bytes, wanted 10"},
		{"gone", 3, nil, "is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, s.Files[c.file].Name)
			defer write(t, path, content[c.file])
			if c.spoil == nil {
				os.Remove(path)
			} else {
				write(t, path, c.spoil)
			}
			_, found, err := s.inCache()
			if !found {
				t.Error("not found")
			}
			wantError(t, err, c.want)
			wantError(t, err, s.Files[c.file].Name)
			wantError(t, err, "get it anew: descent data get small")
			wantError(t, s.Check(dir), c.want)
		})
	}
}

// A name is the set in the cache, even where a folder of that name lies here; without it in the cache, the folder.
func TestNameComesBeforeFolder(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	_, content := small()
	if err := os.Mkdir("mnist", 0o777); err != nil {
		t.Fatal(err)
	}
	for k, name := range idxNames {
		write(t, filepath.Join("mnist", name), content[k])
	}
	if d, err := Open("mnist", Options{}); err != nil || d.Len() != 4 {
		t.Fatalf("%v", err)
	}
	set, _ := named("mnist")
	dir, _ := set.Dir()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Open("mnist", Options{})
	wantError(t, err, "the cached set")
	_, err = Open("mnist", Options{Label: "y"})
	wantError(t, err, "a label column")
	if d, err := Open("./mnist", Options{}); err != nil || d.Len() != 4 {
		t.Errorf("%v", err)
	}
}

func TestNamesOfLabels(t *testing.T) {
	x := idx{n: 3, shape: []int{1, 1}, bytes: []byte{1, 2, 3}}
	y := idx{n: 3, bytes: []byte{2, 0, 2}}
	m, err := images(x, y, 0, []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Join(m.columns[1].Categories, " "); names != "a c" {
		t.Errorf("classes %s", names)
	}
	s, content := small()
	labels, err := readIDX(bytes.NewReader(content[1]), int64(len(content[1])), false)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Files[1].labels(labels) || s.Files[3].labels(labels) || s.Files[0].labels(labels) {
		t.Error("labels are not recognized")
	}
}
