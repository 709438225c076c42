package main

// Functions in pieces: polynomials whose coefficients one permutation picks for all lanes, and loops that get by with them for most numbers.

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A picker computes a function in pieces.
type picker struct {
	t *target
	p pieces
	// What the tables are read from.
	tables []Op
}

// pieceTables are the tables that stand in memory.
var pieceTables = map[string]Mem{}

func (t *target) table(name string, x []float32) Mem {
	m, ok := pieceTables[name]
	if !ok {
		m = GLOBL(name, attr.RODATA|attr.NOPTR)
		for i, v := range x {
			DATA(4*i, U32(math.Float32bits(v))) // F32 writes a whole number as an integer
		}
		pieceTables[name] = m
	}
	return m
}

// picker loads the tables of p; those of the highest powers stay in memory when registers are fewer.
func (t *target) picker(name string, p pieces, registers int) *picker {
	k := &picker{t: t, p: p}
	for i, row := range p {
		m := t.table(name+string(rune('a'+i)), row)
		if t.wide() && i < registers {
			r := t.vec()
			VMOVUPS(m, r)
			k.tables = append(k.tables, r)
		} else {
			k.tables = append(k.tables, m)
		}
	}
	return k
}

// powers is the value at a, whose piece index says, one power at a time.
// rest, if not nil, is what the second coefficients lack, which matters where the first one is 0. It gives, if wanted, what the result lacks too.
func (k *picker) powers(a, index Register, rest Op, wanted bool) (p, lacks Register) {
	pick := func(table Op) Register {
		r := k.t.vec()
		VPERMPS(table, index, r)
		return r
	}
	d := pick(k.tables[0])
	VSUBPS(d, a, d)
	n := len(k.tables) - 1
	p = pick(k.tables[n])
	k.t.turn()
	for n--; n >= 1; n-- {
		c := pick(k.tables[n])
		if n == 1 && rest != nil {
			VFMADD231PS(rest, d, c)
		}
		if n == 1 && wanted {
			r := k.t.vec()
			VMOVAPS(c, r)
			VFMADD231PS(d, p, r)
			k.t.turn()
			VSUBPS(r, c, c)
			VFMADD213PS(c, d, p)
			k.t.turn()
			return r, p
		}
		VFMADD213PS(c, d, p)
		k.t.turn()
	}
	return p, nil
}

// pieces chooses by the registers, which hold sixteen or eight pieces.
func (t *target) pieces(wide, narrow pieces) pieces {
	if t.wide() {
		return wide
	}
	return narrow
}

// A shortcut is T or S from pieces alone up to a bound, which all but few numbers keep. The index of a piece is a polynomial of a, rounded.
type shortcut struct {
	t                    *target
	name                 string
	pieces               pieces
	high, square, linear float32
	pick                 *picker
	ns                   *numbers
}

func (t *target) shortcut(name string, wide, narrow shortcut) *shortcut {
	s := narrow
	if t.wide() {
		s = wide
	}
	s.t, s.name = t, name
	return &s
}

// begin loads the tables, and gives the numbers that stand in registers.
func (s *shortcut) begin() *numbers {
	s.pick = s.t.picker(s.name, s.pieces, 6)
	s.ns = s.t.numbers(2, s.high, shifter)
	if s.t.wide() {
		s.ns.left = 2
		s.ns.hold(s.square, s.linear)
	}
	return s.ns
}

// near is the function at |x|, or at the bound where that is less.
func (s *shortcut) near(x Register) Register {
	t, ns := s.t, s.ns
	a := t.absolute(x)
	VMINPS(a, ns.register(s.high), a)
	t.turn()
	v, index := ns.copy(s.linear), ns.copy(shifter)
	VFMADD231PS(ns.of(s.square), a, v)
	t.turn()
	VFMADD231PS(v, a, index)
	t.turn()
	r, _ := s.pick.powers(a, index, nil, false)
	return r
}

// all is near, but where x is below the bound it is what far gives there.
func (s *shortcut) all(x Register, far func() Register) Register {
	r, f := s.near(x), far()
	s.t.where(lessThan, x, number(-s.high), r, f)
	return r
}

// vectors is how many stand abreast: with AVX2 a step's four cycles are as long as the work of five vectors on it, and no more registers are left.
func (s *shortcut) vectors() int {
	if s.t.wide() {
		return 4
	}
	return 5
}

// loop writes a function of T or S: finish makes the result of x and that, and overwrites both.
func (s *shortcut) loop(name, does string, far func(c *loopCode, x Register) Register, finish func(x, r Register) Register) {
	s.t.loopQuick(name, does, 0, func(c *loopCode) { s.begin() }, &quick{vectors: s.vectors(), bound: -s.high, body: func(c *loopCode, x Register, p place) {
		r := s.near(x)
		p.store(finish(p.load(c.a), r), c.dst) // x loaded anew: registers are few
	}}, func(c *loopCode, p place) {
		x := p.load(c.a)
		r := s.all(x, func() Register { return far(c, x) })
		p.store(finish(x, r), c.dst)
	})
}
