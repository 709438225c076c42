package optim

// The seam for what stands around a step: averages of weights, a second gradient elsewhere (SAM), slow and fast weights, guards. A wrapper
// sees the parameters as one vector and never their precision, so it is written once and saves nothing itself.

import "github.com/descent-go/descent/engine"

// Moment is what a step knows.
type Moment struct {
	Progress Progress
	// Sum is of the batch whose gradient lies in the weights. The gradient is divided by Sum.Weight, so a loss that is to be summed, not
	// averaged, comes with weight 1. A batch without weight changes nothing.
	Sum engine.Sum
	// Again computes the gradient of the same rows once more, with the same masks, at the weights as they are now (engine.Again). Nil
	// where there is no second gradient to be had.
	Again func() (engine.Sum, error)
	// Watch asks for the readings of this step.
	Watch bool
}

// Next is a step, or what is left of it inside a wrapper.
type Next func(*Moment) error

// Wrapper puts something around the steps of an optimizer. Wrap is called once, when the optimizer is bound, and takes what memory it
// needs from s then; what it returns runs every step and calls next, usually once. With an error it must leave the weights where a step
// has left them, or where they were.
type Wrapper interface{ Wrap(s Space, next Next) Next }

// Follower is optionally implemented by a wrapper that only looks at where a step has led: its step calls next once and first, and neither
// reads nor writes the gradient, nor writes the weights, nor asks for another gradient. Only such wrappers leave it to the backward pass to do the update
// while it forms the gradient.
type Follower interface{ Follows() bool }

// Vec names a vector as long as all parameters together.
type Vec int

// Space is the vectors of one optimizer. Frozen parameters are no part of them. Every sum has one order, whatever the threads.
type Space interface {
	// Weights and Gradient are the live vectors; the gradient is that of the sum over the batch.
	Weights() Vec
	Gradient() Vec
	// New is a vector of zeros that is saved and restored, under a name that is unique within the wrapper. Scratch is one that is not.
	New(name string) Vec
	Scratch() Vec
	// Number is a number, zero at first, that is saved and restored.
	Number(name string) *float64
	// EvaluateAt says at which vector the network is best evaluated (EMA, SWA, Lookahead): Stepper.Average copies it out. It is
	// remembered, through a stop too, until it is called again; EvaluateAt(Weights()) takes it back.
	EvaluateAt(Vec)
	// Dot is the sum of x[i]*y[i], in float64.
	Dot(x, y Vec) float64
	// Axpy is y[i] += a*x[i].
	Axpy(a float64, x, y Vec)
	// Mix is y[i] = keep*y[i] + (1-keep)*x[i].
	Mix(keep float64, x, y Vec)
	// Copy is dst[i] = src[i].
	Copy(dst, src Vec)
	// Map is dst[i] = f(x[i], y[i]) for any pure f; dst may be x or y. It is slower than the others.
	Map(dst Vec, f func(a, b float64) float64, x, y Vec)
}
