#!/usr/bin/env python3
"""Finds the parameters of `src/release/mechanism/blt.rs`: for every number of windows a period may have, the buffered linear
Toeplitz matrix of degree 4 whose largest error of a prefix is smallest, times its sensitivity (McMahan, Pillutla and
Steinke, "A Hassle-free Algorithm for Private Learning in Practice", 2024). Prints the table, with the ratio of the root mean
square error to that of the square-root Toeplitz matrix, which is the bound. Needs numpy and scipy; takes some minutes."""
import sys

import numpy as np
from scipy.optimize import minimize

SCALE = 2**32


def coefficients(theta, omega, windows):
    """First column of C: 1, then sum of omega theta^(k-1)."""
    powers = theta[None, :] ** np.arange(windows - 1)[:, None]
    return np.concatenate([[1.0], powers @ omega])


def prefix_response(theta, omega, windows):
    """First column of A C^-1: what a unit of noise does to every later prefix."""
    matrix = np.diag(theta) - np.outer(np.ones_like(theta), omega)
    values, vectors = np.linalg.eig(matrix)
    left = -(omega @ vectors)
    right = np.linalg.solve(vectors, np.ones_like(theta))
    powers = values[None, :] ** np.arange(windows - 1)[:, None]
    inverse = np.real(powers @ (left * right))
    return np.cumsum(np.concatenate([[1.0], inverse]))


def errors(theta, omega, windows):
    """Largest and root mean square error over prefixes, for sensitivity 1."""
    sensitivity = np.sqrt(np.sum(coefficients(theta, omega, windows) ** 2))
    squares = np.cumsum(prefix_response(theta, omega, windows) ** 2)
    return sensitivity * np.sqrt(squares[-1]), sensitivity * np.sqrt(squares.mean()), sensitivity


def bound(windows):
    """The same of the square-root Toeplitz matrix."""
    steps = np.arange(1, windows)
    f = np.concatenate([[1.0], np.cumprod(1 - 1 / (2 * steps))])
    squares = np.cumsum(f**2)
    return np.sqrt(squares[-1]) * np.sqrt(squares[-1]), np.sqrt(squares[-1]) * np.sqrt(squares.mean())


def unpack(x):
    return 1 / (1 + np.exp(-x[:4])), np.exp(x[4:])


def search(windows):
    """Best of a few starts."""
    best = None
    for stretch in (0.5, 1.0, 2.0):
        gaps = np.geomspace(stretch / windows, 0.4, 4)
        start = np.concatenate([np.log((1 - gaps) / gaps), np.log(np.sqrt(gaps) * 0.35)])
        for _ in range(6):
            found = minimize(lambda x: np.log(errors(*unpack(x), windows)[0]), start, method="Nelder-Mead",
                             options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-9, "fatol": 1e-13, "adaptive": True})
            start = found.x
        if best is None or found.fun < best.fun:
            best = found
    return unpack(best.x)


def main():
    for windows in [int(word) for word in sys.argv[1:]] or [12, 60, 120, 288, 360, 1440, 2880, 8640]:
        theta, omega = search(windows)
        theta, omega = np.minimum(np.round(theta * SCALE), SCALE - 1), np.round(omega * SCALE)
        largest, rms, sensitivity = errors(theta / SCALE, omega / SCALE, windows)
        print(f"// T = {windows}: sensitivity {sensitivity:.4f}, {rms / bound(windows)[1]:.5f} of the bound", flush=True)
        print(f"({windows}, {[int(x) for x in theta]}, {[int(x) for x in omega]}),", flush=True)


if __name__ == "__main__":
    main()
