package engine

import (
	"fmt"

	"github.com/descent-go/descent/internal/kernel"
)

// What an operation is: its description (Op), its code (Body) and what the code sees and promises (Step, Traits). Ours and a user's are
// written against these types alone.

// Op is an operation as a description: a plain value with exported fields, its attributes, that says what it does to types and which code
// runs it. A user's operation implements this interface like ours do, in one file.
type Op interface {
	// Type is the type of the result, or an error that says which shapes would be accepted.
	Type(in []Type) (Type, error)
	// Code chooses the code for inputs of these types. The choice may depend on nothing else than in and c.
	Code(in []Type, c Conditions) Code
}

// Conditions are what code is chosen for. They have no clock and no thread count: the choice is the same everywhere.
type Conditions struct {
	Rows     int    // the largest batch
	Kernels  string // the kernel set
	Training bool   // false: no backward pass will run
}

// Code is an operation's body in each precision that it offers. A nil field means that it does not run there.
type Code struct {
	F32 Body[float32]
	// BF16 takes the place of F32 in plans of precision bfloat16, where an operation has products: they are of numbers rounded to bfloat16, with
	// float32 sums. Nil: F32 runs there too.
	BF16 Body[float32]
	F64  Body[float64]
}

// Body is an operation as code. Forks of a plan run one Body at the same time, so it does not change once [Op].Code has made it; what it
// keeps between forward and backward lies in Step.
type Body[T Float] interface {
	// Forward computes s.Out from s.In.
	Forward(s *Step[T])
	// Backward adds to s.GradIn[j], for every j where it is not nil, the gradient of the loss by s.In[j]; s.GradOut is that by s.Out.
	Backward(s *Step[T])
}

// Step is what a body sees of one step of one node. Slices hold exactly the elements of this step: Rows rows, or one row where the value
// is Fixed.
type Step[T Float] struct {
	Rows int  // rows of this piece
	Row  int  // where this piece starts in the step's whole batch; with it a row's random numbers don't depend on how a batch is cut
	Mode Mode // what the pass is for
	Rand Rand // of this node in this step

	In     [][]T // inputs
	GradIn [][]T // gradients by the inputs; nil where not wanted
	Out    []T
	// GradOut is the gradient by Out. The body is its last reader and may overwrite it.
	GradOut []T
	// First[j] is set where GradIn[j] holds nothing yet: with Traits.First the body overwrites it there.
	First   []bool
	Saved   [][]T // from Forward to Backward, as Traits.Saved asks
	Packed  []T   // what Pack filled
	Scratch []T   // undefined at the start of each pass

	// Late: this backward pass leaves out the gradient that a [Later] can form late. Update is what it is for then.
	Late   bool
	Update *kernel.Update[T]

	exec  *node[T]
	local []T // of a rowwise operation's pieces
}

// Piece is part of an operation's work. It must be a named type, and the value passed to Each a pointer: a func literal would allocate at
// every step.
type Piece[T Float] interface {
	// Do does piece i. Local is scratch of this worker, Traits.Local elements, undefined at the start.
	Do(s *Step[T], i int, local []T)
}

// Each does pieces 0 to n-1 on the pool and returns when all are done. Cut work by its size, never by the number of threads, and combine
// partial results in an order that does not depend on who was first. Within a tile of a rowwise operation the pieces run one after the
// other, as they do in a Step that a test has made itself (where local is nil). A piece must not call Each.
func (s *Step[T]) Each(n int, p Piece[T]) {
	if s.exec == nil {
		for i := range n {
			p.Do(s, i, s.local)
		}
		return
	}
	s.exec.each(s, n, p)
}

// Alone reports whether all pieces of Each run on the caller. What need not be cut for the sake of its bits may then be left whole.
func (s *Step[T]) Alone() bool { return s.exec == nil || s.exec.prog.pool.Threads() == 1 }

// Traiter is optionally implemented by a Body to say what the engine may do for it and what memory it needs.
type Traiter interface{ Traits() Traits }

// Traits are a body's promises and wants. The zero value is always right, only slower.
type Traits struct {
	// Rowwise: every row of the result depends on the same row of the inputs and on Fixed inputs only. The engine cuts rows into tiles that
	// run side by side and sums the gradients of Fixed inputs over the tiles in a fixed tree.
	Rowwise bool
	// First: Backward overwrites GradIn[j] where Step.First[j]. Otherwise the engine clears it before and Backward adds.
	First bool
	// BatchStatistics: the rows of a batch influence each other, so that a batch cut in two does not equal the whole.
	BatchStatistics bool
	// ForgetsIn and ForgetsOut: Backward does not read s.In or s.Out, so that their memory is free earlier. They bind RowNorms as well.
	ForgetsIn, ForgetsOut bool
	// Saved are values from Forward to Backward; those without Fixed have rows.
	Saved []Type
	// LatePacks: [Later.LateDo] with an update leaves Step.Packed as Pack would from the new weights. Packed then depends on that parameter alone.
	LatePacks bool
	// Packed, Scratch and Local are numbers of elements; Local is a worker's.
	Packed, Scratch, Local int
}

// Packer is optionally implemented by a Body that keeps a rearranged copy of its Fixed inputs: the engine calls Pack to fill s.Packed
// before Forward when the weights have changed since ([Weights].Changed), when running statistics among what the inputs come from have
// learned, or when Mode.Batch is another for the first time since. Forks on the same weights share the copy, so it may depend on nothing
// else.
type Packer[T Float] interface{ Pack(s *Step[T]) }

// RowNorms is optionally implemented by a Body with parameters that can tell the squared norm of each row's own gradient without storing
// it: it adds to sq[r] for each row. It runs in watched passes, before Backward; s is as Backward will find it, GradIn[j] is nil where the
// gradient is not wanted, which counts for nothing. A parameter that several operations read is counted
// at each as if it were apart, and a Fixed input that is computed from parameters as if it were one.
type RowNorms[T Float] interface {
	RowNorms(s *Step[T], sq []float64)
}

// Later is optionally implemented by a Body that can form the gradient of one parameter after the rest of the backward pass and use it up in
// an optimizer's update at once, block by block ([Plan.BackwardLate]). It is for layers of this module: the update is its kernels'.
type Later[T Float] interface {
	// Late is the input whose gradient can come late, -1 for none. In a pass where it does, Step.Late is set and its GradIn nil in Backward.
	Late() int
	// LateParts lists what the gradient is formed from: it is sums of as many products of their elements as s has rows.
	LateParts(s *Step[T]) [2][]T
	// LatePieces is the number of pieces in which the gradient is formed; they are cut like those of [Step.Each].
	LatePieces(s *Step[T]) int
	// LateDo forms piece i of the gradient for s.Update or, if that is nil, in GradIn as Backward does. It finds In and, as Backward has left
	// them, GradOut, Packed and Scratch; nothing else.
	LateDo(s *Step[T], i int)
}

// Absorber is optionally implemented by an Op that can do the work of the operation that alone reads its result. Slot is the input of next
// that the result feeds. The operation returned has its own inputs first, then next's without slot, and next's result.
type Absorber interface {
	Absorb(next Op, slot int) (Op, bool)
}

// Mode is what a pass is for.
type Mode uint8

const (
	Train     Mode = iota // random masks, batch statistics, running statistics learn
	Again                 // the same step's rows and masks once more: running statistics do not learn twice
	Calibrate             // batch statistics, running statistics learn, no masks: after weights were averaged
	Evaluate              // no masks, running statistics are used
)

// Random reports whether operations such as dropout draw.
func (m Mode) Random() bool { return m == Train || m == Again }

// Batch reports whether statistics of the batch are used in place of running ones.
func (m Mode) Batch() bool { return m != Evaluate }

// Learns reports whether running statistics are updated.
func (m Mode) Learns() bool { return m == Train || m == Calibrate }

// String is the mode's name.
func (m Mode) String() string {
	names := [...]string{"train", "again", "calibrate", "evaluate"}
	if int(m) < len(names) {
		return names[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}
