"""Writes scipy.json: reference numbers from SciPy.

    python -m venv venv && venv/bin/pip install scipy==1.17.1 mpmath==1.3.0
    venv/bin/python make.py      (in this folder)

The quantiles are SciPy's, polished by Newton steps in mpmath with 50 digits, because SciPy's own are good to about
ten digits in the far tails.
"""
import json
import mpmath as mp
import numpy as np
import scipy
from scipy import stats

mp.mp.dps = 50


def normal(p):
    z = mp.mpf(stats.norm.ppf(p))
    return float(mp.findroot(lambda z: mp.ncdf(z) / mp.mpf(p) - 1, z))


def tail(t, df):
    # half the regularized incomplete beta function
    df = mp.mpf(df)
    return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2


def student(p, df):
    if p == 0.5:
        return 0.0
    if p > 0.5:
        q, sign = 1 - mp.mpf(p), 1
    else:
        q, sign = mp.mpf(p), -1
    t = abs(mp.mpf(stats.t.ppf(p, df)))
    return float(sign * mp.findroot(lambda t: mp.log(tail(t, df) / q), t))


def mean(x, level):
    n, m, sd = len(x), np.mean(x), np.std(x, ddof=1)
    low, high = stats.t.interval(level, n - 1, loc=m, scale=sd / np.sqrt(n))
    return {"x": x, "level": level, "mean": m, "sd": sd, "low": low, "high": high}


def paired(a, b, level):
    r = stats.ttest_rel(a, b)
    ci = r.confidence_interval(level)
    return {"a": a, "b": b, "level": level, "mean": float(np.mean(np.subtract(a, b))),
            "low": ci.low, "high": ci.high, "p": r.pvalue}


def wilson(k, n, level):
    ci = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    return {"k": k, "n": n, "level": level, "low": ci.low, "high": ci.high}


ps = [1e-12, 1e-6, 0.001, 0.005, 0.025, 0.05, 0.2, 0.45, 0.499999, 0.5, 0.6, 0.9, 0.975, 0.995, 0.999999]
seeds = [0.9712, 0.9698, 0.9731, 0.9705, 0.9719]
other = [0.9701, 0.9699, 0.9712, 0.9701, 0.9704]
out = {
    "source": "scipy %s, mpmath %s" % (scipy.__version__, mp.__version__),
    "normal": [{"p": p, "q": normal(p)} for p in ps + [1e-300, 1e-30]],
    "student": [{"p": p, "df": df, "q": student(p, df)}
                for df in [1, 2, 3, 4, 7.5, 9, 29, 59.9, 61, 200, 5000, 99999, 999999, 2e6, 1e9] for p in ps],
    "mean": [mean(seeds, 0.95), mean(seeds, 0.99), mean([1.0, 2.0], 0.9), mean([1e9 + v for v in (4, 7, 13, 16)], 0.95)],
    "paired": [paired(seeds, other, 0.95), paired([1.0, 2.0, 4.0], [1.5, 1.0, 1.0], 0.8)],
    "wilson": [wilson(*c) for c in [(0, 10, 0.95), (10, 10, 0.95), (1, 10, 0.95), (5, 10, 0.9), (9712, 10000, 0.95),
                                    (3, 7, 0.99), (0, 1, 0.95)]],
    "quantile": [{"x": x, "q": q, "v": float(np.quantile(x, q))}
                 for x in ([3.0], [2.0, 1.0], [5.0, 1.0, 4.0, 1.5, 9.0, 2.5, 6.0]) for q in (0, 0.1, 0.25, 0.5, 0.9, 1)],
}
with open("scipy.json", "w") as f:
    json.dump(out, f, indent=0)
    f.write("\n")
