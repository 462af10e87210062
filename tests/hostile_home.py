"""A home in which everything that can hold a stranger's words holds those of a list.

Knows the store and what lies in it: conversations, folders, attachments, models, jobs, presets, drafts. Knows no face.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.assistant.events import Usage
from rushlight.assistant.jobs.joblog import log_path, make_folder
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.models.importing import import_model

_PER_CONVERSATION = 300  # texts, each said by the user and by a model
_N_NAMES = 30  # folders, models, presets
_N_JOBS = 16
_EVERY = 6  # the messages with reasoning, attachments, a correction
_HARMLESS = (
    "A short answer to **question {n}**, with a [link](https://example.org/{n}) and `code`.",
    "| city | visits |\n|---|---:|\n| Ghent | {n} |\n| Leuven | 3 |",
    "```python\ndef f(x):\n    return x + {n}\n```\n",
    "1. one\n2. two\n   - three\n\n> quoted, and $x^2 + {n}$ is small.\n\n$$\\frac{{a}}{{b}}$$",
    "# A heading\n\nWith *emphasis*, ~~struck~~ and an image ![alt](https://example.org/{n}.png).",
    "<p>Some <b>markup</b> number {n}</p>\n\n---\n\nמה שלומך? 漢字 ภาษาไทย हिन्दी 🙂",
)


def harmless(n: int) -> tuple[str, ...]:
    """As many ordinary texts, of all that Markdown has, so that what draws them is loaded for them as well."""
    return tuple(_HARMLESS[at % len(_HARMLESS)].format(n=at) for at in range(n))


def fill(app: App, texts: Sequence[str], gguf: Path, says: Path) -> None:
    """Put them everywhere; what a face is to be told besides goes into the file `says`."""
    file = import_model(app.catalogue, gguf, how="in-place").model
    with app.conversations.together():
        ids = [
            _conversation(app, texts[at : at + _PER_CONVERSATION], texts)
            for at in range(0, len(texts), _PER_CONVERSATION)
        ]
        for said in texts:
            app.conversations.create(said)
        _folders(app, texts)
    _models(app, texts, file.id)
    jobs = _jobs(app, texts)
    for said in _some(texts, _N_NAMES):
        try:
            app.presets.save(said, system=said)
        except Error:
            continue
    app.conversations.save_draft(ids[0], texts[0])
    says.write_text(json.dumps({"conversations": ids, "jobs": jobs, "texts": texts}))


def _conversation(app: App, said: Sequence[str], texts: Sequence[str]) -> str:
    """Each of them as a question and as its answer; now and then what a message can have besides its text."""
    chat = app.conversations.create(said[0], system=said[-1], pinned=True)
    parent: str | None = None
    for at, one in enumerate(said):
        names = [texts[(at + step) % len(texts)] for step in range(5)]
        files = [NewAttachment(name[:200], one) for name in names] if at % _EVERY == 0 else []
        parent = app.conversations.append(chat.id, parent, "user", one, attachments=files).id
        more: dict[str, Any] = {}
        if at % _EVERY == 1:
            more = {"reasoning": said[at - 1], "model": one, "usage": Usage(10, 2, 5, prompt_s=0.1, decode_s=0.5)}
        elif at % _EVERY == 2:
            more = {"state": "failed", "finish_reason": one[:100]}
        elif at % _EVERY == 3:
            app.conversations.append(chat.id, parent, "assistant", said[at - 2])
        reply = app.conversations.append(chat.id, parent, "assistant", one, **more)
        if at % _EVERY == 4:
            app.feedback.correct(reply.id, said[at - 1])
        parent = reply.id
    return chat.id


def _folders(app: App, texts: Sequence[str]) -> None:
    folders = app.conversations.folders
    parent: str | None = None
    for at, said in enumerate(_some(texts, _N_NAMES)):
        try:
            made = folders.create(said.replace("/", "∕"), parent if at % 4 else None)
        except Error:
            continue
        parent = made.id
        app.conversations.create(said, folder_id=made.id)


def _models(app: App, texts: Sequence[str], real: str) -> None:
    """Ids are checked on the way in; a store that somebody else has written may hold any."""
    store = app.store
    with store.writing():
        for at, said in enumerate(_some(texts, _N_NAMES)):
            columns = (said + f" {at}", at, str(at).zfill(64), said, said, said, real)
            store.execute(
                "INSERT INTO models SELECT ?, owned, ?, ?, ?, n_params, n_ctx_train, ?, purpose, '', ?, 0 "
                "FROM models WHERE id = ?",
                columns,
            )
            store.execute(
                "INSERT INTO model_files SELECT ?, part, path, size_bytes, mtime_ns, sha256, edges_sha256 "
                "FROM model_files WHERE model_id = ?",
                (said + f" {at}", real),
            )
            store.execute("INSERT OR IGNORE INTO model_aliases VALUES (?, ?)", (said, said + f" {at}"))


def _jobs(app: App, texts: Sequence[str]) -> list[str]:
    records, ids = JobRecords(app.store), list[str]()
    for at, said in enumerate(_some(texts, _N_JOBS)):
        job = records.insert("model-import", said, {"path": said}, 0)
        ended: dict[str, Any] = {
            "state": ("failed", "done", "cancelled")[at % 3], "what": said, "message": said, "hint": said, "unit": said,
            "notices": json.dumps([said]), "result": json.dumps({"model": said, "title": said}), "error_kind": said,
            "started_at": 1.0, "ended_at": 2.0,
        }  # fmt: skip
        records.change(job.id, ended)
        make_folder(app.paths, job.id)
        log_path(app.paths, job.id).write_text("\n".join(texts[at * 5 : at * 5 + 50]), encoding="utf-8")
        ids.append(job.id)
    return ids


def _some(texts: Sequence[str], n: int) -> Sequence[str]:
    """So many of every kind."""
    return texts[:: max(1, len(texts) // n)][:n]
