package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
)

// The room's table of contents: everything that a configuration, a flag or a saved model can name.

var layers = spec.NewRegistry[Layer]("layer",
	spec.Entry{Name: "dense", Prototype: Dense{}, Help: "fully connected: x W' + b", Aliases: []string{"linear"}},
	spec.Entry{Name: "mlp", Prototype: MLP{}, Help: "dense layers with activations, up to as many outputs as the target has"},
	spec.Entry{Name: "relu", Prototype: ReLU{}, Help: "max(x, 0)"},
	spec.Entry{Name: "leaky_relu", Prototype: LeakyReLU{Slope: 0.01}, Help: "x, or slope x where x is negative"},
	spec.Entry{Name: "prelu", Prototype: PReLU{}, Help: "x, or a learned slope times x where x is negative"},
	spec.Entry{Name: "elu", Prototype: ELU{Alpha: 1}, Help: "x, or alpha (exp(x) - 1) where x is negative"},
	spec.Entry{Name: "selu", Prototype: SELU{}, Help: "an elu that keeps mean 0 and variance 1; wants lecun weights"},
	spec.Entry{Name: "celu", Prototype: CELU{Alpha: 1}, Help: "x, or alpha (exp(x / alpha) - 1) where x is negative"},
	spec.Entry{Name: "gelu", Prototype: GELU{}, Help: "x times the normal distribution function of x"},
	spec.Entry{Name: "silu", Prototype: SiLU{}, Help: "x sigmoid(x)", Aliases: []string{"swish"}},
	spec.Entry{Name: "softplus", Prototype: Softplus{}, Help: "log(1 + exp(x))"},
	spec.Entry{Name: "sigmoid", Prototype: Sigmoid{}, Help: "1 / (1 + exp(-x))"},
	spec.Entry{Name: "tanh", Prototype: Tanh{}, Help: "hyperbolic tangent"},
	spec.Entry{Name: "softsign", Prototype: Softsign{}, Help: "x / (1 + |x|)"},
	spec.Entry{Name: "hard_sigmoid", Prototype: HardSigmoid{}, Help: "min(max(x + 3, 0), 6) / 6"},
	spec.Entry{Name: "hard_tanh", Prototype: HardTanh{}, Help: "min(max(x, -1), 1)"},
	spec.Entry{Name: "hard_swish", Prototype: HardSwish{}, Help: "x hard_sigmoid(x)"},
	spec.Entry{Name: "identity", Prototype: Identity{}, Help: "its input"},
	spec.Entry{Name: "softmax", Prototype: Softmax{}, Help: "exp(x) over its sum, a row"},
	spec.Entry{Name: "log_softmax", Prototype: LogSoftmax{}, Help: "logarithm of softmax, a row"},
	spec.Entry{Name: "dropout", Prototype: Dropout{Rate: 0.5}, Help: "sets a random share of its inputs to zero while training"},
	spec.Entry{Name: "batchnorm", Prototype: NewBatchNorm(), Help: "mean 0 and variance 1 over the batch, then scale and shift"},
	spec.Entry{Name: "layernorm", Prototype: NewLayerNorm(), Help: "mean 0 and variance 1 over a row, then scale and shift"},
	spec.Entry{Name: "embedding", Prototype: Embedding{}, Help: "a learned vector for each index"},
	spec.Entry{Name: "scale", Prototype: Scale{Factor: 1}, Help: "a fixed factor on every element"},
	spec.Entry{Name: "reshape", Prototype: Reshape{}, Help: "the same elements in another shape"},
	spec.Entry{Name: "flatten", Prototype: Flatten{}, Help: "a row as one vector"},
	spec.Entry{Name: "add", Prototype: Add{}, Help: "sum of branches, or of its inputs"},
	spec.Entry{Name: "multiply", Prototype: Multiply{}, Help: "product of branches, or of its inputs, by elements"},
	spec.Entry{Name: "concatenate", Prototype: Concatenate{}, Help: "branches, or its inputs, side by side"},
	spec.Entry{Name: "residual", Prototype: Residual{}, Help: "body(x) + x"},
	spec.Entry{Name: "sequence", Prototype: Sequence(nil), Help: "one layer after the other", List: true},
	spec.Entry{Name: "named", Prototype: Named{}, Help: "a layer under a name, for get and for measuring"},
	spec.Entry{Name: "shared", Prototype: Shared{}, Help: "a layer whose parameters are shared by name"},
	spec.Entry{Name: "class_weight", Prototype: ClassWeight{}, Help: "how much a row counts by its class"},
	spec.Entry{Name: "get", Prototype: Get(""), Help: "an input or the result of a named layer"},
)

var losses = spec.NewRegistry[Layer]("loss",
	spec.Entry{Name: "cross_entropy", Prototype: CrossEntropy{}, Help: "softmax cross-entropy of logits and a class, or a distribution"},
	spec.Entry{Name: "binary_cross_entropy", Prototype: BinaryCrossEntropy{}, Help: "logistic cross-entropy of logits and yes-or-no targets"},
	spec.Entry{Name: "hinge", Prototype: Hinge{Margin: 1}, Help: "how far other classes come closer to the true one than a margin"},
	spec.Entry{Name: "half_squares", Prototype: HalfSquares{}, Help: "half the sum of squared differences, as in the survey"},
	spec.Entry{Name: "mean_squares", Prototype: MeanSquares{}, Help: "mean of squared differences", Aliases: []string{"mse"}},
	spec.Entry{Name: "mean_absolute", Prototype: MeanAbsolute{}, Help: "mean of absolute differences", Aliases: []string{"mae"}},
	spec.Entry{Name: "huber", Prototype: Huber{Delta: 1}, Help: "half squares of small differences, linear in larger ones"},
)

var initializers = spec.NewRegistry[engine.Init]("initializer",
	spec.Entry{Name: "glorot", Prototype: Glorot{}, Help: "variance 2 / (inputs + outputs)", Aliases: []string{"xavier"}},
	spec.Entry{Name: "he", Prototype: He{}, Help: "variance 2 / inputs (or outputs), for rectifiers", Aliases: []string{"kaiming"}},
	spec.Entry{Name: "lecun", Prototype: LeCun{}, Help: "variance 1 / inputs (or outputs)"},
	spec.Entry{Name: "uniform", Prototype: Uniform{Low: -0.05, High: 0.05}, Help: "uniform between low and high"},
	spec.Entry{Name: "normal", Prototype: Normal{SD: 0.05}, Help: "normal with mean and sd"},
	spec.Entry{Name: "truncated_normal", Prototype: TruncatedNormal{SD: 0.05}, Help: "normal without what is beyond two sd"},
	spec.Entry{Name: "orthogonal", Prototype: Orthogonal{}, Help: "orthonormal rows or columns"},
	spec.Entry{Name: "sparse", Prototype: Sparse{Nonzero: 15, SD: 1}, Help: "normal weights from a few inputs of each unit, 0 from the others"},
	spec.Entry{Name: "constant", Prototype: Constant(0), Help: "one value", Number: true},
)

// Lists are the registries of layers, losses and initializers, for those who read and write descriptions.
func Lists() []*spec.Registry { return []*spec.Registry{layers, losses, initializers} }

// Register gives a user's layer or initializer a name, so that files can name it. The prototype holds the defaults; its exported fields
// are the keys. A name that is taken and a prototype that is neither are errors. Register losses with [RegisterLoss].
func Register(name string, prototype any) error {
	switch prototype.(type) {
	case Layer:
		return layers.Register(spec.Entry{Name: name, Prototype: prototype})
	case engine.Init:
		return initializers.Register(spec.Entry{Name: name, Prototype: prototype})
	}
	return fmt.Errorf("registering %q: %T is neither a layer (Build) nor an initializer (Fill)", name, prototype)
}

// RegisterLoss gives a user's loss a name, so that files can name it.
func RegisterLoss(name string, prototype Layer) error {
	return losses.Register(spec.Entry{Name: name, Prototype: prototype})
}
