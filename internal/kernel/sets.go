// The list of kernel sets and the choice among them. A set is one entry of the
// list: its name, whether this processor can run it, and its tables, which may
// start from the portable ones and replace what they do better.

package kernel

import (
	"fmt"
	"strings"
)

// A set is one family of kernels.
type set struct {
	name string
	runs func() bool // whether this processor can run it
	f32  func() *Table[float32]
	f64  func() *Table[float64]
	bf16 func() *BFloat16 // nil: the portable ones

	// busy does rounds times flop floating-point operations, independent
	// multiply-adds in registers. Nil where there are no vectors.
	busy func(rounds int)
	flop float64
	// pairs is the same for products of bfloat16; nil, or without busy, where the processor has no instructions for them.
	pairs func() (busy func(rounds int), flop float64)
}

// MultiplyAdds does rounds times some independent multiply-adds of float32
// vectors in registers and nothing else. It returns the number of floating-point
// operations that these were, two a multiply-add. Their rate is the limit that a
// matrix product of the set can reach on this processor at this moment. A set
// without vectors, or one that is unknown, returns 0 at once.
func MultiplyAdds(name string, rounds int) float64 {
	for _, s := range sets() {
		if s.name == name && s.busy != nil && s.runs() && rounds > 0 {
			s.busy(rounds)
			return s.flop * float64(rounds)
		}
	}
	return 0
}

// piece is the most values that one call of assembly gets.
const piece = 1 << 13

// sets lists all sets that this program was built with, best first.
func sets() []set {
	return append(vectorSets(), set{
		name: "portable",
		runs: func() bool { return true },
		f32:  portable[float32],
		f64:  portable[float64],
	})
}

// For returns the kernels of the set of that name; "" means the best that this
// machine can run. The error for a name that is unknown, or that this processor
// can't run, lists those that it can.
func For[T Float](name string) (*Table[T], error) {
	for _, s := range sets() {
		if (name != "" && name != s.name) || !s.runs() {
			continue
		}
		var t *Table[T]
		switch t := any(&t).(type) {
		case **Table[float32]:
			*t = s.f32()
		case **Table[float64]:
			*t = s.f64()
		}
		t.Name = s.name
		return t, nil
	}
	return nil, fmt.Errorf("kernel set %q: this processor runs %s; leave the name empty for the best",
		name, strings.Join(Names(), ", "))
}

// Names returns the names of the sets that this machine can run, best first.
func Names() []string {
	var names []string
	for _, s := range sets() {
		if s.runs() {
			names = append(names, s.name)
		}
	}
	return names
}
