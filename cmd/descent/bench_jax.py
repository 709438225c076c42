"""Trains a dense workload of "descent bench" in JAX and prints one JSON line. It is part of the program and written to a temporary folder.

usage: bench_jax.py WORKLOAD THREADS FORM PRECISION STEPS FOLDER

FORM is step (one compiled call a step) or scan (one compiled call for a fifth of all steps). PRECISION is fp32 or bf16 (operands of products
in bfloat16, weights and sums in float32). FOLDER holds MNIST's four files, packed by gzip or not. XLA takes its threads from the processors
that the process may run on.
"""
import gzip
import json
import os
import resource
import statistics
import sys
import time

workload, threads, form, precision, steps, folder = sys.argv[1:7]
threads, steps = int(threads), int(steps)
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np


def age():
    """Seconds since this process was started."""
    with open("/proc/self/stat") as f:
        after_name = f.read().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")


def content(name, header):
    path = os.path.join(folder, name)
    if os.path.exists(path):
        with open(path, "rb") as f:
            raw = f.read()
    else:
        with gzip.open(path + ".gz") as f:
            raw = f.read()
    return np.frombuffer(raw, np.uint8, offset=header)


def images_and_labels(part):
    x = content(part + "-images-idx3-ubyte", 16).astype(np.float32).reshape(-1, 784) / 255
    return x, content(part + "-labels-idx1-ubyte", 8).astype(np.int32)


random = np.random.default_rng(1)
widths, batch = {
    "W1": ((784, 128, 10), 32),
    "W2": ((784, 512, 512, 10), 128),
    "W3": ((784, 2048, 2048, 2048, 10), 512),
}[workload]


def start(inputs, units):
    limit = inputs**-0.5
    return {
        "w": random.uniform(-limit, limit, (inputs, units)).astype(np.float32),
        "b": random.uniform(-limit, limit, units).astype(np.float32),
    }


weights = [start(i, u) for i, u in zip(widths, widths[1:])]
tree = jax.tree_util.tree_map


def operand(v):
    return v.astype(jnp.bfloat16) if precision == "bf16" else v


def logits(weights, x):
    for k, layer in enumerate(weights):
        x = jnp.dot(operand(x), operand(layer["w"]), preferred_element_type=jnp.float32) + layer["b"]
        if k + 1 < len(weights):
            x = jnp.maximum(x, 0)
    return x


def loss_of(weights, x, y):
    chosen = jax.nn.log_softmax(logits(weights, x))
    return -jnp.take_along_axis(chosen, y[:, None], axis=1).mean()


def zeros():
    return tree(np.zeros_like, weights)


if workload == "W1":
    state = ()

    def update(weights, state, grad):
        return tree(lambda w, g: w - 0.1 * g, weights, grad), state

elif workload == "W2":
    state = {"m": zeros(), "v": zeros(), "t": np.float32(0)}

    def update(weights, state, grad):
        t = state["t"] + 1
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, state["m"], grad)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], grad)
        rate, rise = 1e-3 / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
        return tree(lambda w, m, v: w - rate * m / (jnp.sqrt(v) * rise + 1e-8), weights, m, v), {"m": m, "v": v, "t": t}

else:
    state = zeros()

    def update(weights, state, grad):
        v = tree(lambda v, g: 0.9 * v + g, state, grad)
        return tree(lambda w, v: w - 0.05 * v, weights, v), v


def train(carry, rows, x, y):
    weights, state = carry
    loss, grad = jax.value_and_grad(loss_of)(weights, x[rows], y[rows])
    return update(weights, state, grad), loss


one = jax.jit(train, donate_argnums=0)
many = jax.jit(lambda carry, list_of_rows, x, y: jax.lax.scan(lambda c, rows: train(c, rows, x, y), carry, list_of_rows), donate_argnums=0)

x, y, carry = jax.device_put((*images_and_labels("train"), (weights, state)))


def batches():
    while True:
        order = random.permutation(len(x)).astype(np.int32)
        yield from order[: len(x) // batch * batch].reshape(-1, batch)


source = batches()


def take(n):
    return np.stack([next(source) for _ in range(n)])


warm, part = max(3, steps // 10), max(1, steps // 5)
times = []
if form == "scan":  # the first call compiles and is the warm-up
    done = 6 * part
    for k in range(6):
        list_of_rows = take(part)
        begin = time.perf_counter()
        carry, losses = many(carry, list_of_rows, x, y)
        jax.block_until_ready((carry, losses))
        if k == 0:
            first = age()
        else:
            times.append(time.perf_counter() - begin)
    loss = losses[-1]
else:
    done = warm + 5 * part
    list_of_rows = take(done)
    for step in range(done):
        carry, loss = one(carry, list_of_rows[step], x, y)
        if step == 0:
            jax.block_until_ready((carry, loss))
            first = age()
        if step + 1 >= warm and (step + 1 - warm) % part == 0:
            jax.block_until_ready((carry, loss))
            now = time.perf_counter()
            if step + 1 > warm:
                times.append(now - begin)
            begin = now
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

tx, ty = images_and_labels("t10k")
answer = jax.jit(lambda weights, x: logits(weights, x).argmax(1))
right = sum(int((np.asarray(answer(carry[0], tx[i : i + 500])) == ty[i : i + 500]).sum()) for i in range(0, len(tx), 500))
seconds = statistics.median(times) / part
print(json.dumps({
    "peer": "jax " + jax.__version__ + " " + form, "workload": workload, "threads": threads, "precision": precision,
    "samples_per_s": round(batch / seconds), "step_us": round(1e6 * seconds, 1), "rss_mb": memory, "first_step_s": round(first, 3),
    "steps": done, "loss": round(float(loss), 4), "test_acc": round(right / len(tx), 4),
}))
