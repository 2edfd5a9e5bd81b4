"""Inert stand-ins for NumPy's arrays and types of numbers, as pickles spell them."""

import reprlib
from typing import Any

import numpy as np

from enamel_lib.stylegan2.nvidia.pickles import Allowance, Name

NUMBER_TYPES = ("f2", "f4", "f8", "i4", "i8")  # that a file may hold


class Numbers:
    """Stands in for `numpy.dtype`: a type of numbers, and its byte order."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *_: Any) -> None:
        if code not in NUMBER_TYPES:
            raise ValueError(f"arrays of {reprlib.repr(code)}, not of numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class Array:
    """Stands in for an array that its state fills."""

    __slots__ = ("_allowance", "value")

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def __setstate__(self, state: tuple) -> None:
        _, shape, numbers, fortran, content = state
        self.fill(content, numbers, shape, "F" if fortran else "C")

    def fill(self, content: bytes, numbers: Numbers, shape: tuple, order: str) -> "Array":
        """Take the numbers in, as float32."""
        values = np.frombuffer(content, numbers.dtype)
        self._allowance.take(values.size)
        self.value = values.reshape(shape, order=order).astype(np.float32)
        return self


def known_names(allowance: Allowance) -> dict[Name, Any]:
    """Give what the names stand for, of NumPy 1 and 2."""

    def scalar(numbers: Numbers, content: bytes) -> np.ndarray:
        return Array(allowance).fill(content, numbers, (), "C").value

    def from_buffer(content: bytes, numbers: Numbers, shape: tuple, order: str, axes: tuple | None = None) -> Array:
        array = Array(allowance).fill(content, numbers, shape, "F" if order == "F" else "C")
        array.value = array.value.transpose(axes) if order == "K" and axes else array.value
        return array

    known = {
        ("_codecs", "encode"): lambda text, *_: text.encode("latin1"),  # bytes, in protocols before 3
        ("numpy", "ndarray"): None,  # only handed to _reconstruct
        ("numpy", "dtype"): lambda *arguments: Numbers(*arguments),
    }
    for core in ("numpy.core", "numpy._core"):
        known[f"{core}.multiarray", "_reconstruct"] = lambda *_: Array(allowance)
        known[f"{core}.multiarray", "scalar"] = scalar
        known[f"{core}.numeric", "_frombuffer"] = from_buffer
    return known
