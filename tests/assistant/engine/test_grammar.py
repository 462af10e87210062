"""Constraints on the demo model's vocabulary: what they allow, where they end, what is refused and limited."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rushlight import Error
from rushlight.assistant.engine.grammar import Constraint, GrammarTokenizer, compile_grammar
from rushlight.assistant.engine.grammar_gbnf import parse_gbnf
from rushlight.assistant.engine.grammar_numbers import NumberDigits
from rushlight.assistant.engine.grammar_schema import read_schema
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.request import Grammar

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def tokenizer(loaded: Loaded) -> GrammarTokenizer:
    made: GrammarTokenizer = loaded.grammar_tokenizer
    return made


@pytest.fixture
def make(tokenizer: GrammarTokenizer) -> Callable[[str, str], Constraint]:
    return lambda kind, text: compile_grammar(Grammar(kind, text), tokenizer)


@pytest.fixture
def matches(loaded: Loaded, make: Callable[[str, str], Constraint]) -> Callable[[str, str, str], bool]:
    """Whether the text, in the model's own tokens, may be the whole answer."""

    def run(kind: str, text: str, answer: str) -> bool:
        constraint = make(kind, text)
        for token_id in loaded.model.tokenize(answer, parse_special=False):
            if constraint.forbidden()[token_id]:
                return False
            constraint.accept(token_id)
        forbidden = constraint.forbidden()
        ends = [not forbidden[token_id] for token_id in sorted(loaded.vocabulary.eog_ids)]
        # An answer may end exactly where the grammar is fulfilled, by any end-of-generation token.
        assert all(ends) == any(ends) == constraint.is_accepting
        return constraint.is_accepting

    return run


def message(make: Callable[[str, str], Constraint], kind: str, text: str) -> str:
    with pytest.raises(Error) as caught:
        make(kind, text)
    assert caught.value.kind == "bad-grammar"
    return f"{caught.value.message} {caught.value.hint}"


POINT = json.dumps({"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
                    "required": ["x"], "additionalProperties": False})  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "good", "bad"),
    [
        ("json_schema", POINT, ['{"x": 1}', '{"x": -12, "y": 0}'],
         ["", "{}", '{"x": 1', '{"y": 1}', '{"x": 1.5}', '{"x": 01}', '{"x": 1, "z": 2}', '{"x": 1} ', ' {"x": 1}']),
        ("json", "", ["{}", "[]", "null", '"a"', "-1.5e3", '{"a": [1, {"b": true}]}'],
         ["", "nul", "[1,2]", "[1, 2", "{a: 1}", "'a'", "[ ]", "NaN", '"\n"']),
        ("gbnf", 'root ::= "yes" | "no" ("!" {2,3})?', ["yes", "no", "no!!", "no!!!"],
         ["", "ye", "yes!", "no!", "no!!!!"]),
        ("lark", 'start: WORD ("," WORD)*\nWORD: /[a-z]+/', ["ab", "ab,cd"], ["", "ab,", ",ab", "Ab"]),
        ("regex", "[0-9]{4}-[0-9]{2}", ["2024-01"], ["", "2024-1", "2024-012", "x"]),
        ("regex", "(é|日本)+", ["é", "日本é"], ["", "日", "e"]),
    ],
)  # fmt: skip
def test_every_kind(
    kind: str, text: str, good: list[str], bad: list[str], matches: Callable[[str, str, str], bool]
) -> None:
    assert [answer for answer in good if not matches(kind, text, answer)] == []
    assert [answer for answer in bad if matches(kind, text, answer)] == []


def test_apply_leaves_the_allowed_logits_as_they_are(make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    constraint = make("gbnf", 'root ::= "yes" | "no"')
    logits = np.linspace(-5, 5, loaded.model.n_vocab, dtype=np.float32)
    before = logits.copy()
    forbidden = constraint.forbidden()
    constraint.apply(logits)
    assert (logits[forbidden] == -np.inf).all() and (logits[~forbidden] == before[~forbidden]).all()
    allowed = {loaded.vocabulary.piece(int(i)) for i in np.flatnonzero(~forbidden)}
    assert allowed == {b"y", b"ye", b"yes", b"n", b"no"} & allowed and {b"yes", b"no"} <= allowed


def test_control_tokens_are_never_text(make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    """Not even where the grammar allows their letters."""
    forbidden = make("regex", "(?s:.*)").forbidden()
    others = loaded.vocabulary.special_ids - loaded.vocabulary.eog_ids
    assert others and all(forbidden[token_id] for token_id in others)
    assert not any(forbidden[token_id] for token_id in loaded.vocabulary.eog_ids)
    assert int(forbidden.sum()) < 300


def test_what_must_come_is_forced(make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    constraint = make("json_schema", POINT)
    forced = constraint.forced_tokens()
    text = b"".join(loaded.vocabulary.piece(token_id) for token_id in forced)
    assert text and b'{"x": '.startswith(text)
    for token_id in forced:
        assert not constraint.forbidden()[token_id]
        constraint.accept(token_id)
    done = make("gbnf", 'root ::= "the end"')
    while not done.is_finished:
        forced = done.forced_tokens()
        assert forced
        for token_id in forced:
            done.accept(token_id)
    assert done.is_accepting and done.forced_tokens() == []


def test_a_lark_grammar_is_looked_ahead_of_where_it_is_bounded(tokenizer: GrammarTokenizer, loaded: Loaded) -> None:
    """Of those that others wrote nobody knows how long what must come is."""
    text = 'start: "SELECT visit_date FROM visit" (" WHERE" | " LIMIT") " 1"'
    assert compile_grammar(Grammar("lark", text), tokenizer).forced_tokens() == []
    ahead = compile_grammar(Grammar("lark", text, is_bounded=True), tokenizer)
    forced = ahead.forced_tokens()
    said = b"".join(loaded.vocabulary.piece(token_id) for token_id in forced)
    assert len(forced) > 4 and b"SELECT visit_date FROM visit".startswith(said)
    for token_id in forced:
        ahead.accept(token_id)
    assert not ahead.is_finished


def test_how_much_of_a_draft_fits(make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    constraint = make("regex", "[a-z ]*")
    draft = loaded.model.tokenize("some words 12", parse_special=False)
    n = constraint.n_acceptable(draft)
    assert loaded.vocabulary.piece(draft[n - 1]) in (b" words", b" ") and n < len(draft)
    assert constraint.n_acceptable(draft) == n  # none was accepted
    assert not constraint.forbidden()[draft[0]]


def test_a_token_that_was_not_allowed_is_a_fault(make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    constraint = make("gbnf", 'root ::= "yes"')
    with pytest.raises((AssertionError, Error)):
        constraint.accept(loaded.model.tokenize("no", parse_special=False)[0])


def test_answers_do_not_share_their_way(make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    """The compiled grammar is kept; each answer begins at its start."""
    first, second = make("gbnf", 'root ::= "ab"'), make("gbnf", 'root ::= "ab"')
    (token_id,) = loaded.model.tokenize("ab", parse_special=False)
    first.accept(token_id)
    assert first.is_accepting and not second.is_accepting
    assert not make("gbnf", 'root ::= "ab"').forbidden()[token_id]


# --- the digits of numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "are_enough"),
    [
        ("1" * 17, False), ("1" * 18, True), ("-" + "1" * 18, True), ("0." + "1" * 19, False), ("0." + "1" * 20, True),
        ("1e1", False), ("1e10", True), ("1E-10", True), ("true", False), ("[" + "1" * 18 + ",", False),
        ('"' + "1" * 30, False), ('"\\"' + "1" * 30, False), ('"\\\\"' + "1" * 30, True),
        ("[" + "1" * 18 + ", 1", False),
        ('{"e": ' + "1" * 18, True), ('{"1.5e10', False), ("1" * 18 + ".", False), ("1" * 18 + ".5e", False),
    ],
)  # fmt: skip
def test_where_digits_are_enough(text: str, are_enough: bool) -> None:
    digits = NumberDigits()
    for byte in text.encode():
        digits.feed(bytes([byte]))
    whole = NumberDigits()
    whole.feed(text.encode())
    assert digits.are_enough == whole.are_enough == are_enough


@example(0.0014629646466159227)
@given(st.one_of(st.integers(-(2**59), 2**59), st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda value: not (1e-5 < abs(value) < 1e-4) and 1e-99 < abs(value) < 1e99)))  # fmt: skip
def test_numbers_as_programs_write_them_fit(value: float) -> None:
    """No number of a double's or a 60-bit integer's precision is cut short."""
    digits, text = NumberDigits(), json.dumps(value)
    for character in text:
        assert not (digits.are_enough and character.isdigit())
        digits.feed(character.encode())


@pytest.mark.parametrize("kind", ["json", "json_schema"])
def test_a_model_that_loops_in_digits_is_stopped(
    kind: str, make: Callable[[str, str], Constraint], loaded: Loaded
) -> None:
    constraint = make(kind, '{"type": "number"}' if kind == "json_schema" else "")
    (one,) = loaded.model.tokenize("1", parse_special=False)
    n = 0
    while not constraint.forbidden()[one]:
        constraint.accept(one)
        n += 1
        assert n < 30
    assert constraint.is_accepting and not constraint.forbidden()[loaded.vocabulary.eos_id]


def test_digits_that_the_schema_asks_for_are_written(matches: Callable[[str, str, str], bool]) -> None:
    assert matches("json_schema", json.dumps({"const": 10**25}), str(10**25))
    assert matches("json_schema", json.dumps({"type": "string", "pattern": "^1{40}$"}), '"' + "1" * 40 + '"')


# --- what is refused, and how it is said ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "parts"),
    [
        ({"not": {"type": "null"}}, ['"not"', "the top"]),
        ({"properties": {"a": {"if": True}}}, ['"if"', "/properties/a"]),
        ({"anyOf": [{}, {"uniqueItems": True}]}, ['"uniqueItems"', "/anyOf/1", "maxItems"]),
        ({"type": "string", "nullable": True}, ['"nullable"', '["string", "null"]']),
        ({"properties": {"a/b": {"minLenght": 1}}}, ['"minLenght"', "/properties/a~1b", '"minLength"']),
        ({"dependentRequired": {}}, ['"dependentRequired"']),
        ({"type": "strnig"}, ['"strnig"', "string"]),
        ({"type": "string", "format": "regex"}, ['"regex"']),
        ({"minLength": -1}, ['"minLength"', "-1"]),
        ({"minimum": "3"}, ['"minimum"', '"3"']),
        ({"exclusiveMinimum": True}, ["draft 6"]),
        ({"multipleOf": 0}, ['"multipleOf"']),
        ({"required": "a"}, ['"required"']),
        ({"enum": 3}, ['"enum"']),
        ({"pattern": 3}, ['"pattern"']),
        ({"format": []}, ['"format"']),
        ({"properties": []}, ['"properties"']),
        ({"anyOf": {}}, ['"anyOf"']),
        ({"items": 3}, ["/items"]),
        ({"$ref": "https://example.com/schema"}, ["https://example.com/schema", "$defs"]),
        ({"$ref": "#/$defs/no"}, ["#/$defs/no"]),
        ({"minProperties": 3}, ['"minProperties"']),
        ({"type": "string", "pattern": "(a"}, []),
        ({"type": "string", "pattern": "(?=a)b"}, []),
        ({"type": "integer", "minimum": 5, "maximum": 4}, []),
        ({"enum": []}, []),
        ({"$ref": "#"}, []),
    ],
)  # fmt: skip
def test_schemas_that_cannot_be_enforced(schema: Any, parts: list[str], make: Callable[[str, str], Constraint]) -> None:
    said = message(make, "json_schema", json.dumps(schema))
    assert "JSON Schema" in said
    for part in parts:
        assert part in said


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "NaN", '{"type": "string"', "[" * 100_000, '{"a":' * 100_000])
def test_texts_that_are_no_schema(text: str, make: Callable[[str, str], Constraint]) -> None:
    assert "JSON Schema" in message(make, "json_schema", text)


@pytest.mark.parametrize(
    "extra",
    [{"title": "A"}, {"description": "x"}, {"default": 3}, {"examples": [1]}, {"$comment": "x"}, {"x-mine": {"not": 1}},
     {"format": "int32"}, {"readOnly": True}, {"uniqueItems": False}, {"$schema": "https://json-schema.org/draft/2020-12/schema"},
     {"$defs": {"unused": {"not": {}}}}, {"x-guidance": {"whitespace_flexible": True}}],
)  # fmt: skip
def test_annotations_change_nothing(extra: dict[str, Any], matches: Callable[[str, str, str], bool]) -> None:
    schema = json.dumps({"type": "array", "items": {"type": "integer"}, **extra})
    assert matches("json_schema", schema, "[1, 2]")
    assert not matches("json_schema", schema, "[1,  2]")


def test_properties_named_like_keywords(matches: Callable[[str, str, str], bool]) -> None:
    schema = json.dumps({"type": "object", "properties": {"not": {"const": 1}, "if": {"enum": [{"then": 2}]}},
                         "required": ["not", "if"], "additionalProperties": False})  # fmt: skip
    assert matches("json_schema", schema, '{"not": 1, "if": {"then": 2}}')


def test_recursive_schemas(matches: Callable[[str, str, str], bool]) -> None:
    schema = json.dumps({"$ref": "#/$defs/tree", "$defs": {"tree": {
        "type": "object", "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]}},
        "required": ["next"], "additionalProperties": False}}})  # fmt: skip
    assert matches("json_schema", schema, '{"next": {"next": null}}')
    assert not matches("json_schema", schema, '{"next": {"next": 1}}')


@pytest.mark.parametrize(
    ("gbnf", "place"),
    [
        ('root ::= "a', "line 1, column 10"),
        ('root ::= "a"\nx ::= [a', "line 2, column 7"),
        ('root ::= "a"\n\n# words\nx = "b"', "line 4, column 3"),
        ("root ::= x\ny ::= root", "line 1, column 10"),
        ('root ::= ("a"', "line 1, column 10"),
        ("root ::= *", "line 1"),
        ('root ::= "a"{3,2}', "line 1"),
        ('root ::= "\\q"', "line 1"),
        ("root ::= [z-a]", "line 1"),
        ("root ::= []", "line 1"),
        ('root ::= "a"\nroot ::= "b"', "line 2, column 1"),
        ('root ::= "\\ud800"', "Unicode"),
        ("root ::= <no such token>", "not one token"),
        ("root ::= <[99999999]>", "no token 99999999"),
        ('x ::= "a"', '"root"'),
        ("", '"root"'),
        ('root ::= "a" )', "line 1, column 14"),
    ],
)  # fmt: skip
def test_errors_in_gbnf_name_the_place(gbnf: str, place: str, make: Callable[[str, str], Constraint]) -> None:
    assert place in message(make, "gbnf", gbnf)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("regex", "(a"), ("regex", "a(?=b)"), ("regex", "[z-a]"), ("lark", "start: x"), ("lark", 'start: "a'),
     ("lark", ""), ("lark", '%llguidance {"no_forcing": false}\nstart: "a"'),
     ("lark", "%import nothing.at_all\nstart: A"), ("what", "x"), ("gbnf", 'root ::= root "a"')],
)  # fmt: skip
def test_other_grammars_that_cannot_be_used(kind: str, text: str, make: Callable[[str, str], Constraint]) -> None:
    assert len(message(make, kind, text)) < 1500


@given(st.text('rot:=x"[]()a-|*+?{}3,.\\#\n ^<>!', max_size=40))
def test_any_text_as_gbnf(text: str) -> None:
    try:
        assert "root" in parse_gbnf("root ::= " + text, {}, 100)
    except Error as err:
        assert err.kind == "bad-grammar"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(
        ["type", "properties", "items", "anyOf", "$ref", "minimum", "format", "required", "a"]), inner, max_size=3)),
    max_leaves=8)  # fmt: skip


@given(json_values)
def test_any_json_as_a_schema(value: Any) -> None:
    try:
        read_schema(json.dumps(value))
    except Error as err:
        assert err.kind == "bad-grammar"


@pytest.mark.parametrize(
    ("low", "high", "inside"), [(0, 0.5, "0.25"), (3, 3.5, "3.1"), (-1.5, -1.0, "-1.2"), (-0.25, 0, "-0.1")]
)
@pytest.mark.parametrize("lower", ["minimum", "exclusiveMinimum"])
@pytest.mark.parametrize("upper", ["maximum", "exclusiveMaximum"])
def test_narrow_bounds_of_numbers(
    low: float, high: float, inside: str, lower: str, upper: str, matches: Callable[[str, str, str], bool]
) -> None:
    schema = json.dumps({"type": "number", lower: low, upper: high})
    assert matches("json_schema", schema, inside)
    for bound, keyword in ((low, lower), (high, upper)):
        texts = {json.dumps(bound), f"{bound:g}"} | ({"-0"} if bound == 0 else set())
        if keyword.startswith("exclusive"):
            assert not any(matches("json_schema", schema, text) for text in texts)
        else:
            assert any(matches("json_schema", schema, text) for text in texts)


@pytest.mark.parametrize("bounds", [{"exclusiveMinimum": 3}, {"exclusiveMinimum": 3, "maximum": 4}])
def test_a_bound_is_not_reached_by_rounding(bounds: dict[str, int], matches: Callable[[str, str, str], bool]) -> None:
    schema = json.dumps({"type": "number", **bounds})
    assert matches("json_schema", schema, "3.0001")
    assert not any(matches("json_schema", schema, "3." + "0" * n + "1") for n in range(14, 20))


# --- limits -------------------------------------------------------------------------------------------------------


def doubling(arrow: str, root: str, n: int) -> str:
    """Rules each of which is twice the next: 2**n letters in n lines."""
    lines = [f"{root}{arrow} a0", *(f"a{i}{arrow} a{i + 1} a{i + 1}" for i in range(n)), f'a{n}{arrow} "a"']
    return "\n".join(lines)


HOSTILE = {
    "regex of nested repetitions": ("regex", "((a{1,1000}){1,1000}){1,1000}"),
    "regex with many states": ("regex", "(a|b)*a(a|b){500}c(a|b)*b(a|b){500}"),
    "long regex": ("regex", "(" + "|".join(f"{i}[a-z]*{i}" for i in range(9000)) + ")"),
    "doubling rules": ("gbnf", doubling(" ::=", "root", 60)),
    "many doubling rules": ("gbnf", doubling(" ::=", "root", 990)),
    "doubling terminals": ("lark", doubling(":", "start", 60).replace("a", "A").replace("stArt", "start")
                           .replace('"A"', '"a"')),
    "a chain of rules": ("gbnf",
                         "root ::= a0\n" + "".join(f"a{i} ::= a{i + 1}\n" for i in range(990)) + 'a990 ::= "x"'),
    "deep parentheses": ("gbnf", "root ::= " + "(" * 5000 + '"a"' + ")" * 5000),
    "a long literal": ("gbnf", 'root ::= "(" root ")" | "' + "a" * 100_000 + '"'),
    "repetitions of repetitions": ("gbnf", 'root ::= (("a"{0,1000}){0,1000}){0,1000} "b" root?'),
    "an ambiguous grammar": ("gbnf", 'root ::= (root root)? | [a-z]* [a-z]* [a-z]* | root "a" root'),
    "many alternatives": ("gbnf", "root ::= (" + " | ".join(f"x{i} root" for i in range(900)) + ")?\n"
                          + "\n".join(f'x{i} ::= [a-z]* "{i}" [a-z]*' for i in range(900))),
    "many properties": ("json_schema", json.dumps({"type": "object", "properties": {
        f"k{i}": {"type": "string"} for i in range(2000)}})),
    "too many properties": ("json_schema", json.dumps({"type": "object", "properties": {
        f"k{i}": {} for i in range(5000)}})),
    "a large enum": ("json_schema", json.dumps({"enum": [f"value {i}" for i in range(50_000)]})),
    "nested counts": ("json_schema", json.dumps({"type": "array", "minItems": 10_000, "items": {
        "type": "array", "minItems": 10_000, "items": {"type": "string", "minLength": 10_000}}})),
    "a large pattern": ("json_schema", json.dumps({"type": "string", "pattern": "^(([a-z]{1,500}){1,500}){1,500}$"})),
    "many properties allOf": ("json_schema", json.dumps({"allOf": [
        {"anyOf": [{"properties": {f"k{i}{j}": {"const": j}}} for j in range(8)]} for i in range(8)]})),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_grammars_end_soon(name: str, make: Callable[[str, str], Constraint], loaded: Loaded) -> None:
    """They work or are refused, within the time limit and without holding a thread or gigabytes afterwards."""
    kind, text = HOSTILE[name]
    before_bytes, start = resident_bytes(), time.monotonic()
    try:
        constraint = make(kind, text)
        for _ in range(5):
            if constraint.is_finished:
                break
            allowed = np.flatnonzero(~constraint.forbidden())
            others = [i for i in allowed if int(i) not in loaded.vocabulary.eog_ids]
            if not others:
                break
            constraint.accept(int(others[-1]))
    except Error as err:
        assert err.kind in ("bad-grammar", "grammar-failed")
        assert len(err.message) < 1500
    assert time.monotonic() - start < 12  # 5 s for compiling, and a busy machine
    for thread in threading.enumerate():
        if thread.name == "grammar-compiler":
            thread.join(20)
            assert not thread.is_alive()
    assert resident_bytes() - before_bytes < 1_500_000_000


def resident_bytes() -> int:
    import os
    from pathlib import Path

    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_worker_stays_usable_after_a_bad_grammar(make: Callable[[str, str], Constraint]) -> None:
    for _ in range(3):
        message(make, "gbnf", "root ::= nothing")
        assert make("gbnf", 'root ::= "a"').forced_tokens()


def test_the_tokenizer_is_made_once_and_late(loaded: Loaded) -> None:
    pieces = loaded.vocabulary.all_pieces
    known: GrammarTokenizer = loaded.grammar_tokenizer
    fresh = GrammarTokenizer(pieces, set(loaded.vocabulary.special_ids), loaded.vocabulary.eog_ids,
                             known._vocab_pointer, known._tokenize_pointer)  # fmt: skip
    assert fresh._made is None
    thread = fresh.prepare_in_background()
    made = fresh.prepare()
    thread.join()
    assert fresh.prepare() is made


def test_a_vocabulary_without_an_end_is_refused(loaded: Loaded) -> None:
    with pytest.raises(Error, match="no end-of-generation") as caught:
        GrammarTokenizer([b"a"], set(), [], 0, 0)
    assert caught.value.kind == "bad-grammar"
