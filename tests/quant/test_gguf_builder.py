"""The small models of the tests are real ones: the worker loads each of them and writes with it."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.frames import Connection, Ready
from rushlight.assistant.engine.request import (
    EmbedRequest,
    GenerateRequest,
    LoadSettings,
    LoraUse,
    Message,
    TokenizeRequest,
)
from rushlight.assistant.events import Finished, Usage
from rushlight.quant.gguf_check import check

_MAIN = "import sys; from rushlight.assistant.engine.worker import main; raise SystemExit(main(sys.argv[1:]))"


@contextmanager
def engine(path: Path, **settings: Any) -> Iterator[tuple[EngineClient, Ready]]:
    """A worker process with the model open."""
    with ExitStack() as closing:
        control, their_control, door, their_door = (
            closing.enter_context(sock) for pair in (socket.socketpair(), socket.socketpair()) for sock in pair
        )
        for sock in (their_control, their_door):
            sock.set_inheritable(True)
        numbers = ["--control", str(their_control.fileno()), "--door", str(their_door.fileno())]
        pid = os.posix_spawn(sys.executable, [sys.executable, "-c", _MAIN, *numbers], os.environ)
        closing.callback(os.waitpid, pid, 0)
        closing.callback(control.close)  # which ends the worker
        their_control.close()
        their_door.close()
        control.settimeout(60)
        connection = Connection(control)
        connection.send(LoadSettings(str(path), n_ctx=256, n_batch=64, n_threads=1, n_gpu_layers=0, **settings))
        while (frame := connection.receive()) is not None and isinstance(frame[1], Progress):
            pass
        assert frame is not None, "the worker ended"
        assert isinstance(frame[1], Ready), frame
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(door, [b"c"], [theirs.fileno()])
        with EngineClient(ours, lambda: Error("The worker is gone.", kind="engine-died")) as client:
            yield client, frame[1]


def write(client: EngineClient, **request: Any) -> tuple[Usage, Finished]:
    events = list(client.generate(GenerateRequest(max_tokens=5, **request), Stop()))
    usage, finished = events[-2:]
    assert isinstance(usage, Usage)
    assert isinstance(finished, Finished)
    return usage, finished


VARIATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "F16": {"quantization": "F16"},
    "Q8_0": {"quantization": "Q8_0"},
    "Q4_0": {"quantization": "Q4_0"},
    "SentencePiece": {"tokenizer": "llama"},
    "no template": {"template": None},
    "smallest": {"n_vocab": 260, "n_layers": 1, "n_embd": 32, "n_heads": 1, "n_kv_heads": 1, "n_ff": 32},
    "larger": {"n_vocab": 1_000, "n_layers": 4, "n_embd": 128, "n_heads": 8, "n_kv_heads": 8, "n_ff": 256},
    "aligned to 128": {"alignment": 128},
    "keys of its own": {"extra": {"general.author": "nobody", "x.list": [1, 2, 3], "x.flag": False, "x.real": 0.25}},
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_loads_and_decodes(name: str, make_gguf: Callable[..., Path]) -> None:
    options = VARIATIONS[name]
    path = make_gguf(**options)
    file = check(path)
    with engine(path) as (client, ready):
        assert (ready.n_vocab, ready.n_layers) == (options.get("n_vocab", 320), options.get("n_layers", 2))
        assert ready.n_params == sum(tensor.n_elements for tensor in file.tensors)
        assert (ready.template == "file") == (options.get("template", "") is not None)
        assert client.tokenize(TokenizeRequest(text="hello world"))
        usage, finished = write(client, messages=(Message("user", "hello"),))
        assert 1 <= usage.n_completion_tokens <= 5
        assert finished.reason in ("length", "stop")


def test_the_same_seed_makes_the_same_file(make_gguf: Callable[..., Path]) -> None:
    first, again, other = make_gguf("a.gguf"), make_gguf("b.gguf"), make_gguf("c.gguf", seed=7)
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_the_parts_of_a_file_make_the_file_again(gguf_builder: ModuleType, tiny_gguf: Path, tmp_path: Path) -> None:
    copy = gguf_builder.raw_file(tiny_gguf).write(tmp_path / "copy.gguf")
    assert copy.read_bytes() == tiny_gguf.read_bytes()


def test_the_adapter_is_applied(gguf_builder: ModuleType, tiny_gguf: Path, tmp_path: Path) -> None:
    adapter = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    with engine(tiny_gguf) as (client, _):
        usage, _ = write(client, prompt="hello", lora=(LoraUse(str(adapter)),))
        assert usage.n_completion_tokens >= 1


def test_the_embedding_model_gives_vectors(gguf_builder: ModuleType, tmp_path: Path) -> None:
    path = gguf_builder.tiny_bert_gguf(tmp_path / "bert.gguf")
    with engine(path, embeddings=True) as (client, _):
        embeddings = client.embed(EmbedRequest(texts=("hello world", "paris")), Stop())
        assert len(embeddings.vectors) == 2
        assert embeddings.vectors[0] != embeddings.vectors[1]
