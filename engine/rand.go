package engine

import "github.com/descent-go/descent/internal/rng"

// Rand is a source of random numbers for one operation in one step, or for one parameter's initial values. A number is a function of seed,
// path, step, row and position: the same whichever worker asks, in whatever order, before or after a resume. Copies give the same
// numbers.
type Rand struct{ source rng.Source }

// NewRand returns the source of a seed and a purpose, for tests of operations and initializers.
func NewRand(seed uint64, purpose string) Rand { return Rand{rng.New(seed, purpose)} }

// At is number i of a row, uniform in [0, 1). Row is the row's place in the step's whole batch ([Step].Row plus the row within the piece).
func (r Rand) At(row, i int) float64 { return r.source.At(uint64(row)).Uniform(uint64(i)) }

// Bits is the same number as 64 uniform bits.
func (r Rand) Bits(row, i int) uint64 { return r.source.At(uint64(row)).Bits(uint64(i)) }

// Normal is number i of a row, standard normal.
func (r Rand) Normal(row, i int) float64 { return r.source.At(uint64(row)).Normal(uint64(i)) }

// Row fixes the row, for loops over many positions of it: Row(row).Bits(i) equals Bits(row, i).
func (r Rand) Row(row int) RowRand { return RowRand{r.source.At(uint64(row))} }

// RowRand is a [Rand] with its row fixed.
type RowRand struct{ source rng.Source }

// Bits is number i as 64 uniform bits.
func (r RowRand) Bits(i int) uint64 { return r.source.Bits(uint64(i)) }

// At is number i, uniform in [0, 1).
func (r RowRand) At(i int) float64 { return r.source.Uniform(uint64(i)) }

// Normal is number i, standard normal.
func (r RowRand) Normal(i int) float64 { return r.source.Normal(uint64(i)) }
