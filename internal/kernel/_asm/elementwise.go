package main

// Kernels that compute each element from the elements at the same place: four
// vectors in a round, then single ones, then what is left under a mask. A lane
// gets the same instructions in all three, so that the bits of an element don't
// depend on its place.

import (
	"log"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A place is a vector's place in the slices of a loop.
type place struct {
	t    *target
	at   Register // bytes from the beginning
	disp int
	mask *mask // nil for all lanes
}

func (p place) address(slice Register) Mem {
	return Mem{Base: slice, Index: p.at, Scale: 1, Disp: p.disp}
}

func (p place) load(slice Register) Register {
	r := p.t.vec()
	if p.mask != nil {
		p.mask.load(p.address(slice), r)
	} else {
		VMOVUPS(p.address(slice), r)
	}
	return r
}

// store stores a vector of the result, past the caches where that is asked for.
func (p place) store(r, slice Register) {
	if p.mask == nil && p.t.past {
		VMOVNTPS(r, p.address(slice))
	} else {
		p.keep(r, slice)
	}
}

// keep stores a vector through the caches.
func (p place) keep(r, slice Register) {
	if p.mask != nil {
		p.mask.store(r, p.address(slice))
	} else {
		VMOVUPS(r, p.address(slice))
	}
}

// each writes the loop over n values, unroll vectors in a round.
func (t *target) each(n Register, unroll int, body func(p place)) { t.eachOf("", n, unroll, nil, body) }

// eachQuick is each with a quick form for several vectors. Where one of them is not within its bound they are gone through one by one, and those
// that are within it take the quick form yet. It asks for pages of the slices ahead.
func (t *target) eachQuick(name string, c *loopCode, slices []Register, q *quick, body func(p place)) {
	at, left := GP64(), GP64()
	XORQ(at, at)
	Label(name + "several")
	MOVQ(U32(q.vectors), left)
	CMPQ(c.n, U32(q.vectors*t.lanes))
	JLT(LabelRef(name + "one"))
	place{t, at, 0, nil}.foreseeBy(q.vectors*t.bytes(), name+"page", slices...)
	q.run(c, at, name+"one")
	ADDQ(U32(q.vectors*t.bytes()), at)
	SUBQ(U32(q.vectors*t.lanes), c.n)
	JMP(LabelRef(name + "several"))
	Label(name + "one")
	CMPQ(c.n, U8(t.lanes))
	JLT(LabelRef(name + "part"))
	if q.bound != 0 {
		single := *q
		single.vectors = 1
		single.run(c, at, name+"long")
		JMP(LabelRef(name + "next"))
		Label(name + "long")
	}
	body(place{t, at, 0, nil})
	Label(name + "next")
	ADDQ(U8(t.bytes()), at)
	SUBQ(U8(t.lanes), c.n)
	DECQ(left)
	JNZ(LabelRef(name + "one"))
	JMP(LabelRef(name + "several"))
	Label(name + "part")
	TESTQ(c.n, c.n)
	JZ(LabelRef(name + "end"))
	m := t.mask(c.n, nil)
	body(place{t, at, 0, &m})
	Label(name + "end")
}

// eachOf is each under labels of a name of its own. It counts n down. tail, if not nil, is the mask of the last, incomplete vector.
func (t *target) eachOf(name string, n Register, unroll int, tail *mask, body func(p place)) {
	t.eachGroup(name, n, unroll, tail, func(group []place) {
		for _, p := range group {
			body(p)
		}
	})
}

// eachGroup is eachOf with a body for all vectors of a round, which is then one for single ones.
func (t *target) eachGroup(name string, n Register, unroll int, tail *mask, body func(group []place)) {
	at := GP64()
	XORQ(at, at)
	if unroll > 1 {
		Label(name + "several")
		CMPQ(n, U32(unroll*t.lanes))
		JLT(LabelRef(name + "one"))
		var group []place
		for v := range unroll {
			group = append(group, place{t, at, v * t.bytes(), nil})
		}
		body(group)
		ADDQ(U32(unroll*t.bytes()), at)
		SUBQ(U32(unroll*t.lanes), n)
		JMP(LabelRef(name + "several"))
	}
	Label(name + "one")
	CMPQ(n, U8(t.lanes))
	JLT(LabelRef(name + "part"))
	body([]place{{t, at, 0, nil}})
	ADDQ(U8(t.bytes()), at)
	SUBQ(U8(t.lanes), n)
	JMP(LabelRef(name + "one"))
	Label(name + "part")
	TESTQ(n, n)
	JZ(LabelRef(name + "end"))
	if tail == nil {
		m := t.mask(n, nil)
		tail = &m
	}
	body([]place{{t, at, 0, tail}})
	Label(name + "end")
}

// argument is the address of a number that was passed to the function.
func argument(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		log.Fatal(err)
	}
	return b.Addr
}

// broadcast loads a number into all lanes.
func (t *target) broadcast(from Op) Register {
	r := t.vec()
	VBROADCASTSS(from, r)
	return r
}

// constant loads a vector of one number.
func (t *target) constant(x float32) Register {
	r := t.vec()
	VMOVUPS(number(x), r)
	return r
}

// loop writes a function over dst, a, b and a number s, whatever it uses of them.
func (t *target) loop(name, does string, unroll int, begin func(c *loopCode), body func(c *loopCode, p place)) {
	t.loopQuick(name, does, unroll, begin, nil, body)
}

// loopQuick is loop with a quick form of the body, or nil. Where the function does not read dst, the loop is there a second time with stores that
// go past the caches: they spare reading lines of dst that are written whole. Functions that compute more are slower by such stores.
func (t *target) loopQuick(name, does string, unroll int, begin func(c *loopCode), q *quick, body func(c *loopCode, p place)) {
	t.function(name, "func(n int, dst, a, b *float32, s float32, past int)", "is "+does+" for n values.")
	c := &loopCode{t: t, n: Load(Param("n"), GP64()), dst: Load(Param("dst"), GP64()), a: Load(Param("a"), GP64()), b: Load(Param("b"), GP64())}
	if strings.Contains(does, "a[i]") {
		c.slices = append(c.slices, c.a)
	}
	if strings.Contains(does, "b[i]") {
		c.slices = append(c.slices, c.b)
	}
	if begin != nil {
		begin(c)
	}
	t.nearAndPast(c, strings.Contains(does, "dst[i] =") && (q == nil || q.past), func(p place) { body(c, p) }, func(name string, body func(p place)) {
		slices := c.slices
		if !t.past {
			slices = append([]Register{c.dst}, slices...)
		}
		if q != nil {
			t.eachQuick(name, c, slices, q, body)
			return
		}
		labels := 0
		t.eachOf(name, c.n, unroll, nil, func(p place) {
			labels++
			p.foresee(name+"page"+hex(uint32(labels)), slices...)
			body(p)
		})
	})
}

// nearAndPast writes the loops, and those whose stores go past the caches if there are to be such, which the function's argument past asks for.
func (t *target) nearAndPast(c *loopCode, both bool, body func(p place), loops func(name string, body func(p place))) {
	if both {
		past := GP64()
		Load(Param("past"), past)
		TESTQ(past, past)
		JZ(LabelRef("near"))
		t.align(c, body)
		t.past = true
		loops("past", body)
		t.past = false
		SFENCE()
		t.end()
		Label("near")
	}
	loops("", body)
	t.end()
}

// align does what comes before the first vector of dst that is whole in a line. There is more than a vector.
func (t *target) align(c *loopCode, body func(p place)) {
	n, at := GP64(), GP64()
	MOVQ(c.dst, n)
	NEGQ(n)
	ANDQ(U8(t.bytes()-1), n)
	JZ(LabelRef("aligned"))
	SHRQ(U8(2), n)
	XORQ(at, at)
	m := t.mask(n, nil)
	body(place{t, at, 0, &m})
	SUBQ(n, c.n)
	SHLQ(U8(2), n)
	for _, r := range []Register{c.dst, c.a, c.b} {
		ADDQ(n, r)
	}
	Label("aligned")
}

// loopCode is what the body of a loop works with.
type loopCode struct {
	t            *target
	n, dst, a, b Register
	x            Register   // set by begin, for the loop's own use
	slices       []Register // those of a and b that it reads, by what it does
}

func (t *target) elementwise() {
	binary := func(op func(...Op)) func(c *loopCode, p place) {
		return func(c *loopCode, p place) {
			x, y := p.load(c.a), p.load(c.b)
			op(y, x, x)
			p.store(x, c.dst)
		}
	}
	s := func(c *loopCode) { c.x = t.broadcast(argument("s")) }
	t.loop("Add", "dst[i] = a[i] + b[i]", 4, nil, binary(VADDPS))
	t.loop("Sub", "dst[i] = a[i] - b[i]", 4, nil, binary(VSUBPS))
	t.loop("Mul", "dst[i] = a[i] * b[i]", 4, nil, binary(VMULPS))
	t.loop("MulAdd", "dst[i] += float32(a[i]*b[i])", 4, nil, func(c *loopCode, p place) {
		x, y, d := p.load(c.a), p.load(c.b), p.load(c.dst)
		VMULPS(y, x, x)
		VADDPS(x, d, d)
		p.store(d, c.dst)
	})
	t.loop("Axpy", "dst[i] += float32(s*a[i])", 4, s, func(c *loopCode, p place) {
		x, d := p.load(c.a), p.load(c.dst)
		VMULPS(x, c.x, x)
		VADDPS(x, d, d)
		p.store(d, c.dst)
	})
	t.loop("Scale", "dst[i] = s*a[i]", 4, s, func(c *loopCode, p place) {
		x := p.load(c.a)
		VMULPS(x, c.x, x)
		p.store(x, c.dst)
	})
	t.loop("Fill", "dst[i] = s", 4, s, func(c *loopCode, p place) { p.store(c.x, c.dst) })

	zero := func(c *loopCode) { c.x = t.vec(); t.zero(c.x) }
	t.loop("Relu", "dst[i] = max(a[i], 0)", 4, zero, func(c *loopCode, p place) {
		x := p.load(c.a)
		VMAXPS(x, c.x, x) // of 0 and x: x where that is NaN
		VADDPS(c.x, x, x) // -0 to +0
		p.store(x, c.dst)
	})
	t.loop("ReluBack", "dst[i] = b[i] where not a[i] <= 0, else 0,", 4, zero, func(c *loopCode, p place) {
		y, d := p.load(c.a), p.load(c.b)
		if t.wide() {
			k := K()
			VCMPPS(U8(notLessEqual), c.x, y, k)
			VMOVAPS_Z(d, k, d)
		} else {
			VCMPPS(U8(notLessEqual), c.x, y, y)
			VANDPS(y, d, d)
		}
		p.store(d, c.dst)
	})
	t.loop("ReluBackAdd", "dst[i] += b[i] where not a[i] <= 0", 4, zero, func(c *loopCode, p place) {
		y, d, was := p.load(c.a), p.load(c.b), p.load(c.dst)
		if t.wide() {
			k := K()
			VCMPPS(U8(notLessEqual), c.x, y, k)
			VADDPS(d, was, k, was)
		} else {
			VCMPPS(U8(notLessEqual), c.x, y, y)
			VADDPS(d, was, d)
			VBLENDVPS(y, d, was, was)
		}
		p.store(was, c.dst)
	})

	ones := func(c *loopCode) { c.x = t.constant(1) }
	for _, add := range []bool{false, true} {
		name, does := "", "dst[i] ="
		if add {
			name, does = "Add", "dst[i] +="
		}
		finish := func(c *loopCode, p place, r Register) {
			if add {
				d := p.load(c.dst)
				VADDPS(r, d, r)
			}
			p.store(r, c.dst)
		}
		t.loop("SigmoidBack"+name, does+" b[i]*float32(a[i]*(1-a[i]))", 2, ones, func(c *loopCode, p place) {
			y, d, r := p.load(c.a), p.load(c.b), t.vec()
			VSUBPS(y, c.x, r)
			VMULPS(r, y, r)
			VMULPS(r, d, r)
			finish(c, p, r)
		})
		t.loop("TanhBack"+name, does+" b[i]*(1-float32(a[i]*a[i]))", 2, ones, func(c *loopCode, p place) {
			y, d, r := p.load(c.a), p.load(c.b), t.vec()
			VMULPS(y, y, r)
			VSUBPS(r, c.x, r)
			VMULPS(r, d, r)
			finish(c, p, r)
		})
	}
}

// notLessEqual is the comparison that is true for NaN too.
const notLessEqual = 22
