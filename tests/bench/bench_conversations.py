"""Search, open and list with 10,000 conversations of 100 messages (a million): median and 95th percentile of each.

The store lies in a folder of its own and is filled with made-up English-like text, whose words are as unevenly common
as in a real language (Zipf's law). Queries: as typed letter by letter, common words, rare words, several words, a
folder. The target is the issue's: the 95th percentile of each under 50 ms.

    python tests/bench/bench_conversations.py [--conversations N] [--rounds N]
"""

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.search import search
from rushlight.assistant.store.database import Store

N_MESSAGES = 100
TARGET_MS = 50.0
_COMMON = """
the of and to in a is that it was for on are as with his they at be this from I have or by one had not but what
all were when we there can an your which their said if do will each about how up out them then she many some so
these would other into has more her two like him see time could no make than first been its who now people my
made over did down only way find use may water long little very after words called just where most know because
model answer question
"""
_SYLLABLES = """
ka to mi re son ter ing con pre al ver ni do lu es ma tion er un co de in pro ble th wh st an or ment ist able
qua
"""


def vocabulary(rng: random.Random, n_words: int = 40_000) -> list[str]:
    """Words of a language: real short ones first, made-up ones behind."""
    syllables = _SYLLABLES.split()
    words = dict.fromkeys(_COMMON.split())
    while len(words) < n_words:
        words["".join(rng.choices(syllables, k=rng.choice((2, 2, 3, 3, 4, 5))))] = None
    return list(words)


def build(store: Store, n_conversations: int, rng: random.Random) -> list[str]:
    """Fill the store; the words that were used. Past the API, which would take an hour: one transaction."""
    words = vocabulary(rng)
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words))))
    sentences = [
        " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(5, 14))).capitalize() + ". "
        for _ in range(200_000)
    ]
    conversations = Conversations(store)
    folders = [conversations.folders.create(name).id for name in ("Work", "Home", "Lamps")]
    start_s = time.time() - n_conversations * 3600
    with store.transaction(), _index_later(store):
        for number in range(1, n_conversations + 1):
            _insert_conversation(store, number, sentences, start_s + number * 3600, rng)
    everything = conversations.list(limit=n_conversations)
    with store.transaction():
        for folder_id, share in zip(folders, (0.001, 0.01, 0.3), strict=True):
            for one in rng.sample(everything, int(n_conversations * share)):
                conversations.move(one.id, folder_id)
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return words


@contextmanager
def _index_later(store: Store) -> Iterator[None]:
    """Without the triggers that index each row; at the end the indexes are made at once and the triggers are back."""
    triggers = store.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%search%'")
    for name, _sql in triggers:
        store.execute(f"DROP TRIGGER {name!s}")
    yield
    for table in ("message_search", "title_search"):
        store.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
    for _name, sql in triggers:
        store.execute(str(sql))


def _insert_conversation(store: Store, number: int, sentences: list[str], begun_s: float, rng: random.Random) -> None:
    first = (number - 1) * N_MESSAGES + 1
    store.execute(
        "INSERT INTO conversations (number, id, title, model, options, head, created_at, updated_at, pinned) "
        "VALUES (?, ?, ?, 'bench', '{}', ?, ?, ?, ?)",
        (
            number,
            new_id(),
            rng.choice(sentences)[:50],
            first + N_MESSAGES - 1,
            begun_s,
            begun_s + 3000,
            number % 500 == 0,
        ),
    )
    for message in range(first, first + N_MESSAGES):
        is_user = (message - first) % 2 == 0
        content = "".join(rng.choices(sentences, k=rng.choice((1, 1, 2) if is_user else (2, 4, 8))))
        store.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, '', 'bench', '', 'complete', 'stop', '', ?, 90, 40, 50, 0, "
            "0.1, 1.0, 0.2)",
            (
                message,
                new_id(),
                number,
                message - 1 if message > first else None,
                "user" if is_user else "assistant",
                content,
                begun_s + message - first,
            ),
        )


def queries(words: list[str], rng: random.Random) -> dict[str, list[str]]:
    """Kinds of queries, each with examples. Typing is every beginning of a word or two."""
    typed = []
    for _ in range(12):
        text = " ".join(rng.choice(words[:20_000]) for _ in range(rng.choice((1, 1, 2))))
        typed += [text[:end] for end in range(1, len(text) + 1) if text[end - 1] != " "]
    for word in ("because", "question", "people", "would", "answer"):
        typed += [word[:end] for end in range(1, len(word) + 1)]
    return {
        "typed letter by letter": typed,
        "common words": [" ".join(rng.sample(words[:100], 2)) for _ in range(40)],
        "rare words": [" ".join(rng.sample(words[5_000:], rng.choice((1, 2)))) for _ in range(40)],
        "common and rare": [f"{rng.choice(words[:50])} {rng.choice(words[3_000:])}" for _ in range(40)],
    }


def measured(actions: list[Callable[[], object]]) -> tuple[float, float]:
    """(median, 95th percentile) in milliseconds."""
    times_ms = []
    for action in actions:
        start_s = time.perf_counter()
        action()
        times_ms.append((time.perf_counter() - start_s) * 1000)
    times_ms.sort()
    return times_ms[len(times_ms) // 2], times_ms[min(len(times_ms) - 1, int(len(times_ms) * 0.95))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="of opening and listing")
    given = parser.parse_args()
    rng = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder:
        path = Path(folder) / "rushlight.db"
        store = Store(path)
        start_s = time.perf_counter()
        words = build(store, given.conversations, rng)
        print(
            f"{given.conversations * N_MESSAGES:,} messages in {given.conversations:,} conversations, "
            f"{path.stat().st_size / 1e6:,.0f} MB, built in {time.perf_counter() - start_s:.0f} s"
        )
        store.close()
        store = Store(path)
        conversations = Conversations(store)
        everything = conversations.list(limit=given.conversations)
        folders = conversations.folders.list()
        rows: dict[str, tuple[float, float]] = {}
        every: list[Callable[[], object]] = []
        for kind, texts in queries(words, rng).items():
            actions = [partial(search, conversations, text) for text in texts]
            rows[f"search, {kind}"] = measured(list(actions))
            every += actions
        for one in folders:
            actions = [
                partial(search, conversations, " ".join(rng.sample(words[:300], 2)), folder_id=one.id)
                for _ in range(20)
            ]
            rows[f"search in a folder of {len(conversations.list(one.id, limit=given.conversations)):,}"] = measured(
                list(actions)
            )
            every += actions
        rng.shuffle(every)
        rows["search, all of these"] = measured(every)
        picked = rng.choices(everything, k=given.rounds)
        rows["open a conversation"] = measured([partial(conversations.path, one.id) for one in picked])
        rows["list, first page"] = measured([conversations.list] * given.rounds)
        rows["list, any page"] = measured([partial(conversations.list, before=one) for one in picked])
        rows["list a folder"] = measured([partial(conversations.list, rng.choice(folders).id) for _ in picked])
        rows["latest"] = measured([conversations.latest] * given.rounds)
        rows["append a message"] = measured(
            [partial(conversations.append, one.id, one.head_id, "user", "How do lamps work?") for one in picked]
        )
        for what, (median_ms, p95_ms) in rows.items():
            verdict = "" if p95_ms < TARGET_MS else f"   over {TARGET_MS:g} ms"
            print(f"{what:<36} p50 {median_ms:8.2f} ms   p95 {p95_ms:8.2f} ms{verdict}")
        store.close()


if __name__ == "__main__":
    main()
