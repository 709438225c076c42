package main

// What differs between the instruction sets: the width of a register, how many
// there are, and how the lanes of the last, incomplete vector are chosen.

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A target is an instruction set.
type target struct {
	name  string // prefix of the functions' names
	lanes int    // float32 in a register
	regs  []VecPhysical
	rows  int // of a tile of C
	width int // registers across a tile of C

	next func() // see abreast
	past bool   // whole vectors are stored past the caches
}

var (
	avx512 = &target{name: "avx512", lanes: 16, rows: 8, width: 3, regs: []VecPhysical{
		Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
		Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}}
	avx2 = &target{name: "avx2", lanes: 8, rows: 6, width: 2, regs: []VecPhysical{
		Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}}
)

func (t *target) wide() bool { return t.lanes == 16 }

// bytes is the size of a register.
func (t *target) bytes() int { return 4 * t.lanes }

// function begins a function of the set.
func (t *target) function(name, signature string, doc ...string) {
	TEXT(t.name+name, attr.NOSPLIT, signature)
	Doc(append([]string{t.name + name + " " + doc[0]}, doc[1:]...)...)
	Pragma("noescape")
}

// end returns from a function that has used the upper halves of registers.
func (t *target) end() {
	VZEROUPPER()
	RET()
}

// vec is a register that avo chooses.
func (t *target) vec() Register {
	if t.wide() {
		return ZMM()
	}
	return YMM()
}

// zero clears a register.
func (t *target) zero(r Register) {
	if t.wide() {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// A mask holds which lanes of a vector are meant: an opmask register, or a
// vector register whose lanes are -1 or 0; without a register, all are.
type mask struct {
	t *target
	r Register
}

// lanesTable is what a vector mask is loaded from.
var lanesTable Mem

// mask makes the mask of the first n lanes, 1 <= n <= lanes. vector is the
// register that holds it where there are no opmasks; nil lets avo choose.
func (t *target) mask(n Register, vector Register) mask {
	if t.wide() {
		all, k := GP32(), K()
		MOVL(U32(0xffff), all)
		BZHIL(n.(GP).As32(), all, all)
		KMOVW(all, k)
		return mask{t, k}
	}
	if lanesTable.Base == nil {
		lanesTable = GLOBL("lanes", attr.RODATA|attr.NOPTR)
		for i := range 16 {
			v := uint32(0xffffffff)
			if i >= 8 {
				v = 0
			}
			DATA(4*i, U32(v))
		}
	}
	if vector == nil {
		vector = YMM()
	}
	at, back := GP64(), GP64()
	LEAQ(lanesTable.Offset(32), at)
	MOVQ(n, back)
	SHLQ(U8(2), back)
	SUBQ(back, at)
	VMOVUPS(Mem{Base: at}, vector)
	return mask{t, vector}
}

// load loads the lanes of the mask; the others become 0 and are not read.
func (m mask) load(from Mem, to Register) {
	switch {
	case m.r == nil:
		VMOVUPS(from, to)
	case m.t.wide():
		VMOVUPS_Z(from, m.r, to)
	default:
		VMASKMOVPS(from, m.r, to)
	}
}

// store stores the lanes of the mask; the others are not written.
func (m mask) store(from Register, to Mem) {
	switch {
	case m.r == nil:
		VMOVUPS(from, to)
	case m.t.wide():
		VMOVUPS(from, m.r, to)
	default:
		VMASKMOVPS(from, m.r, to)
	}
}

// constants are the vectors of one number that the functions use.
var constants = map[uint32]Mem{}

// bits is a vector of 16 times the same 32 bits in read-only memory.
func bits(v uint32) Mem {
	m, ok := constants[v]
	if !ok {
		m = GLOBL("c"+hex(v), attr.RODATA|attr.NOPTR)
		for i := range 16 {
			DATA(4*i, U32(v))
		}
		constants[v] = m
	}
	return m
}

// number is a vector of 16 times x.
func number(x float32) Mem { return bits(math.Float32bits(x)) }
