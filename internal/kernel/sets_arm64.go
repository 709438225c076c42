// The vector set of arm64 processors. All of them have NEON, so it needs no question to
// the processor. Its assembly is written by the program in _neon.

package kernel

import "sync"

//go:generate go run -C _neon . -part products -out ../neon_products_arm64.s -stubs ../neon_products_arm64.go
//go:generate go run -C _neon . -part vectors -out ../neon_vectors_arm64.s -stubs ../neon_vectors_arm64.go

func vectorSets() []set {
	return []set{{
		name: "neon",
		runs: func() bool { return true },
		f32:  neonTable,
		f64:  portable[float64],
		busy: neonLimit, flop: 2 * 24 * 4,
	}}
}

func neonTable() *Table[float32] {
	t, p := portable[float32](), neonPanelsOnce()
	t.GemmNN, t.GemmNT, t.GemmTN = p.gemmNN, p.gemmNT, p.gemmTN
	neonVectors(t)
	return t
}

// The products are made once, so that all tables share their memory for copies.
var neonPanelsOnce = sync.OnceValue(func() *neonPanels { return &neonPanels{} })
