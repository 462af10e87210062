"""A worker without llama.cpp: speaks the frames, does what the first words of its "model file" say."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from rushlight import Progress
from rushlight.assistant.engine.frames import Cancel, Connection, Ready, Speed
from rushlight.assistant.events import Failed, Finished, Notice, TextDelta


def main(argv: list[str]) -> None:
    numbers = dict(zip(argv[::2], map(int, argv[1::2]), strict=True))
    control = Connection(socket.socket(fileno=numbers["--control"]))
    door = socket.socket(fileno=numbers["--door"])
    first = control.receive()
    if first is None:
        return
    load = first[1]
    orders = Path(load.path).read_text().split()
    for order in orders:
        word, _, value = order.partition("=")
        match word:
            case "progress":
                for done in range(int(value)):
                    control.send(Progress("loading", done + 1, int(value), "parts"))
            case "slow":
                time.sleep(float(value))
            case "say":
                sys.stderr.write(value + "\n")
                sys.stderr.flush()
            case "abort":
                os.kill(os.getpid(), signal.SIGABRT)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                sys.exit(int(value))
            case "fail":
                control.send(Failed("The file is bad.", "Get another one.", value))
                time.sleep(60)
            case "hang":
                signal.pause()
            case "grow":
                hoard.append(bytearray(os.urandom(1024) * (int(value) * 1024)))
    control.send(
        Ready(
            n_ctx=128,
            n_ctx_train=256,
            n_vocab=10,
            n_embd=4,
            n_layers=1,
            n_params=100,
            size_bytes=100,
            gpu_layers=max(0, load.n_gpu_layers),
            template="file",
            description=f"fake {load.kv_ram_bytes}",
            load_s=0.0,
            system="",
        )
    )
    serve(control, door, "reports" in orders)


hoard: list[bytearray] = []


def serve(control: Connection, door: socket.socket, reports: bool) -> None:
    """Answers in order; the end of the control stream is the end, as in the real one."""
    import select

    clients: list[Connection] = []
    if reports:
        control.send(Notice("idle", ""))
    while True:
        ready, _, _ = select.select([control, door, *clients], [], [])
        if control in ready:
            os._exit(0)
        if door in ready:
            _, fds, _, _ = socket.recv_fds(door, 1, 1)
            clients += [Connection(socket.socket(fileno=fd)) for fd in fds]
        for client in [client for client in clients if client in ready]:
            frame = client.receive()
            if frame is None:
                clients.remove(client)
                client.close()
                continue
            if reports:
                control.send(Notice("busy", ""))
            if getattr(frame[1], "prompt", "") == "close":
                clients.remove(client)
                client.close()
                continue
            answer(control, client, *frame)
            if reports:
                control.send(Notice("idle", ""))


def answer(control: Connection, client: Connection, sequence: int, value: object) -> None:
    if isinstance(value, Cancel):
        return
    word, _, rest = getattr(value, "prompt", "").partition("=")
    match word:
        case "die":
            os.kill(os.getpid(), int(rest))
        case "exit":
            sys.stderr.write("GGML_ASSERT(\x1b]0;owned\x07x > 0) failed\n")
            sys.stderr.flush()
            os._exit(int(rest))
        case "sleep":
            time.sleep(float(rest))
    if word == "speed":
        control.send(Speed(100.0, float(rest)))
    client.send(TextDelta(str(os.getpid())), sequence)
    client.send(Finished("stop"), sequence)


if __name__ == "__main__":
    main(sys.argv[1:])
