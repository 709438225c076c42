package main

// Optimizer updates. They go through three to five slices at a time and do little
// with each element, so that they are as fast as the slices come.

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// times is x *= the argument of that name.
func (t *target) times(x Register, name string) { VMULPS(t.broadcast(argument(name)), x, x) }

// A step is the parameters of an update: numbers that were passed to the function, held in registers as far as there are enough. The others
// are loaded where they are used, which costs a place among the loads.
type step struct {
	t    *target
	held map[string]Register
}

// step holds some numbers, the most used first.
func (t *target) step(names ...string) *step {
	s := &step{t, map[string]Register{}}
	if !t.wide() {
		names = names[:min(len(names), 6)]
	}
	for _, name := range names {
		s.held[name] = t.broadcast(argument(name))
	}
	return s
}

// number is the argument of that name in all lanes, not to be written.
func (s *step) number(name string) Register {
	if r := s.held[name]; r != nil {
		return r
	}
	return s.t.broadcast(argument(name))
}

// times is x *= the argument of that name.
func (s *step) times(x Register, name string) { VMULPS(s.number(name), x, x) }

// decayed is g = scale*grad, plus decay*w unless decay is 0.
func (s *step) decayed(p place, grad, w, flag Register, label string) Register {
	g := p.load(grad)
	s.times(g, "scale")
	TESTQ(flag, flag)
	JZ(LabelRef(label))
	r := s.t.vec()
	VMULPS(s.number("decay"), w, r)
	VADDPS(r, g, g)
	Label(label)
	return g
}

// usually writes two loops over n values and slices of those names: one for the flags that most trainings have, without a question, and one that asks
// for its settings. usual are those that are on in the first loop, or in both where the second doesn't ask.
func (t *target) usually(n Register, flags, unroll int, rule func(*updating), h *step, usual map[string]bool, settings map[string]Register, names ...string) {
	var slices []Register
	for _, name := range append(names, "grad") {
		slices = append(slices, Load(Param(name), GP64()))
	}
	labels := 0
	label := func(name string) string {
		labels++
		return name + hex(uint32(labels))
	}
	loop := func(name string, unroll int, u updating) {
		t.eachOf(name, n, unroll, nil, func(p place) {
			p.foresee(label("page"), slices...)
			u := u
			u.gradient = p.load(slices[len(names)])
			u.number, u.temp, u.done = func(name string) Op { return h.number(name) }, t.vec, func(Register) {}
			u.load = func(slice int) Register { return p.load(slices[slice]) }
			u.store = func(x Register, slice int) { p.store(x, slices[slice]) }
			u.label = label
			rule(&u)
		})
		t.end()
	}
	is := Load(Param("flags"), GP64())
	CMPQ(is, U8(flags))
	JNE(LabelRef("otherwise"))
	loop("usual", unroll, updating{known: usual})
	Label("otherwise")
	loop("other", 1, updating{known: usual, flags: settings})
}

const page = 4096

// foresee asks, once a page, for the first line of a page of each slice far ahead. The processor foresees a stream only to the end of its page:
// each page's first line, and where its memory lies, it must otherwise wait for, which took a quarter of an update from the third cache or
// memory. 16 pages are what the next call goes through; at 2 or 4 the line came too late, and more lines than one were no better. It may
// ask beyond the end of a slice: that reads nothing.
func (p place) foresee(label string, slices ...Register) { p.foreseeBy(1, label, slices...) }

// foreseeBy is foresee where the place moves on by so many bytes, of which a page is no multiple.
func (p place) foreseeBy(bytes int, label string, slices ...Register) {
	if p.mask != nil || p.disp != 0 {
		return
	}
	size := 1
	for size < bytes {
		size *= 2
	}
	TESTQ(U32(page-size), p.at)
	JNZ(LabelRef(label))
	for _, slice := range slices {
		line := GP64()
		LEAQ(Mem{Base: slice, Index: p.at, Scale: 1, Disp: 16*page - page/2}, line)
		ANDQ(I32(-page), line)
		PREFETCHT0(Mem{Base: line})
	}
	Label(label)
}

func (t *target) updates() {
	labels := 0
	label := func(name string) string {
		labels++
		return name + hex(uint32(labels))
	}
	n := func() Register { return Load(Param("n"), GP64()) }
	flag := func(bit int) Register {
		r := Load(Param("flags"), GP64())
		ANDQ(U8(bit), r)
		return r
	}

	t.function("SGD", "func(n int, w, grad *float32, lr, scale, decay float32, flags int)",
		"is sgd for n values. Flag 1: decay is not 0.")
	t.usually(n(), 0, 4, (*updating).sgd, t.step("scale", "lr", "decay"), nil, map[string]Register{"coupled": flag(1)}, "w")

	t.function("Momentum", "func(n int, w, v, grad *float32, scale, decay, mu, into, fresh, out float32, flags int)",
		"is momentum for n values. Flag 1: decay is not 0; flag 2: Nesterov's form; flag 4: into and fresh are 1.")
	t.usually(n(), 4, 4, (*updating).momentum, t.step("scale", "mu", "out", "into", "fresh", "decay"),
		map[string]bool{"ones": true}, map[string]Register{"coupled": flag(1), "nesterov": flag(2), "ones": flag(4)}, "w", "v")

	t.function("Adam", "func(n int, w, m, v, grad *float32, scale, decay, keep, beta1, fresh1, beta2, fresh2, step, eps float32, flags int)",
		"is adam for n values. Flag 1: decay is not 0; flag 2: 1-Beta1 >= 0.5; flag 4: EpsInside; flag 8: 1-Beta2 >= 0.5.")
	t.usually(n(), 0, 1, (*updating).adam, t.step("scale", "fresh1", "fresh2", "step", "eps", "keep", "decay", "beta1", "beta2"),
		map[string]bool{"decoupled": true}, map[string]Register{"coupled": flag(1), "short1": flag(2), "inside": flag(4), "short2": flag(8)}, "w", "m", "v")

	var h *step
	// root turns x into sqrt(x) + eps, or sqrt(x + eps).
	root := func(x, inside Register) {
		eps := h.number("eps")
		within, done := label("within"), label("root")
		TESTQ(inside, inside)
		JNZ(LabelRef(within))
		VSQRTPS(x, x)
		VADDPS(eps, x, x)
		JMP(LabelRef(done))
		Label(within)
		VADDPS(eps, x, x)
		VSQRTPS(x, x)
		Label(done)
	}

	t.function("RMSProp", "func(n int, w, v, mean, velocity, grad *float32, scale, decay, rho, fresh, mu, into, out, eps float32, flags int)",
		"is rmsprop for n values; mean and velocity may be nil. Flag 1: decay is not 0; flag 2: eps inside the root.")
	w, grad, decay := Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, inside := Load(Param("v"), GP64()), flag(2)
	mean, velocity := Load(Param("mean"), GP64()), Load(Param("velocity"), GP64())
	h = t.step("scale", "fresh", "rho", "into", "out", "eps", "mu", "decay")
	t.each(n(), 1, func(p place) {
		p.foresee(label("page"), w, v, grad)
		x := p.load(w)
		g := h.decayed(p, grad, x, decay, label("decayed"))
		s, q := p.load(v), t.vec()
		h.times(s, "rho")
		VMULPS(h.number("fresh"), g, q)
		VMULPS(g, q, q)
		VADDPS(q, s, s)
		p.store(s, v)
		plain := label("plain")
		TESTQ(mean, mean)
		JZ(LabelRef(plain))
		p.foresee(label("page"), mean)
		a, d := p.load(mean), t.vec()
		VSUBPS(a, g, d)
		h.times(d, "fresh")
		VADDPS(d, a, a)
		p.store(a, mean)
		VMULPS(a, a, a)
		VSUBPS(a, s, s)
		zero := t.vec()
		t.zero(zero)
		VMAXPS(s, zero, s) // NaN stays
		Label(plain)
		root(s, inside)
		h.times(g, "into")
		VDIVPS(s, g, g)
		still := label("still")
		TESTQ(velocity, velocity)
		JZ(LabelRef(still))
		p.foresee(label("page"), velocity)
		r := p.load(velocity)
		h.times(r, "mu")
		VADDPS(r, g, g)
		p.store(g, velocity)
		Label(still)
		h.times(g, "out")
		VSUBPS(g, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("AdaGrad", "func(n int, w, sum, grad *float32, lr, scale, decay, eps float32, flags int)",
		"is adagrad for n values. Flag 1: decay is not 0; flag 2: eps inside the root.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, inside = Load(Param("sum"), GP64()), flag(2)
	h = t.step("scale", "lr", "eps", "decay")
	t.each(n(), 1, func(p place) {
		p.foresee(label("page"), w, v, grad)
		x := p.load(w)
		g := h.decayed(p, grad, x, decay, label("decayed"))
		s, q := p.load(v), t.vec()
		VMULPS(g, g, q)
		VADDPS(q, s, s)
		p.store(s, v)
		root(s, inside)
		h.times(g, "lr")
		VDIVPS(s, g, g)
		VSUBPS(g, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("Adadelta", "func(n int, w, v, steps, grad *float32, lr, scale, decay, rho, fresh, eps float32, flags int)",
		"is adadelta for n values. Flag 1: decay is not 0.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v = Load(Param("v"), GP64())
	steps := Load(Param("steps"), GP64())
	h = t.step("fresh", "rho", "eps", "scale", "lr", "decay")
	t.each(n(), 1, func(p place) {
		p.foresee(label("page"), w, v, steps, grad)
		x := p.load(w)
		g := h.decayed(p, grad, x, decay, label("decayed"))
		// square is s = rho*s + fresh*g*g.
		square := func(s, g Register) {
			q := t.vec()
			h.times(s, "rho")
			VMULPS(h.number("fresh"), g, q)
			VMULPS(g, q, q)
			VADDPS(q, s, s)
		}
		e := p.load(v)
		square(e, g)
		p.store(e, v)
		eps := h.number("eps")
		VADDPS(eps, e, e)
		VSQRTPS(e, e)
		s, d := p.load(steps), t.vec()
		VADDPS(eps, s, d)
		VSQRTPS(d, d)
		VDIVPS(e, d, d)
		VMULPS(g, d, d)
		square(s, d)
		p.store(s, steps)
		h.times(d, "lr")
		VSUBPS(d, x, x)
		p.store(x, w)
	})
	t.end()

	t.function("AMSGrad", "func(n int, w, m, v, largest, grad *float32, scale, decay, fresh1, beta2, fresh2, step, fall, eps float32, flags int)",
		"is amsgrad for n values. Flag 1: decay is not 0.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	m, v := Load(Param("m"), GP64()), Load(Param("v"), GP64())
	largest := Load(Param("largest"), GP64())
	h = t.step("scale", "beta2", "fresh2", "fresh1", "step", "eps", "fall", "decay")
	t.each(n(), 1, func(p place) {
		p.foresee(label("page"), w, m, v, largest, grad)
		x := p.load(w)
		g := h.decayed(p, grad, x, decay, label("decayed"))
		m1, d := p.load(m), t.vec()
		VSUBPS(m1, g, d)
		h.times(d, "fresh1")
		VADDPS(d, m1, m1)
		p.store(m1, m)
		v1, q := p.load(v), t.vec()
		h.times(v1, "beta2")
		VMULPS(h.number("fresh2"), g, q)
		VMULPS(g, q, q)
		VADDPS(q, v1, v1)
		p.store(v1, v)
		most, was := t.vec(), p.load(largest)
		VMAXPS(v1, was, most) // v1 where either is NaN
		t.where(unordered, was, was, most, was)
		p.store(most, largest)
		VSQRTPS(most, most)
		VDIVPS(h.number("fall"), most, most)
		VADDPS(h.number("eps"), most, most)
		h.times(m1, "step")
		VDIVPS(most, m1, m1)
		VSUBPS(m1, x, x)
		p.store(x, w)
	})
	t.end()
}
