"""SentencePiece's tokenizer.model: a Protocol Buffers message, of which five fields matter.

ModelProto { repeated SentencePiece pieces = 1; TrainerSpec trainer_spec = 2; NormalizerSpec normalizer_spec = 3 }
SentencePiece { string piece = 1; float score = 2; Type type = 3 }   types are those of GGUF's tokens
TrainerSpec { ModelType model_type = 3 }                             1 unigrams, 2 pairs
NormalizerSpec { bytes charsmap = 2; bool add_dummy_prefix = 3; bool remove_extra_whitespaces = 4 }
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rushlight import Error


@dataclass(slots=True)
class SentencePieceModel:
    pieces: list[tuple[str, float, int]] = field(default_factory=list)  # text, score, type
    is_unigram: bool = True
    char_map: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_spaces: bool = True


def read_sentencepiece(path: Path) -> SentencePieceModel:
    """The model in the file; an `Error` where it is damaged."""
    try:
        return _parse(path.read_bytes())
    except OSError as error:
        raise Error(f"Cannot read {path}: {error.strerror}.", kind="bad-file") from None
    except (IndexError, struct.error, ValueError):
        raise Error(
            f"Cannot use {path.name}: it is no SentencePiece model.", "The folder is damaged.", kind="bad-file"
        ) from None


def _parse(data: bytes) -> SentencePieceModel:
    model = SentencePieceModel()
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            model.pieces.append(_piece(value))
        elif number == 2 and isinstance(value, bytes):
            kinds = [inner for field_number, inner in _fields(value) if field_number == 3]
            model.is_unigram = not kinds or kinds[-1] == 1
        elif number == 3 and isinstance(value, bytes):
            _normalizer(model, value)
    if not model.pieces:
        raise ValueError("no pieces")
    return model


def _piece(data: bytes) -> tuple[str, float, int]:
    text, score, kind = "", 0.0, 1
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            text = value.decode()
        elif number == 2 and isinstance(value, bytes):
            (score,) = struct.unpack("<f", value)
        elif number == 3 and isinstance(value, int):
            kind = value
    return text, score, kind


def _normalizer(model: SentencePieceModel, data: bytes) -> None:
    for number, value in _fields(data):
        if number == 2 and isinstance(value, bytes):
            model.char_map = value
        elif number == 3:
            model.add_dummy_prefix = bool(value)
        elif number == 4:
            model.remove_extra_spaces = bool(value)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field: whole numbers as such, everything else as bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if position + length > len(data):
            raise ValueError("field beyond the end")
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("number too long")
