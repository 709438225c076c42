package safetensors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// This file writes a file as the reference does, byte for byte: the same order, the same spelling of the JSON, the
// same padding. Equal content gives equal files, whatever order it comes in.

// Write writes f to w: the header in one call, then each tensor's Data in a call of its own, copying none of it. The
// tensors are ordered as the reference orders them: by the place of their type in its enumeration (U64, I64, F64, F32,
// U32, I32, BF16, F16, U16, I16, I8, U8, BOOL: larger elements first, so that all are aligned), then by name.
// Everything that [Parse] refuses is refused before the first byte is written.
func Write(w io.Writer, f File) error {
	for i, t := range f.Tensors {
		want, err := checkTensor(t.Name, t.DType, t.Shape)
		if err != nil {
			return err
		}
		if uint64(len(t.Data)) != want {
			return fmt.Errorf("safetensors: tensor %.80q: has %d bytes of data, want %d for shape %v of %s (tensor %d of the list)", t.Name, len(t.Data), want, t.Shape, t.DType, i)
		}
	}
	tensors := slices.Clone(f.Tensors)
	order := dtypes()
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order[:], b.DType), slices.Index(order[:], a.DType)),
			cmp.Compare(a.Name, b.Name))
	})
	header, err := encodeHeader(f.Metadata, tensors)
	if err != nil {
		return err
	}
	if err := writeAll(w, header); err != nil {
		return fmt.Errorf("safetensors: writing the header: %w", err)
	}
	for _, t := range tensors {
		if err := writeAll(w, t.Data); err != nil {
			return fmt.Errorf("safetensors: writing tensor %.80q: %w", t.Name, err)
		}
	}
	return nil
}

// encodeHeader returns the header with its length in front and its padding behind.
func encodeHeader(metadata map[string]string, tensors []Tensor) ([]byte, error) {
	h := append(make([]byte, 8), '{') // the length is known at the end
	if metadata != nil {
		h = append(appendText(h, metadataName), ":{"...)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if err := checkText("metadata key", key); err != nil {
				return nil, err
			}
			if err := checkText(fmt.Sprintf("metadata %.80q: value", key), metadata[key]); err != nil {
				return nil, err
			}
			if i > 0 {
				h = append(h, ',')
			}
			h = append(appendText(h, key), ':')
			h = appendText(h, metadata[key])
		}
		h = append(h, '}')
	}
	seen := make(map[string]bool, len(tensors))
	at := uint64(0)
	for i, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("safetensors: tensor %.80q comes twice, want unique names", t.Name)
		}
		seen[t.Name] = true
		if i > 0 || metadata != nil {
			h = append(h, ',')
		}
		h = append(appendText(h, t.Name), `:{"dtype":`...)
		h = append(appendText(h, string(t.DType)), `,"shape":[`...)
		for j, n := range t.Shape {
			if j > 0 {
				h = append(h, ',')
			}
			h = strconv.AppendInt(h, int64(n), 10)
		}
		h = append(h, `],"data_offsets":[`...)
		h = append(strconv.AppendUint(h, at, 10), ',')
		at += uint64(len(t.Data))
		h = append(strconv.AppendUint(h, at, 10), `]}`...)
	}
	h = append(h, '}')
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	if len(h)-8 > maxHeader {
		return nil, fmt.Errorf("safetensors: header of %d bytes, want at most %d; use fewer tensors or less metadata", len(h)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(h, uint64(len(h)-8))
	return h, nil
}

// appendText appends s as a JSON string with the escapes that the reference uses and no others (encoding/json also
// escapes U+2028 and U+2029).
func appendText(h []byte, s string) []byte {
	const hex = "0123456789abcdef"
	h = append(h, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			h = append(h, '\\', c)
		case '\b':
			h = append(h, `\b`...)
		case '\f':
			h = append(h, `\f`...)
		case '\n':
			h = append(h, `\n`...)
		case '\r':
			h = append(h, `\r`...)
		case '\t':
			h = append(h, `\t`...)
		default:
			if c < ' ' {
				h = append(h, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				h = append(h, c)
			}
		}
	}
	return append(h, '"')
}

// writeAll also catches a writer that breaks its contract and takes less without an error.
func writeAll(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n != len(p) {
		err = io.ErrShortWrite
	}
	return err
}
