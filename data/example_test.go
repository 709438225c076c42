package data_test

import (
	"fmt"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// From a name to batches: open, split, fit the scaling on the training part, read.
func Example() {
	fail := func(err error) bool {
		if err != nil {
			fmt.Println(err)
		}
		return err != nil
	}
	digits, err := data.Open("digits", data.Options{})
	if fail(err) {
		return
	}
	parts, err := data.Split{}.Rows(digits, 1)
	if fail(err) {
		return
	}
	table := digits.(data.Table)
	pipeline, err := data.Fit(table, parts.Train, prep.Options{})
	if fail(err) {
		return
	}
	scaled, err := data.Prepared(table, pipeline)
	if fail(err) {
		return
	}
	loader, err := data.NewLoader(scaled, parts.Train, data.LoaderOptions{Batch: 128, Seed: 1})
	if fail(err) {
		return
	}
	batch := []engine.Tensor{
		{Name: prep.X, Shape: engine.Shape{128, 8, 8}, F32: make([]float32, 128*64)},
		{Name: prep.Y, Shape: engine.Shape{128, 1}, F32: make([]float32, 128)},
	}
	rows, _, err := loader.Batch(0, 0, batch)
	if fail(err) {
		return
	}
	fmt.Println(digits.Len(), "rows,", loader.Steps(), "steps an epoch, first batch of", rows)
	// Output: 1797 rows, 11 steps an epoch, first batch of 128
}
