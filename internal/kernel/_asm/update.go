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

// decayed is g = scale*grad, plus decay*w unless decay is 0. Without a flag it is known to be 0.
func (s *step) decayed(p place, grad, w, flag Register, label string) Register {
	g := p.load(grad)
	s.times(g, "scale")
	if flag == nil {
		return g
	}
	TESTQ(flag, flag)
	JZ(LabelRef(label))
	r := s.t.vec()
	VMULPS(s.number("decay"), w, r)
	VADDPS(r, g, g)
	Label(label)
	return g
}

// usually writes two loops over n values: one for the flags that most trainings have, where body asks for no flag, and one that does.
func (t *target) usually(n Register, flags int, unroll int, body func(p place, usual bool)) {
	is := Load(Param("flags"), GP64())
	CMPQ(is, U8(flags))
	JNE(LabelRef("otherwise"))
	t.eachOf("usual", n, unroll, nil, func(p place) { body(p, true) })
	t.end()
	Label("otherwise")
	t.eachOf("other", n, 1, nil, func(p place) { body(p, false) })
	t.end()
}

// unless is the flag, nil in the usual loop.
func unless(usual bool, flag Register) Register {
	if usual {
		return nil
	}
	return flag
}

const page = 4096

// foresee asks, once a page, for the first line of a page of each slice far ahead. The processor foresees a stream only to the end of its page:
// each page's first line, and where its memory lies, it must otherwise wait for, which took a quarter of an update from the third cache or
// memory. 16 pages are what the next call goes through; at 2 or 4 the line came too late, and more lines than one were no better. It may
// ask beyond the end of a slice: that reads nothing.
func (p place) foresee(label string, slices ...Register) {
	if p.mask != nil || p.disp != 0 {
		return
	}
	TESTQ(U32(page-1), p.at)
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
	w, grad, decay := Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	h := t.step("scale", "lr", "decay")
	t.usually(n(), 0, 4, func(p place, usual bool) {
		p.foresee(label("page"), w, grad)
		x := p.load(w)
		g := h.decayed(p, grad, x, unless(usual, decay), label("decayed"))
		h.times(g, "lr")
		VSUBPS(g, x, x)
		p.store(x, w)
	})

	t.function("Momentum", "func(n int, w, v, grad *float32, scale, decay, mu, into, fresh, out float32, flags int)",
		"is momentum for n values. Flag 1: decay is not 0; flag 2: Nesterov's form; flag 4: into and fresh are 1.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, nesterov, ones := Load(Param("v"), GP64()), flag(2), flag(4)
	h = t.step("scale", "mu", "out", "into", "fresh", "decay")
	t.usually(n(), 4, 4, func(p place, usual bool) {
		p.foresee(label("page"), w, v, grad)
		x := p.load(w)
		g := h.decayed(p, grad, x, unless(usual, decay), label("decayed"))
		d := p.load(v)
		h.times(d, "mu")
		if usual {
			VADDPS(g, d, d)
			p.store(d, v)
			h.times(d, "out")
			VSUBPS(d, x, x)
			p.store(x, w)
			return
		}
		r := t.vec()
		VMOVAPS(g, r)
		whole := label("whole")
		TESTQ(ones, ones)
		JNZ(LabelRef(whole))
		h.times(r, "fresh")
		h.times(r, "into")
		Label(whole)
		VADDPS(r, d, d)
		p.store(d, v)
		plain := label("plain")
		TESTQ(nesterov, nesterov)
		JZ(LabelRef(plain))
		h.times(g, "into")
		h.times(d, "mu")
		VADDPS(d, g, d)
		Label(plain)
		h.times(d, "out")
		VSUBPS(d, x, x)
		p.store(x, w)
	})

	t.function("Adam", "func(n int, w, m, v, grad *float32, scale, decay, keep, beta1, fresh1, beta2, fresh2, step, rise, correction2, eps float32, flags int)",
		"is adam for n values. Flag 1: decay is not 0; flag 2: 1-Beta1 >= 0.5; flag 4: EpsInside.")
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	m, other, inside := Load(Param("m"), GP64()), flag(2), flag(4)
	v = Load(Param("v"), GP64())
	h = t.step("scale", "beta2", "fresh2", "fresh1", "rise", "step", "eps", "keep", "decay", "beta1", "correction2")
	t.usually(n(), 0, 1, func(p place, usual bool) {
		p.foresee(label("page"), w, m, v, grad)
		x := p.load(w)
		h.times(x, "keep")
		g := h.decayed(p, grad, x, unless(usual, decay), label("decayed"))

		m1, d := p.load(m), t.vec()
		VSUBPS(m1, g, d)
		far, moment := label("far"), label("moment")
		if !usual {
			TESTQ(other, other)
			JNZ(LabelRef(far))
		}
		h.times(d, "fresh1")
		VADDPS(d, m1, m1)
		if !usual {
			JMP(LabelRef(moment))
			Label(far)
			h.times(d, "beta1")
			VSUBPS(d, g, m1)
			Label(moment)
		}
		p.store(m1, m)

		v1, q := p.load(v), t.vec()
		h.times(v1, "beta2")
		VMULPS(h.number("fresh2"), g, q)
		VMULPS(g, q, q)
		VADDPS(q, v1, v1)
		p.store(v1, v)

		eps := h.number("eps")
		within, denominator := label("within"), label("denominator")
		if !usual {
			TESTQ(inside, inside)
			JNZ(LabelRef(within))
		}
		VSQRTPS(v1, v1)
		h.times(v1, "rise")
		VADDPS(eps, v1, v1)
		if !usual {
			JMP(LabelRef(denominator))
			Label(within)
			VDIVPS(h.number("correction2"), v1, v1)
			VADDPS(eps, v1, v1)
			VSQRTPS(v1, v1)
			Label(denominator)
		}
		h.times(m1, "step")
		VDIVPS(v1, m1, m1)
		VSUBPS(m1, x, x)
		p.store(x, w)
	})

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
	w, grad, decay = Load(Param("w"), GP64()), Load(Param("grad"), GP64()), flag(1)
	v, inside = Load(Param("v"), GP64()), flag(2)
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
	m, v = Load(Param("m"), GP64()), Load(Param("v"), GP64())
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
