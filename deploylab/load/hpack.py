"""The header blocks of HTTP/2, without a dynamic table: this client asks the server not to use one.

So a block stands for itself, and the same headers are always the same bytes.

Source: RFC 7541 (HPACK), with its appendices A (the static table) and B (the Huffman code).
"""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

NAMES = """
:authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status :status
accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow authorization
cache-control content-disposition content-encoding content-language content-length content-location content-range
content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range
if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer
refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate
""".split()  # noqa: SIM905 (a list of sixty strings would be a page long)
VALUES = {2: "GET", 3: "POST", 4: "/", 5: "/index.html", 6: "http", 7: "https", 8: "200", 9: "204", 10: "206",
          11: "304", 12: "400", 13: "404", 14: "500", 16: "gzip, deflate"}
STATIC = tuple((name, VALUES.get(number, "")) for number, name in enumerate(NAMES, start=1))
# The Huffman code is canonical: the lengths of the codes say all. By length, the bytes that have one, in order.
HUFFMAN = {
    5: b'012aceiost',
    6: b' %-./3456789=A_bdfghlmnpru',
    7: b':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
    8: b'&*,;XZ',
    10: b'!"()?',
    11: b"'+|",
    12: b'#>',
    13: b'\x00$@[]~',
    14: b'^}',
    15: b'<`{',
    19: b'\\\xc3\xd0',
    20: b'\x80\x82\x83\xa2\xb8\xc2\xe0\xe2',
    21: b'\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6',
    22: b'\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9',
    23: (b'\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4'
         b'\xb6\xb7\xbc\xbf\xc5\xe7\xef'),
    24: b'\t\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed',
    25: b'\xc7\xcf\xea\xeb',
    26: b'\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff',
    27: b'\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe',
    28: (b'\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b'
         b'\x1c\x1d\x1e\x1f\x7f\xdc\xf9'),
    30: b'\n\r\x16',
}
LONGEST = 30  # bits; what is left of the last byte is filled with ones, fewer than eight


class BadBlock(ValueError):
    """The bytes are not a header block that this client can read."""


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """A header block: what the static table has by its number, everything else as text.

    Example:
        >>> encode([(":method", "GET"), (":path", "/a")]).hex()
        '8204022f61'
    """
    block = bytearray()
    for name, value in headers:
        if (name, value) in STATIC:
            block += _number(STATIC.index((name, value)) + 1, 7, 0x80)
            continue
        if name in NAMES:
            block += _number(NAMES.index(name) + 1, 4, 0)
        else:
            block += b"\0" + _text(name)
        block += _text(value)
    return bytes(block)


@lru_cache(maxsize=256)  # most responses within a second have the same headers
def decode(block: bytes) -> tuple[tuple[str, str], ...]:
    """The headers in a block, in its order.

    Raises:
        BadBlock: it is damaged, or refers to a dynamic table.

    Example:
        >>> decode(bytes.fromhex("88 5f 87 497ca589d34d1f".replace(" ", "")))
        ((':status', '200'), ('content-type', 'text/html'))
    """
    headers, at = [], 0
    try:
        while at < len(block):
            first = block[at]
            if first & 0x80:                      # a whole entry of the table
                number, at = _read_number(block, at, 7)
                headers.append(_entry(number))
                continue
            if first & 0xE0 == 0x20:              # how large the dynamic table may be: not at all
                size, at = _read_number(block, at, 5)
                if size:
                    raise BadBlock("the server wants a dynamic table")
                continue
            number, at = _read_number(block, at, 6 if first & 0x40 else 4)
            name, at = (_entry(number)[0], at) if number else _read_text(block, at)
            value, at = _read_text(block, at)
            headers.append((name, value))
    except IndexError as error:
        raise BadBlock("a header block ends too early") from error
    return tuple(headers)


def _entry(number: int) -> tuple[str, str]:
    if not 1 <= number <= len(STATIC):
        raise BadBlock(f"entry {number} of a table with {len(STATIC)}")
    return STATIC[number - 1]


def _number(value: int, n_bits: int, mark: int) -> bytes:
    """A whole number behind the mark, which leaves `n_bits` of the first byte. Source: RFC 7541, 5.1."""
    most = (1 << n_bits) - 1
    if value < most:
        return bytes([mark | value])
    coded, value = [mark | most], value - most
    while value >= 128:
        coded.append(value % 128 + 128)
        value //= 128
    return bytes([*coded, value])


def _read_number(block: bytes, at: int, n_bits: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    most = (1 << n_bits) - 1
    value, at, shift = block[at] & most, at + 1, 0
    if value == most:
        while True:
            byte, at = block[at], at + 1
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            if shift > 28:
                raise BadBlock("a number is too large")
    return value, at


def _text(text: str) -> bytes:
    coded = text.encode(errors="surrogateescape")
    return _number(len(coded), 7, 0) + coded


def _read_text(block: bytes, at: int) -> tuple[str, int]:
    coded = block[at] & 0x80
    size, at = _read_number(block, at, 7)
    data = block[at:at + size]
    if len(data) < size:
        raise IndexError(size)
    return (b"".join(_huffman(data)) if coded else data).decode("latin-1"), at + size


@cache
def _codes() -> dict[tuple[int, int], bytes]:
    """The byte of each code, by its length and its bits."""
    codes, code, length = {}, 0, min(HUFFMAN)
    for n_bits, characters in HUFFMAN.items():
        code, length = code << n_bits - length, n_bits
        for character in characters:
            codes[n_bits, code] = bytes([character])
            code += 1
    return codes


def _huffman(data: bytes) -> Iterator[bytes]:
    codes, code, length = _codes(), 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            code, length = code << 1 | byte >> shift & 1, length + 1
            character = codes.get((length, code))
            if character is not None:
                yield character
                code = length = 0
            elif length == LONGEST:
                raise BadBlock("no code of the Huffman table")
    if length > 7 or code != (1 << length) - 1:
        raise BadBlock("a text ends within a code")
