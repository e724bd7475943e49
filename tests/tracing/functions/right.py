# ruff: noqa: N803, N806
"""Backward functions that are right, in the styles in which people write them."""

import numpy as np

# ---- batch normalisation ------------------------------------------------------------------------


def batchnorm_staged(dout, cache):
    """Step by step through the graph, as in a course's assignment."""
    x, x_hat, mu, var, gamma, eps = cache
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * x_hat, axis=0)
    dx_hat = dgammax * gamma
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xmu = x - mu
    divar = np.sum(dx_hat * xmu, axis=0)
    dxmu1 = dx_hat * ivar
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = 1.0 / N * np.ones_like(dout) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones_like(dout) * dmu
    return dx1 + dx2, dgamma, dbeta


def batchnorm_closed(dy, x_hat, gamma, v, eps):
    N = len(dy)
    return gamma / (N * np.sqrt(v + eps)) * (N * dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0))


def batchnorm_einsum(dy, x, gamma, eps=1e-5):
    N = x.shape[0]
    xc = x - np.einsum("nd->d", x) / N
    inv = (np.einsum("nd,nd->d", xc, xc) / N + eps) ** -0.5
    share = np.einsum("nd,nd->d", xc, dy) / N
    dx = np.einsum("d,nd->nd", gamma * inv, dy - dy.mean(axis=0, keepdims=True))
    dx -= xc * (gamma * inv**3 * share)
    return dx, np.einsum("nd,nd,d->d", dy, xc, inv), np.einsum("nd->d", dy)


# ---- layer normalisation ------------------------------------------------------------------------


def layernorm_staged(dy, x, gamma, eps):
    D = x.shape[-1]
    mu = x.mean(axis=-1, keepdims=True)
    xc = x - mu
    var = np.mean(np.square(xc), axis=-1, keepdims=True)
    std = np.sqrt(var + eps)
    dxhat = dy * gamma
    dvar = np.sum(dxhat * xc * -0.5 * (var + eps) ** -1.5, axis=-1, keepdims=True)
    dmu = np.sum(-dxhat / std, axis=-1, keepdims=True)
    dmu += dvar * np.sum(-2.0 * xc, axis=-1, keepdims=True) / D
    return dxhat / std + dvar * 2.0 * xc / D + dmu / D


def layernorm_closed(dy, x_hat, gamma, v, eps):
    g = dy * gamma
    rstd = 1 / np.sqrt(v + eps)
    c1 = np.mean(g * x_hat, axis=1)
    c2 = np.mean(g, axis=1)
    return (g - c2[:, None] - x_hat * c1[:, None]) * rstd[:, None]


def layernorm_einsum(dy, x_hat, gamma, v, eps):
    D = dy.shape[1]
    g = np.einsum("nd,d->nd", dy, gamma)
    inner = np.einsum("nd,nd->n", g, x_hat) / D
    dx = np.einsum("nd,n->nd", D * g - g.sum(axis=1, keepdims=True), 1 / (D * np.sqrt(v + eps)))
    return dx - np.einsum("nd,n,n->nd", x_hat, inner, (v + eps) ** -0.5)


# ---- softmax ------------------------------------------------------------------------------------


def softmax_staged(dp, z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)
    de = dp / total
    dtotal = np.sum(-dp * e / total**2, axis=1, keepdims=True)
    de = de + dtotal
    return de * e


def softmax_closed(dp, p):
    return p * (dp - (p * dp).sum(axis=-1, keepdims=True))


def softmax_einsum(dp, p):
    return np.einsum("nk,nk->nk", p, dp) - np.einsum("nk,nj,nj->nk", p, p, dp)


# ---- linear -------------------------------------------------------------------------------------


def linear_staged(dout, x, W, b):
    dx = dout.dot(W.T)
    dW = x.T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dW, db


def linear_closed(dy, x, W):
    return dy @ W.T, x.T @ dy, np.ones_like(x[:, 0]) @ dy


def linear_einsum(dy, x, W):
    dx = np.einsum("nm,dm->nd", dy, W)
    return dx, np.einsum("nd,nm->dm", x, dy), np.einsum("nm->m", dy)


# ---- RMS normalisation --------------------------------------------------------------------------


def rmsnorm_staged(dy, x, g, eps):
    D = x.shape[1]
    ms = (x * x).mean(axis=1, keepdims=True)
    r = 1 / np.sqrt(ms + eps)
    dg = np.sum(dy * x * r, axis=0)
    dr = np.sum(dy * g * x, axis=1, keepdims=True)
    dms = dr * -0.5 * (ms + eps) ** (-3 / 2)
    return dy * g * r + dms * 2 * x / D, dg


def rmsnorm_closed(dy, x, g, r):
    d = dy * g
    return r[:, None] * (d - x * (d * x).mean(1, keepdims=True) * np.square(r)[:, None])


def rmsnorm_einsum(dy, x, g, r):
    k = np.einsum("nd,d,nd,n->n", dy, g, x, r**3) / np.shape(x)[-1]
    return np.einsum("nd,d,n->nd", dy, g, r) - np.einsum("nd,n->nd", x, k)


# ---- a loss -------------------------------------------------------------------------------------


def squares(y, t):
    return (y - t) / y.size


# ---- attention and an activation ----------------------------------------------------------------


def attention(dO, Q, K, V):
    scale = 1 / np.sqrt(Q.shape[-1])
    S = scale * (Q @ K.T)
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    P = E / E.sum(axis=-1, keepdims=True)
    dP = dO @ V.T
    dS = P * (dP - (P * dP).sum(axis=-1, keepdims=True))
    return scale * dS @ K, scale * dS.T @ Q, P.T @ dO


def gelu_tanh(dy, x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2))
