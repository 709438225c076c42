package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/rng"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// The portable set gives the same bits on every processor and with every version of the compiler. These trainings were run once; their
// losses, weights and the optimizers' states have the checksums below wherever the test runs. A change that is meant to change the bits
// copies the new ones from the failure.

type bitsCase struct {
	name      string
	model     nn.Layer
	loss      nn.Layer
	optimizer string
	numbers   bool // a regression, not the digits
	float32   string
	float64   string
}

var bitsCases = []bitsCase{
	{
		name:  "rectifiers with dropout, plain descent",
		model: nn.MLP{Units: []int{24, 16}, Dropout: 0.2, InputDropout: 0.1}, optimizer: "sgd(0.1)",
		float32: "536af7555bd533d4", float64: "e5359d05d7132cf4",
	},
	{
		name:  "batch normalization, Nesterov's momentum, decay, clipping",
		model: nn.MLP{Units: []int{24, 16}, BatchNorm: true}, optimizer: "nesterov(drop(0.05, steps=20), mu=0.9, decay=0.001, clip_norm=0.5)",
		float32: "4d9709c4fa3f104c", float64: "6faa239235a153be",
	},
	{
		name:      "gelu, layer normalization, AdamW on a cosine, averaged weights",
		model:     nn.Sequence{nn.Dense{Units: 20}, nn.NewLayerNorm(), nn.GELU{}, nn.Dropout{Rate: 0.3}, nn.Dense{Units: 20}, nn.GELU{Tanh: true}, nn.Dense{Units: 10}},
		optimizer: "adamw(warmup(steps=5, then=cosine(0.01)), decay=0.1, wrap=[ema(decay=0.9)])",
		float32:   "3bc310eb5494894c", float64: "518120ce3448cb72",
	},
	{
		name: "sigmoid and tanh, Adam",
		model: nn.Sequence{nn.Dense{Units: 20, Init: nn.Orthogonal{}}, nn.Sigmoid{}, nn.Dense{Units: 20, Init: nn.Glorot{Normal: true}}, nn.Tanh{},
			nn.Dense{Units: 10, Init: nn.TruncatedNormal{SD: 0.1}}},
		optimizer: "adam(0.01)",
		float32:   "1c5491087d1b365d", float64: "ce168294cfb87b54",
	},
	{
		name: "elu, softplus, silu, prelu, RMSProp",
		model: nn.Sequence{nn.Dense{Units: 16}, nn.ELU{Alpha: 1}, nn.Dense{Units: 16}, nn.Softplus{}, nn.Dense{Units: 16}, nn.SiLU{}, nn.Dense{Units: 16}, nn.PReLU{},
			nn.Dense{Units: 10}},
		optimizer: "rmsprop(exponential(0.002, factor=0.97, steps=3), mu=0.5, centered=true)",
		float32:   "7f48a6542d6f9243", float64: "70afc836509774c5",
	},
	{
		name:      "softsign, selu, celu, AMSGrad",
		model:     nn.Sequence{nn.Dense{Units: 16}, nn.Softsign{}, nn.Dense{Units: 16}, nn.SELU{}, nn.Dense{Units: 16}, nn.CELU{Alpha: 0.7}, nn.Dense{Units: 10}},
		optimizer: "amsgrad(0.01)",
		float32:   "aaad1a849972ff25", float64: "633b65e3d9584e3d",
	},
	{
		name:  "Huber's loss of a regression, AdaGrad",
		model: nn.MLP{Units: []int{16, 8}}, loss: nn.Huber{Delta: 0.3}, optimizer: "adagrad(0.05)", numbers: true,
		float32: "ebe43c345b692b9e", float64: "372995519a671837",
	},
	{
		name:  "squares, LARS",
		model: nn.MLP{Units: []int{16, 8}, Activation: nn.Tanh{}}, loss: nn.MeanSquares{}, optimizer: "lars(0.5)", numbers: true,
		float32: "1e71c33ee01fb335", float64: "83859a9ecb64b8c1",
	},
	{
		name:  "hinge, Adadelta",
		model: nn.MLP{Units: []int{16}}, loss: nn.Hinge{Margin: 1}, optimizer: "adadelta(polynomial(1))",
		float32: "01af87301c8b476e", float64: "fbaaba89952558f8",
	},
}

// regression is rows of which the first number decides, and others don't.
func regression() data.Dataset {
	const rows = 200
	r := rng.New(5, "regression")
	x, y := make([][]float32, rows), make([]float32, rows)
	for i := range x {
		x[i] = make([]float32, 5)
		for j := range x[i] {
			x[i][j] = float32(r.Normal(uint64(5*i + j)))
		}
		y[i] = float32(x[i][0]*x[i][0]) - x[i][1]
	}
	return data.Regression(x, y)
}

func TestPortableBits(t *testing.T) {
	for _, c := range bitsCases {
		for _, p := range []struct {
			name      string
			precision Precision
			want      string
		}{{"float32", Float32, c.float32}, {"float64", Float64, c.float64}} {
			t.Run(c.name+"/"+p.name, func(t *testing.T) {
				o, err := optim.Parse(c.optimizer)
				if err != nil {
					t.Fatal(err)
				}
				config := Config{Data: "digits", Model: c.model, Loss: c.loss, Optimizer: o, Batch: 50, Micro: 32, Steps: 40, Seed: 11, Threads: 1,
					Precision: p.precision, Kernels: "portable"}
				if c.numbers {
					config.Data, config.Dataset = "", regression()
				}
				if got := bitsOf(t, config); got != p.want {
					t.Errorf("the checksum is %q, was %q when this was stored", got, p.want)
				}
			})
		}
	}
}

// bitsOf trains and returns a checksum of everything.
func bitsOf(t *testing.T, c Config) string {
	t.Helper()
	s, err := Bind(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var bits []byte
	add := func(x float64) { bits = binary.LittleEndian.AppendUint64(bits, math.Float64bits(x)) }
	addAll := func(tensors []engine.Tensor) {
		for _, x := range tensors {
			for i := range x.Len() {
				add(x.At(i))
			}
		}
	}
	first, last := 0.0, 0.0
	for i := range c.Steps {
		sum, err := s.Step(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		add(sum.Loss)
		if i == 0 {
			first = sum.Loss / sum.Weight
		}
		last = sum.Loss / sum.Weight
	}
	if !(last < first) {
		t.Errorf("loss %v after the first step and %v after the last: nothing was learned", first, last)
	}
	addAll(s.Weights().Keep())
	addAll(s.stepper.Keep())
	scores, err := s.Evaluate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	add(scores["loss"])
	return fmt.Sprintf("%x", sha256.Sum256(bits))[:16]
}
