package main

// The constants that a function loads before its loop.

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// numbers are the constants of a function. In AVX-512 they stand in registers while there are enough of them, since a load a multiply-add would fill
// the load ports; in AVX2 in memory.
type numbers struct {
	t      *target
	narrow bool // registers of four lanes, for a number a row
	regs   map[uint32]Register
	left   int
}

// numbers prepares those of xs that fit into count registers; in AVX2 there are narrowNumbers at most.
func (t *target) numbers(count int, xs ...float32) *numbers {
	if !t.wide() {
		count = min(count, narrowNumbers)
	}
	ns := &numbers{t: t, regs: map[uint32]Register{}, left: count}
	ns.hold(xs...)
	return ns
}

func (ns *numbers) hold(xs ...float32) *numbers {
	for _, x := range xs {
		b := math.Float32bits(x)
		if _, ok := ns.regs[b]; ok || ns.left == 0 {
			continue
		}
		ns.left--
		ns.regs[b] = ns.t.constant(x)
	}
	return ns
}

// vec is a register that avo chooses.
func (ns *numbers) vec() Register {
	if ns.narrow {
		return XMM()
	}
	return ns.t.vec()
}

// of is the vector of x as an operand.
func (ns *numbers) of(x float32) Op {
	if r, ok := ns.regs[math.Float32bits(x)]; ok {
		return r
	}
	return number(x)
}

// narrowNumbers is how many of the 16 registers of AVX2 hold numbers.
const narrowNumbers = 8

// copy is x in a register that may be overwritten.
func (ns *numbers) copy(x float32) Register {
	r := ns.vec()
	if from, ok := ns.regs[math.Float32bits(x)]; ok {
		VMOVAPS(from, r)
	} else {
		VMOVUPS(number(x), r)
	}
	return r
}

// register is the vector of x in a register, which must not be overwritten.
func (ns *numbers) register(x float32) Register {
	if r, ok := ns.regs[math.Float32bits(x)]; ok {
		return r
	}
	return ns.copy(x)
}
