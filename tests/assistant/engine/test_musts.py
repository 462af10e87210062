"""Answers that do not end before they hold what they must, as far as their grammar goes on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.assistant.engine.grammar import compile_grammar
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.engine.request import Grammar


def test_words_are_found_whole_and_in_any_case() -> None:
    must = (("room.sea_view",), ("5", "05"), ("> 12", ">= 12"))
    assert lacking(must, "SELECT ROOM.Sea_View ... LIMIT 5 HAVING COUNT(*) >= 12") == ()
    assert lacking(must, "room.sea_views, 55, 12") == must
    assert lacking(must, "x.room.sea_view '2024-03-05' > 12") == ()
    assert lacking((("a|b", "(x)"),), "a b x") == (("a|b", "(x)"),), "words, no patterns"
    assert lacking((), "") == ()


@given(st.lists(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3).map(tuple), max_size=4))
def test_a_text_of_one_word_of_each_group_lacks_nothing(groups: list[tuple[str, ...]]) -> None:
    assert lacking(groups, " ".join(words[-1] for words in groups)) == ()


@pytest.mark.model
def test_an_answer_goes_on_until_it_holds_them(loaded: Loaded) -> None:
    grammar = Grammar("lark", 'start: "red" (" and blue")? (" and green")?')
    eog = sorted(loaded.vocabulary.eog_ids)

    def may_end(text: str, *must: tuple[str, ...]) -> bool:
        constraint = compile_grammar(Grammar(grammar.kind, grammar.text, must), loaded.grammar_tokenizer)
        for token_id in loaded.model.tokenize(text, parse_special=False):
            assert not constraint.forbidden()[token_id]
            constraint.accept(token_id)
        allowed = ~constraint.forbidden()
        assert allowed.any() and np.unique(allowed[eog]).size == 1
        return bool(allowed[eog[0]])

    assert may_end("red") and may_end("red", ("red",)) and may_end("red", ("green", "RED"))
    assert not may_end("red", ("blue",)) and not may_end("red and blue", ("blue",), ("green",))
    assert may_end("red and blue", ("blue",)) and may_end("red and green", ("blue",)), "nothing else may follow"
    assert may_end("red and blue and green", ("yellow",))
