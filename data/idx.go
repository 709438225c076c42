package data

// This file reads IDX, the format of MNIST (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"): two zero bytes, the
// element type, the number of dimensions, each dimension as a big-endian uint32, then the elements, row by row. Images and labels are
// in files of their own. What the header says is compared with what is there before any memory is taken.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// idxNames are the usual names: training images and labels, test images and labels. Each also comes with a dot before "idx" and with .gz.
var idxNames = [4]string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}

const (
	idxBytes   = 0x08    // the element type that is read: unsigned bytes
	maxIDXDims = 4       // rows, height, width, channels
	maxIDXRow  = 1 << 24 // bytes a row
)

// idx is a file's content: n rows of a shape.
type idx struct {
	n     int
	shape engine.Shape
	bytes []byte
}

// readIDX reads a whole file. limit is the most bytes that r can deliver.
func readIDX(r io.Reader, limit int64, packed bool) (idx, error) {
	var x idx
	var magic [4]byte
	if n, err := io.ReadFull(r, magic[:]); err != nil {
		return x, short("header", 4, n, err)
	}
	if magic[0] != 0 || magic[1] != 0 {
		return x, fmt.Errorf("the file begins with bytes % x and is no IDX file, which begins with two zeros", magic)
	}
	if magic[2] != idxBytes {
		return x, fmt.Errorf("the elements are of IDX type 0x%02x; unsigned bytes, type 0x%02x, are read", magic[2], idxBytes)
	}
	dims := int(magic[3])
	if dims < 1 || dims > maxIDXDims {
		return x, fmt.Errorf("the file has %d dimensions; 1 to %d are read", dims, maxIDXDims)
	}
	header := make([]byte, 4*dims)
	if n, err := io.ReadFull(r, header); err != nil {
		return x, short("header", 4+int64(len(header)), 4+n, err)
	}
	size, row := int64(1), int64(1)
	for k := range dims {
		d := int64(binary.BigEndian.Uint32(header[4*k:]))
		if d == 0 {
			return x, fmt.Errorf("dimension %d is zero: the set is empty", k+1)
		}
		if k == 0 {
			x.n = int(min(d, 1<<31-1))
			size = d
			continue
		}
		// d and row are below 2^32 and 2^24: no overflow.
		if row *= d; row > maxIDXRow {
			return x, fmt.Errorf("a row has more than %d bytes", maxIDXRow)
		}
		x.shape = append(x.shape, int(d))
	}
	size *= row // below 2^56
	want := size + 4 + int64(len(header))
	if want > limit || int64(int(size)) != size {
		if packed {
			return x, fmt.Errorf("the header says %d bytes (%d rows of %v); the packed file cannot hold more than %d", want, x.n, x.shape, limit)
		}
		return x, fmt.Errorf("the file is cut short: %d bytes expected (%d rows of %v), %d found", want, x.n, x.shape, limit)
	}
	if !packed && limit > want {
		return x, fmt.Errorf("the file has %d bytes; the header says %d (%d rows of %v)", limit, want, x.n, x.shape)
	}
	// Packed, the real size is not known beforehand: memory then grows with what is really there.
	counted := io.LimitReader(r, size+1)
	var err error
	if packed {
		x.bytes, err = io.ReadAll(counted)
	} else {
		x.bytes = make([]byte, size)
		var n int
		n, err = io.ReadFull(counted, x.bytes)
		x.bytes = x.bytes[:n]
	}
	switch {
	case int64(len(x.bytes)) < size:
		return x, short("file", want, int(want-size)+len(x.bytes), err)
	case int64(len(x.bytes)) > size:
		return x, fmt.Errorf("bytes follow the %d that the header says (%d rows of %v)", want, x.n, x.shape)
	case err != nil: // all the bytes, and then a checksum that is wrong or missing
		return x, fmt.Errorf("the packed file is damaged or cut short: %w", bare(err))
	}
	return x, nil
}

func short(what string, want int64, found int, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("after %d bytes: %w", found, bare(err))
	}
	return fmt.Errorf("the %s is cut short: %d bytes expected, %d found", what, want, found)
}

// readPart reads a file of images and its file of labels.
func readPart(images, labels string) (x, y idx, err error) {
	if x, err = readIDXFile(images); err != nil {
		return x, y, fmt.Errorf("%s: %w", quote(filepath.Base(images)), err)
	}
	if len(x.shape) == 0 {
		return x, y, fmt.Errorf("%s: the file has one dimension, as labels have; images have two or more", quote(filepath.Base(images)))
	}
	if y, err = readIDXFile(labels); err != nil {
		return x, y, fmt.Errorf("%s: %w", quote(filepath.Base(labels)), err)
	}
	if len(y.shape) != 0 {
		return x, y, fmt.Errorf("%s: labels are %v a row; one is wanted", quote(filepath.Base(labels)), y.shape)
	}
	if x.n != y.n {
		return x, y, fmt.Errorf("%s has %d images and %s has %d labels", quote(filepath.Base(images)), x.n, quote(filepath.Base(labels)), y.n)
	}
	return x, y, nil
}

func readIDXFile(path string) (idx, error) {
	f, err := openFile(path)
	if err != nil {
		return idx{}, err
	}
	defer f.Close()
	return readIDX(f, f.limit, f.packed)
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
	var part [4]idx
	var err error
	if part[0], part[1], err = readPart(path[0], path[1]); err != nil {
		return nil, err
	}
	if path[2] == "" {
		return images(part[0], part[1], 0, nil)
	}
	if part[2], part[3], err = readPart(path[2], path[3]); err != nil {
		return nil, err
	}
	return joined(part)
}

// joined makes one table of training images and labels, test images and labels.
func joined(part [4]idx) (Dataset, error) {
	x, y, tx, ty := part[0], part[1], part[2], part[3]
	if !x.shape.Equal(tx.shape) {
		return nil, fmt.Errorf("training images are %v and test images are %v", x.shape, tx.shape)
	}
	var names []string
	set, known := recognize(y, ty)
	if known {
		names = set.Classes
	}
	train := x.n
	x.bytes, y.bytes, x.n = append(x.bytes, tx.bytes...), append(y.bytes, ty.bytes...), x.n+tx.n
	m, err := images(x, y, train, names)
	if err != nil {
		return nil, err
	}
	if known {
		m.about.License = set.about()
	}
	return m, nil
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
			x, y, err := readPart(path, filepath.Join(dir, candidate))
			if err != nil {
				return nil, err
			}
			return images(x, y, 0, nil)
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
