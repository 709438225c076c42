"""Makes the numbers in this folder with PyTorch, in float64, on one thread.

    python make.py            writes layers.json and losses.json beside this script
    python make.py --check    makes them in memory and compares byte for byte

A case is the text of a layer or loss as a configuration would name it, its inputs and parameters, the
output that PyTorch computes, and the gradients of sum(upstream * output) by all of them.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).resolve().parent
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)

# numpy's frozen generator; four decimals, so that every reader has the same numbers.
rng = None


def normal(*shape, scale=1.0):
    return np.round(rng.standard_normal(shape) * scale, 4)


def probabilities(rows, k):
    """Rows of positive numbers that are binary fractions and sum to one exactly."""
    counts = np.array([rng.multinomial(60, np.ones(k) / k) + 1 for _ in range(rows)])
    counts[:, 0] += 64 - counts.sum(axis=1)
    return counts / 64


def array(v):
    v = np.asarray(v)
    return {"shape": list(v.shape), "values": [float(x) for x in v.reshape(-1)]}


def case(text, function, inputs, parameters=None, below=None):
    """Inputs: a list of arrays; those of whole numbers have no gradient. Parameters: by path."""
    parameters = parameters or {}
    x = [torch.tensor(v, requires_grad=v.dtype.kind == "f") for v in inputs]
    p = {name: torch.tensor(v, requires_grad=True) for name, v in parameters.items()}
    y = function(*x, **p)
    upstream = normal(*y.shape)
    (torch.tensor(upstream) * y).sum().backward()
    gradient = lambda t: None if t.grad is None else t.grad.reshape(-1).tolist()
    return {
        "text": text,
        "below": below or 0,
        "inputs": [array(v) for v in inputs],
        "parameters": {name: array(v) for name, v in parameters.items()},
        "upstream": array(upstream),
        "output": array(y.detach().numpy()),
        "input_gradients": [gradient(t) for t in x],
        "parameter_gradients": {name: gradient(t) for name, t in p.items()},
    }


def points():
    """Both ends, the middle, corners at 0 and 1 and what is between."""
    special = [0, 1e-8, -1e-8, 1, -1, 5.5, -5.5, 12, -12, 30, -30, 100, -100, 700, -700]
    return np.concatenate([special, normal(15, scale=2.5)]).reshape(5, 6)


def negative(x):
    """x where it is not positive: an overflow on the other side would make the gradient NaN."""
    return torch.where(x > 0, torch.zeros_like(x), x)


def layers():
    x = points()
    pictures = normal(4, 3, 2, 2)
    functions = {
        "leaky_relu": F.leaky_relu,
        "leaky_relu(0.2)": lambda x: F.leaky_relu(x, 0.2),
        "elu": F.elu,
        "elu(0.6)": lambda x: F.elu(x, 0.6),
        "selu": F.selu,
        "gelu": F.gelu,
        "gelu(tanh=true)": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "softsign": F.softsign,
        "hard_tanh": F.hardtanh,
        "hard_swish": F.hardswish,
        "identity": lambda x: x * 1,
        "scale(-1.5)": lambda x: x * -1.5,
        "reshape(3, -1)": lambda x: x.reshape(-1, 3, 2),
        # PyTorch's kernels of these round constants to float32 or cut the function off: the formula instead.
        "celu": lambda x: torch.where(x > 0, x, torch.expm1(negative(x))),
        "celu(1.7)": lambda x: torch.where(x > 0, x, 1.7 * torch.expm1(negative(x) / 1.7)),
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "hard_sigmoid": lambda x: torch.clamp(x + 3, 0, 6) / 6,
    }
    cases = [case(text, f, [x]) for text, f in functions.items()]
    cases += [
        case("log_softmax", lambda x: F.log_softmax(x, dim=1), [x]),
        case("prelu", lambda x, slope: F.prelu(x, slope), [pictures], {"slope": normal(3)}),
        case("prelu(single=true)", lambda x, slope: F.prelu(x, slope), [pictures], {"slope": normal(1)}),
        case("layernorm", lambda x, scale, shift: F.layer_norm(x, x.shape[1:], scale, shift, 1e-5),
             [pictures], {"scale": normal(3, 2, 2), "shift": normal(3, 2, 2)}),
        case("layernorm(last=true, epsilon=1e-3)", lambda x, scale, shift: F.layer_norm(x, x.shape[-1:], scale, shift, 1e-3),
             [normal(4, 3, 5)], {"scale": normal(5), "shift": normal(5)}),
        case("embedding(3)", lambda x, weight: F.embedding(x, weight), [rng.randint(0, 5, (6, 2))], {"weight": normal(5, 3)}, below=5),
    ]
    return cases


def losses():
    x = normal(6, 4, scale=2)
    x[1] *= 100
    x[2] = [3, 3, -1, 3]
    d = normal(6, 4, scale=2)
    d[0, 1] = x[0, 1]
    c = rng.randint(0, 4, 6)
    t = probabilities(6, 4)
    weights = np.array([0.5, 2.0, 1.0, 0.25])
    weighed = "[" + ", ".join(str(w) for w in weights) + "]"
    w = torch.tensor(weights)
    cross = lambda **options: lambda x, t: F.cross_entropy(x, t, reduction="none", **options)
    binary = lambda **options: lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none", **options).mean(dim=1)
    yes = rng.randint(0, 2, (6, 1))
    onehot = lambda f: lambda x, t: f(x, F.one_hot(t, 4).to(torch.float64)).mean(dim=1)
    return [
        case("mean_squares", lambda x, d: F.mse_loss(x, d, reduction="none").mean(dim=1), [x, d]),
        case("mean_absolute", lambda x, d: F.l1_loss(x, d, reduction="none").mean(dim=1), [x, d]),
        case("huber", lambda x, d: F.huber_loss(x, d, reduction="none").mean(dim=1), [x, d]),
        case("huber(2.5)", lambda x, d: F.huber_loss(x, d, reduction="none", delta=2.5).mean(dim=1), [x, d]),
        case("huber", onehot(lambda x, d: F.huber_loss(x, d, reduction="none")), [x, c], below=4),
        case("hinge", lambda x, c: F.multi_margin_loss(x, c, reduction="none"), [x, c], below=4),
        case("hinge(0.4)", lambda x, c: F.multi_margin_loss(x, c, margin=0.4, reduction="none"), [x, c], below=4),
        case("binary_cross_entropy", binary(), [x, t]),
        case("binary_cross_entropy(positive_weight=3)", binary(pos_weight=torch.tensor(3.0)), [x, t]),
        case("binary_cross_entropy(positive_weight=3)",
             lambda x, d: binary(pos_weight=torch.tensor(3.0))(x, d.to(torch.float64)), [x[:, :1], yes], below=2),
        case("cross_entropy", cross(), [x, c], below=4),
        case("cross_entropy(label_smoothing=0.1)", cross(label_smoothing=0.1), [x, c], below=4),
        case(f"cross_entropy(class_weights={weighed})", cross(weight=w), [x, c], below=4),
        case(f"cross_entropy(label_smoothing=0.3, class_weights={weighed})", cross(weight=w, label_smoothing=0.3), [x, c], below=4),
        case("cross_entropy", cross(), [x, t]),
        case(f"cross_entropy(label_smoothing=0.3, class_weights={weighed})", cross(weight=w, label_smoothing=0.3), [x, t]),
    ]


def main():
    global rng
    ok = True
    for name, make in {"layers": layers, "losses": losses}.items():
        rng = np.random.RandomState(7)
        text = json.dumps({"torch": torch.__version__.split("+")[0], "cases": make()}, indent=None, separators=(",", ":"))
        text = text.replace('{"text"', '\n{"text"') + "\n"
        path = FOLDER / (name + ".json")
        if "--check" in sys.argv:
            same = path.read_text() == text
            ok = ok and same
            print(path.name, "same" if same else "DIFFERS")
        else:
            path.write_text(text)
    sys.exit(0 if ok else 1)


main()
