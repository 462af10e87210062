"""Frames on a socket: a 4-byte little-endian length, then msgpack of [name, sequence number, value].

The worker's events and the front's requests are sent as they are; the name of the class is the tag.
A frame over `MAX_FRAME_BYTES`, an unknown name or a wrong field is an `Error`, never a half-read value.
"""

import socket
import struct
from typing import Any

import msgspec
from msgspec import Struct

from rushlight import Error, Progress
from rushlight.assistant import events
from rushlight.assistant.engine import request as requests

MAX_FRAME_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct("<I")


class Cancel(Struct, frozen=True):
    """Front to worker: stop the request with this frame's sequence number, in decode or in prefill."""


class Tokens(Struct, frozen=True):
    """Worker to front: the answer to a `TokenizeRequest`."""

    token_ids: tuple[int, ...]


class Ready(Struct, frozen=True):
    """Worker to host: the model is loaded. Figures for `models show`, the arbiter and the context meter."""

    n_ctx: int
    n_ctx_train: int
    n_vocab: int
    n_embd: int
    n_layers: int
    n_params: int
    size_bytes: int  # weights
    gpu_layers: int
    template: str  # "file", "setting", or the name of the fallback format
    description: str
    load_s: float
    system: str  # llama.cpp's own line about the processor
    devices: str = ""  # where it computes: "CPU", "Vulkan0 (llvmpipe)"
    notice: str = ""  # by the host: that less is on the graphics card than one might expect


class Speed(Struct, frozen=True):
    """Worker to host: how fast the last answer was."""

    prompt_per_s: float  # tokens of the prompt that had to be computed
    decode_per_s: float


class Codec:
    """Encodes and decodes the values of one closed set of classes, tagged by class name."""

    def __init__(self, types: tuple[type[Any], ...], max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._types = {cls.__name__: cls for cls in types}
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}  # made when first needed: startup counts

    def encode(self, value: object, sequence: int = 0) -> bytes:
        """One frame, length included."""
        body = _ENCODER.encode((type(value).__name__, sequence, value))
        return _LENGTH.pack(len(body)) + body

    def decode(self, body: bytes | bytearray | memoryview) -> tuple[int, Any]:
        """(sequence number, value) of a frame's body. Raises `Error(kind="bad-frame")`."""
        try:
            name, sequence, raw = _HEAD.decode(body)
            decoder = self._decoders.get(name)
            if decoder is None:
                decoder = self._decoders[name] = msgspec.msgpack.Decoder(self._types[name])
            return sequence, decoder.decode(raw)
        except (msgspec.DecodeError, KeyError, ValueError, RecursionError) as err:
            raise Error(
                f"A message between Rushlight's processes could not be read: {err}.",
                hint="Stop every Rushlight process and start again.",
                kind="bad-frame",
            ) from err

    def take(self, buffer: bytearray) -> tuple[int, Any] | None:
        """Cut the next whole frame off the front of `buffer`; None while it is not complete."""
        if len(buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(buffer)
        if length > self.max_bytes:
            raise Error(
                f"A message between Rushlight's processes is {length} bytes long; {self.max_bytes} are allowed.",
                kind="bad-frame",
            )
        end = _LENGTH.size + length
        if len(buffer) < end:
            return None
        body = bytes(buffer[_LENGTH.size : end])
        del buffer[:end]
        return self.decode(body)


_HEAD = msgspec.msgpack.Decoder(tuple[str, int, msgspec.Raw])
_ENCODER = msgspec.msgpack.Encoder()
ENGINE_CODEC = Codec(
    (
        Cancel, Tokens, Ready, Speed, Progress,
        requests.LoadSettings, requests.GenerateRequest, requests.EmbedRequest, requests.ScoreRequest,
        requests.BeamRequest, requests.TokenizeRequest,
        events.TextDelta, events.ReasoningDelta, events.Notice, events.Usage, events.Finished, events.Failed,
        events.Embeddings, events.Scores, events.Beams,
    ),
    MAX_FRAME_BYTES,
)  # fmt: skip


def encode(value: object, sequence: int = 0) -> bytes:
    """One frame of the engine's set, length included."""
    return ENGINE_CODEC.encode(value, sequence)


def decode(body: bytes | bytearray | memoryview) -> tuple[int, Any]:
    """(sequence number, value) of a frame's body of the engine's set. Raises `Error(kind="bad-frame")`."""
    return ENGINE_CODEC.decode(body)


class Connection:
    """Frames over one connected stream socket. `receive` returns None at the end of the stream."""

    def __init__(self, sock: socket.socket, codec: Codec = ENGINE_CODEC) -> None:
        self.sock = sock
        self._codec = codec
        self._buffer = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, value: object, sequence: int = 0) -> None:
        self.sock.sendall(self._codec.encode(value, sequence))

    def receive(self) -> tuple[int, Any] | None:
        """The next frame; blocks. Raises TimeoutError as the socket is set."""
        while True:
            frame = self._codec.take(self._buffer)
            if frame is not None:
                return frame
            data = self.sock.recv(65536)
            if not data:
                return None
            self._buffer += data

    def close(self) -> None:
        self.sock.close()
