package optim_test

import (
	"fmt"

	"github.com/descent-go/descent/optim"
)

// An optimizer is a value: constructors give defaults, fields are changed, and text says the same.
func Example() {
	o := optim.NewAdamW(1e-3)
	o.LR = optim.Warmup{Steps: 500, Then: optim.Cosine{LR: 1e-3}}
	o.Clip.Norm = 1
	fmt.Println(o)

	same, err := optim.Parse("adamw(lr=warmup(500, cosine(1e-3)), clip_norm=1)")
	fmt.Println(same, err)

	_, err = optim.Parse("adamw(lr=-1, bta1=0.8)")
	fmt.Println(err)
	// Output:
	// adamw(warmup(500, cosine(0.001)), clip_norm=1)
	// adamw(warmup(500, cosine(0.001)), clip_norm=1) <nil>
	// 1:10: lr: learning rate -1: a positive finite number is wanted
	// 1:14: unknown key "bta1"; did you mean "beta1"? adamw has the keys: lr, beta1, beta2, epsilon, decay, coupled, decay_all, clip_norm, clip_value, groups, wrap
}
