"""What is to be known before and after quantizing: sizes of all types, what was made, how they compare. For threads.

Sizes come from a process of our own command line, since a face loads no native model code.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight import Error, Stop
from rushlight.assistant.host.spawn import own_command
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.model_reading import fit_by_size, usable_memory
from rushlight.ui.desk.quant_values import ComparedRow, Forecast, MadeRow, SourceRow, TypeRow, Wish
from rushlight.ui.desk.turns import label_of
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job, JobState
    from rushlight.assistant.models.memory import Memory

MADE, COMPARED, PROVEN = "quant-smaller", "quant-compare", "quant-proof"
KINDS = (MADE, COMPARED, PROVEN)
_DONE: tuple["JobState", ...] = ("done",)
_MIB = 1024 * 1024
_MOST_JOBS = 500
_SMALL_MODELS = (3_000_000_000, 500_000_000)  # weights: below each, the same type loses a level more
# Beginnings of types -> how much a file of that type has usually lost, in levels of `quality_words`.
_USUAL = (("Q8", 0), ("Q6", 1), ("Q5", 1), ("Q4_K", 2), ("IQ4", 2), ("Q4", 3), ("Q3_K_L", 3), ("Q3_K_M", 3), ("Q3", 4),
          ("IQ3", 4))  # fmt: skip
_NEEDS_NO_TEXT = 6.0  # bits a weight from which a text to calibrate on changes little
_PLAIN = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Found:
    """One look at the catalogue and the history."""

    sources: tuple[SourceRow, ...]
    cards: tuple[tuple[str, int], ...]
    memory: "Memory"
    reserve_bytes: int
    made: tuple[MadeRow, ...]
    compared: tuple[ComparedRow, ...]
    compared_text: str
    measured: tuple[tuple[str, float, str], ...] = ()  # of the source: type, divergence, text; the newest first


def look(app: "App", chosen: str) -> Found:
    """Models that can be made smaller, and what came of the one with that id; else of the first."""
    from rushlight.assistant.chat.speeds import measured_speeds

    speeds = measured_speeds(app.store)
    sources = tuple(
        SourceRow(one.id, label_of(one.id, one.quantization), str(one.path.absolute()), one.size_bytes,
                  one.quantization, speeds.get(one.id))
        for one in app.catalogue.list()
        if not getattr(one, "is_remote", False) and len(one.files) <= 1
    )  # fmt: skip
    memory = usable_memory(app)
    source = next((one for one in sources if one.id == chosen), sources[0] if sources else None)
    jobs = [] if source is None else app.jobs.list(states=_DONE, limit=_MOST_JOBS)
    path = "" if source is None else source.path
    comparison = next((job for job in jobs if job.kind == COMPARED and job.arguments.get("reference") == path), None)
    return Found(
        sources=sources,
        cards=tuple((plain_line(card.name), card.total_bytes) for card in memory.gpus),
        memory=memory,
        reserve_bytes=app.settings.number("memory.reserve_mib") * _MIB,
        made=tuple(
            _made(app, job, comparison) for job in jobs if job.kind == MADE and job.result.get("source") == path
        ),
        compared=_compared(comparison),
        compared_text=_compared_text(comparison),
        measured=tuple(_measured(jobs, path)),
    )


def types_of(path: str, stop: Stop) -> tuple[TypeRow, ...]:
    """How large the file would be in each type that is offered."""
    with subprocess.Popen(
        own_command("_quant-forecast", path),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        forget = stop.on_set(process.kill)
        try:
            assert process.stdout is not None
            lines = [json.loads(line) for line in process.stdout.read(1_000_000).splitlines()]
        except ValueError as err:
            raise _no_forecast() from err
        finally:
            forget()
    stop.check()
    wrong = next((one for one in lines if "error" in one), None)
    if wrong is not None:
        raise Error(str(wrong["error"]), hint=str(wrong.get("hint") or ""), kind="no-forecast")
    if not lines:
        raise _no_forecast()
    head, *rows = lines
    n_weights = max(1, int(head["n_weights"]))
    return tuple(type_row(one, n_weights, int(head["size_bytes"])) for one in rows)


def type_row(one: Mapping[str, Any], n_weights: int, source_bytes: int) -> TypeRow:
    """A type of a model of so many weights, and what it usually costs."""
    from rushlight.quant.usual_losses import usual_loss

    name, size = str(one["type"]), int(one["size_bytes"])
    usual = usual_loss(name, n_weights)
    row = TypeRow(name, size, 8 * size / n_weights, quality_words(name, n_weights), bool(one["needs_text"]),
                  size >= source_bytes)  # fmt: skip
    if usual is None:
        return row
    return replace(row, divergence=usual.divergence, divergence_of=usual.model, divergence_source=usual.source)


def type_words(row: TypeRow) -> str:
    """A type in a line of a list."""
    said = f"{row.name} · {size_text(row.size_bytes)} · {row.quality}"
    if row.divergence is None:
        return said
    cost = text("{count} nats on {model}", count=f"{row.divergence:.2g}", model=row.divergence_of)
    return f"{said}, {cost}"


def quality_words(type_name: str, n_weights: int) -> str:
    """What a file of such a type has usually lost: a guess from type and model size, which comparing replaces."""
    level = next((level for start, level in _USUAL if type_name.startswith(start)), len(_USUAL))
    if level:
        level += sum(n_weights < limit for limit in _SMALL_MODELS)
    words = (
        text("no loss that one notices"),
        text("hardly any loss"),
        text("little loss"),
        text("some loss"),
        text("clear loss"),
        text("heavy loss"),
    )
    return words[min(level, len(words) - 1)]


def forecast(wish: Wish, source: SourceRow, types: tuple[TypeRow, ...], found: Found, beside_bytes: int) -> Forecast:
    """What would come of it. `beside_bytes`: what the context takes beside the model on a card."""
    budget = budget_of(wish, source, beside_bytes)
    if isinstance(budget, str):
        return Forecast(problem=budget)
    notes = []
    if source.quantization.upper() not in _PLAIN:
        notes.append(
            text("The model is quantized itself ({type}); what that lost stays lost.", type=source.quantization)
        )
    if wish.kind == "type":
        row = next((one for one in types if one.name == wish.type_name), None)
        if row is None:
            return Forecast()
        if row.needs_text and wish.text == "none":
            return Forecast(problem=text("{type} can only be made with a text to calibrate on.", type=row.name))
        size, words = row.size_bytes, f"{row.name} · {size_text(row.size_bytes)} · {row.quality}"
        notes += _cost_notes(row, found)
        if wish.text == "none" and row.bits < _NEEDS_NO_TEXT:
            notes.append(text("Without a text to calibrate on it loses more."))
        if row.is_larger:
            notes.insert(0, text("That is no smaller than the model itself."))
    else:
        best = next((one for one in types if one.size_bytes <= budget), None)
        least = min((one.size_bytes for one in types), default=0)
        if best is None:
            return Forecast(
                problem=text("No type is that small: {size} would be allowed, the smallest takes {least}.",
                             size=size_text(max(0, budget)), least=size_text(least))
            )  # fmt: skip
        size = min(budget, source.size_bytes)
        notes += _cost_notes(best, found)
        words = text("A mixture of types in {size}, measured tensor by tensor · at least as good as {type}: {quality}",
                     size=size_text(size), type=best.name, quality=best.quality)  # fmt: skip
    if wish.text == "files" and not wish.files:
        return Forecast(problem=text("Choose the files to calibrate on."))
    fits, fit_text = fit_by_size(size, found.memory, found.reserve_bytes)
    if wish.kind == "card":
        fits, fit_text = "yes", text("fits the card with {count} tokens of context", count=f"{wish.n_ctx:,}")
    return Forecast(size, words, fits, fit_text, notes=tuple(notes))


def _cost_notes(row: TypeRow, found: Found) -> list[str]:
    """What the type costs as a number and where it was measured: of this model, or else of a known one."""
    measured = next((one for one in found.measured if one[0] == row.name), None)
    if measured is not None:
        return [text("Measured here: {type} of this model is {count} nats away, over {text}.", type=row.name,
                     count=f"{measured[1]:.3g}", text=_text_words(measured[2]))]  # fmt: skip
    if row.divergence is None:
        return []
    return [
        text("{type} has cost {model} {count} nats ({source}). A smaller model loses more.", type=row.name,
             count=f"{row.divergence:.3g}", model=row.divergence_of, source=row.divergence_source)
    ]  # fmt: skip


def budget_of(wish: Wish, source: SourceRow, beside_bytes: int) -> int | str:
    """Bytes that the file may have; a sentence where that cannot be said. 0 for a type."""
    match wish.kind:
        case "type":
            return 0
        case "size":
            return wish.size_bytes or text("Say how large the file may be.")
        case "card":
            if not wish.card_bytes:
                return text("Say how much memory the card has.")
            left = wish.card_bytes - beside_bytes
            return left if left > 0 else text("The context alone needs more memory than the card has.")
        case "speed":
            if not wish.speed:
                return text("Say how many tokens a second it should write.")
            if not source.speed:
                return text("How fast this model is here is not known yet: let it answer something first.")
            # Writing reads every weight once for each token: twice as fast is half as large.
            return int(source.size_bytes * source.speed / wish.speed)


def beside_of(path: str, n_ctx: int) -> int:
    """What context, computation and driver take on a card beside the weights."""
    from rushlight.assistant.jobs.kinds.quant_plan import CARD_RESERVE_BYTES
    from rushlight.assistant.models.fit import estimate
    from rushlight.quant.gguf_check import check

    fit = estimate(check(Path(path)), n_ctx=n_ctx)
    return fit.kv_bytes + fit.compute_bytes + CARD_RESERVE_BYTES


def proof_lines(proof: Mapping[str, Any] | None) -> str:
    """Each check of a proof in a line."""
    if not proof:
        return ""
    signs = {True: "✓", False: "✗", None: "·"}
    lines = [
        f"{signs[one.get('passed')]} {plain_line(str(one.get('name', '')))}: {plain_line(str(one.get('detail', '')))}"
        for one in proof.get("checks") or ()
        if isinstance(one, Mapping) and one.get("passed") in signs
    ]
    return "\n".join(lines)


def _made(app: "App", job: "Job", comparison: "Job | None") -> MadeRow:
    result = job.result
    model_id = str(result.get("id") or "")
    path = str(result.get("path") or "")
    proof = _newest_proof(path, result.get("proof"))
    return MadeRow(
        job_id=job.id,
        model_id=model_id if _is_known(app, model_id) else "",
        label=plain_line(model_id) or plain_line(Path(path).name),
        path=path,
        type_name=plain_line(str(result.get("type") or "")),
        size_bytes=_whole(result.get("size_bytes")),
        proof=_state(proof),
        proof_text=proof_lines(proof),
        quality=_quality(result, path, comparison),
    )


def _newest_proof(path: str, made: Any) -> Mapping[str, Any] | None:
    """The proof that lies beside the file, which "Prove again" writes; else that of its making."""
    from rushlight.quant.proof_file import proof_summary, read_proof

    proof = read_proof(Path(path)) if path else None
    if proof is not None:
        return proof_summary(proof)
    return made if isinstance(made, Mapping) else None


def _is_known(app: "App", model_id: str) -> bool:
    try:
        return bool(model_id) and app.catalogue.find(model_id) is not None
    except Error:
        return False  # it was removed


def _state(proof: Mapping[str, Any] | None) -> Any:
    state = proof.get("state") if proof is not None else ""
    return state if state in ("passed", "failed", "partial") else ""


def _quality(result: Mapping[str, Any], path: str, comparison: "Job | None") -> str:
    """The newest figure that is known."""
    models = comparison.result.get("models") if comparison is not None else None
    for one in models if isinstance(models, list) else ():
        if isinstance(one, Mapping) and one.get("path") == path and _real(one.get("divergence")) is not None:
            return _lost(one)
    own = result.get("own_use")
    if isinstance(own, Mapping) and _real(own.get("divergence")) is not None:
        said = str(own.get("text") or "chats")
        if said == "chats":
            return text("on your chats: {lost}", lost=_lost(own))
        return text("on your own text: {lost}", lost=_lost(own))
    expected = _real(result.get("expected_divergence"))
    return "" if expected is None else text("expected: {count} nats", count=f"{expected:.3g}")


def _lost(one: Mapping[str, Any]) -> str:
    return text("{count} nats, {share} same choice", count=f"{one['divergence']:.4f}",
                share=f"{_real(one.get('agreement')) or 0:.1%}")  # fmt: skip


def _compared(job: "Job | None") -> tuple[ComparedRow, ...]:
    models = job.result.get("models") if job is not None else None
    if job is None or not isinstance(models, list):
        return ()
    return tuple(
        ComparedRow(
            _compared_label(one), _whole(one.get("size_bytes")),
            str(one.get("path")) == job.arguments.get("reference"), _real(one.get("perplexity")),
            _real(one.get("divergence")), _real(one.get("divergence_99")), _real(one.get("agreement")),
            _real(one.get("decode_tokens_s")), _real(one.get("prefill_tokens_s")), _real(one.get("load_s")),
            _whole(one.get("memory_bytes")) or None, one.get("by_llama") is True,
        )
        for one in models
        if isinstance(one, Mapping)
    )  # fmt: skip


def _compared_label(one: Mapping[str, Any]) -> str:
    if one.get("by_llama") is True:
        return text("{type} by llama.cpp", type=plain_line(str(one.get("type", ""))))
    return plain_line(Path(str(one.get("path", ""))).name.removesuffix(".gguf"))


def _compared_text(job: "Job | None") -> str:
    if job is None:
        return ""
    return text("Over {count} positions of {text}.", count=f"{_whole(job.result.get('positions')):,}",
                text=_text_words(str(job.result.get("text") or "")))  # fmt: skip


def _text_words(said: str) -> str:
    names = {"sample": text("the sample that comes with the program"), "chats": text("your own chats")}
    return names.get(said) or plain_line(said)


def _measured(jobs: "Sequence[Job]", path: str) -> Iterator[tuple[str, float, str]]:
    """Figures of files that were made of the model in `path`: of comparisons, and of making for one's own use."""
    for job in jobs:
        result = job.result
        if job.kind == COMPARED and job.arguments.get("reference") == path:
            models = result.get("models")
            for one in models if isinstance(models, list) else ():
                loss = _real(one.get("divergence")) if isinstance(one, Mapping) else None
                if loss is not None and not one.get("by_llama"):
                    yield str(one.get("type", "")), loss, str(result.get("text") or "")
        own = result.get("own_use")
        if job.kind == MADE and result.get("source") == path and isinstance(own, Mapping):
            loss = _real(own.get("divergence"))
            if loss is not None:
                yield str(result.get("type", "")), loss, str(own.get("text") or "chats")


def _no_forecast() -> Error:
    return Error(
        text("The sizes of its types could not be worked out."),
        hint=text("rushlight doctor says what is wrong with the engine."),
        kind="no-forecast",
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _real(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 else None
