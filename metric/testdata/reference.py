# Writes reference.json: inputs, and what scikit-learn makes of them. python reference.py > reference.json (scikit-learn 1.7 or newer)
import json
import numpy as np
import sklearn
from sklearn import metrics as sk

r = np.random.default_rng(7)
classes = 4  # class 3 has no rows in the target but is predicted
target = r.choice(3, 60, p=[0.6, 0.3, 0.1])
logits = np.round(r.normal(size=(60, classes)) + 1.5 * np.eye(classes)[target], 3)
guess = logits.argmax(1)
p, c, f, n = sk.precision_recall_fscore_support(target, guess, labels=range(classes), zero_division=np.nan)
top = np.argsort(-logits, axis=1, kind="stable")

y = np.round(r.normal(size=(40, 3)) * [1, 10, 1000] + [0, 500, 3], 3)
q = np.round(y + r.normal(size=y.shape) * [0.5, 3, 900], 3)
boot = []
for _ in range(4000):
    i = r.integers(0, 40, 40)
    boot.append(sk.r2_score(y[i, 0], q[i, 0]))

e, t = (y - q) ** 2, (y - y.mean(0)) ** 2
rho = e.sum(0) / t.sum(0)
half = 1.959963984540054 * np.sqrt(((e - rho * t) ** 2).sum(0)) / t.sum(0)  # delta method, each element

w = np.round(r.uniform(0, 2, 60), 2)
loss = np.round(r.exponential(size=60), 3)

clean = lambda x: [None if v != v else float(v) for v in np.asarray(x, float).ravel()]
json.dump({
    "version": sklearn.__version__,
    "classes": classes, "target": clean(target), "logits": clean(logits),
    "accuracy": sk.accuracy_score(target, guess),
    "balanced_accuracy": sk.balanced_accuracy_score(target, guess),
    "f1": sk.f1_score(target, guess, average="macro"),
    "top2": float(np.mean([t in k for t, k in zip(target, top[:, :2])])),
    "precision": clean(p), "recall": clean(c), "f1_class": clean(f), "support": clean(n),
    "confusion": sk.confusion_matrix(target, guess, labels=range(classes)).tolist(),
    "width": 3, "y": clean(y), "predicted": clean(q),
    "r2": sk.r2_score(y, q), "r2_first": sk.r2_score(y[:, 0], q[:, 0]),
    "r2_first_bootstrap_sd": float(np.std(boot)),
    "r2_half": float(half.mean()),
    "mae": sk.mean_absolute_error(y, q), "mse": sk.mean_squared_error(y, q),
    "mae_half": float(1.959963984540054 * np.abs(y - q).mean(1).std(ddof=1) / np.sqrt(len(y))),
    "weight": clean(w), "loss": clean(loss), "mean_loss": float(np.average(loss, weights=w)),
}, __import__("sys").stdout, indent=1)
print()
