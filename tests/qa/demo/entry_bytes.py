"""Makes the bytes of an entry (proto/entry.proto), unsigned, for tests of what reads them."""


def encode(number, value):
    """One protobuf field."""
    def varint(left):
        out = bytearray()
        while left > 127:
            out.append(left & 127 | 128)
            left >>= 7
        return bytes(out + bytes([left]))
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry_bytes(journal, number, previous, key="", effects=(), receipt=None):
    envelope = encode(1, bytes.fromhex(journal)) + encode(2, number) + encode(4, 1)
    envelope += encode(3, bytes.fromhex(previous)) if previous else b""
    envelope += encode(10, key.encode())
    for sku, added, removed in effects:
        envelope += encode(13, encode(1, sku.encode()) + encode(2, added) + encode(3, removed))
    if receipt:
        envelope += encode(17, encode(1, receipt[0].encode()) + encode(2, receipt[1]))
    return encode(1, envelope) + encode(2, b"s" * 64)
