"""What a model says already, learned beside a lesson for chats: so that a lesson of one kind leaves the rest alone.

Sixty corrected replies teach a small model to answer everything so, also what asks for a list or for one word. Its own
answers to such prompts, mixed in, keep them (rehearsal: Robins 1995, doi 10.1080/09540099550039318; of what a model
itself says: Li & Hoiem 2016, arXiv:1606.09282). None of the prompts stands in a guard.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rushlight import Progress
from rushlight.assistant.jobs.kind import JobContext

if TYPE_CHECKING:
    from rushlight.assistant.models.model import Model

_PROMPTS: Final = "rehearsed.txt"  # in assistant/learn
_MOST_TOKENS: Final = 96
_SENTENCE: Final = re.compile(r"[.!?](?=\s|$)")


def prompts() -> list[str]:
    """In an order of their own, so that any first part of them is of all kinds."""
    from rushlight.assistant import learn

    lines = (Path(learn.__path__[0]) / _PROMPTS).read_text(encoding="utf-8").splitlines()
    return sorted(filter(None, lines), key=lambda line: hashlib.sha256(line.encode()).digest())


def rehearsed(context: JobContext, model: "Model", n_examples: int) -> list[str]:
    """Lines of training for a lesson of so many examples: as many again, at most all prompts. What a model said once is
    kept in the cache."""
    from rushlight.quant.whole_file import whole_file
    from rushlight.trainer.evaluate.suite import Item
    from rushlight.ui.work.answerers import ChatAnswerer

    asked = prompts()[: max(1, n_examples)]
    known = _known(_file(context, model))
    missing = [prompt for prompt in asked if prompt not in known]
    answerer = ChatAnswerer(context.app, model)
    for done, prompt in enumerate(missing):
        context.tell(Progress("Asking what is to stay as it is", done, len(missing), "questions"))
        item = Item(id="rehearsed", prompt=prompt, scorer="exact", max_tokens=_MOST_TOKENS)
        answer = answerer.answer(item, context.stop)
        known[prompt] = whole_sentences(answer.text) if answer.n_tokens >= _MOST_TOKENS else answer.text
    if missing:
        _file(context, model).parent.mkdir(parents=True, exist_ok=True)
        with whole_file(_file(context, model)) as file:
            file.write(json.dumps(known, ensure_ascii=False).encode())
    return [_line(prompt, known[prompt]) for prompt in asked if known[prompt].strip()]


def whole_sentences(text: str) -> str:
    """An answer that was cut, up to the end of a sentence or a line: its end is learned, too."""
    ends = [found.end() for found in _SENTENCE.finditer(text)]
    return text[: ends[-1]] if ends else text.rpartition("\n")[0]


def _line(prompt: str, answer: str) -> str:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}, ensure_ascii=False)


def _file(context: JobContext, model: "Model") -> Path:
    return context.app.paths.cache / "rehearsal" / f"{model.sha256[:32]}.json"


def _known(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {prompt: answer for prompt, answer in found.items() if isinstance(answer, str)}
