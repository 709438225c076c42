package data

// This file makes a data set of IDX files: of the four in a folder, read side by side straight to where they stay, or of one file of images with
// the labels beside it. Each file is compared with its checksum where that is known.

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/descent-go/descent/prep"
)

// idxNames are the usual names: training images and labels, test images and labels. Each also comes with a dot before "idx" and with .gz.
var idxNames = [4]string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}

// setPart is one file of a set, opened.
type setPart struct {
	name   string
	source *source
	header idxReader
	// Where it is known what the file must be, hash is of all that was read and compare says how it differs. Both are nil elsewhere.
	hash    hash.Hash
	compare func(hash.Hash) error
}

// openIDX opens a file and reads its header.
func openIDX(path string) (*setPart, error) {
	f := &setPart{name: quote(filepath.Base(path))}
	var err error
	if f.source, err = openFile(path); err != nil {
		return f, fmt.Errorf("%s: %w", f.name, err)
	}
	return f, f.readHeader()
}

func (f *setPart) readHeader() (err error) {
	from := io.Reader(f.source)
	if f.hash != nil {
		from = io.TeeReader(from, f.hash)
	}
	f.header, err = readIDXHeader(from, f.source.limit, f.source.packed)
	f.header.r = f.source
	if err != nil {
		return f.verdict(err)
	}
	return nil
}

func (f *setPart) read(memory []byte) (idx, error) {
	x, err := f.header.content(memory, f.hash)
	return x, f.verdict(err)
}

// verdict is what is wrong with a file: that it is not the one it should be says more than what is wrong with its content.
func (f *setPart) verdict(err error) error {
	if f.compare != nil {
		if err != nil {
			io.Copy(f.hash, f.source) // the rest; an error leaves a sum that differs as well
		}
		if differs := f.compare(f.hash); differs != nil {
			return differs
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

func (f *setPart) close() {
	if f != nil && f.source != nil {
		f.source.Close()
	}
}

// matching refuses an opened file of labels that cannot belong to one of images.
func matching(images, labels *setPart) error {
	x, y := &images.header, &labels.header
	switch {
	case len(x.shape) == 0:
		return fmt.Errorf("%s: the file has one dimension, as labels have; images have two or more", images.name)
	case len(y.shape) != 0:
		return fmt.Errorf("%s: labels are %v a row; one is wanted", labels.name, y.shape)
	case x.n != y.n:
		return fmt.Errorf("%s has %d images and %s has %d labels", images.name, x.n, labels.name, y.n)
	}
	return nil
}

// openFolder reads the four files of a folder, or the two of training when there are none for the test.
func openFolder(dir string) (Dataset, error) {
	var path [4]string
	for k, name := range idxNames {
		var err error
		if path[k], err = findIDX(dir, name); err != nil {
			return nil, err
		}
	}
	for k, p := range path {
		// Without any test file the set has no test part; with one of the two something is missing.
		if p == "" && (k < 2 || path[2]+path[3] != "") {
			return nil, fmt.Errorf("the folder has no file %s (with or without .gz); a folder of IDX images holds %s", idxNames[k], strings.Join(idxNames[:], ", "))
		}
	}
	if path[2] == "" {
		return openParts(path[:2], openIDX)
	}
	return openParts(path[:], openIDX)
}

// openParts reads training images and labels and, of four files, test images and labels.
func openParts(path []string, open func(path string) (*setPart, error)) (Dataset, error) {
	files := make([]*setPart, len(path))
	for k, p := range path {
		f, err := open(p)
		defer f.close()
		if err != nil {
			return nil, err
		}
		files[k] = f
	}
	for k := 0; k < len(files); k += 2 {
		if err := matching(files[k], files[k+1]); err != nil {
			return nil, err
		}
	}
	if len(files) == 4 {
		if x, tx := files[0].header.shape, files[2].header.shape; !x.Equal(tx) {
			return nil, fmt.Errorf("training images are %v and test images are %v", x, tx)
		}
	}
	parts, err := readParts(files)
	if err != nil {
		return nil, err
	}
	if len(parts) == 2 {
		return images(parts[0], parts[1], 0, nil)
	}
	return joined(parts)
}

// readParts reads the content of files side by side: the first, which has most, on one goroutine, the others on this one.
func readParts(files []*setPart) ([]idx, error) {
	memory := make([][]byte, len(files))
	for k, f := range files {
		memory[k] = f.header.memory()
	}
	if len(files) == 4 && memory[0] != nil && memory[2] != nil {
		// One table will hold both parts: they are read to where they will stay.
		train, test := len(memory[0]), len(memory[2])
		both := make([]byte, train+test)
		memory[0], memory[2] = both[:train], both[train:]
	}
	parts, errs := make([]idx, len(files)), make([]error, len(files))
	var first sync.WaitGroup
	first.Go(func() { parts[0], errs[0] = files[0].read(memory[0]) })
	for k, f := range files[1:] {
		parts[k+1], errs[k+1] = f.read(memory[k+1])
	}
	first.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// joined makes one table of training images and labels, test images and labels.
func joined(part []idx) (Dataset, error) {
	x, y, tx, ty := part[0], part[1], part[2], part[3]
	var names []string
	set, known := recognize(y, ty)
	if known {
		names = set.Classes
	}
	train := x.n
	x.bytes, y.bytes, x.n = follow(x.bytes, tx.bytes), append(y.bytes, ty.bytes...), x.n+tx.n
	m, err := images(x, y, train, names)
	if err != nil {
		return nil, err
	}
	if known {
		m.about.License = set.about()
	}
	return m, nil
}

// follow is a and b as one slice. Where b lies right behind a in memory already, nothing moves.
func follow(a, b []byte) []byte {
	if n := len(a) + len(b); cap(a) >= n && len(b) > 0 && &a[:n][len(a)] == &b[0] {
		return a[:n]
	}
	return append(a, b...)
}

// findIDX is the path of one of the usual files in dir, "" when it has none.
func findIDX(dir, name string) (string, error) {
	dotted := strings.Replace(name, "-idx", ".idx", 1)
	found := ""
	for _, candidate := range []string{name, name + ".gz", dotted, dotted + ".gz"} {
		path := filepath.Join(dir, candidate)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return "", fmt.Errorf("%s: %w", quote(candidate), bare(err))
		}
		// A file beside its packed self is usual; the plain one is taken.
		if found == "" {
			found = path
		}
	}
	return found, nil
}

// openImages reads a file of images and the labels beside it: the file of the same name with "labels" and idx1 in place of "images" and idx3.
func openImages(path string) (Dataset, error) {
	dir, base := filepath.Split(path)
	if !strings.Contains(base, "images") {
		return nil, fmt.Errorf("an IDX file of images is named as in %s, so that its labels are found beside it", idxNames[0])
	}
	name := strings.TrimSuffix(base, ".gz")
	labels := strings.Replace(name, "images", "labels", 1)
	if k := strings.LastIndex(labels, "idx"); k >= 0 && k+4 <= len(labels) {
		labels = labels[:k] + "idx1" + labels[k+4:]
	}
	for _, candidate := range []string{labels, labels + ".gz"} {
		if _, err := os.Stat(filepath.Join(dir, candidate)); err == nil {
			return openParts([]string{path, filepath.Join(dir, candidate)}, openIDX)
		}
	}
	return nil, fmt.Errorf("the labels %s (with or without .gz) are not beside the images", quote(labels))
}

// images makes the table. The rows from train on are the test part; 0: there is none. Classes are the labels that occur, which need not
// begin at 0; names[b] is the name of label b, which is the number itself where there are no names.
func images(x, y idx, train int, names []string) (*memory, error) {
	m := &memory{n: x.n, width: x.shape.Size(), u8: x.bytes}
	m.class = make([]int32, len(y.bytes))
	m.about.Largest = 255
	end := len(y.bytes)
	if train > 0 {
		end = train
		for i := train; i < m.n; i++ {
			m.about.Test = append(m.about.Test, i)
		}
	}
	var known [256]bool
	for _, b := range y.bytes[:end] {
		known[b] = true
	}
	var place [256]int32
	var classes []string
	for b, ok := range known {
		if ok {
			place[b] = int32(len(classes))
			name := prep.NumberName(float64(b))
			if b < len(names) {
				name = names[b]
			}
			classes = append(classes, name)
		}
	}
	if len(classes) < 2 {
		return nil, fmt.Errorf("all %d labels are %s: there is only one class", end, strings.Join(classes, ""))
	}
	for i, b := range y.bytes {
		if !known[b] {
			return nil, fmt.Errorf("test label %d is %d, which no training label is; training has %s", i-train, b, strings.Join(classes, ", "))
		}
		m.class[i] = place[b]
	}
	m.columns = []prep.Column{
		{Name: "image", Kind: prep.Number, Shape: slices.Clone(x.shape)},
		{Name: "label", Kind: prep.Class, Categories: classes},
	}
	m.finish()
	return m, m.err
}
