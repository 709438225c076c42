package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// This file turns the header's bytes into entries. encoding/json's decoding into structs takes keys in any case, takes
// a key twice and puts replacement characters where text is broken; therefore the grammar stands here, over the
// decoder's tokens. The grammar is three levels deep and has no recursion: nothing nests deeper than a shape.

// entry is one tensor as the header states it, not yet compared with the data.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end uint64
}

// decodeHeader reads the header without its length. Names are unique; nothing else about the entries is checked.
func decodeHeader(header []byte) (map[string]string, []entry, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, fmt.Errorf("safetensors: header begins with %.8q, want {", header)
	}
	if !utf8.Valid(header) {
		return nil, nil, errors.New("safetensors: header is not valid UTF-8")
	}
	if at := loneSurrogate(header); at >= 0 {
		return nil, nil, fmt.Errorf("safetensors: header byte %d: escape of half a surrogate pair, which is no character", at)
	}
	d := headerDecoder{json.NewDecoder(bytes.NewReader(header))}
	d.UseNumber()
	var metadata map[string]string
	var entries []entry
	err := d.object("header", func(name string) (err error) {
		if name == metadataName {
			metadata, err = d.metadata()
			return err
		}
		e, err := d.entry(name)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for i := int(d.InputOffset()); i < len(header); i++ {
		if header[i] != ' ' {
			return nil, nil, fmt.Errorf("safetensors: header byte %d, after its closing brace, is %q, want spaces only", i, header[i])
		}
	}
	return metadata, entries, nil
}

type headerDecoder struct{ *json.Decoder }

// object reads one JSON object and calls value after each key, to read what belongs to it. A key that comes twice is
// refused: readers disagree on which one counts.
func (d headerDecoder) object(place string, value func(key string) error) error {
	if err := d.delim(place, '{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.token(place)
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("safetensors: %s: found %.80q as a key, want a string", place, fmt.Sprint(t))
		}
		if seen[key] {
			return fmt.Errorf("safetensors: %s: key %.80q comes twice", place, key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return d.delim(place, '}')
}

// metadata reads an object of strings. The result is not nil, even when empty.
func (d headerDecoder) metadata() (map[string]string, error) {
	m := map[string]string{}
	err := d.object(metadataName, func(key string) (err error) {
		m[key], err = d.text(fmt.Sprintf("metadata %.80q", key))
		return err
	})
	return m, err
}

// entry reads a tensor's description: its three keys, each once, in any order, and no other.
func (d headerDecoder) entry(name string) (entry, error) {
	e := entry{name: name}
	place := fmt.Sprintf("tensor %.80q", name)
	keys := 0
	err := d.object(place, func(key string) error {
		keys++
		switch key {
		case "dtype":
			s, err := d.text(place + ", dtype")
			e.dtype = DType(s)
			return err
		case "shape":
			e.shape = []int{}
			return d.numbers(place+", shape", maxRank, math.MaxInt, func(n uint64) { e.shape = append(e.shape, int(n)) })
		case "data_offsets":
			offsets := make([]uint64, 0, 2)
			err := d.numbers(place+", data_offsets", 2, math.MaxInt64, func(n uint64) { offsets = append(offsets, n) })
			if err == nil && len(offsets) != 2 {
				err = fmt.Errorf("safetensors: %s: data_offsets has %d numbers, want 2", place, len(offsets))
			}
			if err == nil {
				e.begin, e.end = offsets[0], offsets[1]
			}
			return err
		}
		return fmt.Errorf("safetensors: %s: unknown key %.80q, want dtype, shape, data_offsets in lower case", place, key)
	})
	if err == nil && keys != 3 {
		err = fmt.Errorf("safetensors: %s: has %d of the keys dtype, shape, data_offsets, want all three", place, keys)
	}
	return e, err
}

// numbers reads an array of at most count whole numbers from 0 to limit, written as digits only.
func (d headerDecoder) numbers(place string, count int, limit uint64, add func(uint64)) error {
	if err := d.delim(place, '['); err != nil {
		return err
	}
	for ; d.More(); count-- {
		if count == 0 {
			return fmt.Errorf("safetensors: %s: too many numbers", place)
		}
		t, err := d.token(place)
		if err != nil {
			return err
		}
		number, ok := t.(json.Number)
		if !ok {
			return fmt.Errorf("safetensors: %s: found %.80q, want a number", place, fmt.Sprint(t))
		}
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil || n > limit {
			return fmt.Errorf("safetensors: %s: found %.80q, want a whole number from 0 to %d in digits", place, number.String(), limit)
		}
		add(n)
	}
	return d.delim(place, ']')
}

func (d headerDecoder) text(place string) (string, error) {
	t, err := d.token(place)
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("safetensors: %s: found %.80q, want a string", place, fmt.Sprint(t))
	}
	return s, nil
}

func (d headerDecoder) delim(place string, want json.Delim) error {
	t, err := d.token(place)
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("safetensors: %s: found %.80q, want %s", place, fmt.Sprint(t), want)
	}
	return nil
}

func (d headerDecoder) token(place string) (json.Token, error) {
	t, err := d.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: header byte %d: %w", place, d.InputOffset(), err)
	}
	return t, nil
}

// loneSurrogate returns where an escape stands that is half of a UTF-16 pair, -1 without one. encoding/json would
// read it as U+FFFD, so that two names in the file could become one here. In JSON a backslash occurs in strings only.
func loneSurrogate(header []byte) int {
	for i := 0; i < len(header); i++ {
		if header[i] != '\\' {
			continue
		}
		switch unit := escapedUnit(header[i:]); {
		case unit >= 0xd800 && unit < 0xdc00:
			if low := escapedUnit(header[i+6:]); low < 0xdc00 || low >= 0xe000 {
				return i
			}
			i += 11
		case unit >= 0xdc00 && unit < 0xe000:
			return i
		default:
			i++ // what is escaped may be a backslash
		}
	}
	return -1
}

// escapedUnit returns the UTF-16 unit of the \uXXXX that b begins with, -1 if it begins with none.
func escapedUnit(b []byte) int {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
