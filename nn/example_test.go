package nn_test

import (
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/engine/enginetest"
)

// An operation of a user's own runs through the suite that ours run through: derivatives against differences, threads, float32 and the rest.
func TestSnake(t *testing.T) {
	within := func(j, i int, r engine.Rand) float64 { return 2*r.At(j, i) - 1 }
	enginetest.Run(t, enginetest.Case{Name: "snake", Op: Snake{Rate: 0.8}, In: []engine.Type{{Shape: engine.Shape{5}}}, Value: within})
}
