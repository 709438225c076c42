package main

// The arithmetic of the rules that a product can end in. It is written once, for the loops over slices (update.go) and for the products (merged.go),
// which differ in where a gradient comes from, in the registers that are free, and in which settings are known when the code is written.

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The slices of a rule: weights first, then its state.
const (
	weights = iota
	mean    // or velocity
	square
)

// An updating is the update of one vector that is being written.
type updating struct {
	gradient Register // may be overwritten
	number   func(name string) Op
	temp     func() Register
	done     func(x Register) // x may be used for something else
	load     func(slice int) Register
	store    func(x Register, slice int)
	// Settings: those in flags are found out when the code runs, the others are known now.
	flags map[string]Register
	known map[string]bool
	label func(name string) string // one of its own; nil where all settings are known
}

func (u *updating) times(x Register, name string) { VMULPS(u.number(name), x, x) }

// given writes yes where a setting is on and no where it is not; each may be nil.
func (u *updating) given(setting string, yes, no func()) {
	flag := u.flags[setting]
	switch {
	case flag == nil && u.known[setting]:
		no = nil
	case flag == nil:
		yes = nil
	default:
		on, end := u.label(setting), u.label("end")
		TESTQ(flag, flag)
		if yes == nil {
			JNZ(LabelRef(end))
			no()
			Label(end)
			return
		}
		if no == nil {
			JZ(LabelRef(end))
			yes()
			Label(end)
			return
		}
		JNZ(LabelRef(on))
		no()
		JMP(LabelRef(end))
		Label(on)
		yes()
		Label(end)
		return
	}
	if yes != nil {
		yes()
	}
	if no != nil {
		no()
	}
}

// weight is w, times keep where decay is decoupled.
func (u *updating) weight() Register {
	x := u.load(weights)
	u.given("decoupled", func() { u.times(x, "keep") }, nil)
	return x
}

// decayed is g = scale*grad, plus decay*w where decay is coupled.
func (u *updating) decayed() Register {
	g := u.gradient
	u.times(g, "scale")
	u.given("coupled", func() {
		x := u.weight()
		u.times(x, "decay")
		VADDPS(x, g, g)
		u.done(x)
	}, nil)
	return g
}

// move is w -= d.
func (u *updating) move(d Register) {
	x := u.weight()
	VSUBPS(d, x, x)
	u.store(x, weights)
}

func (u *updating) sgd() {
	g := u.decayed()
	u.given("coupled", func() { u.times(g, "lr") }, nil) // else it is in scale
	u.move(g)
}

func (u *updating) momentum() {
	g, d := u.decayed(), u.load(mean)
	u.times(d, "mu")
	u.given("ones", func() { VADDPS(g, d, d) }, func() { // multiplications by 1 are left out
		r := u.temp()
		VMULPS(u.number("fresh"), g, r)
		u.times(r, "into")
		VADDPS(r, d, d)
		u.done(r)
	})
	u.store(d, mean)
	u.given("nesterov", func() {
		u.times(g, "into")
		u.times(d, "mu")
		VADDPS(d, g, d)
	}, nil)
	u.times(d, "out")
	u.done(g)
	u.move(d)
}

// toward moves a mean toward g by the share fresh of the way, or to where the share keep is left.
func (u *updating) toward(slice int, g Register, short, fresh, keep string) Register {
	m, d := u.load(slice), u.temp()
	VSUBPS(m, g, d)
	u.given(short, func() {
		u.times(d, keep)
		VSUBPS(d, g, m)
	}, func() {
		u.times(d, fresh)
		VADDPS(d, m, m)
	})
	u.done(d)
	u.store(m, slice)
	return m
}

// adam takes five multiplications in most trainings: they, the root and the division are what it costs beside products, whose multiply-adds want the
// same units.
func (u *updating) adam() {
	g := u.decayed()
	m := u.toward(mean, g, "short1", "fresh1", "beta1")
	VMULPS(g, g, g)
	v := u.toward(square, g, "short2", "fresh2", "beta2")
	u.done(g)
	u.given("inside", func() {
		VADDPS(u.number("eps"), v, v)
		VSQRTPS(v, v)
	}, func() {
		VSQRTPS(v, v)
		VADDPS(u.number("eps"), v, v)
	})
	VDIVPS(v, m, m)
	u.done(v)
	u.times(m, "step")
	u.move(m)
}
