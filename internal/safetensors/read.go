package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// This file reads a file, sizes first: the header's length is compared with the file before the header is read, and
// every tensor's size with its offsets and the file before memory for the data is asked for. After that the tensors
// are windows into one buffer.

// Parse reads a file that lies in memory, such as an embedded one. The tensors' Data alias data, in the order in
// which they lie there.
//
// It refuses whatever the format leaves open to two readings: a header over 100,000,000 bytes or longer than the
// file, one that does not begin with { or is padded with anything but spaces, an unknown, missing, repeated or
// wrongly cased key, a tensor or metadata name that comes twice, metadata that is not a string, text that is not
// valid UTF-8, a size that does not fit shape and type, more than 64 dimensions, an unknown type, and tensors that
// leave a hole, overlap, or do not end where the file ends (an empty tensor must lie between two others too).
func Parse(data []byte) (File, error) {
	n, err := headerLength(data, int64(len(data)))
	if err != nil {
		return File{}, err
	}
	f, spans, err := layout(data[8:8+n], uint64(len(data))-8-uint64(n))
	if err != nil {
		return File{}, err
	}
	f.fill(data[8+n:], spans)
	return f, nil
}

// Read reads a file of size bytes, refusing what [Parse] refuses. The size must be the file's real one (as from
// Stat), since the memory that is asked for depends on it.
func Read(r io.ReaderAt, size int64) (File, error) {
	var first [8]byte
	prefix := first[:min(8, max(0, size))]
	if err := readAt(r, prefix, 0); err != nil {
		return File{}, err
	}
	n, err := headerLength(prefix, size)
	if err != nil {
		return File{}, err
	}
	header := make([]byte, n)
	if err := readAt(r, header, 8); err != nil {
		return File{}, err
	}
	rest := size - 8 - int64(n)
	f, spans, err := layout(header, uint64(rest))
	if err != nil {
		return File{}, err
	}
	if rest > math.MaxInt {
		return File{}, fmt.Errorf("safetensors: file has %d bytes of data, more than this machine can address", rest)
	}
	data := make([]byte, rest)
	if err := readAt(r, data, 8+int64(n)); err != nil {
		return File{}, err
	}
	f.fill(data, spans)
	return f, nil
}

// headerLength reads the header's length from the file's first bytes.
func headerLength(first []byte, size int64) (int, error) {
	if size < 8 {
		return 0, fmt.Errorf("safetensors: file has %d bytes, want at least 8; it is cut short or of another format", size)
	}
	n := binary.LittleEndian.Uint64(first)
	if n > maxHeader {
		return 0, fmt.Errorf("safetensors: header of %d bytes, want at most %d; the file is of another format or damaged", n, maxHeader)
	}
	if int64(n) > size-8 {
		return 0, fmt.Errorf("safetensors: header of %d bytes in a file of %d; the file is cut short", n, size)
	}
	return int(n), nil
}

// span is where a tensor's bytes lie in the data.
type span struct{ begin, end uint64 }

// layout decodes the header and compares it with the size of the data. The tensors of its result have no Data yet;
// spans say where each one's is.
func layout(header []byte, size uint64) (File, []span, error) {
	metadata, entries, err := decodeHeader(header)
	if err != nil {
		return File{}, nil, err
	}
	// Stable, so that empty tensors at one place keep the header's order.
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	f := File{Metadata: metadata, Tensors: make([]Tensor, len(entries))}
	spans := make([]span, len(entries))
	at := uint64(0)
	for i, e := range entries {
		want, err := checkTensor(e.name, e.dtype, e.shape)
		if err != nil {
			return File{}, nil, err
		}
		if e.begin != at {
			return File{}, nil, fmt.Errorf("safetensors: tensor %.80q: begins at byte %d of the data, want %d, where the one before it ends", e.name, e.begin, at)
		}
		if e.end < e.begin || e.end-e.begin != want {
			return File{}, nil, fmt.Errorf("safetensors: tensor %.80q: data_offsets are [%d, %d], want %d bytes for shape %v of %s", e.name, e.begin, e.end, want, e.shape, e.dtype)
		}
		if e.end > size {
			return File{}, nil, fmt.Errorf("safetensors: tensor %.80q: ends at byte %d of the data, the file has %d; it is cut short", e.name, e.end, size)
		}
		f.Tensors[i] = Tensor{Name: e.name, DType: e.dtype, Shape: e.shape}
		spans[i] = span{e.begin, e.end}
		at = e.end
	}
	if at != size {
		return File{}, nil, fmt.Errorf("safetensors: file has %d bytes of data, its tensors end at byte %d; nothing may follow them", size, at)
	}
	return f, spans, nil
}

// fill points the tensors at their data. The capacity ends with the tensor: an append cannot reach its neighbor.
func (f File) fill(data []byte, spans []span) {
	for i, s := range spans {
		f.Tensors[i].Data = data[s.begin:s.end:s.end]
	}
}

func readAt(r io.ReaderAt, p []byte, offset int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, offset, int64(len(p))), p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("safetensors: reading %d bytes at %d: %w", len(p), offset, err)
	}
	return nil
}
