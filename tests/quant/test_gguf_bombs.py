"""Files that promise more than a machine holds are refused in under a second and under 200 MiB, in a child process."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight.quant.gguf_types import MAX_KEYS, MAX_TENSORS, MAX_TOKENS

U8, U32, TEXT, LIST, U64 = 0, 4, 8, 9, 10
TYPE_F32 = 0
MIB = 1 << 20


def header(n_tensors: int, n_keys: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_keys)


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def text(value: bytes) -> bytes:
    return u64(len(value)) + value


_CHILD = """
import json, resource, sys, time
from pathlib import Path
from rushlight import Error
from rushlight.quant.gguf_check import check

def peak_bytes():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

before, start = peak_bytes(), time.process_time()  # of its own: others may keep the machine busy
try:
    check(Path(sys.argv[1]))
    word = "accepted"
except Error as error:
    word = error.kind
print(json.dumps([word, time.process_time() - start, peak_bytes() - before]))
"""


def sparse(path: Path, head: bytes, size_bytes: int) -> None:
    path.write_bytes(head)
    os.truncate(path, size_bytes)


def _many_keys() -> bytes:
    return header(0, MAX_KEYS) + b"".join(
        text(b"key %d" % index) + u32(LIST) + u32(U64) + u64(8_000) + bytes(64_000) for index in range(MAX_KEYS)
    )


def _token_list(n_tokens: int, size: int) -> bytes:
    # the last one stands twice, which is seen when everything is in memory
    tokens = b"".join(text(b"%0*d" % (size, min(index, n_tokens - 2))) for index in range(n_tokens))
    return (
        header(0, 3)
        + text(b"general.architecture")
        + u32(TEXT)
        + text(b"llama")
        + text(b"tokenizer.ggml.model")
        + u32(TEXT)
        + text(b"gpt2")
        + text(b"tokenizer.ggml.tokens")
        + u32(LIST)
        + u32(TEXT)
        + u64(n_tokens)
        + tokens
    )


def _many_tensors() -> bytes:
    rows = b"".join(
        text(b"%063d" % index) + u32(4) + struct.pack("<4QIQ", 1, 1, 1, 1, TYPE_F32, 32 * index)
        for index in range(MAX_TENSORS)
    )
    return header(MAX_TENSORS, 0) + rows


BOMBS: dict[str, Callable[[Path], None]] = {
    "2^64-1 keys": lambda path: sparse(path, header(0, 2**64 - 1), MIB),
    "2^64-1 tensors": lambda path: sparse(path, header(2**64 - 1, 0), MIB),
    "list of 2^40": lambda path: sparse(path, header(0, 1) + text(b"a") + u32(LIST) + u32(U8) + u64(2**40), 1 << 41),
    "list of 16 Mi numbers": lambda path: sparse(
        path, header(0, 1) + text(b"a") + u32(LIST) + u32(U64) + u64(2**24), 1 << 40),
    "list of 16 Mi empty texts": lambda path: sparse(
        path, header(0, 1) + text(b"a") + u32(LIST) + u32(TEXT) + u64(2**24), 1 << 40),
    "2 Mi empty texts": lambda path: sparse(
        path, header(0, 2) + text(b"a") + u32(LIST) + u32(TEXT) + u64(2**21), 1 << 40),
    "text of 2^62": lambda path: sparse(path, header(0, 1) + text(b"a") + u32(TEXT) + u64(2**62), 1 << 40),
    "five texts of 16 MiB": lambda path: sparse(path, header(0, 5) + b"".join(
        text(b"%d" % index) + u32(TEXT) + u64(16 * MIB) + bytes(16 * MIB) for index in range(5)), 1 << 40),
    "1 TiB of nothing": lambda path: sparse(path, b"", 1 << 40),
    "1 TiB of keys of nothing": lambda path: sparse(path, header(0, MAX_KEYS), 1 << 40),
    "as many long lists as keys": lambda path: sparse(path, _many_keys(), 1 << 40),
    "as many tensors as allowed": lambda path: sparse(path, _many_tensors(), 1 << 40),
    "as many long tokens as fit": lambda path: sparse(path, _token_list(MAX_TOKENS, 119), 1 << 40),
    "a tensor of 1 TiB": lambda path: sparse(
        path, header(1, 0) + text(b"a") + struct.pack("<I2QIQ", 2, 2**20, 2**18, TYPE_F32, 0), 1 << 41),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.gguf"
    BOMBS[name](path)
    child = subprocess.run([sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    word, seconds, grown_bytes = json.loads(child.stdout)
    print(f"{name}: {seconds:.3f} s, {grown_bytes / MIB:.0f} MiB")
    assert word == "bad-file"
    assert seconds < 1.0
    assert grown_bytes < 200 * MIB
