package main

// Several vectors at once, their instructions in turn. A function of a number is one long chain of instructions that wait for one another; a
// processor looks some 64 waiting instructions ahead, which is one or two vectors' worth when the code of a vector stands in one piece, and twice
// as many when what can run at the same time stands side by side. The bits of a vector are the same either way.

import (
	"iter"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// abreast writes body for count vectors; at each turn that the code of one takes, that of the next goes on. body
// may itself write chains abreast.
func (t *target) abreast(count int, body func(v int)) {
	type step = struct{}
	yields := make([]func(step) bool, count)
	var vectors []func() (step, bool)
	for v := range count {
		next, stop := iter.Pull(func(yield func(step) bool) {
			yields[v] = yield
			body(v)
		})
		defer stop()
		vectors = append(vectors, next)
	}
	outer := t.next
	for going := true; going; {
		going = false
		for v, next := range vectors {
			t.next = func() { yields[v](step{}) }
			_, more := next()
			going = going || more
		}
		if outer != nil {
			outer()
		}
	}
	t.next = outer
}

// turn lets the next of the vectors abreast go on.
func (t *target) turn() {
	if t.next != nil {
		t.next()
	}
}

// A quick form of a loop's body is for several vectors abreast, all of whose lanes are within a bound.
type quick struct {
	vectors int
	bound   float32 // of the sizes of a's numbers, or, if it is negative, of those below 0, the least; 0 for none
	from    float32 // with a bound: a's numbers are positive ones from here on
	body    func(c *loopCode, x Register, p place)
	past    bool // little enough is computed for stores past the caches to pay
}

// run writes the quick form for the vectors at a place, and a jump for when one of their numbers is not within the bound, or NaN.
func (q *quick) run(c *loopCode, at Register, other string) {
	t := c.t
	x, places := make([]Register, q.vectors), make([]place, q.vectors)
	for v := range x {
		places[v] = place{t: t, at: at, disp: v * t.bytes()}
		x[v] = places[v].load(c.a)
	}
	if q.bound != 0 {
		q.check(t, x, other)
	}
	t.abreast(q.vectors, func(v int) { q.body(c, x[v], places[v]) })
}

// check jumps if a number is not within the bound. The bits of floats of one sign are in the order of their sizes, and those of negative ones are
// the larger whole numbers.
func (q *quick) check(t *target, x []Register, other string) {
	var most Register
	for _, v := range x {
		a := v
		switch {
		case q.from > 0:
			a = t.vec()
			VPSUBD(number(q.from), v, a)
		case q.bound > 0:
			a = t.absolute(v)
		}
		if most == nil {
			most = a
			continue
		}
		r := t.vec()
		VPMAXUD(most, a, r)
		most = r
	}
	any, bound := GP32(), bits(math.Float32bits(q.bound)-math.Float32bits(q.from))
	if t.wide() {
		k := K()
		VPCMPUD(U8(greaterInteger), bound, most, k)
		KMOVW(k, any)
		TESTL(any, any)
	} else {
		r := t.vec()
		VPMAXUD(bound, most, r)
		VPCMPEQD(bound, r, r)
		VMOVMSKPS(r, any)
		CMPL(any, U8(0xff))
	}
	JNE(LabelRef(other))
}

// greaterInteger is the comparison of whole numbers.
const greaterInteger = 6
