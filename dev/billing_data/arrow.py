"""Columns of numbers and text as Arrow has them: exact decimals from integers, text by dictionary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from dev.billing_data.customers import Bools, Ints

PRECISION = 38
SCALE = 10
_ONE = 10**SCALE
_LOW_64 = (1 << 64) - 1


def whole_numbers(values: Ints, is_null: Bools | None = None) -> pa.Array:
    """Return whole numbers, 64 bits wide."""
    return pa.array(values, type=pa.int64(), mask=is_null)


def decimals(values: Ints, scale: int, is_null: Bools | None = None, instead: dict[int, int] | None = None) -> pa.Array:
    """Return DECIMAL(38,10) numbers.

    :param values: the numbers x 10^scale; x 10^10 they fit in 64 bits, else :class:`OverflowError` is raised.
    :param instead: whole numbers of any size by row, in place of the row's value.
    """
    factor = 10 ** (SCALE - scale)
    limit = np.iinfo(np.int64).max // factor
    if len(values) and int(np.abs(values).max()) > limit:
        raise OverflowError("a number does not fit in 64 bits at ten decimals")
    unscaled = values.astype(np.int64) * factor
    words = np.empty((len(values), 2), dtype=np.int64)
    words[:, 0] = unscaled
    words[:, 1] = unscaled >> 63  # the sign, carried on
    for row, number in (instead or {}).items():
        words[row] = _words(number * _ONE)
    return _decimal_array(words, is_null)


def big_decimals(unscaled: Sequence[int | None]) -> pa.Array:
    """Return DECIMAL(38,10) numbers from integers of any size (the numbers x 10^10) or None."""
    words = np.array([_words(number or 0) for number in unscaled], dtype=np.int64).reshape(len(unscaled), 2)
    return _decimal_array(words, np.array([number is None for number in unscaled], dtype=np.bool_))


def text(indices: Ints, pool: Sequence[str | None]) -> pa.Array:
    """Return text by index into a pool; a negative index and an entry of None are NULL."""
    has_no_entry = np.array([entry is None for entry in pool], dtype=np.bool_)
    is_null = indices < 0
    safe = np.where(is_null, 0, indices).astype(np.int32)
    is_null = is_null | has_no_entry[safe]
    keys = pa.array(safe, type=pa.int32(), mask=is_null)
    return pa.DictionaryArray.from_arrays(keys, pa.array([entry or "" for entry in pool], type=pa.string()))


def _words(number: int) -> tuple[int, int]:
    """Return the low and the high 64 bits, each as a signed number."""
    low = number & _LOW_64
    return low - (1 << 64) if low >> 63 else low, number >> 64


def _decimal_array(words: Ints, is_null: Bools | None) -> pa.Array:
    validity = None
    if is_null is not None and is_null.any():
        validity = pa.py_buffer(np.packbits(~is_null, bitorder="little").tobytes())
    data = pa.py_buffer(np.ascontiguousarray(words).tobytes())
    return pa.Array.from_buffers(pa.decimal128(PRECISION, SCALE), len(words), [validity, data])
