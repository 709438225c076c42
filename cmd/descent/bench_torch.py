"""Trains a dense workload of "descent bench" in PyTorch and prints one JSON line. It is part of the program and written to a temporary folder.

usage: bench_torch.py WORKLOAD THREADS FORM PRECISION STEPS FOLDER

FORM is eager, fused (the optimizer that goes over all parameters in one call) or compile (torch.compile besides). PRECISION is fp32 or bf16
(autocast: products in bfloat16, weights and sums in float32). FOLDER holds MNIST's four files, packed by gzip or not.
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
os.environ["OMP_NUM_THREADS"] = str(threads)

import numpy as np
import torch


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
    return torch.from_numpy(x), torch.from_numpy(content(part + "-labels-idx1-ubyte", 8).astype(np.int64))


torch.set_num_threads(threads)
torch.manual_seed(1)
widths, batch = {
    "W1": ((784, 128, 10), 32),
    "W2": ((784, 512, 512, 10), 128),
    "W3": ((784, 2048, 2048, 2048, 10), 512),
}[workload]
layers = []
for inputs, units in zip(widths, widths[1:]):
    layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]  # starts uniform in +-1/sqrt(inputs), bias too
model = torch.nn.Sequential(*layers[:-1])
more = {} if form == "eager" else {"fused": True}
optimizer = {
    "W1": lambda p: torch.optim.SGD(p, lr=0.1, **more),
    "W2": lambda p: torch.optim.Adam(p, lr=1e-3, **more),
    "W3": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, **more),
}[workload](model.parameters())


def loss_of(x, y):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        return torch.nn.functional.cross_entropy(model(x), y)


if form == "compile":
    loss_of = torch.compile(loss_of)

x, y = images_and_labels("train")
whole = len(x) // batch * batch
warm, part = max(3, steps // 10), max(1, steps // 5)
order, first, times, begin = None, None, [], 0.0
for step in range(warm + steps):
    at = step * batch % whole
    if at == 0:
        order = torch.randperm(len(x))
    if step == warm:
        begin = time.perf_counter()
    rows = order[at : at + batch]
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(x[rows], y[rows])
    loss.backward()
    optimizer.step()
    if first is None:
        first = age()
    if step >= warm and (step - warm + 1) % part == 0:
        now = time.perf_counter()
        times.append(now - begin)
        begin = now
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

tx, ty = images_and_labels("t10k")
with torch.no_grad():
    right = sum(int((model(tx[i : i + 500]).argmax(1) == ty[i : i + 500]).sum()) for i in range(0, len(tx), 500))
seconds = statistics.median(times) / part
print(json.dumps({
    "peer": "torch " + torch.__version__.partition("+")[0] + " " + form, "workload": workload, "threads": threads, "precision": precision,
    "samples_per_s": round(batch / seconds), "step_us": round(1e6 * seconds, 1), "rss_mb": memory, "first_step_s": round(first, 3),
    "steps": warm + steps, "loss": round(loss.item(), 4), "test_acc": round(right / len(tx), 4),
}))
