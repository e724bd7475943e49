"""Notations that are known and not read: what to say about them, and what to write instead."""

from __future__ import annotations

_WRITE_SUM = "Write the sum, such as \\frac{1}{N} \\sum_{i=1}^{N} x_i, or define the word by one."
_WRITE_OUT = "Write it out with sums over its indices, or define the word by an equation."
_AGGREGATES = {
    **dict.fromkeys(("mean", "avg", "average", "median"), _WRITE_SUM),
    **dict.fromkeys(("var", "std", "cov", "corr", "sum", "expect", "expectation"), _WRITE_SUM),
    **dict.fromkeys(("mse", "mae", "nll", "bce", "ce", "kl", "entropy"), _WRITE_OUT),
    **dict.fromkeys(("crossentropy", "huber", "loss"), _WRITE_OUT),
    **dict.fromkeys(("layernorm", "batchnorm", "rmsnorm", "groupnorm", "instancenorm"), _WRITE_OUT),
    **dict.fromkeys(("bn", "gn", "rms", "normalize", "normalise", "norm", "attention"), _WRITE_OUT),
    **dict.fromkeys(("cumsum", "cumprod", "sort", "argsort", "topk", "rank", "dim"), _WRITE_OUT),
    **dict.fromkeys(("conv", "pool", "fft", "concat", "reshape", "flatten", "onehot"), _WRITE_OUT),
    "vec": "State the claim entry by entry, with both indices of the matrix.",
}
_CAPITALS = frozenset({"LN", "BN", "GN", "IN", "E", "V"})

_SIGNS = {
    "\\mathbb{E}": ("an expectation is not read", _WRITE_SUM),
    "\\mathbb{V}": ("a variance is not read", _WRITE_SUM),
    "\\mathbb{P}": ("a probability is not read", "Declare a name for it."),
    "\\star": (
        "\\star is not read as a product", "Write \\odot for the product entry by entry."
    ),
    "\\dagger": ("\\dagger is not read", "Write \\top for the transpose."),
    "d": (
        "d is not declared",
        "Declare it; or, where a differential is meant, write a derivative such as "
        "\\frac{\\partial L}{\\partial x}.",
    ),
    "e": (
        "e stands here with a subscript and is not declared",
        "Declare it; or say in words that e_i is the i-th standard basis vector.",
    ),
}  # fmt: skip


def of_function(word: str) -> str | None:
    """What to do about a function of whole arrays that has no definition; None: no such one."""
    if word in _CAPITALS:
        return _WRITE_OUT
    return _AGGREGATES.get(word.lstrip("\\").lower().replace("-", "").replace("_", ""))


def of_sign(key: str) -> tuple[str, str] | None:
    """Message and advice for a sign that is not in force."""
    return _SIGNS.get(key)
