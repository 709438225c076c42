package data

// This file turns what a person names, a built-in set, a file or a folder, into a data set. Nothing is downloaded, and nothing but regular
// files is read: a device or a pipe could deliver without end.

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/descent-go/descent/internal/spec"
)

// Options say how to read what a reference names. They apply to tables of text; setting one for another format is an error.
type Options struct {
	// Label is the name of the column to predict; "" is the last.
	Label string
	// Task is "classification", "regression" or "auto", which "" means too: a target of words is a classification, and so is one of at
	// most 20 distinct whole numbers that each occur twice on average; other numbers are a regression.
	Task string
	// Drop are columns to leave out, such as row numbers and names.
	Drop []string
	// NoHeader says that the first line is a row and no header: columns are then named x1, x2, ..., and the label y where it is the last.
	NoHeader bool
}

// The tasks.
const (
	classification = "classification"
	regression     = "regression"
	auto           = "auto"
)

// Format reads one more kind of file. Formats that need other modules live in packages of their own and are handed to [Open].
type Format interface {
	// Name is the format's name in messages.
	Name() string
	// Open reads the file at path, whose first bytes (up to 512) are head; false means that it is of another format.
	Open(path string, head []byte) (Dataset, bool, error)
}

// Open returns the data set that ref names: one of [Sets] ("digits", which is inside the program, or one that lies in the cache), a file (a
// table of text, or images in IDX form with their labels beside them; both may be packed by gzip), or a folder of the four files of MNIST.
// A set in the cache comes before a file or folder of the same name. Files are recognized by their content; more formats are asked first.
func Open(ref string, o Options, more ...Format) (Dataset, error) {
	d, err := open(ref, o, more)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", quoteRef(ref), err)
	}
	return d, nil
}

func open(ref string, o Options, more []Format) (Dataset, error) {
	if ref == "" {
		return nil, fmt.Errorf("no name; %s", accepted)
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	if ref == "digits" {
		if err := o.unused("a built-in set"); err != nil {
			return nil, err
		}
		return digits()
	}
	if s, ok := named(ref); ok {
		if d, found, err := s.inCache(); found {
			if wrong := o.unused("a set of images"); wrong != nil {
				return nil, wrong
			}
			return d, err
		}
	}
	info, err := os.Stat(ref)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, unknown(ref)
	case err != nil:
		return nil, bare(err)
	case info.IsDir():
		if err := o.unused("a folder of images"); err != nil {
			return nil, err
		}
		return openFolder(ref)
	}
	f, err := openFile(ref)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f.file, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, bare(err)
	}
	head = head[:n]
	for _, format := range more {
		if d, ok, err := format.Open(ref, slices.Clone(head)); ok || err != nil {
			if err != nil {
				return nil, fmt.Errorf("%s: %w", format.Name(), err)
			}
			return d, nil
		}
	}
	if err := f.rewind(); err != nil {
		return nil, err
	}
	if f.looksIDX() {
		if err := o.unused("IDX images"); err != nil {
			return nil, err
		}
		return openImages(ref)
	}
	return readTable(f, o)
}

const accepted = `give a set of "descent data list", a file (a table with a header such as flowers.csv, or IDX images) or a folder with the four files of MNIST`

func unknown(ref string) error {
	names := setNames()
	switch {
	case slices.Contains(names, ref):
		return fmt.Errorf("this set is not on this machine yet; get it with: descent data get %s (or give a folder that holds %s, with or without .gz)",
			ref, strings.Join(idxNames[:], ", "))
	case strings.ContainsAny(ref, `/\`) || filepath.Ext(ref) != "":
		return fmt.Errorf("there is no such file or folder; %s", accepted)
	}
	if near := spec.Nearest(ref, names); near != "" {
		return fmt.Errorf("there is no data set, file or folder of this name; did you mean %q? otherwise %s", near, accepted)
	}
	return fmt.Errorf("there is no data set, file or folder of this name; %s", accepted)
}

func (o Options) validate() error {
	switch o.Task {
	case "", auto, classification, regression:
		return nil
	}
	text := fmt.Sprintf("unknown task %s; there are %s, %s and %s", quote(o.Task), auto, classification, regression)
	if near := spec.Nearest(o.Task, []string{auto, classification, regression}); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return errors.New(text)
}

// unused refuses options that what cannot follow.
func (o Options) unused(what string) error {
	switch {
	case o.Label != "":
		return fmt.Errorf("a label column (%s) is for tables of text; this is %s", quote(o.Label), what)
	case o.Task == regression:
		return fmt.Errorf("task %q is for tables of text; this is %s, a classification", o.Task, what)
	case len(o.Drop) > 0:
		return fmt.Errorf("columns to drop are for tables of text; this is %s", what)
	case o.NoHeader:
		return fmt.Errorf("no header is for tables of text; this is %s", what)
	}
	return nil
}

// source is an open regular file, unpacked on the way if it is packed by gzip.
type source struct {
	io.Reader
	file *os.File
	// limit is how many bytes the content can have: the file's size, or, packed, what deflate can make of it at most.
	limit  int64
	packed bool
}

// maxRatio is how many bytes one byte of deflate can stand for: a match of 258 bytes in 2 bits.
const maxRatio = 1032

func openFile(path string) (*source, error) {
	// Asked before opening, since opening a pipe waits for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("this is %s; a regular file is wanted", describe(info.Mode()))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	s := &source{file: file}
	info, err = file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("this is %s; a regular file is wanted", describe(info.Mode()))
	}
	if err == nil {
		s.limit = info.Size()
		err = s.rewind()
	}
	if err != nil {
		file.Close()
		return nil, bare(err)
	}
	return s, nil
}

// rewind starts reading at the beginning.
func (s *source) rewind() error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return bare(err)
	}
	var magic [2]byte
	n, err := s.file.ReadAt(magic[:], 0)
	if err != nil && err != io.EOF {
		return bare(err)
	}
	s.Reader, s.packed = s.file, n == 2 && magic == [2]byte{0x1f, 0x8b}
	if !s.packed {
		return nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return bare(err)
	}
	s.limit = info.Size() * maxRatio
	unpacker, err := gzip.NewReader(s.file)
	if err != nil {
		return fmt.Errorf("the file begins as gzip does and cannot be unpacked: %w", err)
	}
	s.Reader = unpacker
	return nil
}

// looksIDX peeks at the content's first bytes.
func (s *source) looksIDX() bool {
	var magic [4]byte
	_, err := io.ReadFull(s, magic[:])
	if s.rewind() != nil || err != nil {
		return false
	}
	return magic[0] == 0 && magic[1] == 0 && magic[2] >= 0x08 && magic[2] <= 0x0e
}

func (s *source) Close() error { return s.file.Close() }

func describe(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}

// bare takes the path out of an error whose message names it already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// quoteRef is quote for paths, whose end says more than their beginning.
func quoteRef(ref string) string {
	const most = 200
	if r := []rune(ref); len(r) > most {
		return "..." + fmt.Sprintf("%q", string(r[len(r)-most:]))
	}
	return fmt.Sprintf("%q", ref)
}
