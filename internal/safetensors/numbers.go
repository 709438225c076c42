package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// This file converts between little-endian bytes and Go's floating-point numbers, at any alignment and on any machine.
// It only widens: a conversion that could lose a bit is refused, so that reading is exact.

// Float32s returns x as the Data of an F32 tensor. The result is a copy.
func Float32s(x []float32) []byte {
	b := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return b
}

// Float64s returns x as the Data of an F64 tensor. The result is a copy.
func Float64s(x []float64) []byte {
	b := make([]byte, 8*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(v))
	}
	return b
}

// F32 returns the numbers of an F32, F16 or BF16 tensor, exactly, in a slice of their own. Other types are refused,
// F64 too, because float32 does not hold them all.
func (t Tensor) F32() ([]float32, error) {
	width, err := t.check("float32", F32, F16, BF16)
	if err != nil {
		return nil, err
	}
	x := make([]float32, len(t.Data)/width)
	switch t.DType {
	case F32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case F16:
		for i := range x {
			x[i] = fromHalf(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	case BF16:
		for i := range x {
			x[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	}
	return x, nil
}

// F64 returns the numbers of an F64, F32, F16 or BF16 tensor, exactly, in a slice of their own. Other types are
// refused.
func (t Tensor) F64() ([]float64, error) {
	width, err := t.check("float64", F64, F32, F16, BF16)
	if err != nil {
		return nil, err
	}
	x := make([]float64, len(t.Data)/width)
	if t.DType == F64 {
		for i := range x {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:]))
		}
		return x, nil
	}
	narrow, err := t.F32()
	for i, v := range narrow {
		x[i] = float64(v)
	}
	return x, err
}

// check returns the width of an element if the type is one of want and Data has the size that Shape asks for: a
// tensor that was built by hand has passed no reader.
func (t Tensor) check(to string, want ...DType) (int, error) {
	size, err := checkTensor(t.Name, t.DType, t.Shape)
	if err != nil {
		return 0, err
	}
	if uint64(len(t.Data)) != size {
		return 0, fmt.Errorf("safetensors: tensor %.80q: has %d bytes of data, want %d for shape %v of %s", t.Name, len(t.Data), size, t.Shape, t.DType)
	}
	for _, d := range want {
		if t.DType == d {
			return d.Size(), nil
		}
	}
	return 0, fmt.Errorf("safetensors: tensor %.80q: dtype is %s, want one of %v to give %s without loss", t.Name, t.DType, want, to)
}

// fromHalf widens an IEEE 754 number of 1 sign, 5 exponent and 10 fraction bits.
func fromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 31
	fraction := uint32(h) & 1023
	switch exponent {
	case 0: // zero and subnormal numbers: fraction * 2^-24, a product that is exact
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(x))
	case 31: // infinities and NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
