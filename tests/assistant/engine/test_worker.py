"""The worker process: loading, cancelling, queueing, dying, and living on after whatever it was asked."""

import os
import random
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rushlight import Error, Stop
from rushlight.assistant.engine.door import SEND_LIMIT_S
from rushlight.assistant.engine.frames import Cancel, Connection, Ready, encode
from rushlight.assistant.engine.request import (
    EmbedRequest,
    GenerateRequest,
    Grammar,
    LoadSettings,
    LoraUse,
    Message,
    Sampling,
    TokenizeRequest,
)
from rushlight.assistant.engine.worker import main
from rushlight.assistant.events import Failed, Finished, Notice, TextDelta, Usage

Answer = Callable[..., tuple[str, Usage, Finished]]
LONG = GenerateRequest(prompt="word " * 3500, max_tokens=1, cache_prompt=False)
ENDLESS = GenerateRequest(  # the two tokens that would end it are unlikely
    prompt="Once upon a time", max_tokens=3000, sampling=Sampling(logit_bias=((0, -100.0), (2, -100.0)))
)


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([], ["--control", "3"], ["--control", "x", "--door", "4"], ["--control", "3", "--door"], ["--x", "1"]):
        assert main(argv) == 2
    assert "usage" in capsys.readouterr().err


# --- loading ----------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_ready(worker: Any, demo_model: Path, start_worker: Callable[..., Any]) -> None:
    process = start_worker(
        LoadSettings(
            path=str(demo_model), n_ctx=100_000, n_threads=1, kv_type="q8_0", use_mmap=False, flash_attention="on"
        )
    )
    ready = process.first_word()
    assert isinstance(ready, Ready)
    assert ready.n_ctx == ready.n_ctx_train == 8192  # never more than the model was made for
    assert ready.n_vocab == 49152 and ready.n_embd == 576 and ready.n_layers == 30
    assert ready.template == "file" and "0.3.36" in ready.system and ready.gpu_layers == 0
    with process.client() as client:
        text = "".join(
            e.text
            for e in client.generate(GenerateRequest(prompt="The capital of France is", max_tokens=3), Stop())
            if isinstance(e, TextDelta)
        )
        assert "Paris" in text
    assert process.close() == 0


@pytest.mark.parametrize(("change", "word", "kind"), [
    ({"n_ctx": -1}, "engine.context", "bad-settings"), ({"n_batch": 0}, "engine.batch", "bad-settings"),
    ({"kv_type": "q9"}, "engine.kv_type", "bad-settings"), ({"flash_attention": "maybe"}, "flash", "bad-settings"),
    ({"kv_type": "q4_0", "flash_attention": "off"}, "needs flash attention", "bad-settings"),
    ({"pooling": "sum"}, "pooling", "bad-settings"), ({"n_gpu_layers": -7}, "gpu_layers", "bad-settings"),
    ({"n_threads": 10**9}, "engine.threads", "bad-settings"),
    ({"chat_template": "no-such-format"}, "no-such-format", "no-such-format"),
    ({"path": "/nowhere/none.gguf"}, "none.gguf", ""),
])  # fmt: skip
@pytest.mark.model
def test_settings_that_are_refused(
    start_worker: Callable[..., Any], demo_model: Path, change: dict[str, Any], word: str, kind: str
) -> None:
    process = start_worker(replace(LoadSettings(path=str(demo_model)), **change))
    failed = process.first_word()
    assert isinstance(failed, Failed)
    assert word in failed.message and failed.hint
    assert not kind or failed.kind == kind
    assert os.waitstatus_to_exitcode(process.wait()) == 1


def test_files_that_are_no_models(start_worker: Callable[..., Any], tmp_path: Path) -> None:
    files = {
        "text.gguf": b"hello",
        "empty.gguf": b"",
        "cut.gguf": b"GGUF" + struct.pack("<IQQ", 3, 1, 1),
        "key.gguf": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 0) + struct.pack("<IB", 0, 1),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        start = time.monotonic()
        process = start_worker(LoadSettings(path=str(tmp_path / name)))
        failed = process.first_word()
        assert isinstance(failed, Failed) and failed.kind == "bad-file", (name, failed)
        assert name in failed.message
        assert time.monotonic() - start < 5


def test_an_adapter_is_no_model(start_worker: Callable[..., Any], gguf_builder: Any, tmp_path: Path) -> None:
    adapter = gguf_builder.tiny_lora_gguf(tmp_path / "adapter.gguf")
    failed = start_worker(LoadSettings(path=str(adapter))).first_word()
    assert isinstance(failed, Failed) and failed.kind == "wrong-model" and "adapter" in failed.message


def test_a_split_model_with_a_bad_second_part_is_refused(
    start_worker: Callable[..., Any], gguf_builder: Any, tmp_path: Path
) -> None:
    raw = gguf_builder.raw_file(gguf_builder.tiny_llama_gguf(tmp_path / "whole.gguf"))
    raw.values += [
        (b"split.count", 2, struct.pack("<H", 2)),
        (b"split.no", 2, struct.pack("<H", 0)),
        (b"split.tensors.count", 5, struct.pack("<i", 99)),
    ]
    first = raw.write(tmp_path / "m-00001-of-00002.gguf")
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"GGUF no more")
    failed = start_worker(LoadSettings(path=str(first))).first_word()
    assert isinstance(failed, Failed) and failed.kind == "bad-file" and "00002" in failed.message


def test_other_settings_than_settings(start_worker: Callable[..., Any]) -> None:
    process = start_worker(Cancel())
    failed = process.first_word()
    assert isinstance(failed, Failed) and failed.kind == "bad-frame"


@pytest.mark.model
def test_clients_may_come_before_the_model_is_ready(
    start_worker: Callable[..., Any], demo_model: Path, paris: GenerateRequest, answer: Answer
) -> None:
    process = start_worker(LoadSettings(path=str(demo_model), n_ctx=512))
    with process.client() as client:
        assert "Paris" in answer(client, paris)[0]
    process.close()


@pytest.mark.model
def test_the_end_of_the_host_is_the_end_of_the_worker(start_worker: Callable[..., Any], demo_model: Path) -> None:
    for delay_s in (0.0, 0.1, 0.3):  # while it loads, too
        process = start_worker(LoadSettings(path=str(demo_model), n_ctx=256))
        time.sleep(delay_s)
        process.control.close()
        assert os.waitstatus_to_exitcode(process.wait(2.0)) == 0


# --- cancelling -------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_cancel_while_the_prompt_is_computed(worker: Any, paris: GenerateRequest, answer: Answer) -> None:
    """The whole prompt is one batch: only the callback inside llama.cpp can stop it."""
    with worker.client() as client:
        stop = Stop()
        stream = client.generate(LONG, stop)
        timer = _later(0.3, stop.set)
        start = time.monotonic()
        events = list(stream)
        timer.join()
        assert time.monotonic() - start < 1.3
        assert events[-1] == Finished("cancelled") and isinstance(events[-2], Usage)
        assert not any(isinstance(event, TextDelta) for event in events)
        assert "Paris" in answer(client, paris)[0]


@pytest.mark.model
def test_cancel_while_it_writes(worker: Any, paris: GenerateRequest, answer: Answer) -> None:
    with worker.client() as client:
        stop = Stop()
        events = []
        stopped_at = 0.0
        for event in client.generate(ENDLESS, stop):
            events.append(event)
            if len(events) == 3:
                stop.set()
                stopped_at = time.monotonic()
        assert time.monotonic() - stopped_at < 1.0
        assert events[-1] == Finished("cancelled")
        usage = events[-2]
        assert isinstance(usage, Usage) and usage.n_completion_tokens >= 3
        assert "Paris" in answer(client, paris)[0]


@pytest.mark.model
@pytest.mark.parametrize("n", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_stops_at_random_moments(worker: Any, paris: GenerateRequest, answer: Answer, n: int) -> None:
    """Threats row 33: idle within a second, and the next answer is right."""
    moments = random.Random(1)
    with worker.client() as client:
        for i in range(n):
            stop = Stop()
            request = replace(ENDLESS, prompt=f"{i} " + "word " * moments.randrange(1, 1500))
            timer = _later(moments.uniform(0.0, 0.4), stop.set)
            events = list(client.generate(request, stop))
            timer.join()
            assert events[-1] == Finished("cancelled")
            start = time.monotonic()
            client.tokenize(TokenizeRequest("idle?"))
            assert time.monotonic() - start < 1.0
            if i % 5 == 0:
                assert "Paris" in answer(client, paris)[0]


@pytest.mark.model
def test_closing_the_stream_cancels(worker: Any, paris: GenerateRequest, answer: Answer) -> None:
    with worker.client() as client:
        stream = client.generate(ENDLESS, Stop())
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        start = time.monotonic()
        client.tokenize(TokenizeRequest("x"))
        assert time.monotonic() - start < 1.0
        assert "Paris" in answer(client, paris)[0]


@pytest.mark.model
def test_a_client_that_leaves_cancels(worker: Any) -> None:
    for request in (ENDLESS, LONG):
        raw = worker.raw_client()
        raw.sendall(encode(request, 1))
        time.sleep(0.2)
        raw.close()
        with worker.client() as client:
            start = time.monotonic()
            client.tokenize(TokenizeRequest("x"))
            assert time.monotonic() - start < 1.0


# --- queueing ---------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_clients_take_turns_and_too_many_are_turned_away(start_worker: Callable[..., Any], demo_model: Path) -> None:
    process = start_worker(LoadSettings(path=str(demo_model), n_ctx=512, n_slots=1), "--waiting", "2")
    assert isinstance(process.first_word(), Ready)
    first = Connection(process.raw_client())
    first.send(replace(ENDLESS, max_tokens=400), 1)
    assert first.receive() is not None  # it is running
    others = [Connection(process.raw_client()) for _ in range(3)]
    for i, other in enumerate(others):
        other.send(GenerateRequest(prompt="One two three", max_tokens=2), 10 + i)
        time.sleep(0.05)  # in this order
    start = time.monotonic()
    refused = others[2].receive()
    assert time.monotonic() - start < 0.5
    assert refused is not None and isinstance(refused[1], Failed) and refused[1].kind == "busy" and refused[0] == 12
    # A waiting request can be cancelled without waiting for its turn.
    others[1].send(Cancel(), 11)
    ends = [others[1].receive(), others[1].receive()]
    assert [type(end[1]) for end in ends if end] == [Usage, Finished]
    first.send(Cancel(), 1)
    usage = _last(others[0])
    assert usage.queue_s > 0.05
    for connection in (first, *others):
        connection.close()
    process.close()


@pytest.mark.model
def test_clients_are_answered_at_once(worker: Any, paris: GenerateRequest, answer: Answer) -> None:
    """A question beside an endless answer, a tokenize beside both; then the endless one is taken back."""
    with worker.client() as writer, worker.client() as other:
        stop = Stop()
        stream = writer.generate(ENDLESS, stop)
        next(stream)
        assert "Paris" in answer(other, paris)[0]
        assert other.tokenize(TokenizeRequest("x"))
        assert isinstance(next(stream), TextDelta)  # it still goes on
        stop.set()
        assert list(stream)[-1] == Finished("cancelled")


@pytest.mark.model
def test_a_long_prompt_beside_an_answer_is_cancelled_soon(worker: Any) -> None:
    with worker.client() as writer, worker.client() as reader:
        stream = writer.generate(ENDLESS, Stop())
        next(stream)
        stop = Stop()
        timer = _later(0.3, stop.set)
        start = time.monotonic()
        assert list(reader.generate(LONG, stop))[-1] == Finished("cancelled")
        timer.join()
        assert time.monotonic() - start < 2.0
        assert isinstance(next(stream), TextDelta)
        stream.close()  # type: ignore[attr-defined]


@pytest.mark.model
@pytest.mark.parametrize("n", [16, pytest.param(200, marks=pytest.mark.slow)])
def test_clients_that_leave_at_random_moments(worker: Any, paris: GenerateRequest, answer: Answer, n: int) -> None:
    """No slot is lost, and nobody is answered with another's text."""
    moments = random.Random(2)
    with worker.client() as client:
        waiting = []
        for i in range(n):
            raw = worker.raw_client()
            raw.sendall(encode(replace(ENDLESS, prompt=f"{i} " + "word " * moments.randrange(1, 300)), 1))
            waiting.append(raw)
            time.sleep(moments.uniform(0.0, 0.1))
            if len(waiting) > moments.randrange(1, 5):
                waiting.pop(moments.randrange(len(waiting))).close()
            if i % 8 == 7:
                for raw in waiting:
                    raw.close()
                waiting.clear()
                start = time.monotonic()
                assert "Paris" in answer(client, paris)[0]
                assert time.monotonic() - start < 5.0


@pytest.mark.model
def test_requests_of_one_client_are_answered_in_order(worker: Any) -> None:
    connection = Connection(worker.raw_client())
    for sequence in range(1, 6):
        connection.send(TokenizeRequest("x" * sequence), sequence)
    frames = [connection.receive() for _ in range(5)]
    assert [frame[0] for frame in frames if frame] == [1, 2, 3, 4, 5]
    connection.close()


# --- living on --------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_bad_requests_do_no_harm(worker: Any, paris: GenerateRequest, answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\0\0\0\3")
    bad: list[tuple[GenerateRequest | EmbedRequest | TokenizeRequest, str]] = [
        (GenerateRequest(), "bad-request"),
        (GenerateRequest(prompt="x", sampling=Sampling(temperature=float("nan"))), "bad-request"),
        (GenerateRequest(prompt="x", sampling=Sampling(top_k=-(2**63))), "bad-request"),
        (GenerateRequest(token_ids=(2**31,)), "bad-request"),
        (GenerateRequest(messages=(Message("user", "x"),), tools="{"), "bad-request"),
        (GenerateRequest(prompt="x", grammar=Grammar("gbnf", "root ::= nothing")), "bad-grammar"),
        (GenerateRequest(prompt="x", lora=(LoraUse(str(tmp_path / "none.gguf")),)), "bad-adapter"),
        (GenerateRequest(prompt="x", lora=(LoraUse(str(tmp_path / "bad.gguf")),)), "bad-file"),
        (EmbedRequest(("x",)), "bad-request"),
        (TokenizeRequest("x", messages=(Message("user", "x"),)), "bad-request"),
    ]
    with worker.client() as client:
        for request, kind in bad:
            with pytest.raises(Error) as caught:
                list(client._request(request, Stop()))
            assert caught.value.kind == kind, (request, caught.value)
            assert caught.value.message.endswith(".")
        assert "Paris" in answer(client, paris)[0]


@pytest.mark.model
def test_garbage_on_a_client_socket_ends_that_client_only(worker: Any, paris: GenerateRequest, answer: Answer) -> None:
    for garbage in (
        b"\xff" * 64,
        struct.pack("<I", 5) + b"hello",
        struct.pack("<I", 2**31),
        encode(LoadSettings(path="/x"), 3),
    ):
        raw = worker.raw_client()
        raw.settimeout(5)
        raw.sendall(garbage)
        answered = Connection(raw).receive()
        assert answered is not None and isinstance(answered[1], Failed) and answered[1].kind == "bad-frame"
        raw.close()
    worker.door.sendall(b"c")  # a byte without a socket
    read, write = os.pipe()
    socket.send_fds(worker.door, [b"c"], [read])  # something that is no socket
    os.close(read)
    os.close(write)
    with worker.client() as client:
        assert "Paris" in answer(client, paris)[0]


@pytest.mark.model
@pytest.mark.faults
@pytest.mark.timeout(120)
def test_a_client_that_does_not_read_is_dropped(
    start_worker: Callable[..., Any], demo_model: Path, paris: GenerateRequest, answer: Answer
) -> None:
    process = start_worker(LoadSettings(path=str(demo_model), n_ctx=512))
    assert isinstance(process.first_word(), Ready)
    with process.raw_client() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wanted = encode(TokenizeRequest("word " * 50_000), 1)  # answers that together fill every buffer on the way
        lazy.sendall(wanted * 6)
        with process.client() as client:
            start = time.monotonic()
            assert "Paris" in answer(client, paris)[0]
            assert time.monotonic() - start < SEND_LIMIT_S * 0.8  # nobody else waits for it
        hung_up = select.poll()
        hung_up.register(lazy, 0)  # the end of the other side is always told
        assert hung_up.poll((SEND_LIMIT_S + 10) * 1000), "the client was not dropped"
    process.close()


@pytest.mark.model
def test_killed_while_it_answers(start_worker: Callable[..., Any], demo_model: Path) -> None:
    process = start_worker(LoadSettings(path=str(demo_model), n_ctx=512))
    assert isinstance(process.first_word(), Ready)
    with process.client() as client:
        stream = client.generate(ENDLESS, Stop())
        next(stream)
        start = time.monotonic()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(Error) as caught:
            for _event in stream:
                pass
        assert time.monotonic() - start < 5
        assert caught.value.kind == "engine-died"
        with pytest.raises(Error, match="gone"):
            client.tokenize(TokenizeRequest("x"))
    # Nothing of it is left: the renderer of templates held no copy of the control socket.
    said = []
    while (frame := process.control.receive()) is not None:
        said.append(frame[1])
    assert said[-1] == Notice("busy", "") and said[:-1] in ([], [Notice("idle", "")])
    process.wait()


@pytest.mark.model
def test_a_host_that_reads_nothing_holds_up_no_answer(start_worker: Callable[..., Any], demo_model: Path) -> None:
    process = start_worker(LoadSettings(path=str(demo_model), n_ctx=64))
    assert isinstance(process.first_word(), Ready)
    with process.client() as client:
        for _ in range(600):  # two notices each: more than a socket's buffer holds
            client.tokenize(TokenizeRequest("x"))
    process.close()


def _later(delay_s: float, work: Callable[[], None]) -> Any:
    import threading

    timer = threading.Timer(delay_s, work)
    timer.start()
    return timer


def _last(connection: Connection) -> Usage:
    while (frame := connection.receive()) is not None:
        if isinstance(frame[1], Usage):
            return frame[1]
    raise AssertionError("the stream ended early")
