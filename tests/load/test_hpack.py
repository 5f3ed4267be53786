"""Header blocks, against the library hpack, which another hand wrote."""

import random

import hpack as theirs
import pytest

from deploylab.load import hpack


def test_both_read_what_the_other_wrote():
    draw = random.Random(5)
    encoder, decoder = theirs.Encoder(), theirs.Decoder()
    encoder.header_table_size = 0
    for _ in range(300):
        headers = [(draw.choice([*hpack.NAMES[15:], "x-cache"]),
                    "".join(chr(draw.randrange(256)) for _ in range(draw.randrange(60)))) for _ in range(5)]
        for huffman in (True, False):
            block = encoder.encode([(name.encode(), value.encode("latin-1")) for name, value in headers],
                                   huffman=huffman)
            assert list(hpack.decode(block)) == headers
        plain = [(name, value.encode("ascii", "ignore").decode()) for name, value in headers]
        assert [(str(name), str(value)) for name, value in decoder.decode(hpack.encode(plain))] == plain


def test_the_examples_of_the_standard():
    """RFC 7541, C.4.1 and C.6.1, with their Huffman codes."""
    assert hpack.decode(bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"))[3] == (":authority", "www.example.com")
    assert hpack.decode(bytes.fromhex("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff")) == (
        (":status", "302"), ("cache-control", "private"), ("date", "Mon, 21 Oct 2013 20:13:21 GMT"))


@pytest.mark.parametrize("block", ["80", "be", "7f", "00", "0003", "000361", "3fe11f", "ffffffffffff7f", "008180",
                                   "0083fefeff"])
def test_a_damaged_block_is_refused(block):
    with pytest.raises(hpack.BadBlock):
        hpack.decode(bytes.fromhex(block))
