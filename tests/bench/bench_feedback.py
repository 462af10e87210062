"""A style rule shown by sixty corrected replies, and followed on fifty questions that nobody corrected.

The replies of the demo model are corrected as a user would who wants them short: "In short:", then one sentence of the
reply itself. `rushlight teach feedback` makes the lesson, trains and holds the guards of a chat; then base and adapter
answer the unseen questions as a chat does. Nothing of the rule stands in a prompt. The two lists share no topic.

    python tests/bench/bench_feedback.py [--minutes N] [--examples N]
"""

import argparse
import json
import re
import subprocess
from typing import Any

from measure import machine
from rushlight_home import RUSHLIGHT, demo_model, own_home

from rushlight import Stop
from rushlight.assistant.app import App, open_app
from rushlight.trainer.evaluate.statistics import wilson
from rushlight.trainer.evaluate.suite import Item
from rushlight.ui.work.answerers import ChatAnswerer

START = "In short: "
MOST_CHARS = 300
_SENTENCE = re.compile(r"[.!?](?=\s|$)")
_TAUGHT = """
bread|a compass|rust|the tide|an earthquake|a violin|photosynthesis|a bicycle|the moon|coffee|glass|a vaccine|honey
a volcano|paper|the Nile|a battery|salt|a parliament|wool|an eclipse|chess|a telescope|cement|the heart|a mortgage
a glacier|yeast|the alphabet|a solar panel
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
_UNSEEN = """
cheese|a lighthouse|gravity|a tornado|silk|an airport|the liver|a piano|concrete|a comet|tea|an anchor|a library
copper|a desert|a thermometer|the Amazon|insurance|a submarine|butter|a beehive|a passport|lightning|a bridge|ink
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
_FORMS = ("What is {}?", "Tell me something about {}.", "Why do people care about {}?", "Explain {} to a child.")


def questions(topics: list[str], n: int) -> list[str]:
    """Each topic in two of the forms."""
    made = [_FORMS[(at + turn) % len(_FORMS)].format(topic) for turn in (0, 1) for at, topic in enumerate(topics)]
    assert len(set(made)) == len(made) >= n
    return made[:n]


def corrected(reply: str) -> str:
    """What the user writes in its place: its first sentence of some length, after the words that start it."""
    flat = " ".join(reply.replace("*", "").split()) or "I do not know."
    ends = [found.end() for found in _SENTENCE.finditer(flat) if found.end() > 20]
    first = flat[: ends[0]] if ends and ends[0] <= 220 else flat[:200].rstrip(" ,;:") + "."
    return START + first[0].upper() + first[1:]


def follows(answer: str) -> bool:
    """It starts so, is one paragraph of at most two sentences, and short."""
    said = answer.strip()
    body = said.removeprefix(START.strip()).strip()
    n_sentences = len(_SENTENCE.findall(body))
    return said.startswith(START) and "\n" not in said and 1 <= n_sentences <= 2 and len(said) <= MOST_CHARS


def correct_all(app: App) -> None:
    for asked in questions(_TAUGHT, 60):
        conversation = app.conversations.create(asked[:40])
        for _event in app.session(conversation.id, options={"temperature": "0", "max_tokens": "160"}).send(asked):
            pass
        reply = app.conversations.path(conversation.id)[-1]
        app.feedback.correct(reply.id, corrected(reply.content))


def answers(app: App, adapter: str) -> list[str]:
    model = app.model("")
    lora = [app.registry.find(adapter).use()] if adapter else []
    answerer = ChatAnswerer(app, model, lora)
    items = [
        Item(id=str(at), prompt=one, scorer="exact", max_tokens=160) for at, one in enumerate(questions(_UNSEEN, 50))
    ]
    return [answerer.answer(item, Stop()).text for item in items]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0, help="for all of teaching (default 15)")
    parser.add_argument("--examples", type=int, default=0, help="train on so many, whatever time that takes")
    given = parser.parse_args()
    before = machine()
    assert not set(_TAUGHT) & set(_UNSEEN)
    figures: dict[str, Any] = {"bench": "feedback", "machine": before}
    with own_home(demo_model()), open_app() as app:
        correct_all(app)
        more = ["--examples", str(given.examples)] if given.examples else ["--minutes", str(given.minutes)]
        command = [str(RUSHLIGHT), "teach", "feedback", "--yes", "--json", *more]
        done = subprocess.run(command, capture_output=True, text=True)  # ends with 1 where the gate stops it
        if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
            raise SystemExit(done.stderr)
        made = json.loads(done.stdout)
        report = made["report"]
        print(f"taught {made['lesson']['examples']} corrections in {sum(made['seconds'].values()) / 60:.1f} minutes, "
              f"{made['plan']['n_seen']} examples seen, loss {made['outcome']['loss']:.3f}")  # fmt: skip
        own = report["own"]
        print(f"  likelier of the two on {own['n_items']} held out: {own['base']:.0%} -> {own['candidate']:.0%}")
        for guard in report["guards"]:
            print(f"  {'kept  ' if guard['passed'] else 'FAILED'} {guard['name']}: {guard['detail']}")
        print(f"  the gate {'lets it through' if made['passed'] else 'stops it: ' + ' '.join(report['reasons'])}")
        for side, adapter in (("base", ""), ("adapter", made["adapter"])):
            said = answers(app, adapter)
            right = sum(map(follows, said))
            low, high = wilson(right, len(said))
            print(f"  {side:<8} follows the rule on {right} of {len(said)} unseen questions "
                  f"= {right / len(said):.0%}  95 % [{low:.0%}, {high:.0%}]   such as: {said[0][:120]!r}")  # fmt: skip
            figures[side] = {"right": right, "n": len(said), "answers": said}
        figures |= {"report": report, "seconds": made["seconds"], "passed": made["passed"]}
    print(json.dumps(figures, default=str))


if __name__ == "__main__":
    main()
