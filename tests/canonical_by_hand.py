"""SPEC section 3, written down once more from the page: is this the canonical form of such a message?

Knows the schema, that is names, numbers and types, and nothing of the library's parser and serializer.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

_WIRE_VARINT: Final = 0
_WIRE_LENGTH: Final = 2
_SIXTY_FOUR_BITS: Final = 2**64


class NotCanonicalError(Exception):
    """A requirement of section 3 is violated; the text is its id."""


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a varint in its shortest form; give the number and where it ends."""
    value = shift = 0
    while position < len(data):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            if (byte == 0 and shift > 7) or value >= _SIXTY_FOUR_BITS:
                raise NotCanonicalError("C-2")
            return value, position
    raise NotCanonicalError("C-9")


def require_canonical(data: bytes, message: Descriptor) -> None:
    """Require that bytes are the canonical form of a message of this type."""
    position = last = 0
    oneofs: set[str] = set()
    while position < len(data):
        key, position = varint(data, position)
        field = message.fields_by_number.get(key >> 3)
        if field is None or key & 7 != _wire_type(field):
            raise NotCanonicalError("C-7")
        if field.number < last or (field.number == last and not (field.is_repeated and not field.is_packed)):
            raise NotCanonicalError("C-1" if field.number < last else "C-5")
        last = field.number
        if field.containing_oneof is not None:
            if field.containing_oneof.name in oneofs:
                raise NotCanonicalError("C-5")
            oneofs.add(field.containing_oneof.name)
        position = _value(data, position, field)


def _wire_type(field: FieldDescriptor) -> int:
    return _WIRE_LENGTH if _is_delimited(field) or field.is_packed else _WIRE_VARINT


def _is_delimited(field: FieldDescriptor) -> bool:
    return field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE)


def _value(data: bytes, position: int, field: FieldDescriptor) -> int:
    if _wire_type(field) == _WIRE_VARINT:
        number, position = varint(data, position)
        _number(number, field)
        if number == 0 and not field.has_presence:
            raise NotCanonicalError("C-3")
        return position
    size, position = varint(data, position)
    body = data[position : position + size]
    if len(body) != size:
        raise NotCanonicalError("C-9")
    if field.is_packed:
        _packed(body, field)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        require_canonical(body, field.message_type)
    else:
        _text_or_bytes(body, field)
    return position + size


def _packed(body: bytes, field: FieldDescriptor) -> None:
    if not body:
        raise NotCanonicalError("C-6")
    position = 0
    while position < len(body):
        number, position = varint(body, position)
        _number(number, field)


def _text_or_bytes(body: bytes, field: FieldDescriptor) -> None:
    if not body and not field.has_presence and not field.is_repeated:
        raise NotCanonicalError("C-3")
    if field.type == FieldDescriptor.TYPE_STRING:
        try:
            body.decode()
        except UnicodeDecodeError:
            raise NotCanonicalError("C-8") from None


def _number(number: int, field: FieldDescriptor) -> None:
    match field.type:
        case FieldDescriptor.TYPE_BOOL:
            valid = number < 2
        case FieldDescriptor.TYPE_UINT32:
            valid = number < 2**32
        case FieldDescriptor.TYPE_ENUM:
            valid = number < 2**31 or number >= _SIXTY_FOUR_BITS - 2**31
        case _:
            valid = True
    if not valid:
        raise NotCanonicalError("C-2")
