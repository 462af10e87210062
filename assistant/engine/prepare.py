"""From a request to what a slot begins with: checked numbers, a compiled grammar, the prompt's tokens.

Everything here may take a while or fail, and happens before the request takes part in any batch; it may run beside the
engine's thread. Knows templates, grammars and vocabularies; knows no context.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.assistant.engine.chain import Stage
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.prompt import build_prompt
from rushlight.assistant.engine.reasoning import ReasoningTags
from rushlight.assistant.engine.request import GenerateRequest, Grammar, TokenizeRequest
from rushlight.assistant.engine.sampling import check, check_tokenize, stages
from rushlight.assistant.events import Notice

if TYPE_CHECKING:
    from rushlight.assistant.engine.grammar import Constraint


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that can be computed."""

    request: GenerateRequest
    token_ids: list[int]
    stages: list[Stage]
    constraint: "Constraint | None" = None
    notices: tuple[Notice, ...] = ()
    tags: ReasoningTags | None = None
    is_reasoning: bool = False


def prepare(loaded: Loaded, request: GenerateRequest) -> Prepared:
    """Raises `Error` for whatever makes the request impossible, in this order: numbers, grammar, prompt, length."""
    check(request, n_vocab=loaded.model.n_vocab)
    if loaded.settings.embeddings:
        raise Error(
            f"{loaded.model.path.name} is loaded for embeddings; it writes no text.",
            hint="Load it again as a chat model.",
            kind="bad-request",
        )
    # A grammar that is wrong should fail before a long prompt is computed.
    constraint: Constraint | None = None
    if request.grammar is not None:
        from rushlight.assistant.engine.grammar import compile_grammar  # llguidance: 67 ms, numpy: 87 ms

        constraint = compile_grammar(request.grammar, loaded.grammar_tokenizer)
    token_ids, notices, tags, is_reasoning = _prompt(loaded, request)
    if request.grammar is not None and not _can_close(request.grammar, tags):
        is_reasoning = False  # all that it lets through is the answer
    _check_length(loaded, token_ids)
    chain_stages = stages(
        request.sampling,
        n_vocab=loaded.model.n_vocab,
        n_ctx=loaded.context.n_ctx,
        suppressed=loaded.vocabulary.suppressed,
    )
    return Prepared(request, token_ids, chain_stages, constraint, notices, tags, is_reasoning)


def tokenize(loaded: Loaded, request: TokenizeRequest) -> tuple[int, ...]:
    """Token ids of a text, or of a conversation as a generation would see it."""
    check_tokenize(request)
    if request.messages:
        return tuple(_prompt(loaded, GenerateRequest(messages=request.messages))[0])
    return tuple(
        loaded.vocabulary.tokenize(
            (request.text,), parse_special=request.parse_special, add_special=request.add_special
        )
    )


def visible_pieces(loaded: Loaded, tags: ReasoningTags | None) -> dict[int, bytes]:
    """Control tokens that the splitter must see as text; all others are not rendered."""
    if tags is None:
        return {}
    marks = "\0".join(tags.all)
    vocabulary = loaded.vocabulary
    return {
        token_id: loaded.model.piece(token_id, special=True)
        for token_id in vocabulary.special_ids
        if (text := loaded.model.token_text(token_id)) and text in marks
    }


def stop_tokens(loaded: Loaded, stop: Sequence[str], visible: Container[int]) -> dict[int, str]:
    """Control tokens that are stop strings, such as the mark of a tool call: they are not rendered, so no text shows
    them. Those that are `visible` to the splitter, marks of reasoning, are its own.
    """
    vocabulary = loaded.vocabulary
    wanted = vocabulary.special_texts.intersection(stop)
    if not wanted:
        return {}
    return {
        token_id: text
        for token_id in vocabulary.special_ids
        if (text := loaded.model.token_text(token_id)) in wanted
        and token_id not in visible
        and not vocabulary.piece(token_id)  # others, such as <tool_call> of some models, are text and found there
    }


def _can_close(grammar: Grammar, tags: ReasoningTags | None) -> bool:
    """Whether what the grammar lets through may end thoughts that the prompt opened. JSON never does: where it names
    such a mark, that is content."""
    closers = tags.closers if tags is not None else ()
    text = grammar.text.replace("\\", "")  # in patterns a mark is escaped
    return grammar.kind not in ("json", "json_schema") and any(closer in text for closer in closers)


def _prompt(
    loaded: Loaded, request: GenerateRequest
) -> tuple[list[int], tuple[Notice, ...], ReasoningTags | None, bool]:
    vocabulary = loaded.vocabulary
    if request.token_ids:
        return list(request.token_ids), (), None, False
    if request.prompt:
        token_ids = vocabulary.tokenize((request.prompt,), parse_special=request.parse_special, add_special=True)
        return token_ids, (), None, False
    prompt = build_prompt(request, loaded.template.text, vocabulary, loaded.renderer)
    # Content cannot match a control token (build_prompt split it), so the segments are parsed for the template's own.
    token_ids = vocabulary.tokenize(prompt.segments, parse_special=True, add_special=True)
    notices = (loaded.template.notice, *prompt.notices) if loaded.template.notice else prompt.notices
    return token_ids, notices, prompt.reasoning_tags, prompt.reasoning_open


def _check_length(loaded: Loaded, token_ids: Sequence[int]) -> None:
    context = loaded.context
    if not token_ids:
        raise Error(
            "The prompt is empty: it gives no token to begin with.", hint="Write something.", kind="bad-request"
        )
    if len(token_ids) > context.n_ctx:
        more = (
            f" (the model was made for up to {loaded.model.n_ctx_train})"
            if context.n_ctx < loaded.model.n_ctx_train
            else ""
        )
        raise Error(
            f"The prompt is {len(token_ids)} tokens long; the context holds {context.n_ctx}{more}.",
            hint="Shorten the conversation or start a new one, or raise engine.context in the settings.",
            kind="context-full",
        )
