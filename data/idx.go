package data

// This file reads IDX, the format of MNIST (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"): two zero bytes, the
// element type, the number of dimensions, each dimension as a big-endian uint32, then the elements, row by row. Images and labels are
// in files of their own. What the header says is compared with what is there before any memory is taken.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/descent-go/descent/engine"
)

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

// idxReader is a file whose header has been read and compared with the file's size.
type idxReader struct {
	r      io.Reader
	n      int
	shape  engine.Shape
	size   int64 // bytes of content
	whole  int64 // with the header
	limit  int64 // bytes that r can deliver at most
	packed bool
}

// readIDXHeader reads and checks the header. limit is the most bytes that r can deliver.
func readIDXHeader(r io.Reader, limit int64, packed bool) (idxReader, error) {
	x := idxReader{r: r, limit: limit, packed: packed}
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
	x.size = 1
	row := int64(1)
	for k := range dims {
		d := int64(binary.BigEndian.Uint32(header[4*k:]))
		if d == 0 {
			return x, fmt.Errorf("dimension %d is zero: the set is empty", k+1)
		}
		if k == 0 {
			x.n = int(min(d, 1<<31-1))
			x.size = d
			continue
		}
		// d and row are below 2^32 and 2^24: no overflow.
		if row *= d; row > maxIDXRow {
			return x, fmt.Errorf("a row has more than %d bytes", maxIDXRow)
		}
		x.shape = append(x.shape, int(d))
	}
	x.size *= row // below 2^56
	x.whole = x.size + 4 + int64(len(header))
	if x.whole > limit || int64(int(x.size)) != x.size {
		if packed {
			return x, fmt.Errorf("the header says %d bytes (%d rows of %v); the packed file cannot hold more than %d", x.whole, x.n, x.shape, limit)
		}
		return x, fmt.Errorf("the file is cut short: %d bytes expected (%d rows of %v), %d found", x.whole, x.n, x.shape, limit)
	}
	if !packed && limit > x.whole {
		return x, fmt.Errorf("the file has %d bytes; the header says %d (%d rows of %v)", limit, x.whole, x.n, x.shape)
	}
	return x, nil
}

// usualRatio is how far deflate packs real images. A header that promises more is not believed before its bytes are there.
const usualRatio = 32

// memory is room for the content, nil where the header is not believed.
func (x *idxReader) memory() []byte {
	if x.packed && x.size > x.limit/maxRatio*usualRatio {
		return nil
	}
	return make([]byte, x.size)
}

// content reads what follows the header into memory that has room for just that; nil: into memory that grows with what is really there. It
// adds the content to h, unless that is nil, while it reads on.
func (x *idxReader) content(memory []byte, h hash.Hash) (idx, error) {
	var err error
	if memory == nil {
		memory, err = io.ReadAll(io.LimitReader(x.r, x.size))
		if h != nil {
			h.Write(memory)
		}
	} else {
		memory, err = readFull(x.r, memory, h)
	}
	if int64(len(memory)) < x.size {
		return idx{}, short("file", x.whole, int(x.whole-x.size)+len(memory), err)
	}
	// The end must follow, and behind it, packed, a checksum that is right.
	var more [1]byte
	switch n, err := io.ReadFull(x.r, more[:]); {
	case n > 0:
		return idx{}, fmt.Errorf("bytes follow the %d that the header says (%d rows of %v)", x.whole, x.n, x.shape)
	case err != io.EOF:
		return idx{}, fmt.Errorf("the packed file is damaged or cut short: %w", bare(err))
	}
	return idx{n: x.n, shape: x.shape, bytes: memory}, nil
}

// readFull fills memory as far as r goes. What has come is hashed beside what is still to come: either takes as long as the other.
func readFull(r io.Reader, memory []byte, h hash.Hash) ([]byte, error) {
	const piece = 1 << 20
	ready := make(chan []byte, len(memory)/piece+1)
	var hashing sync.WaitGroup
	if h != nil {
		hashing.Go(func() {
			for b := range ready {
				h.Write(b)
			}
		})
	}
	defer hashing.Wait()
	defer close(ready)
	at := 0
	for at < len(memory) {
		n, err := io.ReadFull(r, memory[at:min(at+piece, len(memory))])
		ready <- memory[at : at+n]
		at += n
		if err != nil {
			return memory[:at], err
		}
	}
	return memory, nil
}

func short(what string, want int64, found int, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("after %d bytes: %w", found, bare(err))
	}
	return fmt.Errorf("the %s is cut short: %d bytes expected, %d found", what, want, found)
}
