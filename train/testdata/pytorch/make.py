"""Makes the numbers in this folder with PyTorch, in float64, on one thread.

    python make.py            writes one JSON file a case beside this script
    python make.py --check    repeats every case in memory, compares it byte for byte with its file,
                              and computes every case again without PyTorch

Go tests train the same networks from the same initial weights on the same rows and compare every
parameter after every step. README.md describes the form of the files.

The script has four parts: the rows and initial weights, the networks and optimizers in PyTorch, the
cases, and the second implementation in numpy, which shares with the first the data and nothing else:
its gradients come from complex steps through the forward formulas (Squire and Trapp, "Using complex
variables to estimate derivatives of real functions", SIAM Review 40, 1998), its rules from the papers.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).resolve().parent
STEPS = 10

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)

# ---------------------------------------------------------------- rows and initial weights
#
# RandomState is numpy's frozen generator: the same numbers in every version. Four decimals keep the
# files short and make every value the same number in any reader.


def normal(rng, *shape, scale=1.0, shift=0.0):
    return np.round(rng.standard_normal(shape) * scale + shift, 4)


def dense(rng, path, inputs, outputs):
    """Weight [out, in] of standard deviation sqrt(2/in), and a bias that is not zero, so that it is tested."""
    return [
        (path + "/weight", "weight", normal(rng, outputs, inputs, scale=math.sqrt(2 / inputs))),
        (path + "/bias", "bias", normal(rng, outputs, scale=0.1)),
    ]


def batchnorm(rng, path, width):
    return [
        (path + "/scale", "norm", normal(rng, width, scale=0.2, shift=1.0)),
        (path + "/shift", "norm", normal(rng, width, scale=0.2)),
    ]


def cut(sizes):
    """Batches as row ranges, one a step."""
    out, row = [], 0
    for n in sizes:
        out.append({"row": row, "rows": n})
        row += n
    return out


def labels(rng, x, classes):
    """Classes that the inputs explain in part: the largest of random linear scores with noise."""
    score = x @ rng.standard_normal((x.shape[1], classes)) + 0.5 * rng.standard_normal((x.shape[0], classes))
    return np.argmax(score, axis=1)


# ---------------------------------------------------------------- networks in PyTorch


def forward_chain(case, p, states, x, training):
    """The layers of a sequence, by kind. Returns the output of the last one."""
    x = x["x"]
    for path, kind in case["chain"]:
        if kind == "dense":
            x = torch.nn.functional.linear(x, p[path + "/weight"], p[path + "/bias"])
        elif kind == "sigmoid":
            x = torch.sigmoid(x)
        elif kind == "relu":
            # A value beside the corner would make the data depend on the last bit of a sum.
            assert x.detach().abs().min() > 1e-6, "pre-activation at the corner of relu: take another seed"
            x = torch.relu(x)
        elif kind == "batchnorm":
            x = torch.nn.functional.batch_norm(
                x, states[path + "/mean"], states[path + "/variance"], p[path + "/scale"], p[path + "/shift"],
                training=training, momentum=0.1, eps=1e-5)
        else:
            raise ValueError(kind)
    return x


def forward_graph(case, p, states, x, training):
    """The graph of the case named graph-mse-sgd; its nodes are written out in that file."""
    linear = lambda path, v: torch.nn.functional.linear(v, p[path + "/weight"], p[path + "/bias"])
    h = linear("dense1", x["a"])
    k = linear("dense2", x["b"])
    u = torch.tanh(linear("shared", h))
    v = torch.tanh(linear("shared", k))
    c = torch.cat([u + h, u * v, x["b"]], dim=1)
    return torch.softmax(linear("dense3", c), dim=1)


def loss_value(case, y, d):
    kind = case["loss"]
    if kind == "half squares":
        return 0.5 * ((y - d) ** 2).sum()
    if kind == "cross entropy":
        return torch.nn.functional.cross_entropy(y, d)
    if kind == "mean squared error":
        return torch.nn.functional.mse_loss(y, d)
    raise ValueError(kind)


# ---------------------------------------------------------------- optimizers in PyTorch


class Survey:
    """Momentum with the rate inside the velocity: v = mu v + lr g; w -= v. torch.optim has the other form only."""

    def __init__(self, groups, lr, momentum):
        self.param_groups = [dict(g, lr=lr) for g in groups]
        self.momentum = momentum
        self.v = {}

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                v = self.v.setdefault(w, torch.zeros_like(w))
                v.mul_(self.momentum).add_(w.grad, alpha=group["lr"])
                w.sub_(v)


class LARS:
    """Layer-wise adaptive rate scaling, You, Gitman and Ginsburg 2017 (arXiv 1708.03888), algorithm 1.

    For a group with trust coefficient eta: r = eta |w| / (|g| + decay |w|), 1 where |w| or |g| is 0;
    for one without (biases): r = 1. Then v = mu v + lr r (g + decay w); w -= v.
    """

    def __init__(self, groups, lr, momentum):
        self.param_groups = [dict(g, lr=lr) for g in groups]
        self.momentum = momentum
        self.v = {}

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                v = self.v.setdefault(w, torch.zeros_like(w))
                decay, r = group["weight_decay"], 1.0
                if group["trust"] is not None:
                    wn, gn = torch.linalg.vector_norm(w).item(), torch.linalg.vector_norm(w.grad).item()
                    if wn > 0 and gn > 0:
                        r = group["trust"] * wn / (gn + decay * wn)
                v.mul_(self.momentum).add_(w.grad + decay * w, alpha=group["lr"] * r)
                w.sub_(v)


def bind(optimizer, roles, p):
    """The optimizer of a case over the groups that it names, by role."""
    groups = []
    for g in optimizer["groups"]:
        entry = {"params": [p[path] for path in p if roles[path] in g["roles"]], "weight_decay": g["decay"]}
        if "trust" in g:
            entry["trust"] = g["trust"]
        groups.append(entry)
    assert sum(len(g["params"]) for g in groups) == len(p), "a parameter in no group, or in two"
    rule, lr = optimizer["rule"], optimizer["rates"][0]
    if rule == "sgd":
        return torch.optim.SGD(groups, lr=lr, foreach=False)
    if rule == "momentum-field":
        return torch.optim.SGD(groups, lr=lr, momentum=optimizer["momentum"], foreach=False)
    if rule == "nesterov-field":
        return torch.optim.SGD(groups, lr=lr, momentum=optimizer["momentum"], nesterov=True, foreach=False)
    if rule == "momentum-survey":
        return Survey(groups, lr, optimizer["momentum"])
    if rule == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=(optimizer["beta1"], optimizer["beta2"]), eps=optimizer["epsilon"], foreach=False)
    if rule == "adamw":
        return torch.optim.AdamW(groups, lr=lr, betas=(optimizer["beta1"], optimizer["beta2"]), eps=optimizer["epsilon"], foreach=False)
    if rule == "lars":
        return LARS(groups, lr, optimizer["momentum"])
    raise ValueError(rule)


def flat(t):
    return t.detach().reshape(-1).tolist()


def train(case):
    """Ten steps. Loss and gradient are those before the step, parameters and states those after it."""
    p = {path: torch.tensor(v, requires_grad=True) for path, _, v in case["parameters"]}
    roles = {path: role for path, role, _ in case["parameters"]}
    states = {path: torch.tensor(v) for path, v in case["states"]}
    inputs = {name: torch.tensor(v) for name, v in case["inputs"].items()}
    targets = torch.tensor(case["targets"])
    optimizer = bind(case["optimizer"], roles, p)
    clip = case["optimizer"].get("clip")
    forward = forward_graph if case.get("graph") else forward_chain

    steps = []
    for t, batch in enumerate(case["batches"]):
        rows = slice(batch["row"], batch["row"] + batch["rows"])
        for group in optimizer.param_groups:
            group["lr"] = case["optimizer"]["rates"][t]
        for w in p.values():
            w.grad = None
        y = forward(case, p, states, {name: v[rows] for name, v in inputs.items()}, True)
        loss = loss_value(case, y, targets[rows])
        loss.backward()
        step = {"loss": loss.item()}
        if t == 0:
            step["gradients"] = {path: flat(w.grad) for path, w in p.items()}
        if clip:
            if "norm" in clip:
                step["gradient_norm"] = torch.nn.utils.clip_grad_norm_(p.values(), clip["norm"], foreach=False).item()
            else:
                step["clipped"] = sum(int((w.grad.abs() > clip["value"]).sum()) for w in p.values())
                torch.nn.utils.clip_grad_value_(p.values(), clip["value"], foreach=False)
        optimizer.step()
        step["parameters"] = {path: flat(w) for path, w in p.items()}
        step["states"] = {path: flat(s) for path, s in states.items()}
        steps.append(step)

    evaluation = None
    if "evaluation" in case:
        with torch.no_grad():
            y = forward(case, p, states, {name: torch.tensor(v) for name, v in case["evaluation"].items()}, False)
        evaluation = {"inputs": {name: array(v) for name, v in case["evaluation"].items()},
                      "output": {"shape": list(y.shape), "values": flat(y)}}
    return steps, evaluation


def array(v):
    return {"shape": list(v.shape), "values": v.reshape(-1).tolist()}


def network(case):
    """The content of a network's file."""
    steps, evaluation = train(case)
    out = {"case": case["case"], "torch": torch.__version__.split("+")[0], "description": case["description"], "layers": case["layers"]}
    if case.get("graph"):
        out["graph"] = case["graph"]
    out["loss"] = {"kind": case["loss"], "reduction": case["reduction"]}
    out["inputs"] = {name: array(v) for name, v in case["inputs"].items()}
    out["targets"] = array(case["targets"])
    out["batches"] = case["batches"]
    out["parameters"] = [{"path": path, "shape": list(v.shape), "role": role, "values": v.reshape(-1).tolist()}
                         for path, role, v in case["parameters"]]
    out["states"] = [{"path": path, "shape": list(v.shape), "values": v.reshape(-1).tolist()} for path, v in case["states"]]
    out["optimizer"] = case["optimizer"]
    out["steps"] = steps
    if evaluation:
        out["evaluation"] = evaluation
    return out


# ---------------------------------------------------------------- cases: networks

ALL = ["weight", "bias", "norm"]
CONSTANT = lambda lr: [lr] * STEPS
DROP = [0.1] * 5 + [0.02] * 5  # falls before the sixth step: here the two forms of momentum part
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
PLAIN = [{"roles": ALL, "decay": 0.0}]
WEIGHTS_ONLY = lambda decay: [{"roles": ["weight"], "decay": decay}, {"roles": ["bias", "norm"], "decay": 0.0}]


def warm_cosine(peak, warm=3):
    return [peak * (t + 1) / warm if t < warm else peak * 0.5 * (1 + math.cos(math.pi * (t - warm) / (STEPS - warm)))
            for t in range(STEPS)]


def sigmoid_case():
    rng = np.random.RandomState(1)
    x = normal(rng, 7, 5)
    d = np.round(rng.uniform(0, 1, (7, 3)), 4)
    return {
        "case": "sigmoid-halfsquares-sgd",
        "description": "5-4-3 sigmoid network, sigmoid at the output too, full batch of 7 rows at every step, "
                       "loss 1/2 sum over rows and outputs of (y-d)^2 (a sum, no mean), plain gradient descent.",
        "layers": ["dense1: 5 -> 4", "sigmoid1", "dense2: 4 -> 3", "sigmoid2"],
        "chain": [("dense1", "dense"), ("sigmoid1", "sigmoid"), ("dense2", "dense"), ("sigmoid2", "sigmoid")],
        "loss": "half squares", "reduction": "sum over rows and outputs",
        "inputs": {"x": x}, "targets": d, "batches": [{"row": 0, "rows": 7}] * STEPS,
        "parameters": dense(rng, "dense1", 5, 4) + dense(rng, "dense2", 4, 3), "states": [],
        "optimizer": {"rule": "sgd", "formula": "w -= lr g", "rates": CONSTANT(0.5), "groups": PLAIN},
    }


def relu_case(name, about, optimizer, zero=()):
    rng = np.random.RandomState(2)
    sizes = [9] * 9 + [5]
    x = normal(rng, sum(sizes), 6)
    d = labels(rng, x, 4)
    parameters = dense(rng, "dense1", 6, 8) + dense(rng, "dense2", 8, 7) + dense(rng, "dense3", 7, 4)
    parameters = [(path, role, v * 0.0 if path in zero else v) for path, role, v in parameters]
    return {
        "case": "relu-crossentropy-" + name,
        "description": "6-8-7-4 ReLU network, mean cross entropy over the rows of a batch, ten mini-batches of 9 rows, "
                       "the last of 5. " + about,
        "layers": ["dense1: 6 -> 8", "relu1", "dense2: 8 -> 7", "relu2", "dense3: 7 -> 4 (logits)"],
        "chain": [("dense1", "dense"), ("relu1", "relu"), ("dense2", "dense"), ("relu2", "relu"), ("dense3", "dense")],
        "loss": "cross entropy", "reduction": "mean over the rows of the batch",
        "inputs": {"x": x}, "targets": d, "batches": cut(sizes), "parameters": parameters, "states": [],
        "optimizer": optimizer,
    }


def relu_cases():
    yield relu_case("sgd", "Plain SGD.",
                    {"rule": "sgd", "formula": "w -= lr g", "rates": CONSTANT(0.1), "groups": PLAIN})
    yield relu_case("sgd-l2", "SGD with coupled L2 decay on weights only.",
                    {"rule": "sgd", "formula": "w -= lr (g + decay w)", "coupled": True,
                     "rates": CONSTANT(0.1), "groups": WEIGHTS_ONLY(0.01)})
    yield relu_case("momentum-field", "Momentum in the field's form; the rate falls before step 6.",
                    {"rule": "momentum-field", "formula": "v = mu v + g; w -= lr v", "momentum": 0.9, "rates": DROP, "groups": PLAIN})
    yield relu_case("momentum-survey", "Momentum in the survey's form; the rate falls before step 6.",
                    {"rule": "momentum-survey", "formula": "v = mu v + lr g; w -= v", "momentum": 0.9, "rates": DROP, "groups": PLAIN})
    yield relu_case("nesterov-field", "Nesterov momentum in the field's form; the rate falls before step 6.",
                    {"rule": "nesterov-field", "formula": "v = mu v + g; w -= lr (g + mu v)", "momentum": 0.9, "rates": DROP, "groups": PLAIN})
    formula = "m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon)"
    yield relu_case("adam", "Adam.",
                    {"rule": "adam", "formula": formula, **ADAM, "rates": CONSTANT(0.01), "groups": PLAIN})
    yield relu_case("adam-l2", "Adam with coupled L2 decay on weights only.",
                    {"rule": "adam", "formula": "g += decay w; " + formula, "coupled": True, **ADAM,
                     "rates": CONSTANT(0.01), "groups": WEIGHTS_ONLY(0.01)})
    yield relu_case("adamw", "AdamW: decay beside the gradient, times the rate, on weights only.",
                    {"rule": "adamw", "formula": "w -= lr decay w; then " + formula, "coupled": False, **ADAM,
                     "rates": CONSTANT(0.01), "groups": WEIGHTS_ONLY(0.1)})
    lars = {"rule": "lars", "momentum": 0.9, "coupled": True, "rates": [0.2] * 5 + [0.04] * 5,
            "formula": "r = trust |w| / (|g| + decay |w|), 1 where |w| or |g| is 0 and in groups whose trust is null; "
                       "v = mu v + lr r (g + decay w); w -= v",
            "groups": [{"roles": ["weight"], "decay": 0.01, "trust": 0.02}, {"roles": ["bias", "norm"], "decay": 0.0, "trust": None}]}
    yield relu_case("lars", "LARS in the form of the paper (You 2017), the rate inside the velocity; biases without decay and "
                            "trust ratio; the rate falls before step 6. "
                            "PyTorch has no LARS: the rule is written out in the script.", lars)
    yield relu_case("lars-zero-norm", "LARS as in the case lars, but dense3/weight starts at 0: in the first step |w| is 0 "
                                      "there and |g| is 0 in dense1 and dense2, so every trust ratio of that step is 1.",
                    lars, zero=("dense3/weight",))
    yield relu_case("adam-clip-norm", "Adam, gradient clipped by its global norm over all parameters before the rule. "
                                      "gradient_norm is the norm before clipping.",
                    {"rule": "adam", "formula": "g *= min(1, norm / (|g| + 1e-6)); " + formula, **ADAM,
                     "clip": {"norm": 0.5, "epsilon": 1e-6}, "rates": CONSTANT(0.01), "groups": PLAIN})
    yield relu_case("sgd-clip-norm", "SGD, gradient clipped by its global norm, which lies above the limit in some steps and below it "
                                     "in others. gradient_norm is the norm before clipping.",
                    {"rule": "sgd", "formula": "g *= min(1, norm / (|g| + 1e-6)); w -= lr g",
                     "clip": {"norm": 1.0, "epsilon": 1e-6}, "rates": CONSTANT(0.1), "groups": PLAIN})
    yield relu_case("sgd-clip-value", "SGD, every component of the gradient clipped to [-value, value]. "
                                      "clipped counts the components outside.",
                    {"rule": "sgd", "formula": "g = max(-value, min(value, g)); w -= lr g",
                     "clip": {"value": 0.05}, "rates": CONSTANT(0.1), "groups": PLAIN})
    yield relu_case("sgd-cosine", "SGD with a linear warm-up of 3 steps and a cosine to 0, peak 0.3. With t = 0..9: "
                                  "rate = peak*(t+1)/3 for t < 3, then peak*0.5*(1+cos(pi*(t-3)/(10-3))).",
                    {"rule": "sgd", "formula": "w -= lr g", "schedule": {"peak": 0.3, "warmup": 3, "steps": STEPS, "floor": 0.0},
                     "rates": warm_cosine(0.3), "groups": PLAIN})


def batchnorm_case():
    rng = np.random.RandomState(3)
    x = normal(rng, 80, 5, scale=1.5, shift=0.3)
    d = labels(rng, x - 0.3, 3)
    parameters = (dense(rng, "dense1", 5, 8) + batchnorm(rng, "batchnorm1", 8) + dense(rng, "dense2", 8, 6)
                  + batchnorm(rng, "batchnorm2", 6) + dense(rng, "dense3", 6, 3))
    states = []
    for path, width in (("batchnorm1", 8), ("batchnorm2", 6)):
        states += [(path + "/mean", np.zeros(width)), (path + "/variance", np.ones(width))]
    return {
        "case": "batchnorm-crossentropy-momentum",
        "description": "5-8-6-3 ReLU network with batch norm before each ReLU (epsilon 1e-5, momentum 0.1, scale and shift), "
                       "ten mini-batches of 8 rows, mean cross entropy, momentum in the field's form. The batch is normalized by its "
                       "biased variance; running = 0.9 running + 0.1 batch, with the unbiased variance. The gradients of dense1/bias and "
                       "dense2/bias are 0 but for rounding. evaluation: logits for new rows after step 10, by the running statistics.",
        "layers": ["dense1: 5 -> 8", "batchnorm1: 8", "relu1", "dense2: 8 -> 6", "batchnorm2: 6", "relu2", "dense3: 6 -> 3 (logits)"],
        "chain": [("dense1", "dense"), ("batchnorm1", "batchnorm"), ("relu1", "relu"),
                  ("dense2", "dense"), ("batchnorm2", "batchnorm"), ("relu2", "relu"), ("dense3", "dense")],
        "loss": "cross entropy", "reduction": "mean over the rows of the batch",
        "inputs": {"x": x}, "targets": d, "batches": cut([8] * STEPS), "parameters": parameters, "states": states,
        "optimizer": {"rule": "momentum-field", "formula": "v = mu v + g; w -= lr v", "momentum": 0.9,
                      "rates": CONSTANT(0.1), "groups": PLAIN},
        "evaluation": {"x": normal(rng, 8, 5, scale=1.5, shift=0.3)},
    }


def graph_case():
    rng = np.random.RandomState(4)
    sizes = [6] * 9 + [4]
    a, b = normal(rng, sum(sizes), 4), normal(rng, sum(sizes), 3)
    d = np.round(rng.dirichlet([0.5, 0.5, 0.5], sum(sizes)), 4)
    node = lambda name, op, inputs, width: {"name": name, "op": op, "in": inputs, "width": width}
    return {
        "case": "graph-mse-sgd",
        "description": "A directed acyclic graph with two inputs, a dense layer used twice with the same parameters (their gradients add "
                       "up), a residual sum, a product and a concatenation; softmax output, squared error averaged over all elements "
                       "(rows times 3 outputs), ten mini-batches of 6 rows, the last of 4, plain SGD.",
        "layers": ["h = dense1(a): 4 -> 5", "k = dense2(b): 3 -> 5", "u = tanh(shared(h)): 5 -> 5", "v = tanh(shared(k)): 5 -> 5",
                   "c = concatenate(u + h, u * v, b): 5 + 5 + 3 = 13", "y = softmax(dense3(c)): 13 -> 3"],
        "graph": [node("a", "input", [], 4), node("b", "input", [], 3),
                  node("h", "dense1", ["a"], 5), node("k", "dense2", ["b"], 5),
                  node("sh", "shared", ["h"], 5), node("sk", "shared", ["k"], 5),
                  node("u", "tanh", ["sh"], 5), node("v", "tanh", ["sk"], 5),
                  node("r", "add", ["u", "h"], 5), node("m", "multiply", ["u", "v"], 5),
                  node("c", "concatenate", ["r", "m", "b"], 13),
                  node("z", "dense3", ["c"], 3), node("y", "softmax", ["z"], 3)],
        "loss": "mean squared error", "reduction": "mean over rows and outputs",
        "inputs": {"a": a, "b": b}, "targets": d, "batches": cut(sizes),
        "parameters": dense(rng, "dense1", 4, 5) + dense(rng, "dense2", 3, 5) + dense(rng, "shared", 5, 5) + dense(rng, "dense3", 13, 3),
        "states": [],
        "optimizer": {"rule": "sgd", "formula": "w -= lr g", "rates": CONSTANT(0.2), "groups": PLAIN},
    }


def networks():
    yield sigmoid_case()
    yield from relu_cases()
    yield batchnorm_case()
    yield graph_case()


# ---------------------------------------------------------------- cases: activations


def activation_data():
    rng = np.random.RandomState(5)
    x = normal(rng, 5, 10, scale=2)
    # A 0, small values, values where exp saturates, rows with ties, and rows whose largest value leaves nothing for the others.
    x[0, :4] = [0.0, 1e-8, -1e-8, 0.5]
    x[1, :4] = [30.0, -30.0, 29.0, 0.0]
    x[2, :4] = [100.0, -100.0, 99.0, 0.0]
    x[3] = -100.0
    x[4, :4] = [-30.0, 30.0, 30.0, -0.0]
    upstream = normal(rng, 5, 10)
    logits = normal(rng, 6, 4, scale=2)
    logits[1] = [1000.0, -1000.0, 0.0, 999.0]
    logits[2] = [-1000.0, 1000.0, 0.0, 1000.0]
    logits[3] = [-1000.0, -1000.0, -1000.0, -1000.0]
    logits[4] = [1000.0, 1000.0, 1000.0, -1000.0]
    return x, upstream, logits, np.array([2, 1, 1, 3, 0, 0]), normal(rng, 6, shift=1.0, scale=0.3)


def activations():
    """Functions alone: values and gradients at ordinary and at extreme points."""
    x, upstream, logits, classes, weights = activation_data()
    functions = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softmax": lambda v: torch.softmax(v, dim=1)}
    out = {
        "case": "activations", "torch": torch.__version__.split("+")[0],
        "description": "Outputs at x and gradients sum(upstream * output) by x of four functions, softmax by row; then softmax cross "
                       "entropy of logits: the loss of each row, and the gradient by the logits of sum(weight * loss). "
                       "relu has gradient 0 at 0.",
        "inputs": {"x": array(x)}, "upstream": array(upstream), "functions": {},
    }
    for name, f in functions.items():
        v = torch.tensor(x, requires_grad=True)
        y = f(v)
        y.backward(torch.tensor(upstream))
        out["functions"][name] = {"output": flat(y), "gradient": flat(v.grad)}
    v = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(v, torch.tensor(classes), reduction="none")
    loss.backward(torch.tensor(weights))
    out["cross_entropy"] = {"logits": array(logits), "targets": array(classes), "weights": array(weights),
                            "loss": flat(loss), "gradient": flat(v.grad)}
    return out


# ---------------------------------------------------------------- the second implementation, without PyTorch


def numpy_loss(case, p, states, x, d, training=True, learned=None):
    """Forward formulas for real or complex parameters. learned receives new running statistics."""
    where = lambda v: v.real > 0
    softmax = lambda v: (lambda e: e / e.sum(1, keepdims=True))(np.exp(v - v.real.max(1, keepdims=True)))
    affine = lambda path, v: v @ p[path + "/weight"].T + p[path + "/bias"]
    if case.get("graph"):
        h, k = affine("dense1", x["a"]), affine("dense2", x["b"])
        u, v = np.tanh(affine("shared", h)), np.tanh(affine("shared", k))
        y = softmax(affine("dense3", np.concatenate([u + h, u * v, x["b"]], axis=1)))
    else:
        y = x["x"]
        for path, kind in case["chain"]:
            if kind == "dense":
                y = affine(path, y)
            elif kind == "sigmoid":
                y = 1 / (1 + np.exp(-y))
            elif kind == "relu":
                y = np.where(where(y), y, 0)
            elif kind == "batchnorm":
                mean, variance = states[path + "/mean"], states[path + "/variance"]
                if training:
                    n = y.shape[0]
                    mean = y.sum(0) / n
                    squares = ((y - mean) ** 2).sum(0)
                    variance = squares / n
                    if learned is not None:
                        learned[path + "/mean"] = 0.9 * states[path + "/mean"] + 0.1 * mean
                        learned[path + "/variance"] = 0.9 * states[path + "/variance"] + 0.1 * squares / (n - 1)
                y = (y - mean) / np.sqrt(variance + 1e-5) * p[path + "/scale"] + p[path + "/shift"]
    if d is None:
        return y
    if case["loss"] == "half squares":
        return ((y - d) ** 2).sum() / 2
    if case["loss"] == "mean squared error":
        return ((y - d) ** 2).sum() / d.size
    top = y.real.max(1, keepdims=True)
    return (np.log(np.exp(y - top).sum(1)) + top[:, 0] - y[np.arange(len(d)), d]).sum() / len(d)


def complex_gradient(case, p, states, x, d):
    """Derivatives by complex steps: exact to rounding, and no rule of back-propagation in it."""
    h = 1e-30
    out = {}
    for path in p:
        g = np.zeros(p[path].size)
        for i in range(g.size):
            q = dict(p)
            q[path] = p[path].astype(complex)
            q[path].flat[i] += 1j * h
            g[i] = numpy_loss(case, q, states, x, d).imag / h
        out[path] = g.reshape(p[path].shape)
    return out


def numpy_rule(o, group, memory, w, g, lr, t):
    """New weights by the rules as the papers print them; t counts from 1."""
    decay = group["decay"]
    norm = lambda v: math.sqrt(math.fsum((v * v).reshape(-1)))
    if o["rule"] in ("adam", "adamw"):
        if o["rule"] == "adam":
            g = g + decay * w
        b1, b2 = o["beta1"], o["beta2"]
        m = memory.get("m", 0) * b1 + (1 - b1) * g
        v = memory.get("v", 0) * b2 + (1 - b2) * g ** 2
        memory.update(m=m, v=v)
        step = lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + o["epsilon"])
        return w - step - (lr * decay * w if o["rule"] == "adamw" else 0)
    if o["rule"] == "lars":
        ratio = 1.0
        if group["trust"] is not None and norm(w) * norm(g) != 0:
            ratio = group["trust"] * norm(w) / (norm(g) + decay * norm(w))
        memory["v"] = o["momentum"] * memory.get("v", 0) + lr * ratio * (g + decay * w)
        return w - memory["v"]
    g = g + decay * w
    if o["rule"] == "sgd":
        return w - lr * g
    if o["rule"] == "momentum-survey":
        memory["v"] = o["momentum"] * memory.get("v", 0) + lr * g
        return w - memory["v"]
    memory["v"] = o["momentum"] * memory.get("v", 0) + g
    if o["rule"] == "nesterov-field":
        return w - lr * (g + o["momentum"] * memory["v"])
    return w - lr * memory["v"]


def recompute(case, made):
    """The largest difference between the numbers of a file and the second implementation, relative where above 1."""
    worst = 0.0

    def compare(a, b):
        nonlocal worst
        a, b = np.asarray(a).reshape(-1), np.asarray(b).reshape(-1)
        assert a.shape == b.shape
        worst = max(worst, float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)), initial=0)))

    p = {path: v for path, _, v in case["parameters"]}
    roles = {path: role for path, role, _ in case["parameters"]}
    states = dict(case["states"])
    memory = {path: {} for path in p}
    o = case["optimizer"]
    for t, (batch, step) in enumerate(zip(case["batches"], made["steps"], strict=True)):
        rows = slice(batch["row"], batch["row"] + batch["rows"])
        x, d = {name: v[rows] for name, v in case["inputs"].items()}, case["targets"][rows]
        learned = {}
        compare(step["loss"], numpy_loss(case, p, states, x, d, learned=learned))
        gradient = complex_gradient(case, p, states, x, d)
        if t == 0:
            for path in p:
                compare(step["gradients"][path], gradient[path])
        if "norm" in o.get("clip", {}):
            total = math.sqrt(math.fsum(float((g * g).sum()) for g in gradient.values()))
            compare(step["gradient_norm"], total)
            gradient = {path: g * min(1, o["clip"]["norm"] / (total + o["clip"]["epsilon"])) for path, g in gradient.items()}
        if "value" in o.get("clip", {}):
            gradient = {path: np.clip(g, -o["clip"]["value"], o["clip"]["value"]) for path, g in gradient.items()}
        for path in p:
            group, = [g for g in o["groups"] if roles[path] in g["roles"]]
            p[path] = numpy_rule(o, group, memory[path], p[path], gradient[path], o["rates"][t], t + 1)
            compare(step["parameters"][path], p[path])
        states = learned
        for path in states:
            compare(step["states"][path], states[path])
    if "evaluation" in case:
        compare(made["evaluation"]["output"]["values"], numpy_loss(case, p, states, case["evaluation"], None, training=False))
    return worst


def recompute_activations(made):
    x, upstream, logits, classes, weights = activation_data()
    worst = 0.0

    def compare(a, b):
        nonlocal worst
        worst = max(worst, float(np.max(np.abs(np.asarray(a) - np.reshape(b, -1)) / np.maximum(1, np.abs(np.reshape(b, -1))))))

    decay = np.exp(-np.abs(x))
    sigmoid = np.where(x >= 0, 1, decay) / (1 + decay)
    soft = lambda v: np.exp(v - v.max(1, keepdims=True)) / np.exp(v - v.max(1, keepdims=True)).sum(1, keepdims=True)
    s = soft(x)
    expected = {
        "relu": (np.maximum(x, 0), upstream * (x > 0)),
        "sigmoid": (sigmoid, upstream * decay / (1 + decay) ** 2),
        "tanh": (np.sinh(x) / np.cosh(x), upstream / np.cosh(x) ** 2),
        "softmax": (s, s * (upstream - (upstream * s).sum(1, keepdims=True))),
    }
    for name, (y, g) in expected.items():
        compare(made["functions"][name]["output"], y)
        compare(made["functions"][name]["gradient"], g)
    top = logits.max(1)
    # The difference first: log(3) + 1000 - 1000 would lose three digits.
    compare(made["cross_entropy"]["loss"], np.log(np.exp(logits - top[:, None]).sum(1)) + (top - logits[np.arange(6), classes]))
    compare(made["cross_entropy"]["gradient"], weights[:, None] * (soft(logits) - np.eye(4)[classes]))
    return worst


# ---------------------------------------------------------------- files


def text(content):
    """Compact JSON; Python prints the shortest digits that give the same float64 back, at most 17."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n"


def main():
    made = [(case, network(case)) for case in networks()] + [(None, activations())]
    failed = False
    for case, content in made:
        file = FOLDER / (content["case"] + ".json")
        if sys.argv[1:] == ["--check"]:
            same = file.read_bytes() == text(content).encode()
            worst = recompute(case, content) if case else recompute_activations(content)
            failed |= not same or worst > 1e-12
            print(f"{content['case']:42} same bytes: {same}   largest difference from numpy: {worst:.1e}")
        else:
            file.write_bytes(text(content).encode())
            losses = " ".join(f"{s['loss']:.3f}" for s in content.get("steps", []))
            print(f"{file.name:46} {file.stat().st_size:7} bytes   {losses}")
    sys.exit(1 if failed else 0)


main()
