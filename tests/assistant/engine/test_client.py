"""The front's side of an engine, against a scripted worker on the other end of the socket."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.frames import Cancel, Connection, Ready, Tokens
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, TokenizeRequest
from rushlight.assistant.events import Embeddings, Failed, Finished, TextDelta, Usage

USAGE = Usage(1, 0, 1)


@pytest.fixture
def ends() -> Iterator[tuple[EngineClient, Connection]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    client = EngineClient(ours, lambda: Error("It was killed by signal 9.", hint="Try again.", kind="engine-died"))
    yield client, Connection(theirs)
    client.close()
    theirs.close()


def answering(connection: Connection, script: Callable[[Connection], None]) -> threading.Thread:
    thread = threading.Thread(target=script, args=(connection,))
    thread.start()
    return thread


def test_is_an_engine(ends: tuple[EngineClient, Connection]) -> None:
    engine: Engine = ends[0]
    assert engine is ends[0]


def test_one_answer_after_another(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        for text in ("one", "two"):
            frame = connection.receive()
            assert frame is not None and isinstance(frame[1], GenerateRequest)
            for event in (TextDelta(text), USAGE, Finished("stop")):
                connection.send(event, frame[0])

    thread = answering(worker, script)
    for text in ("one", "two"):
        assert list(client.generate(GenerateRequest(prompt="x"), Stop())) == [TextDelta(text), USAGE, Finished("stop")]
    thread.join()


def test_the_end_of_the_worker_is_explained(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        frame = connection.receive()
        assert frame is not None
        connection.send(TextDelta("half"), frame[0])
        connection.close()

    thread = answering(worker, script)
    stream = client.generate(GenerateRequest(prompt="x"), Stop())
    assert next(stream) == TextDelta("half")
    start = time.monotonic()
    with pytest.raises(Error) as caught:
        next(stream)
    assert caught.value.kind == "engine-died" and time.monotonic() - start < 1
    with pytest.raises(Error, match="signal 9"):  # and it stays so
        client.tokenize(TokenizeRequest("x"))
    thread.join()


def test_failed_becomes_an_error(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        frame = connection.receive()
        assert frame is not None
        connection.send(Failed("Too much.", "Ask less.", "busy"), frame[0])

    thread = answering(worker, script)
    with pytest.raises(Error) as caught:
        list(client.generate(GenerateRequest(prompt="x"), Stop()))
    assert (caught.value.message, caught.value.hint, caught.value.kind) == ("Too much.", "Ask less.", "busy")
    thread.join()


def test_stop_sends_a_cancel_and_the_stream_goes_on_to_its_end(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        frame = connection.receive()
        assert frame is not None
        connection.send(TextDelta("a"), frame[0])
        cancel = connection.receive()
        assert cancel == (frame[0], Cancel())
        for event in (TextDelta("b"), USAGE, Finished("cancelled")):
            connection.send(event, frame[0])

    thread = answering(worker, script)
    stop = Stop()
    stream = client.generate(GenerateRequest(prompt="x"), stop)
    assert next(stream) == TextDelta("a")
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    assert list(stream) == [TextDelta("b"), USAGE, Finished("cancelled")]
    timer.join()
    thread.join()


def test_stop_from_a_signal_handler_in_the_middle_of_waiting(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends
    stop = Stop()
    before = signal.signal(signal.SIGALRM, lambda *_: stop.set())

    def script(connection: Connection) -> None:
        frame = connection.receive()
        assert frame is not None
        assert connection.receive() == (frame[0], Cancel())
        connection.send(Finished("cancelled"), frame[0])

    thread = answering(worker, script)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert list(client.generate(GenerateRequest(prompt="x"), stop)) == [Finished("cancelled")]
    finally:
        signal.signal(signal.SIGALRM, before)
    thread.join()


def test_closing_early_cancels_and_late_events_are_not_mixed_up(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        frame = connection.receive()
        assert frame is not None
        connection.send(TextDelta("a"), frame[0])
        assert connection.receive() == (frame[0], Cancel())
        for event in (TextDelta("late"), USAGE, Finished("cancelled")):
            connection.send(event, frame[0])
        second = connection.receive()
        assert second is not None
        connection.send(Tokens((7,)), second[0])

    thread = answering(worker, script)
    stream = client.generate(GenerateRequest(prompt="x"), Stop())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert client.tokenize(TokenizeRequest("x")) == (7,)
    thread.join()


def test_requests_may_be_interleaved(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        first = connection.receive()
        assert first is not None
        connection.send(TextDelta("a"), first[0])
        second = connection.receive()
        assert second is not None
        for event in (TextDelta("b"), USAGE, Finished("stop")):
            connection.send(event, first[0])
        connection.send(Tokens((1, 2)), second[0])

    thread = answering(worker, script)
    stream = client.generate(GenerateRequest(prompt="x"), Stop())
    assert next(stream) == TextDelta("a")
    assert client.tokenize(TokenizeRequest("x")) == (1, 2)
    assert list(stream) == [TextDelta("b"), USAGE, Finished("stop")]
    thread.join()


def test_embed(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends
    vectors = Embeddings(((1.0, 0.0),), n_tokens=3)

    def script(connection: Connection) -> None:
        for value in (vectors, Finished("cancelled")):
            frame = connection.receive()
            assert frame is not None
            connection.send(value, frame[0])

    thread = answering(worker, script)
    assert client.embed(EmbedRequest(("x",)), Stop()) == vectors
    with pytest.raises(Error) as caught:
        client.embed(EmbedRequest(("x",)), Stop())
    assert caught.value.kind == "stopped"
    thread.join()


def test_a_worker_that_does_not_stop(ends: tuple[EngineClient, Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.assistant.engine.client.CANCEL_LIMIT_S", 0.2)
    client, _worker = ends
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as caught:
        list(client.generate(GenerateRequest(prompt="x"), stop))
    assert caught.value.kind == "engine-stuck"


def test_nonsense_from_the_worker(ends: tuple[EngineClient, Connection]) -> None:
    client, worker = ends

    def script(connection: Connection) -> None:
        frame = connection.receive()
        assert frame is not None
        connection.send(Ready(1, 1, 1, 1, 1, 1, 1, 0, "", "", 0.0, ""), frame[0])

    thread = answering(worker, script)
    with pytest.raises(Error) as caught:
        list(client.generate(GenerateRequest(prompt="x"), Stop()))
    assert caught.value.kind == "bad-frame"
    thread.join()


def test_no_descriptor_is_left(ends: tuple[EngineClient, Connection]) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        ours, theirs = socket.socketpair()
        client = EngineClient(ours, lambda: Error("gone"))
        theirs.close()
        with pytest.raises(Error, match="gone"):
            client.tokenize(TokenizeRequest("x"))
        client.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
