package main

// Kernels over the rows of a matrix, all rows in one call: with few columns the calls would take longer than the work. A row whose vectors fit
// into two registers stays in them; longer ones go through memory three times, which is the first cache.

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// clear makes the lanes zero that a mask leaves out.
func (p place) clear(r Register) {
	switch {
	case p.mask == nil:
	case p.t.wide():
		VMOVAPS_Z(r, p.mask.r, r)
	default:
		VANDPS(p.mask.r, r, r)
	}
}

// doubles are the lanes of r as float64, in two registers.
func (t *target) doubles(r Register) (low, high Register) {
	v := r.(VecVirtual)
	low, high = t.vec(), t.vec()
	if t.wide() {
		h := YMM()
		VEXTRACTF64X4(U8(1), v, h)
		VCVTPS2PD(v.AsY(), low)
		VCVTPS2PD(h, high)
	} else {
		h := XMM()
		t.upper(v, h)
		VCVTPS2PD(v.AsX(), low)
		VCVTPS2PD(h, high)
	}
	return low, high
}

// doubles loads a vector as float64, in two registers.
func (p place) doubles(slice Register) (low, high Register) {
	t := p.t
	if p.mask != nil {
		return t.doubles(p.load(slice))
	}
	low, high = t.vec(), t.vec()
	from := p.address(slice)
	VCVTPS2PD(from, low)
	from.Disp += t.bytes() / 2
	VCVTPS2PD(from, high)
	return low, high
}

// upper is the upper half of a register of 256 bits.
func (t *target) upper(from, to Op) {
	if t.wide() {
		VEXTRACTF32X4(U8(1), from, to) // VEXTRACTF128 knows 16 registers
	} else {
		VEXTRACTF128(U8(1), from, to)
	}
}

// total is the sum of all lanes of float64, in the first.
func (t *target) total(sum Register) Register {
	s := sum.(VecVirtual)
	if t.wide() {
		h := YMM()
		VEXTRACTF64X4(U8(1), s, h)
		VADDPD(h, s.AsY(), s.AsY())
	}
	h := XMM()
	t.upper(s.AsY(), h)
	VADDPD(h, s.AsX(), s.AsX())
	VPERMILPD(U8(1), s.AsX(), h)
	VADDSD(h, s.AsX(), s.AsX())
	return s.AsX()
}

// spread is a float64 as float32 in all lanes.
func (t *target) spread(x Register) Register {
	s, r := XMM(), t.vec()
	VCVTSD2SS(x, x, s)
	VBROADCASTSS(s, r)
	return r
}

// doubles is a float64 four times in memory.
func doubles(x float64) Mem {
	name := "d" + hex(uint32(math.Float64bits(x)>>32)) + hex(uint32(math.Float64bits(x)))
	m, ok := pieceTables[name]
	if !ok {
		m = GLOBL(name, attr.RODATA|attr.NOPTR)
		for i := range 4 {
			DATA(8*i, U64(math.Float64bits(x))) // F64 writes a whole number as an integer
		}
		pieceTables[name] = m
	}
	return m
}

// logOfTotal is log(total) in all lanes, for 1 <= total, infinite or NaN: the exponent comes from total as a float32, 1+f from the float64, so
// that a total near 1 keeps its digits.
func (ns *numbers) logOfTotal(total Register) Register {
	t := ns.t
	s, k, scale := XMM(), XMM(), XMM()
	VCVTSD2SS(total, total, s)
	bitsOf := XMM()
	VMOVUPS(bits(threeQuarters), bitsOf)
	VPSUBD(bitsOf, s, k)
	VPSRAD(U8(23), k, k)
	// 2^-k
	VXORPS(scale, scale, scale)
	VPSUBD(k, scale, scale)
	VPMOVSXDQ(scale, scale)
	VPSLLQ(U8(52), scale, scale)
	one := XMM()
	VMOVSD(doubles(1), one)
	VPADDQ(one, scale, scale)
	VMULSD(total, scale, scale)
	VSUBSD(one, scale, scale)
	VCVTDQ2PS(k, k)
	f, kv := t.spread(scale), t.vec()
	VBROADCASTSS(k, kv)
	return ns.logOf(kv, f)
}

// A softmaxKind is what is done with a row.
type softmaxKind int

const (
	probabilities softmaxKind = iota // stores exp(x-h)/total
	crossEntropy                     // that, and the loss of a class
	logarithms                       // stores (x-h) - log(total)
)

func (t *target) rowKernels() {
	t.softmaxRows("Softmax", "is softmax.", probabilities)
	t.softmaxRows("CrossEntropy", "is softmax, and loss[r] = -log of the result at column class[r].", crossEntropy)
	t.softmaxRows("LogSoftmax", "is the logarithm of softmax.", logarithms)
	t.crossEntropyBack()
	t.expTotal()
	t.softmaxBack()
	t.layerNorm()
	t.layerNormBack()
}

// softmaxAbreast is how many vectors of a row stand abreast, as the registers allow.
func (t *target) softmaxAbreast() int {
	if t.wide() {
		return 4
	}
	return 3
}

func (t *target) softmaxRows(name, does string, kind softmaxKind) {
	t.function(name, "func(rows, cols int, dst *float32, ldd int, x *float32, ldx int, loss, class *float32)", does, "At least one row and column.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	var loss, class Register
	if kind == crossEntropy {
		loss, class = Load(Param("loss"), GP64()), Load(Param("class"), GP64())
	}
	SHLQ(U8(2), ldd)
	SHLQ(U8(2), ldx)
	held := 10
	if !t.wide() {
		held = 1 // the rows of a block want the others
	}
	ns := t.numbers(held, decayLow).holdDecay()
	tail := GP64()
	MOVQ(cols, tail)
	DECQ(tail)
	ANDQ(U8(t.lanes-1), tail)
	INCQ(tail) // 1 to lanes
	part := t.mask(tail, nil)

	// begin stores how far the logit of the class is below the greatest, before dst, which may be x, is written.
	begin := func(top Register) {
		if kind == crossEntropy {
			at, logit := GP64(), XMM()
			VCVTTSS2SIQ(Mem{Base: class}, at)
			VMOVSS(Mem{Base: x, Index: at, Scale: 4}, logit)
			VSUBSS(logit, top.(VecVirtual).AsX(), logit)
			VMOVSS(logit, Mem{Base: loss})
		}
	}
	// finish gives what a row is multiplied by, or diminished by.
	finish := func(sum Register) Register {
		total := t.total(sum)
		if kind != probabilities {
			l := ns.logOfTotal(total)
			if kind == logarithms {
				return l
			}
			s := XMM()
			VADDSS(Mem{Base: loss}, l.(VecVirtual).AsX(), s)
			VMOVSS(s, Mem{Base: loss})
			ADDQ(U8(4), class)
			ADDQ(U8(4), loss)
		}
		q := XMM()
		VMOVSD(doubles(1), q)
		VDIVSD(total, q, q)
		return t.spread(q)
	}
	next := func(label string) {
		ADDQ(ldd, dst)
		ADDQ(ldx, x)
		DECQ(rows)
		JNZ(LabelRef(label))
		t.end()
	}
	addUp := func(sum, e Register) {
		low, high := t.doubles(e)
		VADDPD(high, low, low)
		VADDPD(low, sum, sum)
	}
	broadcastMax := func(most Register) Register {
		top := t.vec()
		VBROADCASTSS(t.across(most, VMAXPS), top)
		return top
	}

	b := &block{t: t, ns: ns, kind: kind, n: rows, dst: dst, ldd: ldd, x: x, ldx: ldx, loss: loss, class: class, part: &part}
	b.begin()
	for width := 1; width <= 2; width++ {
		wide := map[int]string{1: "wider", 2: "long"}[width]
		label := map[int]string{1: "narrow", 2: "double"}[width]
		CMPQ(cols, U8(width*t.lanes))
		JG(LabelRef(wide))
		b.rows(width, label)
		Label(label)
		most := t.vec()
		VMOVUPS(bits(minusInfinity), most)
		var values []Register
		var places []place
		for v := range width {
			p := place{t: t, disp: v * t.bytes()}
			if v == width-1 {
				p.mask = &part
			}
			r := t.vec()
			VMOVUPS(bits(minusInfinity), r)
			if p.mask == nil {
				VMOVUPS(p.address(x), r)
			} else if t.wide() {
				VMOVUPS(p.address(x), part.r, r)
			} else {
				loaded := p.load(x)
				VBLENDVPS(part.r, loaded, r, r)
			}
			VMAXPS(r, most, most)
			values, places = append(values, r), append(places, p)
		}
		top := broadcastMax(most)
		begin(top)
		sum := t.vec()
		t.zero(sum)
		for v, r := range values {
			VSUBPS(top, r, r)
			places[v].clear(r) // from minus infinity
			e := r
			if kind == logarithms {
				e = t.vec()
				VMOVAPS(r, e)
			}
			ns.decay(e)
			places[v].clear(e)
			addUp(sum, e)
		}
		q := finish(sum)
		for v, r := range values {
			if kind == logarithms {
				VSUBPS(q, r, r)
			} else {
				VMULPS(q, r, r)
			}
			places[v].store(r, dst)
		}
		next(label)
		Label(wide)
	}

	Label("row")
	n := GP64()
	var most [4]Register
	for i := range most {
		most[i] = t.vec()
		VMOVUPS(bits(minusInfinity), most[i])
	}
	MOVQ(cols, n)
	t.eachGroup("max", n, len(most), &part, func(group []place) {
		for i, p := range group {
			t.greatest(p, x, most[i])
		}
	})
	VMAXPS(most[1], most[0], most[0])
	VMAXPS(most[3], most[2], most[2])
	VMAXPS(most[2], most[0], most[0])
	top := broadcastMax(most[0])
	begin(top)
	sum := t.vec()
	t.zero(sum)
	MOVQ(cols, n)
	t.eachGroup("exp", n, t.softmaxAbreast(), &part, func(group []place) {
		sums := make([]Register, len(group))
		t.abreast(len(group), func(i int) {
			p := group[i]
			p.after(ldx).prefetch(x)
			v := p.load(x)
			VSUBPS(top, v, v)
			t.turn()
			if kind == logarithms {
				e := t.vec()
				VMOVAPS(v, e)
				p.store(v, dst)
				v = e
			}
			ns.decay(v)
			if kind != logarithms {
				p.store(v, dst)
			}
			p.clear(v)
			sums[i] = v
		})
		// In float32 first: turning all of them into float64 costs more than half of what exp does.
		for len(sums) > 1 {
			half := (len(sums) + 1) / 2
			for i, s := range sums[half:] {
				VADDPS(s, sums[i], sums[i])
			}
			sums = sums[:half]
		}
		addUp(sum, sums[0])
	})
	q := finish(sum)
	MOVQ(cols, n)
	t.eachOf("scale", n, 4, &part, func(p place) {
		v := p.load(dst)
		if kind == logarithms {
			VSUBPS(q, v, v)
		} else {
			VMULPS(q, v, v)
		}
		p.store(v, dst)
	})
	next("row")
}

// crossEntropyBack multiplies each row by a number of its own, after 1 is subtracted at its class.
func (t *target) crossEntropyBack() {
	t.function("CrossEntropyBack", "func(rows, cols int, dx *float32, lddx int, p *float32, ldp int, class, d *float32, add int)",
		"is crossEntropyBack for at least one row and column.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	dx, lddx := Load(Param("dx"), GP64()), Load(Param("lddx"), GP64())
	p, ldp := Load(Param("p"), GP64()), Load(Param("ldp"), GP64())
	class, d, add := Load(Param("class"), GP64()), Load(Param("d"), GP64()), Load(Param("add"), GP64())
	SHLQ(U8(2), lddx)
	SHLQ(U8(2), ldp)
	part, _, _ := t.rowEnd(cols)

	Label("row")
	by, own, was := t.vec(), XMM(), XMM()
	VBROADCASTSS(Mem{Base: d}, by)
	at, n := GP64(), GP64()
	VCVTTSS2SIQ(Mem{Base: class}, at)
	VMOVSS(Mem{Base: p, Index: at, Scale: 4}, own)
	minus := XMM()
	VMOVUPS(bits(math.Float32bits(1)), minus)
	VSUBSS(minus, own, own)
	VMULSS(by.(VecVirtual).AsX(), own, own)
	MOVQ(cols, n)
	TESTQ(add, add)
	JNZ(LabelRef("sum"))
	t.eachOf("set", n, 2, part, func(at place) {
		r := at.load(p)
		VMULPS(by, r, r)
		at.store(r, dx)
	})
	JMP(LabelRef("own"))
	Label("sum")
	VMOVSS(Mem{Base: dx, Index: at, Scale: 4}, was)
	t.eachOf("add", n, 2, part, func(at place) {
		r, s := at.load(p), at.load(dx)
		VMULPS(by, r, r)
		VADDPS(r, s, s)
		at.store(s, dx)
	})
	VADDSS(own, was, own)
	Label("own")
	VMOVSS(own, Mem{Base: dx, Index: at, Scale: 4})
	ADDQ(lddx, dx)
	ADDQ(ldp, p)
	ADDQ(U8(4), class)
	ADDQ(U8(4), d)
	DECQ(rows)
	JNZ(LabelRef("row"))
	t.end()
}

func (t *target) expTotal() {
	t.function("ExpTotal", "func(n int, x *float32, top float32) float64", "returns the sum of exp(x[i]-top) over n values, each at most top.")
	n, x := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	ns := t.numbers(16, decayLow).holdDecay()
	top, sum := t.broadcast(argument("top")), t.vec()
	t.zero(sum)
	t.each(n, 1, func(p place) {
		v := p.load(x)
		VSUBPS(top, v, v)
		ns.decay(v)
		p.clear(v)
		low, high := t.doubles(v)
		VADDPD(high, low, low)
		VADDPD(low, sum, sum)
	})
	t.result64(t.total(sum))
}

// softmaxBack computes in float64, as the portable kernel does.
func (t *target) softmaxBack() {
	for _, add := range []bool{false, true} {
		name, does := "SoftmaxBack", "is dst[i] = float32(float64(a[i])*(float64(b[i])-mean)) for n values."
		if add {
			name, does = "SoftmaxBackAdd", "is dst[i] += float32(float64(a[i])*(float64(b[i])-mean)) for n values."
		}
		t.function(name, "func(n int, dst, a, b *float32, mean float64, past int)", does)
		c := &loopCode{t: t, n: Load(Param("n"), GP64()), dst: Load(Param("dst"), GP64()), a: Load(Param("a"), GP64()), b: Load(Param("b"), GP64())}
		mean, bytes := t.vec(), GP64()
		VBROADCASTSD(argument("mean"), mean)
		MOVQ(c.n, bytes)
		SHLQ(U8(2), bytes)
		t.nearAndPast(c, !add, func(p place) {
			if !t.past {
				p.after(bytes).prefetch(c.dst)
			}
			r := t.vec()
			y0, y1 := p.doubles(c.a)
			d0, d1 := p.doubles(c.b)
			for _, v := range [][2]Register{{y0, d0}, {y1, d1}} {
				VSUBPD(mean, v[1], v[1])
				VMULPD(v[1], v[0], v[0])
			}
			t.singles(y0, y1, r)
			if add {
				VADDPS(p.load(c.dst), r, r)
			}
			p.store(r, c.dst)
		}, func(name string, body func(p place)) { t.eachOf(name, c.n, 2, nil, body) })
	}
	for _, add := range []bool{false, true} {
		name, does := "LogSoftmaxBack", "dst[i] ="
		if add {
			name, does = "LogSoftmaxBackAdd", "dst[i] +="
		}
		var ns *numbers
		var s Register
		t.loop(name, does+" b[i] - exp(a[i])*s", 1, func(c *loopCode) {
			ns = t.numbers(18, 1, expLow, expHigh).holdExp()
			s = t.broadcast(argument("s"))
		}, func(c *loopCode, p place) {
			e, d := p.load(c.a), p.load(c.b)
			ns.exp(e, true)
			VFNMADD231PS(s, e, d)
			if add {
				VADDPS(p.load(c.dst), d, d)
			}
			p.store(d, c.dst)
		})
	}
}
