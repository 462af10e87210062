"""What a Server page shows: which server runs, where it is reached, what it serves, its last requests and its figures.

Plain values; knows no process and no widget.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Phase: TypeAlias = Literal["stopped", "starting", "running", "ending"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model that clients can name."""

    id: str
    aliases: tuple[str, ...] = ()
    purpose: str = "chat"


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request in words, cleaned. meaning: good, bad, running, muted."""

    number: int
    time: str  # "14:03:22"
    path: str
    model: str
    status: str  # "200", "running", "client left"
    duration: str  # "1,240 ms"
    tokens: str  # "412 → 96", read and written
    detail: str  # why it was refused, which fields were ignored
    meaning: Literal["good", "bad", "running", "muted"]


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """What goes on in the server, and since its start."""

    n_generating: int = 0  # a model answers them
    n_waiting: int = 0  # in line for a model
    n_loading: int = 0  # models
    n_answered: int = 0
    n_refused: int = 0  # too many, or a model was loading: 429 and 503
    n_failed: int = 0  # all other answers from 400 on
    n_tokens_read: int = 0
    n_tokens_written: int = 0


@dataclass(frozen=True, slots=True)
class FoundServer:
    """One that runs for this data folder."""

    key: str
    url: str
    title: str  # "http://127.0.0.1:11811"
    origin: str  # "begun here at 14:02", "begun elsewhere at 14:02, process 4711"
    is_own: bool  # begun by this face
    token_is_given: bool  # by RUSHLIGHT_TOKEN


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How the next one is to be begun."""

    host: str = "127.0.0.1"
    port: int = 11811
    socket_path: str = ""
    uses_socket: bool = False
    stays: bool = False  # it goes on when this face is closed


@dataclass(frozen=True, slots=True)
class ServerState:
    """All that the page shows."""

    phase: Phase = "stopped"
    plan: ServerPlan = ServerPlan()
    servers: tuple[FoundServer, ...] = ()
    chosen: str = ""  # key of the one whose requests are shown
    base_url: str = ""  # what clients are given: http://127.0.0.1:11811/v1, or the socket's path
    models: tuple[ServedModel, ...] = ()
    requests: tuple[RequestRow, ...] = ()
    figures: ServerFigures = ServerFigures()
    token_text: str = ""  # where the token is kept, never itself
    can_renew: bool = True
    problem: str = ""
    hint: str = ""
    is_loading: bool = True  # nobody has looked yet

    @property
    def server(self) -> FoundServer | None:
        return next((one for one in self.servers if one.key == self.chosen), None)
