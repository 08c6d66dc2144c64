"""Four float32 in one register, for Numba's loops: its type, and what is done with it.

Numba has no short vectors, and its compiler does not find them in a pixel's three channels. In four
lanes lie a pixel and, for nothing, the first channel of the next one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import make_array

LANES = 4
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
# As fastmath=True: a product and a sum may become one instruction.
_FAST = ("fast",)
_intrinsic: Any = intrinsic  # what it makes takes one argument less than its type says


class Lanes(types.Type):
    """Numba's type of four float32 in one register."""

    def __init__(self) -> None:
        super().__init__("Lanes")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """How Lanes are kept: as LLVM's vector."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    make: Any = make_array
    array = make(signature.args[0])(context, builder, arguments[0])
    place = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(place, _VECTOR.as_pointer())


@_intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Four neighbours of a contiguous float32 array [n], from index on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature, arguments), align=LANES)

    return Lanes()(array, types.intp), generate


@_intrinsic
def store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        builder.store(arguments[2], address, align=LANES)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@_intrinsic
def spread(typing: Any, number: Any) -> Any:
    """One number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = ir.Constant(ir.IntType(32), 0)
        lanes = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], first)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(lanes, lanes, everywhere)

    return Lanes()(types.float32), generate


@_intrinsic
def plus(typing: Any, lanes: Any, others: Any, factor: Any) -> Any:
    """lanes + others * factor"""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, others, factor = arguments
        return builder.fadd(lanes, builder.fmul(others, factor, flags=_FAST), flags=_FAST)

    return Lanes()(lanes, others, factor), generate
