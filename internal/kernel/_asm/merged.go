package main

// Products whose results are gradients: they are used up by an optimizer's update at
// once. The gradients of a tile go to a buffer in the first cache, and while the sums of the
// next tile are formed, which keeps the multipliers busy, the update of one vector
// after the other runs between them: its loads and stores, its roots and divisions
// cost little there. The operations are those of rules.go.

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A mergedRule is a rule as products end in it.
type mergedRule struct {
	name    string
	state   []string // arguments that point to the rule's state
	numbers []string // in the order of kernel.mergedStrips.of
	write   func(*updating)
	// Settings that a tile may have, the usual ones first; kernel.Update.form picks one.
	forms []map[string]bool
}

var mergedRules = []mergedRule{
	{"SGD", nil, []string{"scale", "decay", "lr"}, (*updating).sgd, []map[string]bool{{}, {"coupled": true}}},
	{"Momentum", []string{"mean"}, []string{"scale", "decay", "out", "mu"}, (*updating).momentum, []map[string]bool{
		{"ones": true}, {"ones": true, "coupled": true}}},
	{"Adam", []string{"mean", "square"}, []string{"scale", "decay", "keep", "fresh1", "fresh2", "step", "eps"}, (*updating).adam, []map[string]bool{
		{}, {"decoupled": true}, {"decoupled": true, "coupled": true}}},
}

// merged writes a function for each rule and width.
func (t *target) merged() {
	for _, rule := range mergedRules {
		for width := t.width; width >= 1; width-- {
			t.mergedStrip(rule, width)
		}
	}
}

// mergedCode is one of the functions.
type mergedCode struct {
	t     *target
	width int
	rule  mergedRule

	a, ap, b, bp, k        Register
	w, ldw, gradients, h   Register
	far                    Register // eight rows of weights
	state                  []Register
	sums, rows, nums, free []Register // rows of B, numbers of A; those two are free between products

	add func() // adds one product to each sum
}

// merging shares out the registers.
func (t *target) merging(rule mergedRule, width int) *mergedCode {
	u := &mergedCode{t: t, width: width, rule: rule}
	rest := registers(t.regs)
	take := func(n int) []Register {
		list := rest[:n:n]
		rest = rest[n:]
		return list
	}
	u.rows, u.nums, u.sums = take(width), take(t.broadcasts()), take(t.rows*width)
	u.free = append(append(append([]Register{}, u.rows...), u.nums...), rest...)
	return u
}

// begin begins the sums of a tile and updates the one before, if there is one, between their products.
func (u *mergedCode) begin() {
	t := u.t
	MOVQ(t.argument("b"), u.b)
	for _, sum := range u.sums {
		t.zero(sum)
	}
	MOVQ(t.argument("k"), u.k)
	CMPQ(t.argument("pending"), U8(0))
	JE(LabelRef("rest"))
	u.update("beside", true)
}

// left is what the products between so many things leave of k.
func (u *mergedCode) left(slots int) {
	MOVQ(u.t.argument("between"), u.gradients)
	IMUL3Q(U32(slots), u.gradients, u.gradients)
	MOVQ(u.t.argument("k"), u.k)
	SUBQ(u.gradients, u.k)
}

// finish forms what is left of the sums, u.k products, and stores the gradients.
func (u *mergedCode) finish() {
	Label("rest")
	TESTQ(u.k, u.k)
	JZ(LabelRef("formed"))
	Label("product")
	u.add()
	DECQ(u.k)
	JNZ(LabelRef("product"))
	Label("formed")
	MOVQ(u.t.argument("gradients"), u.gradients)
	for i, sum := range u.sums {
		VMOVUPS(sum, Mem{Base: u.gradients, Disp: i * u.t.bytes()})
	}
	MOVQ(U32(1), u.t.argument("pending"))
}

func (t *target) mergedStrip(rule mergedRule, width int) {
	t.function(fmt.Sprint(rule.name, "Strip", width), "func(m, k int, a *float32, ap, at int, b *float32, bp int, w *float32, ldw int, mean, square, gradients, h *float32, form, between, strips, back, pending, left int, here *float32)",
		fmt.Sprintf("forms the gradients of strips, side by side, each of m rows by %d columns, m a multiple of %d, as %sStrip%d does", width*t.lanes, t.rows, t.name, width),
		fmt.Sprintf("with ai 1, and updates the weights w and their state. between is the products between two vectors of an update, at most k/%d;", t.rows*width),
		"back is the bytes from below a strip of w to the top of the next one. pending is 0, left and here are room for a variable each.")
	u := t.merging(rule, width)
	u.ap, u.bp, u.ldw = Load(Param("ap"), GP64()), Load(Param("bp"), GP64()), Load(Param("ldw"), GP64())
	for _, stride := range []Register{u.ap, u.bp, u.ldw} {
		SHLQ(U8(2), stride)
	}
	u.w, u.gradients, u.h = Load(Param("w"), GP64()), GP64(), Load(Param("h"), GP64())
	for _, name := range rule.state {
		u.state = append(u.state, Load(Param(name), GP64()))
	}
	u.a, u.b, u.k, u.far = GP64(), GP64(), GP64(), GP64()
	MOVQ(u.ldw, u.far)
	SHLQ(U8(3), u.far)
	u.add = u.product

	Label("strip")
	MOVQ(t.argument("a"), u.a)
	MOVQ(u.a, t.argument("here"))
	MOVQ(t.argument("m"), u.k)
	MOVQ(u.k, t.argument("left"))
	Label("tile")
	MOVQ(t.argument("here"), u.a)
	u.begin()
	u.left(t.rows * width)
	MOVQ(t.argument("m"), u.gradients)
	CMPQ(u.gradients, t.argument("left"))
	JNE(LabelRef("rest"))
	for _, p := range append([]Register{u.w}, u.state...) { // that was the last tile of a strip
		SUBQ(t.argument("back"), p)
	}
	u.finish()
	MOVQ(t.argument("at"), u.k)
	SHLQ(U8(2), u.k)
	ADDQ(u.k, t.argument("here"))
	SUBQ(U8(t.rows), t.argument("left"))
	JNZ(LabelRef("tile"))
	ADDQ(U32(width*t.bytes()), t.argument("b"))
	SUBQ(U8(1), t.argument("strips"))
	JNZ(LabelRef("strip"))
	u.update("alone", false)
	t.end()
}

// broadcasts is the registers for numbers of A in a product.
func (t *target) broadcasts() int {
	if t.wide() {
		return 5
	}
	return 1
}

// product adds one product to each sum.
func (u *mergedCode) product() {
	PREFETCHT0(Mem{Base: u.a, Index: u.ap, Scale: 8, Disp: 768}) // copied A, 1 KB ahead
	for v, r := range u.rows {
		VMOVUPS(Mem{Base: u.b, Disp: v * u.t.bytes()}, r)
	}
	for row := range u.t.rows {
		x := u.nums[row%len(u.nums)]
		VBROADCASTSS(Mem{Base: u.a, Disp: 4 * row}, x)
		for v, r := range u.rows {
			VFMADD231PS(r, x, u.sums[row*u.width+v])
		}
	}
	ADDQ(u.bp, u.b)
	ADDQ(u.ap, u.a)
}

// update does the update of the tile before, with products between its vectors or alone.
func (u *mergedCode) update(name string, products bool) {
	for form := len(u.rule.forms) - 1; form > 0; form-- {
		CMPQ(u.t.argument("form"), U8(form))
		JEQ(LabelRef(fmt.Sprint(name, "form", form)))
	}
	for form, settings := range u.rule.forms {
		if form > 0 {
			JMP(LabelRef(name + "done"))
			Label(fmt.Sprint(name, "form", form))
		}
		u.updateRows(fmt.Sprint(name, form), products, settings)
	}
	Label(name + "done")
}

// between forms some products.
func (u *mergedCode) between(loop string) {
	MOVQ(u.t.argument("between"), u.k)
	TESTQ(u.k, u.k)
	JZ(LabelRef(loop + "none"))
	Label(loop)
	u.add()
	DECQ(u.k)
	JNZ(LabelRef(loop))
	Label(loop + "none")
}

func (u *mergedCode) updateRows(name string, products bool, settings map[string]bool) {
	MOVQ(u.t.argument("gradients"), u.gradients)
	MOVQ(U32(u.t.rows), u.t.argument("pending"))
	Label(name + "row")
	for v := range u.width {
		if products {
			u.between(fmt.Sprint(name, "between", v))
		}
		places := append([]Register{u.w}, u.state...)
		at := func(p Register) Mem { return Mem{Base: p, Disp: v * u.t.bytes()} }
		for _, p := range places {
			// The processor foresees rows that are far apart badly: from memory eight rows ahead, from the second cache one.
			PREFETCHT1(Mem{Base: p, Index: u.far, Scale: 1, Disp: v * u.t.bytes()})
			PREFETCHT0(Mem{Base: p, Index: u.ldw, Scale: 1, Disp: v * u.t.bytes()})
		}
		free := append([]Register{}, u.free...)
		one := &updating{known: settings}
		one.temp = func() Register {
			x := free[0]
			free = free[1:]
			return x
		}
		one.done = func(x Register) { free = append(free, x) }
		one.number = func(name string) Op { return Mem{Base: u.h, Disp: 64 * slices.Index(u.rule.numbers, name)} }
		one.load = func(slice int) Register {
			x := one.temp()
			VMOVUPS(at(places[slice]), x)
			return x
		}
		one.store = func(x Register, slice int) { VMOVUPS(x, at(places[slice])) }
		one.gradient = one.temp()
		VMOVUPS(at(u.gradients), one.gradient)
		u.rule.write(one)
	}
	ADDQ(U32(u.width*u.t.bytes()), u.gradients)
	for _, p := range append([]Register{u.w}, u.state...) {
		ADDQ(u.ldw, p)
	}
	DECQ(u.t.argument("pending"))
	JNZ(LabelRef(name + "row"))
}

func registers(list []VecPhysical) []Register {
	var out []Register
	for _, r := range list {
		out = append(out, r)
	}
	return out
}
