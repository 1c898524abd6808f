"""The binds of an execute: what each descriptor says, and the values that follow them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.oracle_date import decode_date
from dev.oracle_standin.oracle_float import decode_float
from dev.oracle_standin.oracle_number import decode_number
from dev.oracle_standin.primitives import ProtocolError, Reader, decode_utf8
from dev.oracle_standin.statements import Kind, Statement
from dev.oracle_standin.values import OracleType, Value

MAX_STRING = 32767
"""The longest string that is sent in its place; the values of larger binds come behind all the others."""

ROW_MESSAGE = 7
_FORM_UTF16 = 2
_FLAG_ARRAY = 0x40

Values = tuple[Value, ...]


class UnreadableRequest(Exception):
    """A request whose rest cannot be read: what is buffered of it is dropped, and the error is its answer."""

    def __init__(self, error: OracleError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class BindDescriptor:
    """How one bind's values are written: the type's number on the wire, its size in bytes, its character form."""

    wire_type: int
    flags: int
    buffer_size: int
    charset_form: int

    @property
    def type(self) -> OracleType:
        """The type as the backend knows it."""
        return _READABLE[self.wire_type][0]


def _decode_text(stored: bytes) -> str:
    return decode_utf8(stored)


def _decode_utf16(stored: bytes) -> str:
    try:
        return stored.decode("utf-16-be")
    except UnicodeDecodeError:
        raise ProtocolError("text that is not UTF-16") from None


_READABLE: dict[int, tuple[OracleType, Callable[[bytes], Value]]] = {
    1: (OracleType.VARCHAR2, _decode_text),
    2: (OracleType.NUMBER, decode_number),
    3: (OracleType.NUMBER, decode_number),  # BINARY_INTEGER; drivers send True and False so
    8: (OracleType.LONG, _decode_text),
    12: (OracleType.DATE, decode_date),
    23: (OracleType.RAW, bytes),
    24: (OracleType.RAW, bytes),  # LONG RAW
    96: (OracleType.CHAR, _decode_text),
    100: (OracleType.BINARY_DOUBLE, decode_float),  # BINARY_FLOAT
    101: (OracleType.BINARY_DOUBLE, decode_float),
    180: (OracleType.TIMESTAMP, decode_date),
}


def read_descriptor(reader: Reader) -> BindDescriptor:
    """Read the descriptor of one bind, as protocol levels 8 to 13 have it."""
    wire_type = reader.u8()
    flags = reader.u8()
    reader.raw(2)  # precision and scale
    buffer_size = reader.ub()
    reader.skip_ub(2)  # elements of an array, continuation flags
    reader.sized_byte_string()  # type OID
    reader.skip_ub(2)  # type version, character set
    charset_form = reader.u8()
    reader.skip_ub(2)  # LOB prefetch, column OID
    return BindDescriptor(wire_type, flags, buffer_size, charset_form)


def read_rows(
    reader: Reader, statement: Statement, descriptors: tuple[BindDescriptor, ...], executions: int
) -> tuple[Values, ...]:
    """Read the values of every execution, in the order of the descriptors.

    Binds behind RETURNING ... INTO carry no values and are left out.

    :raises UnreadableRequest: for a type whose values have another layout.
    """
    descriptors = descriptors[: len(descriptors) - statement.returning_count]
    if not descriptors:
        return ()
    for descriptor in descriptors:
        if descriptor.wire_type not in _READABLE or descriptor.flags & _FLAG_ARRAY:
            raise UnreadableRequest(
                OracleError(3001, f"unimplemented feature: a bind of type {descriptor.wire_type} (this is a stand-in)")
            )
    decoders = [
        _decode_utf16 if descriptor.charset_form == _FORM_UTF16 else _READABLE[descriptor.wire_type][1]
        for descriptor in descriptors
    ]
    order = _wire_order(statement, descriptors)
    rows = []
    for _ in range(executions):
        if reader.u8() != ROW_MESSAGE:
            raise ProtocolError("bind values that do not start with a row")
        values: list[Value] = [None] * len(decoders)
        for index in order:
            stored = reader.byte_string()
            if stored:
                values[index] = decoders[index](stored)
        rows.append(tuple(values))
    return tuple(rows)


def _wire_order(statement: Statement, descriptors: tuple[BindDescriptor, ...]) -> list[int]:
    """Return the positions in the order in which their values come: in SQL, large binds last."""
    if statement.kind is Kind.PLSQL:
        return list(range(len(descriptors)))
    large = [index for index, found in enumerate(descriptors) if found.buffer_size > MAX_STRING]
    return [index for index in range(len(descriptors)) if index not in large] + large
