"""Array expressions for JAX: those of the array API standard, with what JAX has of its own."""

from __future__ import annotations

from collections.abc import Collection

from derive.kernel.array_api_text import HELPERS, Namespace, array_api_text

JAX = Namespace(
    "jnp",
    {name: name for name in HELPERS}
    | {
        "_sigmoid": "jax.nn.sigmoid",
        "_erf": "jax.scipy.special.erf",
        "_inverse": "jnp.linalg.inv",
        "_det": "jnp.linalg.det",
    },
    known=frozenset(("jnp", "jax", "work", "math")),
)


def jax_text(text: str, sizes: Collection[str] = ()) -> str:
    """The expression with every NumPy call as one of JAX, and an array as its value.

    `work` names the dtype in it, `sizes` those names that are whole numbers. Raises
    UnsupportedError for a function that has no counterpart.
    """
    return array_api_text(text, sizes, JAX)
