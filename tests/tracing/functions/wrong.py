# ruff: noqa: N806
"""Backward functions with the slips that people make."""

import numpy as np


def batchnorm_without_mean(dy, x_hat, gamma, v, eps):
    N = len(dy)
    return gamma / (N * np.sqrt(v + eps)) * (N * dy - x_hat * (dy * x_hat).sum(0))


def batchnorm_without_projection(dy, gamma, v, eps):
    return gamma / np.sqrt(v + eps) * (dy - dy.mean(0))


def batchnorm_without_count(dy, x_hat, gamma, v, eps):
    N = len(dy)
    return gamma / np.sqrt(v + eps) * (N * dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))


def batchnorm_unbiased(dy, x, gamma, eps):
    N = len(dy)
    inv = 1 / np.sqrt(x.var(axis=0, ddof=1) + eps)
    x_hat = (x - x.mean(0)) * inv
    return gamma * inv / N * (N * dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))


def batchnorm_without_eps(dy, x_hat, gamma, v):
    N = len(dy)
    return gamma / (N * np.sqrt(v)) * (N * dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))


def batchnorm_without_gamma(dy, x_hat, v, eps):
    N = len(dy)
    return 1 / (N * np.sqrt(v + eps)) * (N * dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))


def batchnorm_wrong_sign(dy, x_hat, gamma, v, eps):
    N = len(dy)
    return gamma / (N * np.sqrt(v + eps)) * (N * dy - dy.sum(0) + x_hat * (dy * x_hat).sum(0))


def batchnorm_eps_outside(dy, x_hat, gamma, v, eps):
    N = len(dy)
    return gamma / (N * (np.sqrt(v) + eps)) * (N * dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))


def layernorm_wrong_axis(dy, x_hat, gamma, v, eps):
    g = dy * gamma
    share = np.mean(g * x_hat, axis=0, keepdims=True)
    return (g - g.mean(1, keepdims=True) - x_hat * share) / np.sqrt(v + eps)[:, None]


def layernorm_gamma_late(dy, x_hat, gamma, v, eps):
    share = np.mean(dy * x_hat, axis=1, keepdims=True)
    inside = dy - dy.mean(1, keepdims=True) - x_hat * share
    return gamma * inside / np.sqrt(v + eps)[:, None]


def softmax_elementwise(dp, p):
    return dp * p * (1 - p)


def softmax_wrong_sign(dp, p):
    return p * (dp + (p * dp).sum(axis=-1, keepdims=True))


def linear_mean(dy, x):
    return x.T @ dy / len(x)


def rmsnorm_without_projection(dy, g, r):
    return dy * g * r[:, None]


def rmsnorm_wrong_power(dy, x, g, r):
    d = dy * g
    return r[:, None] * (d - x * (d * x).mean(1, keepdims=True) * r[:, None])


def bias_wrong_axis(dy):
    return dy.sum(axis=1)


def bias_keepdims(dy):
    return dy.sum(axis=0, keepdims=True)


def gamma_not_summed(dy, x_hat):
    return dy * x_hat


def squares_without_count(y, t):
    return y - t


def gelu_with_rounded_constant(dy, x):
    c = 0.7978845608
    t = np.tanh(c * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2))
