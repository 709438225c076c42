#!/usr/bin/env python3
"""Writes torch.json and optax.json: where PyTorch's and Optax's optimizers go in float64 under fixed gradients. See README.md."""

import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 12


def problem():
    """Two parameters and their gradients; the size of each element stays, its value changes. Zeros come first, in between and always."""
    r = random.Random(1)
    sizes = [1, 1, 1e15, 1e-15, 1e-3, 1e3, 0, 1, 1e8]
    weights = {"weight": [r.gauss(0, 1) for _ in range(9)], "bias": [r.gauss(0, 1) for _ in range(3)]}
    gradients = []
    for t in range(STEPS):
        g = [s * r.uniform(-2, 2) for s in sizes]
        if t < 2:
            g[0] = 0.0  # begins late
        if 4 <= t < 9:
            g[7] = 0.0  # pauses
        gradients.append({"weight": g, "bias": [r.uniform(-1, 1), 0.0, 1e6 * r.uniform(-1, 1)]})
    weights["weight"][5] = 0.0
    return weights, gradients


def rates(t):
    return 0.05 if t < 6 else 0.005  # a drop, which tells forms of momentum apart


def torch_cases():
    import torch

    torch.set_default_dtype(torch.float64)
    o = torch.optim
    return "PyTorch " + torch.__version__, {
        "sgd": lambda p: o.SGD(p, lr=1),
        "sgd(decay=0.01, decay_all=true)": lambda p: o.SGD(p, lr=1, weight_decay=0.01),
        "momentum": lambda p: o.SGD(p, lr=1, momentum=0.9),
        "momentum(dampening=0.3, decay=0.01, decay_all=true)": lambda p: o.SGD(p, lr=1, momentum=0.9, dampening=0.3, weight_decay=0.01),
        "momentum(nesterov=true, mu=0.8)": lambda p: o.SGD(p, lr=1, momentum=0.8, nesterov=True),
        "nesterov": lambda p: o.SGD(p, lr=1, momentum=0.9, nesterov=True),
        "nesterov(decay=0.01, decay_all=true)": lambda p: o.SGD(p, lr=1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "adagrad": lambda p: o.Adagrad(p, lr=1),
        "adagrad(initial=0.1, epsilon=1e-7, decay=0.01, decay_all=true)": lambda p: o.Adagrad(
            p, lr=1, initial_accumulator_value=0.1, eps=1e-7, weight_decay=0.01
        ),
        "adadelta(rho=0.9)": lambda p: o.Adadelta(p, lr=1),
        "adadelta(decay=0.01, decay_all=true)": lambda p: o.Adadelta(p, lr=1, rho=0.95, weight_decay=0.01),
        "rmsprop(rho=0.99)": lambda p: o.RMSprop(p, lr=1),
        "rmsprop(decay=0.01, decay_all=true)": lambda p: o.RMSprop(p, lr=1, alpha=0.9, weight_decay=0.01),
        "rmsprop(rho=0.99, centered=true)": lambda p: o.RMSprop(p, lr=1, centered=True),
        "rmsprop(rho=0.99, mu=0.9)": lambda p: o.RMSprop(p, lr=1, momentum=0.9),
        "rmsprop(rho=0.95, mu=0.9, centered=true, epsilon=1e-4)": lambda p: o.RMSprop(
            p, lr=1, alpha=0.95, momentum=0.9, centered=True, eps=1e-4
        ),
        "adam": lambda p: o.Adam(p, lr=1),
        "adam(beta1=0.4, beta2=0.9, epsilon=1e-3, decay=0.01, decay_all=true)": lambda p: o.Adam(
            p, lr=1, betas=(0.4, 0.9), eps=1e-3, weight_decay=0.01
        ),
        "adamw(decay_all=true)": lambda p: o.AdamW(p, lr=1),
        "amsgrad": lambda p: o.Adam(p, lr=1, amsgrad=True),
        "amsgrad(beta2=0.5, decay=0.01, decay_all=true)": lambda p: o.Adam(p, lr=1, betas=(0.9, 0.5), amsgrad=True, weight_decay=0.01),
        "amsgrad(beta2=0.5, decay=0.01, coupled=false, decay_all=true)": lambda p: o.AdamW(
            p, lr=1, betas=(0.9, 0.5), amsgrad=True, weight_decay=0.01
        ),
    }


def torch_run(make, weights, gradients):
    import torch

    p = {k: torch.tensor(v, requires_grad=True) for k, v in weights.items()}
    o = make(list(p.values()))
    out = []
    for t, g in enumerate(gradients):
        for group in o.param_groups:
            group["lr"] = rates(t)
        for k, v in g.items():
            p[k].grad = torch.tensor(v)
        o.step()
        out.append({k: v.tolist() for k, v in p.items()})
    return out


def optax_cases():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import optax

    def lr(t):
        return jnp.where(t < 6, rates(0), rates(6))

    matrices = {"weight": True, "bias": False}
    return "Optax " + optax.__version__, {
        "lars(joint=true)": optax.lars(lr, weight_decay=5e-4, weight_decay_mask=matrices, trust_ratio_mask=matrices),
        "lars(joint=true, trust_all=true, trust=0.02, mu=0.8, decay=0.01, decay_all=true)": optax.lars(
            lr, weight_decay=0.01, trust_coefficient=0.02, momentum=0.8
        ),
        "momentum(mu=0.8)": optax.sgd(lr, momentum=0.8),
        "nesterov": optax.sgd(lr, momentum=0.9, nesterov=True),
        "adagrad(inside=true, initial=0.1, epsilon=1e-7)": optax.adagrad(lr),
        "adadelta(rho=0.9)": optax.adadelta(lr, rho=0.9),
        "rmsprop(survey=true)": optax.rmsprop(lr),
        "rmsprop(survey=true, initial=1, mu=0.9, folded=true)": optax.rmsprop(lr, initial_scale=1.0, momentum=0.9),
        "rmsprop(survey=true, centered=true, epsilon=1e-4, rho=0.95, mu=0.9, folded=true)": optax.rmsprop(
            lr, decay=0.95, eps=1e-4, momentum=0.9, centered=True
        ),
        "adam(survey=true)": optax.adam(lr, eps=0, eps_root=1e-8),
        "adamw(decay_all=true, decay=1e-4)": optax.adamw(lr),
        "amsgrad(paper=true)": optax.amsgrad(lr, bias_correction_mu=False, bias_correction_nu=False),
    }


def optax_run(o, weights, gradients):
    import jax.numpy as jnp
    import optax

    p = {k: jnp.array(v, jnp.float64) for k, v in weights.items()}
    state = o.init(p)
    out = []
    for g in gradients:
        step, state = o.update({k: jnp.array(v, jnp.float64) for k, v in g.items()}, state, p)
        p = optax.apply_updates(p, step)
        out.append({k: v.tolist() for k, v in p.items()})
    return out


def main():
    weights, gradients = problem()
    flat = lambda x: x["weight"] + x["bias"]
    for name, cases, run in (("torch", torch_cases, torch_run), ("optax", optax_cases, optax_run)):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        version, list_ = cases()
        doc = {
            "made_with": version,
            "rates": [rates(t) for t in range(STEPS)],
            "start": flat(weights),
            "gradients": [flat(g) for g in gradients],
            "weights": {text: [flat(x) for x in run(case, weights, gradients)] for text, case in list_.items()},
        }
        text = json.dumps(doc, indent=1)
        # one line a list of numbers
        import re

        text = re.sub(r"\[\s+([-0-9.e+, \n]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text)
        with open(os.path.join(HERE, name + ".json"), "w") as f:
            f.write(text + "\n")


main()
