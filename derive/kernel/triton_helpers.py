"""The functions that an emitted module of Triton kernels holds beside its formulas, as text."""

from __future__ import annotations

from collections.abc import Mapping

NOTES = """\
All tensors are on one device, and all are float32, float64, float16 or bfloat16, of any strides;
half precision is computed in float32. Sums are made block by block, in an order that depends on
the shapes only: the same arguments give the same bits. The results have the same dtype. Gradients
are not differentiated again. Without a GPU, TRITON_INTERPRET=1 in the environment, set before the
import, runs the kernels on the processor."""

STRICT = "check_values: refuse values that the derivation excludes; waits for the device"

CONSTANTS = '''LONGEST = 16384
"""The longest row that a program holds as a whole."""'''

HELPERS = '''
def _device(name, value):
    """Refuse tensors that no kernel reaches."""
    if value.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(f"{name}: on cpu, while Triton kernels need a GPU")
    if value.device.type == "meta":
        raise ValueError(f"{name}: on meta, holds no values")


def _on(device):
    """The device as the current one, on which kernels are launched."""
    if device.type == "cpu":
        return contextlib.nullcontext()
    return torch.get_device_module(device).device(device)


def _power(length):
    """The least power of two that is no less."""
    return triton.next_power_of_2(max(length, 1))


def _whole(rows, inner, across):
    """The block of a program that holds whole rows, or None when they are too long.

    `across`: the entries of a row lie side by side; else those of a column do.
    """
    width = _power(inner)
    if width > (LONGEST if across else LONGEST // 32):
        return None
    height = min(_power(rows), max(1 if across else 32, 2048 // width))
    if width > 4096 and triton.cdiv(rows, height) < 64:
        return None
    return height, width


def _tile(rows, inner, across):
    """The block of rows and of entries of a row that a program holds at once."""
    if across:
        width = min(_power(inner), 1024)
        return min(_power(rows), 2048 // width), width
    height = min(_power(rows), 128)
    return height, min(_power(inner), 2048 // height)


def _parts(rows, inner, tile):
    """How many blocks a program sums one after another, and how many programs share a row."""
    blocks = triton.cdiv(inner, tile[1])
    programs = triton.cdiv(rows, tile[0]) * blocks
    turns = min(32, _power(programs // 1024), _power(blocks))
    return turns, max(1, triton.cdiv(blocks, turns))


def _run(kernel, programs, tile, work, *arguments, **constants):
    """Launch a kernel on tensors, each followed by its strides, and whole numbers."""
    flat, wide = [], False
    for value in arguments:
        flat.append(value)
        if isinstance(value, torch.Tensor):
            flat.extend(value.stride())
            last = sum((n - 1) * s for n, s in zip(value.shape, value.stride()))
            wide = wide or last >= 2**30
    size = tile[0] * tile[1]
    kernel[(programs,)](
        *flat,
        WORK=tl.float64 if work == torch.float64 else tl.float32,
        WIDE=wide,
        BLOCK_P=tile[0],
        BLOCK_Q=tile[1],
        num_warps=1 if size < 512 else 4 if size <= 4096 else 8 if size <= 8192 else 16,
        **constants,
    )
'''

JITTED: Mapping[str, str] = {
    "_tan": '''
@triton.jit
def _tan(x):
    """sin x / cos x."""
    return tl.sin(x) / tl.cos(x)
''',
    "_sinh": '''
@triton.jit
def _sinh(x):
    """(e - 1 + (e - 1) / e) / 2 for e = exp |x|, with the sign of x."""
    less = _expm1(tl.abs(x))
    large = tl.exp(tl.abs(x) - 0.6931471805599453)
    half = tl.where(less < 1e9, 0.5 * (less + less / (less + 1.0)), large)
    return tl.where(x < 0, -half, half)
''',
    "_cosh": '''
@triton.jit
def _cosh(x):
    """(exp x + exp -x) / 2."""
    half = tl.exp(tl.abs(x) - 0.6931471805599453)
    return half + 0.25 / half
''',
    "_tanh": '''
@triton.jit
def _tanh(x):
    """(1 - e) / (1 + e) for e = exp(-2 |x|), with the sign of x."""
    less = _expm1(-2.0 * tl.abs(x))
    large = -less / (less + 2.0)
    return tl.where(x < 0, -large, large)
''',
    "_softplus": '''
@triton.jit
def _softplus(x):
    """max(x, 0) + log(1 + exp(-|x|)), the logarithm to all digits of small numbers."""
    e = tl.exp(-tl.abs(x))
    u = 1.0 + e
    log = tl.where(u == 1.0, e, tl.log(u) * (e / tl.where(u == 1.0, 1.0, u - 1.0)))
    return _relu(x) + log
''',
    "_sigmoid": '''
@triton.jit
def _sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    e = tl.exp(-tl.abs(x))
    return tl.where(x < 0, e, 1.0) / (1.0 + e)
''',
    "_relu": '''
@triton.jit
def _relu(x):
    """max(x, 0); NaN stays NaN."""
    return tl.where(x < 0, 0.0, x)
''',
    "_sign": '''
@triton.jit
def _sign(x):
    """-1, 0 or 1; NaN stays NaN."""
    return tl.where(x > 0, 1.0, tl.where(x < 0, -1.0, x))
''',
    "_expm1": '''
@triton.jit
def _expm1(x):
    """exp(x) - 1 to all digits: (u - 1) x / log u for u = exp x (Kahan)."""
    u = tl.exp(x)
    inner = (u != 1.0) & (u > 0.0) & (u < float("inf"))
    log = tl.log(tl.where(inner, u, 2.0))
    return tl.where(inner, (u - 1.0) * (x / log), tl.where(u == 1.0, x, u - 1.0))
''',
    "_larger": '''
@triton.jit
def _larger(a, b):
    """The larger one; NaN where one is NaN."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
''',
    "_smaller": '''
@triton.jit
def _smaller(a, b):
    """The smaller one; NaN where one is NaN."""
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
''',
    "_product": '''
@triton.jit
def _product(a, b):
    """The product, for a reduction."""
    return a * b
''',
}
