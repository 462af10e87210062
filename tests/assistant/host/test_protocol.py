"""The host's frames: what goes in comes out, what is no frame is an Error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error, Progress
from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host import protocol
from rushlight.assistant.host.protocol import GREETING_CODEC, HOST_CODEC

TEXT = st.text(max_size=50)
NUMBER = st.integers(-(2**31), 2**31)
LOAD = st.builds(LoadSettings, path=TEXT, n_ctx=NUMBER, chat_template=TEXT, embeddings=st.booleans())
READY = st.builds(Ready, *[NUMBER] * 8, TEXT, TEXT, st.floats(allow_nan=False), TEXT)
ENGINE = st.builds(
    protocol.EngineStatus,
    NUMBER,
    NUMBER,
    LOAD,
    TEXT,
    st.booleans(),
    NUMBER,
    NUMBER,
    NUMBER,
    st.floats(allow_nan=False),
    st.floats(allow_nan=False),
    st.none() | READY,
)
VALUES = st.one_of(
    st.builds(protocol.Hello, TEXT, TEXT, NUMBER),
    st.builds(protocol.Welcome, TEXT, NUMBER, TEXT),
    st.builds(protocol.Refused, TEXT, TEXT, TEXT, st.booleans()),
    st.builds(protocol.OpenEngine, LOAD, st.floats(allow_nan=False), NUMBER),
    st.builds(protocol.Opened, NUMBER, NUMBER, READY),
    st.builds(
        protocol.HostStatus,
        NUMBER,
        TEXT,
        st.floats(allow_nan=False),
        NUMBER,
        st.none() | NUMBER,
        st.lists(ENGINE, max_size=3).map(tuple),
    ),
    st.builds(protocol.Unload, TEXT),
    st.builds(protocol.ExplainEngine, NUMBER),
    st.builds(protocol.Explained, TEXT, TEXT, TEXT),
    st.builds(Progress, TEXT, st.floats(allow_nan=False), st.none() | st.floats(allow_nan=False), TEXT),
)


@given(st.lists(st.tuples(VALUES, st.integers(0, 2**31)), max_size=5), st.integers(1, 40))
def test_round_trip_in_pieces(values: list[tuple[Any, int]], n_bytes: int) -> None:
    stream = b"".join(HOST_CODEC.encode(value, sequence) for value, sequence in values)
    buffer, found = bytearray(), []
    for start in range(0, len(stream), n_bytes):
        buffer += stream[start : start + n_bytes]
        while (frame := HOST_CODEC.take(buffer)) is not None:
            found.append((frame[1], frame[0]))
    assert found == values
    assert not buffer


@given(st.binary(max_size=300))
def test_garbage_is_an_error_or_an_unfinished_frame(data: bytes) -> None:
    for codec in (HOST_CODEC, GREETING_CODEC):
        buffer = bytearray(data)
        try:
            while codec.take(buffer) is not None:
                pass
        except Error as err:
            assert err.kind == "bad-frame"


@given(VALUES, st.data())
def test_a_damaged_frame_is_an_error_or_a_value(value: Any, data: st.DataObject) -> None:
    body = bytearray(HOST_CODEC.encode(value, 1)[4:])
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        HOST_CODEC.decode(body)
    except Error as err:
        assert err.kind == "bad-frame"


def test_a_giant_length_is_refused_before_anything_is_stored() -> None:
    for codec, limit in ((HOST_CODEC, protocol.MAX_FRAME_BYTES), (GREETING_CODEC, protocol.MAX_GREETING_BYTES)):
        with pytest.raises(Error, match="allowed"):
            codec.take(bytearray((limit + 1).to_bytes(4, "little")))


def test_a_stranger_can_only_greet() -> None:
    with pytest.raises(Error):
        GREETING_CODEC.decode(HOST_CODEC.encode(protocol.Shutdown(), 1)[4:])
