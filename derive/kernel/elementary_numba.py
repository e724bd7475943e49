"""The elementary functions in Python for numba, which LLVM inlines and turns into vectors.

Whole numbers of the size of a float are out of reach of numba's own arithmetic, which widens them:
the words that take a number apart are written as instructions of LLVM.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from derive.kernel.elementary import (
    BODIES,
    OF,
    PRIMITIVES,
    SUMMARIES,
    WIDTHS,
    Bytes,
    Text,
    broken,
    decimal,
    spelled,
    wanted,
)

PREAMBLE = """
_INLINE = {**_OPTIONS, "forceinline": True}
_F = numpy.float32
"""

BITS = '''
def _bits(context, builder, kind, value):
    """A number as its bits; their type, the bits of a mantissa, and the bits of 1."""
    single = kind == numba.float32
    mantissa, bias = (23, 127) if single else (52, 1023)
    whole = context.get_value_type(numba.uint32 if single else numba.uint64)
    return builder.bitcast(value, whole), whole, mantissa, bias << mantissa


def _half(mantissa):
    """The bits of the square root of 1/2."""
    return 0x3F3504F3 if mantissa == 23 else 0x3FE6A09E667F3BCD
'''

INTRINSICS: Mapping[str, str] = {
    "pick": '''
@numba.extending.intrinsic
def _pick(typing, test, yes, no):
    """One of two numbers, of which both are computed."""

    def build(context, builder, signature, arguments):
        return builder.select(*arguments)

    return yes(test, yes, no), build
''',
    "two_to": '''
@numba.extending.intrinsic
def _two_to(typing, t):
    """2**k for t = 1.5 * 2**mantissa + k."""

    def build(context, builder, signature, arguments):
        bits, whole, mantissa, one = _bits(context, builder, t, arguments[0])
        power = builder.add(builder.shl(bits, whole(mantissa)), whole(one))
        return builder.bitcast(power, arguments[0].type)

    return t(t), build
''',
    "exponent": '''
@numba.extending.intrinsic
def _exponent(typing, x):
    """e with x = 2**e * m, 0.5**0.5 <= m < 2**0.5, for positive normal x."""

    def build(context, builder, signature, arguments):
        bits, whole, mantissa, one = _bits(context, builder, x, arguments[0])
        bias = one >> mantissa
        raised = builder.add(bits, whole(one - _half(mantissa)))
        large = whole((bias + mantissa) << mantissa)
        moved = builder.or_(builder.lshr(raised, whole(mantissa)), large)
        return builder.fsub(
            builder.bitcast(moved, arguments[0].type),
            context.get_constant(x, float(2**mantissa + bias)),
        )

    return x(x), build
''',
    "mantissa": '''
@numba.extending.intrinsic
def _mantissa(typing, x):
    """m with x = 2**e * m, 0.5**0.5 <= m < 2**0.5, for positive normal x."""

    def build(context, builder, signature, arguments):
        bits, whole, mantissa, one = _bits(context, builder, x, arguments[0])
        half = _half(mantissa)
        raised = builder.add(bits, whole(one - half))
        kept = builder.and_(raised, whole((1 << mantissa) - 1))
        return builder.bitcast(builder.add(kept, whole(half)), arguments[0].type)

    return x(x), build
''',
    "signed": '''
@numba.extending.intrinsic
def _signed(typing, y, x):
    """The absolute value of y with the sign of x."""

    def build(context, builder, signature, arguments):
        size, whole, _, _ = _bits(context, builder, y, arguments[0])
        sign, _, _, _ = _bits(context, builder, x, arguments[1])
        top = 1 << (whole.width - 1)
        both = builder.or_(
            builder.and_(size, whole(top - 1)), builder.and_(sign, whole(top))
        )
        return builder.bitcast(both, arguments[0].type)

    return y(y, x), build
''',
}

FOLDS: Mapping[str, str] = {
    "sum": '''
@numba.extending.intrinsic
def _sum_of(typing, total, term):
    """total + term in a sum whose terms may be taken in any order."""

    def build(context, builder, signature, arguments):
        return builder.fadd(*arguments, flags=("reassoc", "contract", "nsz"))

    return total(total, term), build
''',
    **{
        fold: f'''
@numba.extending.intrinsic
def _{fold}_of(typing, total, term):
    """The {size} of two, in a fold whose terms may be taken in any order; a NaN stays."""

    def build(context, builder, signature, arguments):
        import llvmlite.binding
        import llvmlite.ir

        kind = arguments[0].type
        if llvmlite.binding.llvm_version_info >= (17,):
            function = llvmlite.ir.FunctionType(kind, [kind, kind])
            name = builder.module.declare_intrinsic("llvm.{name}", [kind], function)
            return builder.call(name, arguments)
        stays = builder.fcmp_ordered("{sign}", *arguments)
        nan = builder.fcmp_unordered("!=", arguments[0], arguments[0])
        return builder.select(builder.or_(stays, nan), *arguments)

    return total(total, term), build
'''
        for fold, size, name, sign in (
            ("max", "larger", "maximum", ">"),
            ("min", "smaller", "minimum", "<"),
        )
    },
}
"""One step of a fold that LLVM may turn into several at once; before LLVM 17 not for extremes."""


def definitions(names: Collection[str]) -> list[str]:
    """The functions `_<name>_real` for either type, and what they call, as texts of a module."""
    if not names:
        return []
    every = wanted(names)
    bodies = {(name, width): _body(name, width) for name in every for width in WIDTHS}
    words = [word for word in PRIMITIVES if any(f"_{word}(" in text for text in bodies.values())]
    texts = [PREAMBLE.strip()]
    if set(words) - {"pick"}:
        texts.append(BITS.strip())
    texts += [INTRINSICS[word].strip() for word in words]
    for name in every:
        texts += [_stub(name), *(bodies[name, width] for width in WIDTHS)]
    return texts


def _stub(name: str) -> str:
    """The name by which a function is called for either type."""
    return "\n".join(
        [
            f"def _{name}_real(x):",
            f'    """{SUMMARIES[name]}."""',
            "    raise NotImplementedError  # only compiled",
            "",
            "",
            f"@numba.extending.overload(_{name}_real, jit_options=_INLINE)",
            f"def _{name}_of(x):",
            f"    return _{name}_4 if x == numba.float32 else _{name}_8",
        ]
    )


def _body(name: str, width: Bytes) -> str:
    """One function for one type."""

    def number(value: float) -> str:
        text = decimal(value, width) if math.isfinite(value) else f"numpy.{value}"
        return f"_F({text})" if width == 4 else text

    names = {word: f"_{word}" for word in PRIMITIVES} | {name: f"_{name}_real" for name in BODIES}
    *before, (_, result) = BODIES[name](Text(OF[width], number))
    return "\n".join(
        [
            f"def _{name}_{width}(x):",
            *(
                broken(f"    {local} = ", spelled(value, names), "", True)
                for local, value in before
            ),
            broken("    return ", spelled(result, names), "", True),
        ]
    )
