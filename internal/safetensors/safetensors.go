// Package safetensors reads and writes the safetensors file format: named arrays of numbers and a few strings, with
// no code, path or expression in it.
//
// A file is the length of its header (8 bytes, little-endian), the header (JSON, padded with spaces) and the data.
// The header maps each tensor's name to {"dtype", "shape", "data_offsets": [begin, end]}, with offsets counted from
// the end of the header, and the name __metadata__ to an object of strings.
//
// Reading is stricter than the reference implementation (the Python package safetensors 0.8), so that no two readers
// can see two different things in one file: see [Parse]. Writing gives the bytes that the reference gives.
package safetensors

import (
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"
)

// This file holds what a tensor is, and the checks that reading and writing share: whatever checkTensor refuses can
// neither be read nor written.

const (
	// maxHeader is the reference's limit on the header's length in bytes.
	maxHeader = 100_000_000
	// maxRank bounds the memory that a shape in a header can claim. NumPy and PyTorch stop at 64 dimensions too.
	maxRank = 64
	// metadataName is the header's key that names no tensor.
	metadataName = "__metadata__"
)

// DType is the type of a tensor's elements, spelled as in the file.
type DType string

// The element types that are read and written: truth values in one byte, whole numbers without and with sign,
// IEEE 754 numbers of 16, 32 and 64 bits, and BF16, the upper half of an F32.
const (
	BOOL DType = "BOOL"
	U8   DType = "U8"
	I8   DType = "I8"
	I16  DType = "I16"
	U16  DType = "U16"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I32  DType = "I32"
	U32  DType = "U32"
	F32  DType = "F32"
	F64  DType = "F64"
	I64  DType = "I64"
	U64  DType = "U64"
)

// dtypes lists the element types in the order of the reference's enumeration, which its writer sorts by (descending).
// Sizes never fall along the list, so that no tensor of the written file is misaligned.
func dtypes() [13]DType {
	return [...]DType{BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64}
}

// Size returns the bytes of one element, 0 for a type that is not one of the constants.
func (d DType) Size() int {
	switch d {
	case BOOL, U8, I8:
		return 1
	case I16, U16, F16, BF16:
		return 2
	case I32, U32, F32:
		return 4
	case F64, I64, U64:
		return 8
	}
	return 0
}

// Tensor is one named array. Data holds the elements in row-major order as little-endian bytes, exactly
// product(Shape) * DType.Size() of them. An empty Shape is a scalar; a dimension of 0 makes an empty array.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// File is the content of one file. A nil Metadata and an empty one differ: the second is written as {}.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// checkTensor returns the number of bytes that a tensor of this name, type and shape has.
func checkTensor(name string, d DType, shape []int) (uint64, error) {
	if err := checkText("tensor name", name); err != nil {
		return 0, err
	}
	if name == metadataName {
		return 0, fmt.Errorf("safetensors: %q is reserved for metadata, want another tensor name", name)
	}
	if d.Size() == 0 {
		return 0, fmt.Errorf("safetensors: tensor %.80q: dtype is %.80q, want one of %v", name, string(d), dtypes())
	}
	if len(shape) > maxRank {
		return 0, fmt.Errorf("safetensors: tensor %.80q: shape has %d dimensions, want at most %d", name, len(shape), maxRank)
	}
	// A dimension of 0 empties the array but excuses no overflow of the others: code that computes strides from the
	// shape must not meet one either.
	size, empty := uint64(d.Size()), false
	for i, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("safetensors: tensor %.80q: dimension %d of its shape is %d, want 0 or more", name, i, n)
		}
		if n == 0 {
			empty = true
			continue
		}
		high, low := bits.Mul64(size, uint64(n))
		if high != 0 || low > math.MaxInt64 {
			return 0, fmt.Errorf("safetensors: tensor %.80q: shape %v of %s is more bytes than 64 bits can count", name, shape, d)
		}
		size = low
	}
	if empty {
		size = 0
	}
	return size, nil
}

// checkText refuses a string that JSON cannot carry unchanged.
func checkText(what, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("safetensors: %s %.80q is not valid UTF-8", what, s)
	}
	return nil
}
