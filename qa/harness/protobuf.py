"""Protobuf messages taken apart with nothing of the product's code."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types


def fields(data):
    """[(number, value)] of a protobuf message: int for numbers, bytes for the rest."""
    found, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            value, at = _varint(data, at)
        elif wire_type == BYTES:
            length, at = _varint(data, at)
            value, at = data[at:at + length], at + length
        elif wire_type in (FIXED64, FIXED32):
            width = 8 if wire_type == FIXED64 else 4
            value, at = data[at:at + width], at + width
        else:
            raise ValueError(f"wire type {wire_type}")
        if at > len(data):
            raise ValueError("a field is cut off")
        found.append((number, value))
    return found


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number is cut off")
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
