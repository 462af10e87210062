"""Constrained decoding: which token may come next so that the answer matches a schema, a grammar or a pattern.

Over llguidance: a bit mask over the vocabulary per token, applied to the logits before sampling. Knows token ids and
logits; knows no prompts and no llama.cpp (the tokenizer is handed over as pieces and two addresses).

Whitespace in JSON is fixed: one space after each comma and colon, none elsewhere, as Python's `json.dumps` and most
training text write it. Free whitespace lets small models loop in it, and fixed whitespace lets keys and punctuation
be forced: `forced_tokens()` names what must come, so that a generator can prefill it instead of sampling it.

Strings without bounds in the schema stay without bounds here (use maxLength or pattern); the digits of JSON numbers
end where 64 bits do, see `grammar_numbers.py`.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.engine.grammar_gbnf import parse_gbnf
from rushlight.assistant.engine.grammar_lark import gbnf_to_lark
from rushlight.assistant.engine.grammar_length import has_long_parts
from rushlight.assistant.engine.grammar_numbers import NumberDigits
from rushlight.assistant.engine.grammar_schema import read_schema
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.engine.request import Grammar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPILE_TIMEOUT_S = 5.0
MAX_REGEX_BYTES = 64 * 1024
MAX_LARK_BYTES = 256 * 1024
MAX_LARK_DEFINITIONS = 500  # a chain of so many takes llguidance 2 s, of 2,000 30 s; 5,000 overflow the stack
_COMPILE_STACK_BYTES = 64 * 1024 * 1024
_N_CACHED = 8
_JSON_OPTIONS = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
# Looking ahead for text that must come has no limit in llguidance: off where such text could be endless.
_NO_FORCING = '%llguidance {"no_forcing": true}\n'
_TOO_COMPLEX = frozenset({"ParserTooComplex", "LexerTooComplex", "InternalError"})


class GrammarTokenizer:
    """The vocabulary in llguidance's form: made once per model, on first use or ahead of it in the background.

    `pieces[id]` are the bytes of each token, of special ones their text; the ids in `special` never match text of a
    grammar. `vocab_pointer` (llama_vocab *) and `tokenize_pointer` (the address of llama_tokenize) must stay valid as
    long as this object and its constraints are in use.
    """

    def __init__(
        self,
        pieces: Sequence[bytes],
        special: Iterable[int],
        eog_ids: Iterable[int],
        vocab_pointer: int,
        tokenize_pointer: int,
    ) -> None:
        self.n_vocab = len(pieces)
        self.eog_ids = sorted(set(eog_ids))
        if not self.eog_ids:
            raise Error(
                "This model has no end-of-generation token, so no answer could end as a grammar asks.",
                hint="Use another model for answers in a fixed form.",
                kind="bad-grammar",
            )
        self._pieces = pieces
        self._special = frozenset(special)
        self._vocab_pointer = vocab_pointer
        self._tokenize_pointer = tokenize_pointer
        self._lock = threading.Lock()
        self._made: Any = None
        self._matchers: OrderedDict[Grammar, Any] = OrderedDict()
        self._special_ids: dict[bytes, int] | None = None
        self._digit_tokens: NDArray[np.bool_] | None = None

    def prepare(self) -> Any:
        """llguidance's tokenizer; about 0.1 s for 49,000 tokens the first time, besides 0.05 s of import."""
        with self._lock:
            if self._made is None:
                from llguidance import LLTokenizer

                special = self._special
                # A leading 0xFF, which no UTF-8 text holds, is llguidance's mark of a token that is not text.
                tokens = [b"\xff" + piece if i in special else piece for i, piece in enumerate(self._pieces)]
                self._made = LLTokenizer.from_llamacpp(
                    tokens=tokens,
                    vocab_ptr=self._vocab_pointer,
                    tokenize_fptr=self._tokenize_pointer,
                    eos_token=self.eog_ids,
                    slices=None,
                )
            return self._made

    def prepare_in_background(self) -> threading.Thread:
        """Start `prepare` in a thread of its own. Join the thread before the vocabulary is freed."""
        thread = threading.Thread(target=self.prepare, name="grammar-tokenizer")
        thread.start()
        return thread

    @property
    def special_ids(self) -> dict[bytes, int]:
        """Special tokens by their text."""
        if self._special_ids is None:
            self._special_ids = {self._pieces[i]: i for i in sorted(self._special) if i < self.n_vocab}
        return self._special_ids

    def piece(self, token_id: int) -> bytes:
        """The bytes of one token."""
        return self._pieces[token_id]

    @property
    def digit_tokens(self) -> "NDArray[np.bool_]":
        """True for each token whose text begins with a digit. Shape (n_vocab,)."""
        if self._digit_tokens is None:
            import numpy as np

            self._digit_tokens = np.fromiter((piece[:1].isdigit() for piece in self._pieces), bool, self.n_vocab)
        return self._digit_tokens

    def matcher(self, grammar: Grammar) -> Any:
        """A fresh llguidance matcher. The last few grammars are kept compiled: agents send the same one each turn."""
        with self._lock:
            kept = self._matchers.get(grammar)
            if kept is not None:
                self._matchers.move_to_end(grammar)
                return kept.deep_copy()
        made = _compile(grammar, self)
        with self._lock:
            self._matchers[grammar] = made
            while len(self._matchers) > _N_CACHED:
                self._matchers.popitem(last=False)
        return made.deep_copy()


class Constraint:
    """One answer's way through a grammar.

    Per token: `apply(logits)`, sample, `accept(token_id)`; until `is_finished` or an end-of-generation token.
    """

    def __init__(
        self,
        matcher: Any,
        tokenizer: GrammarTokenizer,
        digits: NumberDigits | None,
        must: Sequence[tuple[str, ...]] = (),
    ) -> None:
        import numpy as np

        self._np = np
        self._matcher = matcher
        self._tokenizer = tokenizer
        self._digits = digits
        self._n_vocab = n_vocab = tokenizer.n_vocab
        self._eog_ids = frozenset(tokenizer.eog_ids)
        self._mask = np.zeros((n_vocab + 31) // 32, dtype=np.uint32)
        self._mask_pointer = self._mask.ctypes.data
        self._mask_bytes = self._mask.view(np.uint8)
        self._minus_infinity = np.float32(-np.inf)
        self._must = tuple(must)
        self._text = bytearray()  # so far, while something must come yet

    def copy(self) -> "Constraint":
        """Another way through the grammar that begins where this one is."""
        made = Constraint(
            self._matcher.deep_copy(), self._tokenizer, copy(self._digits) if self._digits else None, self._must
        )
        made._text = bytearray(self._text)
        return made

    def apply(self, logits: "NDArray[np.float32]") -> None:
        """Set the logits of all tokens that may not come next to -inf, in place. Shape (n_vocab,).

        Where only one text can follow, only the model's own way to cut it into tokens stays allowed.
        """
        self._np.copyto(logits, self._minus_infinity, where=self.forbidden())

    def forbidden(self) -> "NDArray[np.bool_]":
        """True for each token that may not come next. Shape (n_vocab,)."""
        _guarded(self._matcher.unsafe_compute_mask_ptr, self._mask_pointer, self._mask.nbytes)
        self._check()
        bits = self._np.unpackbits(self._mask_bytes, count=self._n_vocab, bitorder="little")
        forbidden: NDArray[np.bool_] = self._np.logical_not(bits)
        if self._must and self.is_accepting and self._lacks():
            going_on = forbidden.copy()
            going_on[self._tokenizer.eog_ids] = True
            if not going_on.all():
                forbidden = going_on
        if self._digits is not None and self._digits.are_enough:
            braked = forbidden | self._tokenizer.digit_tokens
            if not braked.all():  # where the schema asks for more digits it gets them
                return braked
        return forbidden

    def accept(self, token_id: int) -> None:
        """Go on with a token that the mask allowed (a sampled or a forced one)."""
        if not _guarded(self._matcher.consume_token, token_id):
            self._check()
            raise AssertionError(f"token {token_id} was not allowed here")
        if self._digits is not None:
            self._digits.feed(self._tokenizer.piece(token_id))
        if self._must:
            self._text += self._tokenizer.piece(token_id)

    @property
    def is_accepting(self) -> bool:
        """The answer may end here; end-of-generation tokens are allowed."""
        return bool(self._matcher.is_accepting())

    @property
    def is_finished(self) -> bool:
        """The answer is complete and nothing but its end may follow: sampling on is of no use."""
        return bool(self._matcher.is_stopped()) and not self._matcher.is_error()

    def forced_tokens(self) -> list[int]:
        """Tokens that must come next, as the model's own tokenizer would write their text; not yet accepted.

        Accept each of them and decode them as one batch. Often empty.
        """
        if self._matcher.is_stopped():
            return []
        forced: list[int] = _guarded(self._matcher.compute_ff_tokens)
        return [] if self._eog_ids.intersection(forced) else forced

    def n_acceptable(self, token_ids: Sequence[int]) -> int:
        """How many of these tokens could be accepted one after the other (for drafts). Accepts none."""
        return int(_guarded(self._matcher.validate_tokens, list(token_ids)))

    def _lacks(self) -> bool:
        """Whether something that must be there is not there yet."""
        said = self._text.decode("utf-8", "replace")
        self._must = lacking(self._must, said)
        return bool(self._must)

    def _check(self) -> None:
        if self._matcher.is_error():
            raise _runtime_error(self._matcher)


def compile_grammar(grammar: Grammar, tokenizer: GrammarTokenizer) -> Constraint:
    """Raises `Error(kind="bad-grammar")` for what cannot be read, enforced or compiled within the limits."""
    digits = NumberDigits() if grammar.kind in ("json", "json_schema") else None
    return Constraint(tokenizer.matcher(replace(grammar, must=())), tokenizer, digits, grammar.must)


def matches(grammar: Grammar, text: str) -> bool:
    """Whether a text is one that the grammar lets through, whatever model writes it; `must` is not asked. For grammars
    of our own: it compiles without a limit of time."""
    from llguidance import LLMatcher, LLTokenizer

    source = LLMatcher.grammar_from_lark(_NO_FORCING + _checked_lark(grammar))
    matcher = _matcher(source, LLTokenizer("byte"))
    return bool(not matcher.is_error() and matcher.consume_tokens(list(text.encode())) and matcher.is_accepting())


def _compile(grammar: Grammar, tokenizer: GrammarTokenizer) -> Any:
    """A matcher at its start, known to have at least one token to begin with."""
    made = tokenizer.prepare()
    result: list[Any] = []

    def work() -> None:
        try:
            result.append(_matcher(_to_llguidance(grammar, tokenizer), made))
        except BaseException as err:  # Rust panics are no Exception
            result.append(err)

    # In a thread of its own, for a deep stack and because native code cannot be interrupted: past the limit it is
    # left to finish alone, which llguidance's own limits see to. No daemon: Python's end would cut it off in Rust.
    previous = threading.stack_size(_COMPILE_STACK_BYTES)
    try:
        thread = threading.Thread(target=work, name="grammar-compiler")
        thread.start()
    finally:
        threading.stack_size(previous)
    thread.join(COMPILE_TIMEOUT_S)
    if not result:
        raise _bad(
            grammar,
            f"compiling it takes longer than {COMPILE_TIMEOUT_S:.0f} s",
            "Make it smaller, or bound its repetitions.",
        )
    if isinstance(result[0], Error):
        raise result[0]
    if isinstance(result[0], BaseException):
        if _is_panic(result[0]):
            raise _bad(grammar, f"llguidance gave up on it: {result[0]}") from result[0]
        raise result[0]
    matcher = result[0]
    if matcher.is_error():
        raise _bad(grammar, _first_lines(matcher.get_error()))
    return matcher


def _matcher(source: str, made: Any) -> Any:
    from llguidance import LLMatcher, LLParserLimits

    limits = LLParserLimits(
        max_items_in_row=20_000,  # of 40 ways to join six tables a query may go 2,000 after its first word
        initial_lexer_fuel=1_000_000,  # about 0.3 s
        step_lexer_fuel=200_000,  # about 15 ms a token
        step_max_items=200_000,  # about 10 ms a token
        max_lexer_states=50_000,  # about 100 MB
        max_grammar_size=200_000,
        verbose_errors=False,
    )
    matcher = LLMatcher(made, source, log_level=0, limits=limits)
    if not matcher.is_error():
        matcher.compute_bitmask()  # kept for the first token; finds grammars that match nothing
    return matcher


def _to_llguidance(grammar: Grammar, tokenizer: GrammarTokenizer) -> str:
    from llguidance import LLMatcher

    match grammar.kind:
        case "json_schema":
            schema = read_schema(grammar.text)
            return str(LLMatcher.grammar_from_json_schema(json.dumps(schema), None, _JSON_OPTIONS))
        case "json":
            return str(LLMatcher.grammar_from_json_schema("{}", None, _JSON_OPTIONS))
        case "gbnf":
            rules = parse_gbnf(grammar.text, tokenizer.special_ids, tokenizer.n_vocab)
            lark = gbnf_to_lark(rules, frozenset(tokenizer.eog_ids))
            return str(LLMatcher.grammar_from_lark(_NO_FORCING + lark if has_long_parts(rules) else lark))
        case "lark":
            lark = _checked_lark(grammar)
            return str(LLMatcher.grammar_from_lark(lark if grammar.is_bounded else _NO_FORCING + lark))
        case "regex":
            if len(grammar.text) > MAX_REGEX_BYTES:
                raise _bad(grammar, f"it is longer than {MAX_REGEX_BYTES // 1024} KiB")
            return str(LLMatcher.grammar_from_regex(grammar.text))
        case _:
            raise Error(
                f'A grammar of the kind "{grammar.kind}" is not known.',
                hint="The kinds are json_schema, json, gbnf, lark and regex.",
                kind="bad-grammar",
            )


def _checked_lark(grammar: Grammar) -> str:
    """The text without a `%llguidance {}` line: the options are ours."""
    if len(grammar.text) > MAX_LARK_BYTES:
        raise _bad(grammar, f"it is longer than {MAX_LARK_BYTES // 1024} KiB")
    lines = grammar.text.splitlines()
    # An upper bound: every definition has a colon.
    if sum(":" in line for line in lines) > MAX_LARK_DEFINITIONS:
        raise _bad(grammar, f"it has more than {MAX_LARK_DEFINITIONS} definitions")
    for i, line in enumerate(lines):
        if line.lstrip().startswith("%llguidance"):
            if line.replace(" ", "") != "%llguidance{}":
                raise _bad(
                    grammar,
                    f"line {i + 1} sets options of llguidance, which cannot be changed",
                    'Leave the line out, or write "%llguidance {}".',
                )
            lines[i] = ""
    return "\n".join(lines) + "\n"


_NAMES = {
    "json_schema": "JSON Schema",
    "json": "JSON grammar",
    "gbnf": "grammar",
    "lark": "Lark grammar",
    "regex": "regular expression",
}


def _bad(grammar: Grammar, problem: str, hint: str = "") -> Error:
    return Error(
        f"The {_NAMES.get(grammar.kind, 'grammar')} cannot be used: {problem.rstrip('.')}.",
        hint=hint,
        kind="bad-grammar",
    )


def _first_lines(text: str) -> str:
    """llguidance's message without its markup; it may quote the grammar at length."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("<")]
    short = "\n".join(lines[:6])
    return short if len(short) <= 400 else short[:397] + "..."


def _is_panic(err: BaseException) -> bool:
    return type(err).__name__ == "PanicException"


def _guarded(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call into llguidance; a Rust panic becomes an `Error`."""
    try:
        return function(*arguments)
    except BaseException as err:
        if _is_panic(err):
            raise Error(f"The grammar could not be followed further: {err}.", kind="grammar-failed") from err
        raise


def _runtime_error(matcher: Any) -> Error:
    if matcher.stop_reason() in _TOO_COMPLEX:
        return Error(
            f"The grammar became too complex while the model wrote: {_first_lines(matcher.get_error())}.",
            hint="Make it less ambiguous, or bound its repetitions.",
            kind="grammar-failed",
        )
    return Error(
        f"The grammar could not be followed further: {_first_lines(matcher.get_error())}.", kind="grammar-failed"
    )
