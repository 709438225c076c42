package data

// This file is the list of data sets that have a name. One is inside the program; the others lie in a cache folder once package data/fetch,
// or the command "descent data get", has put them there. Here they are only looked for: nothing is downloaded. What is found is compared
// with the checksums of the list whenever it is opened, so that a damaged or exchanged file cannot pass for the set.

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/descent-go/descent/engine"
)

// Set is a data set that has a name.
type Set struct {
	Name    string       // as [Open] takes it
	Title   string       // what it holds, in some words
	Rows    int          // all of them
	Test    int          // those that its authors held out for the test, the last ones; 0: they left that open
	Shape   engine.Shape // of a row
	Classes []string
	License string // the short name of its terms
	Credit  string // who made it, and where
	Files   []SetFile
}

// SetFile is a file of a set, unpacked. A set inside the program has none.
type SetFile struct {
	Name   string // usual name
	Size   int64  // bytes
	SHA256 string // in hexadecimal
	Packed int64  // bytes of the file as its authors published it, packed by gzip
}

// Sets is the list, in the order in which one tries them.
func Sets() []Set {
	return []Set{
		{
			Name: "digits", Title: "handwritten digits, grey levels 0 to 16",
			Rows: digitsRows, Shape: engine.Shape{8, 8}, Classes: numberedClasses(10),
			License: "CC BY 4.0", Credit: "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, test part, UCI Machine Learning Repository, 1998",
		},
		{
			Name: "mnist", Title: "MNIST: handwritten digits, grey levels 0 to 255",
			Rows: 70000, Test: 10000, Shape: engine.Shape{28, 28}, Classes: numberedClasses(10),
			License: "CC BY-SA 3.0", Credit: "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
			Files: idxFiles(
				SetFile{SHA256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", Packed: 9912422},
				SetFile{SHA256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", Packed: 28881},
				SetFile{SHA256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", Packed: 1648877},
				SetFile{SHA256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", Packed: 4542},
			),
		},
		{
			Name: "fashion-mnist", Title: "Fashion-MNIST: pictures of clothes, grey levels 0 to 255",
			Rows: 70000, Test: 10000, Shape: engine.Shape{28, 28},
			Classes: []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
			License: "MIT", Credit: "H. Xiao, K. Rasul, R. Vollgraf (Zalando SE), Fashion-MNIST, arXiv:1708.07747, 2017",
			Files: idxFiles(
				SetFile{SHA256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", Packed: 26421880},
				SetFile{SHA256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", Packed: 29515},
				SetFile{SHA256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", Packed: 4422102},
				SetFile{SHA256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", Packed: 5148},
			),
		},
	}
}

// idxFiles gives the four files of 60,000 and 10,000 images of 28 by 28 bytes their names and sizes.
func idxFiles(files ...SetFile) []SetFile {
	for k, rows := range []int64{60000, 60000, 10000, 10000} {
		files[k].Name, files[k].Size = idxNames[k], 8+rows
		if k%2 == 0 {
			files[k].Size = 16 + rows*28*28
		}
	}
	return files
}

// named is the set of a name.
func named(name string) (Set, bool) {
	sets := Sets()
	k := slices.IndexFunc(sets, func(s Set) bool { return s.Name == name })
	if k < 0 {
		return Set{}, false
	}
	return sets[k], true
}

func setNames() []string {
	var names []string
	for _, s := range Sets() {
		names = append(names, s.Name)
	}
	return names
}

// CacheDir is the folder that holds a folder for each set that was got: descent/datasets in $XDG_CACHE_HOME where that is an absolute path
// (any other is invalid by the XDG Base Directory Specification), else in the system's usual place, such as ~/.cache. It need not exist.
func CacheDir() (string, error) {
	base := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(base) {
		var err error
		switch runtime.GOOS {
		case "windows", "darwin", "ios":
			base, err = os.UserCacheDir()
		default: // os.UserCacheDir fails here on an invalid XDG_CACHE_HOME
			if base, err = os.UserHomeDir(); err == nil {
				base = filepath.Join(base, ".cache")
			}
		}
		if err != nil {
			return "", fmt.Errorf("there is no place for a cache of data sets: %w; set XDG_CACHE_HOME to an absolute path", err)
		}
	}
	return filepath.Join(base, "descent", "datasets"), nil
}

// Dir is the set's folder in the cache; it need not exist.
func (s Set) Dir() (string, error) {
	dir, err := CacheDir()
	return filepath.Join(dir, s.Name), err
}

// Check reads the set's files in dir and compares them with the list. The error names the first that is missing (then it is
// [fs.ErrNotExist]) or differs.
func (s Set) Check(dir string) error {
	for _, f := range s.Files {
		if err := f.check(dir); err != nil {
			return err
		}
	}
	return nil
}

func (f SetFile) check(dir string) error {
	file, err := f.open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return fmt.Errorf("%s: %w", f.Name, bare(err))
	}
	return f.compare(h)
}

// open opens the file in dir if it has the right size.
func (f SetFile) open(dir string) (*source, error) {
	file, err := openFile(filepath.Join(dir, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("file %s is missing: %w", f.Name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	if file.packed || file.limit != f.Size {
		found := file.limit
		if info, err := file.file.Stat(); err == nil {
			found = info.Size()
		}
		file.Close()
		return nil, fmt.Errorf("file %s has %d bytes, wanted %d", f.Name, found, f.Size)
	}
	return file, nil
}

func (f SetFile) compare(h hash.Hash) error {
	if found := hex.EncodeToString(h.Sum(nil)); found != f.SHA256 {
		return fmt.Errorf("file %s has SHA-256 %s, wanted %s", f.Name, found, f.SHA256)
	}
	return nil
}

// Find is the path of the file in a folder where it may be packed and have a dot before "idx"; "" when it is not there.
func (f SetFile) Find(dir string) (string, error) { return findIDX(dir, f.Name) }

// inCache opens the set from its folder in the cache; false means that there is no such folder.
func (s Set) inCache() (Dataset, bool, error) {
	dir, err := s.Dir()
	if err != nil || s.Files == nil {
		return nil, false, nil // without a place for a cache there is none
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	d, err := s.open(dir)
	if err != nil {
		return nil, true, fmt.Errorf("the cached set in %s: %w; get it anew: descent data get %s", quoteRef(dir), err, s.Name)
	}
	return d, true, nil
}

// open reads the set's files, each compared with its checksum while it is read.
func (s Set) open(dir string) (Dataset, error) {
	names := make([]string, len(s.Files))
	for k, f := range s.Files {
		names[k] = f.Name
	}
	return openParts(names, func(name string) (*setPart, error) {
		f := s.Files[slices.Index(names, name)]
		source, err := f.open(dir)
		if err != nil {
			return nil, err
		}
		file := &setPart{name: f.Name, source: source, hash: sha256.New(), compare: f.compare}
		return file, file.readHeader()
	})
}

// recognize is the set whose labels these are, whatever the folder's name: its classes then have their names.
func recognize(train, test idx) (Set, bool) {
	for _, s := range Sets() {
		if s.Files != nil && s.Files[1].labels(train) && s.Files[3].labels(test) {
			return s, true
		}
	}
	return Set{}, false
}

// labels reports whether y is the content of this file of labels.
func (f SetFile) labels(y idx) bool {
	if int64(len(y.bytes)) != f.Size-8 || len(y.shape) != 0 {
		return false
	}
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32([]byte{0, 0, idxBytes, 1}, uint32(y.n)))
	h.Write(y.bytes)
	return hex.EncodeToString(h.Sum(nil)) == f.SHA256
}

// about is what the set says of itself.
func (s Set) about() string {
	return fmt.Sprintf("%s. %s. License: %s.", s.Title, s.Credit, s.License)
}
