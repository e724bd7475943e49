"""Compile the kernels of an emitted module for a GPU that need not be there.

`python lowered.py MODULE ROLE WORK BITS` prints how many kernels whose names end in ROLE became
PTX, in the working type WORK with whole numbers of BITS.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

BLOCKS = {"BLOCK_P": 2, "BLOCK_Q": 128, "ITERS": 4}


def kernels(path: str, role: str) -> list[Any]:
    """The kernels of a module whose names end in a role."""
    spec = importlib.util.spec_from_file_location("lowered_module", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [value for value in vars(module).values() if isinstance(value, triton.JITFunction)]
    return [k for k in found if "WORK" in k.arg_names and k.__name__.endswith(role)]


def source(kernel: Any, work: str, bits: int) -> ASTSource:
    """A kernel with half-precision arguments where it computes in float32."""
    constants = {
        **BLOCKS,
        "WORK": tl.float64 if work == "float64" else tl.float32,
        "WIDE": bits == 64,
    }
    wide = "*fp64" if work == "float64" else "*fp32"
    narrow = "*fp64" if work == "float64" else "*fp16"
    kinds = dict[str, str]()
    for name in kernel.arg_names:
        if name in constants:
            kinds[name] = "constexpr"
        elif name.endswith("_ptr"):
            kinds[name] = wide if name.startswith("part") else narrow
        else:
            kinds[name] = f"i{bits}"
    held = {name: value for name, value in constants.items() if name in kinds}
    return ASTSource(fn=kernel, signature=kinds, constexprs=held)


def main() -> None:
    """Compile each kernel."""
    path, role, work, bits = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    target = GPUTarget("cuda", 90, 32)
    made = [triton.compile(source(k, work, bits), target=target) for k in kernels(path, role)]
    print(sum("ptx" in each.asm for each in made))


if __name__ == "__main__":
    main()
