"""Our GBNF, through llguidance, allows what llama.cpp's own grammar sampler allows: random grammars, random texts."""

import ctypes
import json
import os
import random
import resource
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.grammar import Constraint, GrammarTokenizer, compile_grammar
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.request import Grammar

Outcome = tuple[int, bool]  # how many tokens were allowed, and whether the text may end there


class Reference:
    """llama.cpp's grammar sampler over one grammar, asked token by token.

    It keeps every way to read a text, which for some grammars are gigabytes after a few tokens, and then aborts. So it
    works in a child process with limits.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.c, self.vocab, self.eos_id = loaded.model.c, loaded.model.vocab, loaded.vocabulary.eos_id
        self.candidates = (self.c.llama_token_data * 1)()
        self.array = self.c.llama_token_data_array(self.candidates, 1, -1, False)

    def outcomes(self, gbnf: str, texts: list[list[int]]) -> list[Outcome] | None:
        """Of each text. None where it refuses the grammar or went beyond the limits."""
        read, write = os.pipe()
        with warnings.catch_warnings():  # newer Pythons warn because of ggml's threads, which are asleep here
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**29, in_use + 2**29))
                signal.setitimer(signal.ITIMER_PROF, 0.5)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it tells what it thinks of each grammar
                os.write(write, json.dumps(self._outcomes(gbnf, texts)).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            text = answer.read()
        os.waitpid(pid, 0)
        found = json.loads(text) if text else None
        return None if found is None else [(n, is_end) for n, is_end in found]

    def _outcomes(self, gbnf: str, texts: list[list[int]]) -> list[Outcome] | None:
        sampler = self.c.llama_sampler_init_grammar(self.vocab, gbnf.encode(), b"root")
        return [self._follow(sampler, token_ids) for token_ids in texts] if sampler else None

    def _allows(self, sampler: Any, token_id: int) -> bool:
        self.candidates[0] = self.c.llama_token_data(token_id, 1.0, 0.0)
        self.array.size = 1
        self.c.llama_sampler_apply(sampler, ctypes.byref(self.array))
        return bool(self.candidates[0].logit == 1.0)

    def _follow(self, sampler: Any, token_ids: list[int]) -> Outcome:
        self.c.llama_sampler_reset(sampler)
        for n, token_id in enumerate(token_ids):
            if not self._allows(sampler, token_id):
                return n, self._allows(sampler, self.eos_id)
            self.c.llama_sampler_accept(sampler, token_id)
        return len(token_ids), self._allows(sampler, self.eos_id)


def follow(constraint: Constraint, token_ids: list[int], eos_id: int) -> Outcome:
    """The same through our constraint. Its mask is stricter only where the text is forced: one way to cut it."""
    for n, token_id in enumerate(token_ids):
        forbidden = constraint.forbidden()
        is_allowed = constraint.n_acceptable([token_id]) == 1
        assert is_allowed or forbidden[token_id]
        if not is_allowed:
            return n, not forbidden[eos_id]
        if forbidden[token_id]:
            forced = constraint.forced_tokens()
            assert forced and not forbidden[forced[0]]
        constraint.accept(token_id)
    is_accepting = constraint.is_accepting
    assert is_accepting == (not constraint.forbidden()[eos_id])
    return len(token_ids), is_accepting


@pytest.fixture(scope="module")
def tokenizer(loaded: Loaded) -> GrammarTokenizer:
    made: GrammarTokenizer = loaded.grammar_tokenizer
    return made


@pytest.fixture(scope="module")
def compare(loaded: Loaded, tokenizer: GrammarTokenizer) -> Callable[..., int]:
    """Both must say the same of each text, cut into tokens at random. Returns how many texts were complete answers."""

    reference = Reference(loaded)

    def run(gbnf: str, texts: list[str], rng: random.Random) -> int:
        cuts = [cut(text, loaded, rng) for text in texts]
        outcomes = reference.outcomes(gbnf, cuts)
        n_complete = 0
        for text, token_ids, expected in zip(texts, cuts, outcomes or (), strict=False):
            constraint = compile_grammar(Grammar("gbnf", gbnf), tokenizer)
            found = follow(constraint, token_ids, loaded.vocabulary.eos_id)
            assert found == expected, f"{gbnf}\n{text!r} as {[loaded.vocabulary.piece(i) for i in token_ids]}"
            n_complete += expected == (len(token_ids), True)
        return n_complete

    return run


def cut(text: str, loaded: Loaded, rng: random.Random) -> list[int]:
    """Token ids of a text: the tokenizer's own, or of pieces between random cuts."""
    if not text or rng.random() < 0.5:
        return loaded.model.tokenize(text, parse_special=False)
    token_ids = []
    while text:
        n = rng.randint(1, 4)
        token_ids += loaded.model.tokenize(text[:n], parse_special=False)
        text = text[n:]
    return token_ids


class RandomGrammar:
    """Rules over a small alphabet, each with a way out, and texts that they make, or nearly.

    Only what cannot be empty is repeated: llama.cpp's sampler keeps each way to read a text, and their number explodes.
    """

    LITERALS = ("a", "b", "ab", "ba", "aab", "abc", "(", ")", ",", " ", "\n", "é", "日本")
    CLASSES = ("[ab]", "[a-c]", "[^a]", "[^ab\\n]", ".", "[ \\t\\n]", "[é-ü]", "[\\x61-\\u0063]")

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.n_rules = rng.randint(1, 5)
        self.bodies = [self.options(3, i) for i in range(self.n_rules)]

    def name(self, i: int) -> str:
        return "root" if i == 0 else f"rule-{i}"

    def options(self, depth: int, rule: int) -> Any:
        # The first option uses no rule before or at this one: every rule can end.
        first = self.sequence(depth, range(rule + 1, self.n_rules))
        others = [self.sequence(depth, range(self.n_rules)) for _ in range(self.rng.randint(0, 2))]
        return ("alt", [first, *others])

    def sequence(self, depth: int, rules: range) -> Any:
        return ("seq", [self.item(depth, rules) for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3)))])

    def item(self, depth: int, rules: range) -> Any:
        pick = self.rng.random()
        if pick < 0.3 and rules:
            return ("ref", self.rng.choice(rules))
        elif pick < 0.45 and depth > 0:
            node: Any = ("alt", [self.sequence(depth - 1, rules) for _ in range(self.rng.randint(1, 3))])
            if not all(any(item[0] in ("text", "class") for item in option[1]) for option in node[1]):
                return node
        elif pick < 0.65:
            node = ("class", self.rng.choice(self.CLASSES))
        else:
            node = ("text", self.rng.choice(self.LITERALS))
        if self.rng.random() < 0.35:
            least, most = self.rng.choice(((0, None), (1, None), (0, 1), (2, 2), (0, 3), (1, 2), (2, None)))
            node = ("repeat", node, least, most)
        return node

    def __str__(self) -> str:
        return "\n".join(f"{self.name(i)} ::= {self.write(body)[1:-1]}" for i, body in enumerate(self.bodies))

    def write(self, node: Any) -> str:
        match node:
            case ("alt", options):
                return "(" + " | ".join(self.write(option) for option in options) + ")"
            case ("seq", items):
                return " ".join(self.write(item) for item in items) or '""'
            case ("ref", i):
                return self.name(i)
            case ("class", text):
                return str(text)
            case ("text", text):
                return '"' + text.replace("\n", "\\n") + '"'
            case ("repeat", item, least, most):
                known = {(0, None): "*", (1, None): "+", (0, 1): "?"}
                upper = "" if most is None else most
                return self.write(item) + known.get((least, most), f"{{{least},{upper}}}")
            case _:
                raise AssertionError(node)

    def text(self, node: Any = None, budget: int = 6) -> str:
        """A text of the grammar (cut short where rules go deep)."""
        match node if node is not None else self.bodies[0]:
            case ("alt", options):
                return self.text(options[0] if budget <= 0 else self.rng.choice(options), budget - 1)
            case ("seq", items):
                return "".join(self.text(item, budget) for item in items)
            case ("ref", i):
                return self.text(self.bodies[i], budget - 1) if budget > -20 else ""
            case ("class", text):
                return self.rng.choice(
                    {"[^a]": "bc( é", "[^ab\\n]": "c(é日", ".": "ab\n日", "[ \\t\\n]": " \t\n", "[é-ü]": "éêü"}.get(
                        text, "abc"
                    )
                )
            case ("text", text):
                return str(text)
            case ("repeat", item, least, most):
                n = self.rng.randint(least, min(most if most is not None else least + 3, least + 3))
                return "".join(self.text(item, budget - 1) for _ in range(n))
            case _:
                raise AssertionError(node)

    def texts(self, n: int) -> list[str]:
        """Texts of the grammar, whole, cut, joined and changed, and texts of nothing."""
        made = []
        for _ in range(n):
            text = self.text()[:60]
            kind = self.rng.randint(0, 4)
            if kind == 1:
                text = text[: self.rng.randint(0, len(text))]
            elif kind == 2:
                at = self.rng.randint(0, len(text))
                text = text[:at] + self.rng.choice("abc(,é \n") + text[at + self.rng.randint(0, 1) :]
            elif kind == 3:
                text += self.text()[:20]
            elif kind == 4:
                text = "".join(self.rng.choice("aab(,b) \n") for _ in range(self.rng.randint(0, 8)))
            made.append(text)
        return made


def check_random_grammars(seeds: range, compare: Callable[..., int]) -> int:
    """Returns how many texts were complete answers. Few grammars may be so ambiguous that they are refused."""
    n_complete = n_refused = 0
    for seed in seeds:
        rng = random.Random(seed)
        grammar = RandomGrammar(rng)
        try:
            n_complete += compare(str(grammar), grammar.texts(12), rng)
        except Error as err:
            assert "Too many items" in err.message, f"{grammar}\n{err}"
            n_refused += 1
    assert n_refused <= len(seeds) // 25
    return n_complete


@pytest.mark.model
def test_random_grammars(compare: Callable[..., int]) -> None:
    assert check_random_grammars(range(150), compare) > 300


@pytest.mark.slow
@pytest.mark.model
def test_many_random_grammars(compare: Callable[..., int]) -> None:
    assert check_random_grammars(range(1000, 4000), compare) > 6000


# The longest match of a lexer would be wrong in each of these.
AMBIGUOUS = {
    'root ::= [a-z]* "a"': ["a", "bca", "bc", "aa"],
    'root ::= x x\nx ::= "a"+': ["a", "aa", "aaaa"],
    'root ::= "(" root ")" | [a-z]* "a"': ["a", "(a)", "(bca)", "(b)"],
    'root ::= "(" root ")" | "a" "b" | "ab" "c"': ["ab", "abc", "(ab)", "(abc)", "(ac)"],
    'root ::= "(" root ")" | "a" "bc" | "ab" "d"': ["abc", "abd", "(abc)", "(abd)"],
    'root ::= word ws root | "."\nword ::= [a-z]+ ws\nws ::= " "*': ["a b .", "a  .", ".", "ab."],
    'root ::= (expr "=" ws term "\\n")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | "(" ws expr ")" ws\n'
    "ident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*": ["a=1\n", "(a + 2)*3 = 7 \n \n", "a=1"],
    'root ::= list | "[" "]" "!"\nlist ::= "[" (list ("," list)*)? "]"': ["[]", "[]!", "[[],[]]", "[[]!"],
    'root ::= s\ns ::= "a" s "a" | ""': ["", "aa", "aaa", "aaaa"],
    'root ::= "<" root ">" | .* ">"': [">", "<>>", "<a>>", "a"],
}


@pytest.mark.model
@pytest.mark.parametrize("gbnf", AMBIGUOUS)
def test_where_the_longest_match_would_be_wrong(gbnf: str, compare: Callable[..., int]) -> None:
    rng = random.Random(1)
    assert compare(gbnf, AMBIGUOUS[gbnf] * 4, rng) >= 4


@pytest.mark.model
def test_left_recursion_works_here(tokenizer: GrammarTokenizer, loaded: Loaded) -> None:
    grammar = Grammar("gbnf", 'root ::= root "a" | "b"')
    token_ids = loaded.model.tokenize("baaa", parse_special=False)
    assert follow(compile_grammar(grammar, tokenizer), token_ids, loaded.vocabulary.eos_id) == (len(token_ids), True)


JSON_GBNF = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""


@pytest.mark.model
def test_json_in_gbnf(compare: Callable[..., int]) -> None:
    rng = random.Random(7)
    texts = [
        '{"a": [1, 2.5, -3e2], "b": {"c": null, "d": "x\\n\\u00e9"}}',
        "{}",
        '{"a":}',
        '{"a": 01}',
        '{"a": 1,}',
        '{"a": true}\n',
        "[1]",
        '{"a" : 1}',
        '{"a": "\\x"}',
        '{"日本": "é"}',
        '{"a": 1} ',
    ]
    assert compare(JSON_GBNF, texts * 3, rng) >= 12


@pytest.mark.model
def test_json_schemas_agree(
    compare: Callable[..., int], loaded: Loaded, tokenizer: GrammarTokenizer, json_schema_to_gbnf: Callable[[str], str]
) -> None:
    """A schema through llguidance and the same through llama.cpp's converter, on JSON as `json.dumps` writes it."""
    schema = {
        "type": "object",
        "properties": {  # in the order of llama.cpp's converter: required first, then the alphabet
            "name": {"type": "string", "maxLength": 8},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
            "kind": {"enum": ["cat", "dog", 3, None]},
            "next": {
                "type": "object",
                "properties": {"x": {"const": "y"}},
                "required": ["x"],
                "additionalProperties": False,
            },
            "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    values: list[Any] = [
        {"name": "Tom", "tags": [True]},
        {"name": "Tom", "tags": [True, False], "kind": "cat", "next": {"x": "y"}, "size": -12},
        {"name": "Tom", "tags": [True, False, True], "kind": None, "size": None},
        {"name": "a\nb\"", "tags": [False]},
        {"name": "Tom", "tags": []}, {"name": "Tom", "tags": [True] * 4}, {"name": "Tom"}, {}, [], "Tom",
        {"tags": [True], "name": "Tom"}, {"name": "Tom", "tags": [True], "zebra": 1}, {"name": 1, "tags": [True]},
        {"name": "123456789", "tags": [True]}, {"name": "Tom", "tags": [True], "kind": "cow"},
        {"name": "Tom", "tags": [True], "size": 1.5}, {"name": "Tom", "tags": [True], "next": {}},
    ]  # fmt: skip
    grammar = Grammar("json_schema", json.dumps(schema))
    texts = [loaded.model.tokenize(json.dumps(value), parse_special=False) for value in values]
    outcomes = Reference(loaded).outcomes(json_schema_to_gbnf(json.dumps(schema)), texts)
    assert outcomes is not None
    n_complete = 0
    for value, token_ids, expected in zip(values, texts, outcomes, strict=True):
        found = follow(compile_grammar(grammar, tokenizer), token_ids, loaded.vocabulary.eos_id)
        # llama.cpp also takes other whitespace, so only whole answers compare, not how far a wrong one went.
        assert (found == (len(token_ids), True)) == (expected == (len(token_ids), True)), value
        n_complete += found == (len(token_ids), True)
    assert n_complete == 4


@pytest.fixture(scope="module")
def json_schema_to_gbnf(demo_model: Path) -> Callable[[str], str]:
    """llama-cpp-python's converter, loaded by its path: the package itself stays the engine's bare one."""
    import importlib.util
    import sys

    import rushlight.assistant.engine.llama as llama

    llama.library()
    folder = Path(sys.modules["llama_cpp"].__path__[0])
    spec = importlib.util.spec_from_file_location("llama_grammar_reference", folder / "llama_grammar.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    convert: Callable[[str], str] = module.json_schema_to_gbnf
    return convert


@pytest.mark.model
def test_special_tokens_in_gbnf(tokenizer: GrammarTokenizer, compare: Callable[..., int], loaded: Loaded) -> None:
    end = loaded.model.tokenize("<|im_start|>", parse_special=True)
    assert len(end) == 1
    text = loaded.model.tokenize("Hello", parse_special=False)
    grammar = Grammar("gbnf", 'root ::= "Hello" <|im_start|> !<|im_start|>')
    constraint = compile_grammar(grammar, tokenizer)
    for token_id in (*text, *end):
        constraint.accept(token_id)
    forbidden = constraint.forbidden()
    assert forbidden[end[0]] and forbidden[loaded.vocabulary.eos_id] and not forbidden[text[0]]
    constraint.accept(text[0])
    assert constraint.is_accepting and constraint.is_finished
    with pytest.raises(Error, match="not one token"):
        compile_grammar(Grammar("gbnf", "root ::= <no such token>"), tokenizer)
