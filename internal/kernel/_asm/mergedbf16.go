package main

// Products of bfloat16 pairs whose results are gradients, used up at once as in merged.go. The same pass rounds the new weights and stores the pairs
// that the next step's products read: those of rows one below the other as they lie, those of neighbors in a row transposed.

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// mergedPairs writes a function for each rule and width.
func (t *target) mergedPairs() {
	for _, rule := range mergedRules {
		for width := t.width; width >= 1; width-- {
			t.mergedPairStrip(rule, width)
		}
	}
}

// mergedPairCode is one of the functions.
type mergedPairCode struct {
	mergedCode
	near Register // where the panel that is needed next is fetched from
}

func (t *target) mergedPairStrip(rule mergedRule, width int) {
	t.function(fmt.Sprint(rule.name, "PairStrip", width),
		"func(m, k int, a, near *float32, ap int, b *float32, bp int, w *float32, ldw int, mean, square, gradients, h *float32, "+
			"form, between, pending, last, jump int, down *float32, ldd, jumpDown int, turned, then *float32, ldt, beyond int)",
		fmt.Sprintf("forms the gradients of m rows by %d columns, m a multiple of %d, as %sPairStrip%d does from A in one", width*t.lanes, t.rows, t.name, width),
		"panel, and updates the weights w and their state, tile after tile, each while the next one is formed. If pending is 1, gradients holds",
		"those of a tile from the call before, and w, mean, square, down and turned belong to it; if last is 0, those of the last tile stay there",
		fmt.Sprintf("for the next call. between is the products between two vectors of an update, at most k/%d. From near on, the panel that", mergedPairSlots(t, width)),
		"is needed next is fetched.",
		"",
		"The new weights are rounded and stored as pairs:",
		"",
		"	for i := range rows of a tile {",
		"		for j := range columns {",
		"			down[i/2*ldd+j] = pair(w[i*ldw+j], w[(i+1)*ldw+j]) // i even",
		"			turned[j/2*ldt+i] = pair(w[i*ldw+j], w[i*ldw+j+1]) // j even",
		"		}",
		"	}",
		"",
		fmt.Sprintf("For the next tile, w, mean and square are %d*ldw+jump further, down is %d*ldd+jumpDown further and turned is then.", t.rows, t.rows/2),
		fmt.Sprintf("From there on jump and jumpDown are 0, and turned is %d further each time. What is beyond bytes behind turned is fetched.", t.rows))
	u := &mergedPairCode{mergedCode: *t.merging(rule, width)}
	u.bp, u.ldw = Load(Param("bp"), GP64()), Load(Param("ldw"), GP64())
	SHLQ(U8(2), u.bp)
	SHLQ(U8(2), u.ldw)
	for _, stride := range []string{"ap", "ldd", "ldt", "jump", "jumpDown"} {
		SHLQ(U8(2), t.argument(stride))
	}
	u.w, u.gradients, u.h, u.near = Load(Param("w"), GP64()), GP64(), Load(Param("h"), GP64()), Load(Param("near"), GP64())
	for _, name := range rule.state {
		u.state = append(u.state, Load(Param(name), GP64()))
	}
	u.a, u.b, u.k, u.far = GP64(), GP64(), GP64(), GP64()
	MOVQ(u.ldw, u.far)
	SHLQ(U8(3), u.far)
	u.add = u.products

	Label("tile")
	MOVQ(t.argument("a"), u.a)
	u.begin()
	u.pack("besidepack", true)
	u.left(mergedPairSlots(t, width))
	u.finish()
	ADDQ(U8(4*t.rows), t.argument("a"))
	SUBQ(U8(t.rows), t.argument("m"))
	JNZ(LabelRef("tile"))
	CMPQ(t.argument("last"), U8(0))
	JE(LabelRef("end"))
	u.update("alone", false)
	u.pack("alonepack", false)
	Label("end")
	t.end()
}

// mergedPairSlots is between how many things that a tile's update does products are formed.
func mergedPairSlots(t *target, width int) int { return (t.rows + 2) * width }

// numberOf is the number of a register.
func (u *mergedPairCode) numberOf(r Register) int {
	for i, z := range u.t.regs {
		if Register(z) == r {
			return i
		}
	}
	panic("no register of the set")
}

// products adds a pair of products to each sum.
func (u *mergedPairCode) products() {
	PREFETCHT1(Mem{Base: u.near})
	ADDQ(U8(4*u.t.rows), u.near)
	PREFETCHT0(Mem{Base: u.a, Disp: 12 * 4 * 48})
	for v, r := range u.rows {
		VMOVUPS(Mem{Base: u.b, Disp: v * u.t.bytes()}, r)
	}
	for row := range u.t.rows {
		x := u.nums[row%len(u.nums)]
		VBROADCASTSS(Mem{Base: u.a, Disp: 4 * row}, x)
		for v, r := range u.rows {
			evex(dotPairs, u.numberOf(r), u.numberOf(x), u.numberOf(u.sums[row*u.width+v]))
		}
	}
	ADDQ(u.bp, u.b)
	ADDQ(u.t.argument("ap"), u.a)
}

// join rounds and joins two vectors: first above second.
func (u *mergedPairCode) join(second, first, d Register) {
	evex(joinPairs, u.numberOf(second), u.numberOf(first), u.numberOf(d))
}

// pack stores the pairs of a tile whose weights have just been written. They end where u.w is.
func (u *mergedPairCode) pack(name string, products bool) {
	t, z := u.t, u.free
	between := func(loop string) {
		if products {
			u.between(name + loop)
		}
	}
	x, y, to, to4, ld := GP64(), GP64(), GP64(), GP64(), u.gradients
	MOVQ(t.argument("turned"), to)
	for v := range u.width {
		between(fmt.Sprint("turned", v))
		// Pairs of row r and of row r+4 share a register; two rounds of unpacking transpose four rows.
		MOVQ(u.w, x)
		SUBQ(u.far, x)
		LEAQ(Mem{Base: x, Index: u.ldw, Scale: 4, Disp: v * t.bytes()}, y)
		ADDQ(U8(v*t.bytes()), x)
		for r := range 4 {
			VMOVUPS(Mem{Base: x}, z[r])
			VMOVUPS(Mem{Base: y}, z[4])
			u.join(z[r], z[4], z[r])
			if r < 3 {
				ADDQ(u.ldw, x)
				ADDQ(u.ldw, y)
			}
		}
		VPUNPCKLDQ(z[1], z[0], z[4])
		VPUNPCKHDQ(z[1], z[0], z[5])
		VPUNPCKLDQ(z[3], z[2], z[0])
		VPUNPCKHDQ(z[3], z[2], z[1])
		VPUNPCKLQDQ(z[0], z[4], z[2])
		VPUNPCKHQDQ(z[0], z[4], z[3])
		VPUNPCKLQDQ(z[1], z[5], z[4])
		VPUNPCKHQDQ(z[1], z[5], z[5])
		MOVQ(t.argument("ldt"), ld)
		LEAQ(Mem{Base: to, Index: ld, Scale: 4}, to4)
		MOVQ(t.argument("beyond"), x)
		for _, r := range z[2:6] {
			PREFETCHT0(Mem{Base: to, Index: x, Scale: 1})
			PREFETCHT0(Mem{Base: to4, Index: x, Scale: 1})
			VSHUFI32X4(U8(0xd8), r, r, r)
			VMOVUPS(r.(VecPhysical).AsY(), Mem{Base: to})
			VEXTRACTF32X8(U8(1), r, Mem{Base: to4})
			ADDQ(ld, to)
			ADDQ(ld, to4)
		}
		MOVQ(to4, to)
		between(fmt.Sprint("down", v))
		MOVQ(u.w, x)
		SUBQ(u.far, x)
		MOVQ(t.argument("down"), y)
		MOVQ(t.argument("ldd"), ld)
		VMOVUPS(t.interleave(), z[0])
		for i := range t.rows / 2 {
			r, s := z[1+2*(i%2)], z[2+2*(i%2)]
			VMOVUPS(Mem{Base: x, Disp: v * t.bytes()}, r)
			VMOVUPS(Mem{Base: x, Index: u.ldw, Scale: 1, Disp: v * t.bytes()}, s)
			u.join(r, s, r)
			VPERMW(r, z[0], r)
			VMOVUPS(r, Mem{Base: y, Disp: v * t.bytes()})
			PREFETCHT0(Mem{Base: y, Index: ld, Scale: 4, Disp: v * t.bytes()})
			if i < t.rows/2-1 {
				LEAQ(Mem{Base: x, Index: u.ldw, Scale: 2}, x)
				ADDQ(ld, y)
			}
		}
	}
	ADDQ(ld, y)
	ADDQ(t.argument("jumpDown"), y)
	MOVQ(y, t.argument("down"))
	MOVQ(t.argument("jump"), x)
	for _, p := range append([]Register{u.w}, u.state...) {
		ADDQ(x, p)
	}
	MOVQ(U32(0), t.argument("jump"))
	MOVQ(U32(0), t.argument("jumpDown"))
	MOVQ(t.argument("then"), to)
	MOVQ(to, t.argument("turned"))
	ADDQ(U8(4*t.rows), to)
	MOVQ(to, t.argument("then"))
}
