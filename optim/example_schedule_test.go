package optim_test

import (
	"errors"
	"fmt"
	"sync"

	"github.com/descent-go/descent/optim"
)

// Triangle goes up and down between two rates (Smith 2015, arXiv 1506.01186, section 3.1). A schedule is a function of the past and keeps
// nothing, so there is nothing to save.
type Triangle struct {
	Low  float64 `spec:",arg,gt=0" help:"lowest rate"`
	High float64 `spec:",arg,gt=0" help:"highest rate"`
	Half int     `spec:",min=1" help:"steps up, and steps down"`
}

// At is the rate at p.
func (t Triangle) At(p optim.Progress) float64 {
	up := p.Step % (2 * t.Half)
	if up > t.Half {
		up = 2*t.Half - up
	}
	return t.Low + (t.High-t.Low)*float64(up)/float64(t.Half)
}

// Validate says what is wrong with it. It is optional.
func (t Triangle) Validate() error {
	if t.High < t.Low {
		return errors.New("triangle: high must not be below low")
	}
	return nil
}

var registerTriangle = sync.OnceValue(func() error { return optim.Register("triangle", Triangle{Half: 2000}) })

// A schedule of one's own is one method. Registered, it can be named in text and stand inside others.
func Example_ownSchedule() {
	if err := registerTriangle(); err != nil {
		fmt.Println(err)
		return
	}
	o, err := optim.Parse("sgd(lr=warmup(2, triangle(0.1, 0.3, half=2)))")
	fmt.Println(o, err)
	var rates []float64
	for step := range 8 {
		rates = append(rates, o.LR.At(optim.Progress{Step: step, Steps: 100}))
	}
	fmt.Printf("%.2f\n", rates)
	_, err = optim.Parse("sgd(triangle(0.3, 0.1))")
	fmt.Println(err)
	// Output:
	// sgd(warmup(2, triangle(0.1, 0.3, half=2))) <nil>
	// [0.05 0.10 0.10 0.20 0.30 0.20 0.10 0.20]
	// 1:5: lr: triangle: high must not be below low
}
