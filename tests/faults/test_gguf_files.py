"""Damaged and hostile model files: refused in Python, or opened by a worker whose death is an `Error` and no more."""

import collections
import os
import random
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.frames import Connection, Ready
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, LoadSettings, Message
from rushlight.assistant.events import Failed
from rushlight.assistant.host.inprocess import InProcessHost
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings
from rushlight.quant.gguf_check import check

pytestmark = pytest.mark.faults

_MAIN = "import sys; from rushlight.assistant.engine.worker import main; raise SystemExit(main(sys.argv[1:]))"
_ANSWER_S = 20.0  # a worker that says nothing for so long hangs
_DEATH_REPORT_S = 5.0
_CHAT = GenerateRequest(messages=(Message("user", "hello world"),), max_tokens=2)
_TEXTS = EmbedRequest(texts=("hello world", "paris"))
_GONE = Error("The engine ended while it worked.", kind="engine-died")


# ---------------------------------------------------------------- a worker, started before its file is known
class Worker:
    """A real worker process that waits for its settings. `open` says what became of the file."""

    def __init__(self, log: Path) -> None:
        self._log = log
        ours, theirs = socket.socketpair()
        self._door, their_door = socket.socketpair()
        for sock in (theirs, their_door):
            sock.set_inheritable(True)
        command = [sys.executable, "-c", _MAIN, "--control", str(theirs.fileno()), "--door", str(their_door.fileno())]
        self.pid = os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)],
        )
        theirs.close()
        their_door.close()
        self._control = Connection(ours)
        ours.settimeout(_ANSWER_S)

    def open(self, path: Path, *, embeddings: bool) -> str:
        """ "loaded" (and used), "failed" (it said why, in a typed message) or "died"."""
        settings = LoadSettings(str(path), n_ctx=128, n_batch=32, n_threads=1, n_gpu_layers=0, embeddings=embeddings)
        self._control.send(settings)
        while not isinstance(word := self._word(), Ready | Failed | None):
            pass
        if word is None:
            return "died"
        if isinstance(word, Failed):
            assert word.kind not in ("", "internal"), word
            return "failed"
        ours, theirs = socket.socketpair()
        socket.send_fds(self._door, [b"c"], [theirs.fileno()])
        theirs.close()
        with EngineClient(ours, lambda: _GONE) as engine:
            watch = threading.Timer(_ANSWER_S, os.kill, (self.pid, signal.SIGKILL))
            watch.start()
            try:
                if embeddings:
                    engine.embed(_TEXTS, Stop())
                else:
                    for _ in engine.generate(_CHAT, Stop()):
                        pass
            except Error as error:
                assert error.kind != "internal", error
                return "died" if error is _GONE else "loaded"
            finally:
                assert watch.is_alive(), "the worker hung"
                watch.cancel()
        return "loaded"

    def _word(self) -> Any:
        try:
            frame = self._control.receive()
        except ConnectionError:
            return None
        return None if frame is None else frame[1]

    def end(self) -> str:
        """Close it; what it wrote on standard error, its last line first."""
        self._control.close()
        self._door.close()
        deadline_s = time.monotonic() + _DEATH_REPORT_S
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() > deadline_s:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError("the worker did not end with its host")
            time.sleep(0.005)
        lines = self._log.read_text(errors="replace").splitlines()
        return next((line for line in lines if "GGML_ASSERT" in line or "error" in line.lower()), "no word")


@pytest.fixture(scope="module")
def seeds(gguf_seeds: tuple[Any, ...]) -> tuple[Any, ...]:
    """Models alone: an adapter is not loaded as one."""
    return gguf_seeds[:4]


@contextmanager
def workers(folder: Path) -> Iterator[Callable[[], Worker]]:
    """Workers one after another; the next one starts while the one before is used."""
    numbers = iter(range(1_000_000))
    ahead: list[Worker] = []

    def start() -> None:
        ahead.append(Worker(folder / f"{next(numbers)}.log"))

    def take() -> Worker:
        if not ahead:
            start()
        worker = ahead.pop()
        start()
        return worker

    try:
        yield take
    finally:
        for worker in ahead:
            worker.end()


# ---------------------------------------------------------------- the tests
@pytest.fixture
def host(own_home: Path) -> Iterator[InProcessHost]:
    paths = find_paths()
    with InProcessHost(paths, load_settings(paths)) as host:
        yield host


class Pulse(threading.Thread):
    """Stands for a front's event loop: wakes every 5 ms and remembers its longest sleep."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest_s, self._ended = 0.0, threading.Event()

    def run(self) -> None:
        last_s = time.monotonic()
        while not self._ended.wait(0.005):
            now_s = time.monotonic()
            self.longest_s, last_s = max(self.longest_s, now_s - last_s), now_s

    def __enter__(self) -> "Pulse":
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self.join()


def use(host: InProcessHost, path: Path, *, embeddings: bool = False) -> None:
    """Load and use a file as a front does, through the host. Raises `Error`."""
    load = LoadSettings(str(path), n_ctx=128, n_batch=32, n_gpu_layers=0, embeddings=embeddings)
    with host.open_engine(load, Stop()) as engine:
        if embeddings:
            engine.embed(_TEXTS, Stop())
        else:
            collections.deque(engine.generate(_CHAT, Stop()), maxlen=0)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("n_mutants", [300, pytest.param(2_000, marks=pytest.mark.slow)])
def test_mutants_are_refused_or_opened_by_a_worker(
    n_mutants: int,
    seeds: tuple[Any, ...],
    gguf_mutants: ModuleType,
    tmp_path: Path,
    host: InProcessHost,
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts: collections.Counter[str] = collections.Counter()
    deaths: list[str] = []
    slowest_s = 0.0
    path = tmp_path / "mutant.gguf"
    with workers(tmp_path) as take:
        for number in range(n_mutants):
            chance = random.Random(number)
            seed = chance.choice(seeds)
            path.write_bytes(gguf_mutants.mutate(seed, chance))
            start_s = time.monotonic()
            try:
                check(path)
            except Error as error:
                assert error.kind == "bad-file" and error.hint, error
                assert path.name in error.message and error.message.isprintable(), error.message
                counts["refused"] += 1
                continue
            finally:
                slowest_s = max(slowest_s, time.monotonic() - start_s)
            worker = take()
            outcome = worker.open(path, embeddings=seed.embeddings)
            last_words = worker.end()
            counts[outcome] += 1
            if outcome == "died":
                deaths.append(f"mutant {number}: {last_words}")
                start_s = time.monotonic()
                with pytest.raises(Error) as caught:
                    use(host, path, embeddings=seed.embeddings)
                assert caught.value.kind and caught.value.kind != "bug", caught.value
                assert time.monotonic() - start_s < _DEATH_REPORT_S, "a dead worker is reported at once"
    with capsys.disabled():
        print(
            f"\n{n_mutants:,} mutants: {counts['refused']:,} refused by the check "
            f"(slowest {slowest_s * 1000:.0f} ms), "
            f"{counts['loaded']:,} loaded and used, {counts['failed']:,} refused by the worker, "
            f"{counts['died']:,} ended the worker",
            *deaths,
            sep="\n  ",
        )
    assert counts.total() == n_mutants
    assert counts["died"] <= n_mutants // 200, "most of what ends a worker is refused before"
    assert counts["loaded"] > n_mutants // 20, "the mutants reach the worker"


def _row(file: Any, name: str, **changes: Any) -> None:
    tensor = file.tensor(name)
    for field, value in changes.items():
        setattr(tensor, field, value)


_U32, _F32, _TEXT, _LIST = 4, 6, 8, 9
# What llama.cpp asserts, divides by or allocates blindly. Each file is one change away from a good one.
_HAND_MADE: dict[str, Callable[[ModuleType, Any], object]] = {
    "no layers": lambda b, f: f.set("llama.block_count", _U32, struct.pack("<I", 0)),
    "more layers than llama.cpp has room for": lambda b, f: f.set("llama.block_count", _U32, struct.pack("<I", 513)),
    "no heads": lambda b, f: f.set("llama.attention.head_count", _U32, struct.pack("<I", 0)),
    "heads that do not divide": lambda b, f: f.set("llama.attention.head_count_kv", _U32, struct.pack("<I", 3)),
    "experts beyond the most": lambda b, f: f.set("llama.expert_count", _U32, struct.pack("<I", 100_000)),
    "experts of which none is used": lambda b, f: f.set("llama.expert_count", _U32, struct.pack("<I", 8)),
    "an odd rotation": lambda b, f: f.set("llama.rope.dimension_count", _U32, struct.pack("<I", 7)),
    "unknown rope scaling": lambda b, f: f.set("llama.rope.scaling.type", _TEXT, b.raw_string(b"sideways")),
    "negative epsilon": lambda b, f: f.set("llama.attention.layer_norm_rms_epsilon", _F32, struct.pack("<f", -1.0)),
    "epsilon that is no number": lambda b, f: f.set(
        "llama.attention.layer_norm_rms_epsilon", _F32, struct.pack("<f", float("nan"))
    ),
    "no tokenizer": lambda b, f: f.set("tokenizer.ggml.model", _TEXT, b.raw_string(b"none")),
    "one token twice": lambda b, f: f.set("tokenizer.ggml.tokens", _LIST, b.raw_array(8, [b.raw_string(b"a")] * 280)),
    "wished begin token missing": lambda b, f: (
        f.set("tokenizer.ggml.pre", _TEXT, b.raw_string(b"glm4")),
        f.remove("tokenizer.ggml.bos_token_id"),
        f.set("tokenizer.ggml.add_bos_token", 7, b"\1"),
    ),
    "norm in half precision": lambda b, f: _row(f, "output_norm.weight", type_number=1, data=bytes(64)),
    "weights of whole numbers": lambda b, f: _row(f, "blk.0.attn_q.weight", type_number=26),
    "a part number as text": lambda b, f: f.set("split.no", _TEXT, b.raw_string(b"one")),
    "empty key": lambda b, f: f.set("", _U32, bytes(4)),
    "list of 2^40 elements": lambda b, f: f.set("x.list", _LIST, struct.pack("<IQ", 4, 2**40)),
    "text of 2^62 bytes": lambda b, f: f.set("x.text", _TEXT, struct.pack("<Q", 2**62)),
    "tensor that overlaps": lambda b, f: _row(f, "blk.0.attn_k.weight", offset=0),
    "tensor past the end": lambda b, f: _row(f, "output.weight", dims=[32, 2**50]),
    "tensor of 2^64 elements": lambda b, f: _row(f, "output.weight", dims=[2**32, 2**32]),
}


def test_files_made_by_hand_are_refused_through_the_host_and_the_front_stays_awake(
    gguf_builder: ModuleType,
    gguf_mutants: ModuleType,
    seeds: tuple[Any, ...],
    tmp_path: Path,
    host: InProcessHost,
) -> None:
    files = {}
    for number, (name, change) in enumerate(_HAND_MADE.items()):
        raw = gguf_builder.RawFile(
            values=list(seeds[0].raw.values), tensors=[gguf_mutants.copied(tensor) for tensor in seeds[0].raw.tensors]
        )
        change(gguf_builder, raw)
        files[name] = raw.write(tmp_path / f"{number}.gguf")
    files["37 bytes with an empty key"] = tmp_path / "37.gguf"
    files["37 bytes with an empty key"].write_bytes(
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<QI", 0, 0) + b"\0"
    )
    assert files["37 bytes with an empty key"].stat().st_size == 37
    good = tmp_path / "good.gguf"
    good.write_bytes(seeds[0].data)
    with Pulse() as pulse:
        for name, path in files.items():
            start_s = time.monotonic()
            with pytest.raises(Error) as caught:
                use(host, path)
            assert caught.value.kind == "bad-file", (name, caught.value)
            assert path.name in caught.value.message, name
            assert time.monotonic() - start_s < _DEATH_REPORT_S, name
        use(host, good)
    assert pulse.longest_s < 0.2, "the front answers all the time"


def test_a_worker_that_dies_in_native_code_is_an_error_and_the_front_stays_awake(
    seeds: tuple[Any, ...], tmp_path: Path, host: InProcessHost
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(seeds[0].data)
    load = LoadSettings(str(path), n_ctx=2048, n_batch=32, n_gpu_layers=0)
    with Pulse() as pulse, host.open_engine(load, Stop()) as engine:
        (status,) = host.status().engines
        events = engine.generate(GenerateRequest(prompt="hello", max_tokens=2000), Stop())
        next(events)
        start_s = time.monotonic()
        # a file that shrinks below its mapped weights: the kernel ends whoever reads them
        os.truncate(path, 4096)
        with pytest.raises(Error) as caught:
            collections.deque(events, maxlen=0)
        assert time.monotonic() - start_s < _DEATH_REPORT_S
    assert caught.value.kind == "worker-died", caught.value
    assert status.state in ("ready", "busy")
    assert pulse.longest_s < 0.2
    path.write_bytes(seeds[0].data)
    use(host, path)
