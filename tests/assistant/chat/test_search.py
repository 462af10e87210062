"""Search: what is found, what is shown of it, and that nothing typed can break it."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.search import Hit, query_words, search


def marked(hit: Hit) -> list[str]:
    return [hit.snippet[start:end] for start, end in hit.ranges]


def add(conversations: Conversations, title: str, *texts: str, folder_id: str | None = None) -> str:
    made = conversations.create(title, folder_id=folder_id)
    for text in texts:
        conversations.append(made.id, conversations.get(made.id).head_id, "user", text)
    return made.id


def texts_of(hits: list[Hit]) -> list[str]:
    return [hit.snippet for hit in hits]


def test_all_words_in_any_case_and_without_accents(conversations: Conversations) -> None:
    add(conversations, "One", "Das Café öffnet um NEUN.", "The café is closed.")
    (hit,) = search(conversations, "neun CAFE")
    assert hit.snippet == "Das Café öffnet um NEUN." and marked(hit) == ["Café", "NEUN"]
    assert hit.role == "user" and hit.message_id is not None and hit.conversation.title == "One"
    assert len(search(conversations, "café")) == 2
    assert search(conversations, "neun closed") == []


def test_the_last_word_is_a_beginning_but_whole_words_go_first(conversations: Conversations) -> None:
    add(conversations, "", "A candlestick.", "A candle burns.", "Cand")
    assert marked(search(conversations, "a candle")[0]) == ["A", "candle"]
    assert marked(search(conversations, "a candle")[1]) == ["A", "candlestick"]
    assert {hit.snippet for hit in search(conversations, "candl")} == {"A candlestick.", "A candle burns."}
    assert search(conversations, "candl burns") == []  # only the last one
    assert texts_of(search(conversations, "c")) == []  # one letter is no beginning


def test_titles_come_before_messages(conversations: Conversations) -> None:
    add(conversations, "About wax", "Nothing of it.")
    add(conversations, "Other", "wax wax wax")
    hits = search(conversations, "wax")
    assert [(hit.message_id is None, hit.conversation.title) for hit in hits] == [(True, "About wax"), (False, "Other")]
    assert marked(hits[0]) == ["wax"]


def test_words_that_stand_together_rank_higher(conversations: Conversations) -> None:
    add(conversations, "", "burn a lamp with oil", "oil lamp " + "x " * 50, "a lamp " + "y " * 30 + " oil")
    assert search(conversations, "oil lamp")[0].snippet.startswith("oil lamp")


def test_renamed_edited_and_deleted_are_followed(conversations: Conversations) -> None:
    conversation_id = add(conversations, "Before", "first words")
    conversations.rename(conversation_id, "After")
    assert search(conversations, "before") == []
    assert len(search(conversations, "after")) == 1
    conversations.edit(conversations.path(conversation_id)[0].id, "second words")
    assert len(search(conversations, "words")) == 2  # every version is found
    conversations.delete(conversation_id)
    assert search(conversations, "words") == [] == search(conversations, "after")
    conversations.restore(conversation_id)
    assert len(search(conversations, "words")) == 2
    conversations.delete(conversation_id)
    conversations.purge(conversation_id)
    assert search(conversations, "words") == []


def test_a_reply_is_found_when_it_is_finished_or_left_by_a_crash(conversations: Conversations) -> None:
    made = conversations.create()
    reply = conversations.append(made.id, None, "assistant", "", state="partial")
    conversations.update_partial(reply.id, "Kerosene burns")
    assert search(conversations, "kerosene") == []
    conversations.finish(reply.id, "complete", "Paraffin burns")
    assert search(conversations, "kerosene") == []
    assert texts_of(search(conversations, "paraffin")) == ["Paraffin burns"]
    left = conversations.append(made.id, None, "assistant", "Tallow", state="partial")
    conversations.store.execute("UPDATE messages SET writer = '999999999-1' WHERE id = ?", (left.id,))
    assert texts_of(search(conversations, "tallow")) == ["Tallow"]


@pytest.mark.parametrize("n_conversations", [3, 490, 501])
def test_a_folder_is_searched_alone(conversations: Conversations, n_conversations: int) -> None:
    work = conversations.folders.create("Work")
    inner = conversations.folders.create("Inner", work.id)
    with conversations.together():
        for number in range(n_conversations):
            add(conversations, "", f"lamp {number}", folder_id=inner.id)
        add(conversations, "lamp", "lamp here", folder_id=work.id)
        for number in range(130):
            add(conversations, "", f"lamp elsewhere {number}")
    hits = search(conversations, "lamp", folder_id=work.id, limit=1000)
    assert len(hits) == n_conversations + 2
    assert not any("elsewhere" in hit.snippet for hit in hits)
    assert len(search(conversations, "lamp", folder_id=work.id, below=False)) == 2
    assert len(search(conversations, "lamp", folder_id="", limit=1000)) == 130
    assert search(conversations, "lamp", folder_id=conversations.folders.create("Empty").id) == []


def test_numbers_are_words_and_not_conversations(conversations: Conversations) -> None:
    for number in range(1, 6):
        add(conversations, "", f"text {number * 11}")
    assert search(conversations, "3") == []
    assert texts_of(search(conversations, "33")) == ["text 33"]


def test_pages_hold_every_hit_once(conversations: Conversations) -> None:
    with conversations.together():
        for number in range(300):
            add(conversations, "lamp" if number % 30 == 0 else "", f"lamp {number}")
    everything = search(conversations, "lamp", limit=1000)
    assert len(everything) == 310
    first = search(conversations, "lamp", limit=20)
    second = search(conversations, "lamp", limit=20, offset=20)
    assert len(first) == len(second) == 20
    assert len({(hit.conversation.id, hit.message_id) for hit in first + second}) == 40


def test_a_snippet_is_one_line_around_the_match(conversations: Conversations) -> None:
    add(conversations, "", "before\n" * 100 + "the needle is here\n" + "after\n" * 100)
    (hit,) = search(conversations, "needle")
    assert marked(hit) == ["needle"]
    assert len(hit.snippet) <= 162 and "\n" not in hit.snippet
    assert hit.snippet.startswith("…") and hit.snippet.endswith("…")


def test_text_that_looks_like_a_mark_stays_text(conversations: Conversations) -> None:
    add(conversations, "", "\x01deadbeef\x02 needle \x01\x02")
    (hit,) = search(conversations, "needle")
    assert hit.snippet == "\x01deadbeef\x02 needle \x01\x02" and marked(hit) == ["needle"]


HOSTILE = [
    '"',
    '""',
    "*",
    "^wax",
    "wax*",
    "NEAR(a b)",
    "a AND",
    "OR",
    "NOT x",
    "(",
    "{content}:x",
    "content:wax",
    "-wax",
    "+",
    "wax\0oil",
    "\ud800",
    "a" * 5000,
    "x " * 5000,
    "'; DROP TABLE messages; --",
    "%",
    "_",
    "\u202e",
    "', 1); --",
    "\\",
    "🕯",
    "e-mail",
    "C++",
    "१२३",
    "\U0001e4d0",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_queries_find_or_do_not_find(conversations: Conversations, text: str) -> None:
    add(conversations, "wax", "wax and oil", "e-mail about C++")
    search(conversations, text)
    assert len(search(conversations, "oil")) == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> "itertools.chain[Conversations]":
    from rushlight.assistant.store.database import Store

    store = Store(tmp_path_factory.mktemp("shared") / "rushlight.db")
    conversations = Conversations(store)
    add(conversations, "Wax", "The quick brown fox.", "Ein Käse, zwei Käse.")
    yield conversations
    store.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(max_size=30)
    | st.lists(
        st.sampled_from(["AND", "OR", "NOT", "NEAR(", ")", '"', "*", ":", "^", "{", "}", "-", "fox", "käse", " "])
    ).map("".join)
)
def test_no_query_raises(shared: Conversations, text: str) -> None:
    for hit in search(shared, text):
        assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.ranges)


def test_words_without_letters_are_left_out() -> None:
    assert query_words('  -- wax "oil" * ') == ["wax", '"oil"']
    assert query_words("...") == []


@pytest.mark.parametrize(
    ("text", "typed", "expected"),
    [
        ("请给我推荐一个本地语言模型。", "语言模型", ["语言模型"]),
        ("請問這個模型的參數量？", "模型", ["模型"]),
        ("東京タワーへの行き方を教えてください。", "タワー", ["タワー"]),
        ("ฉันอยากเรียนทำอาหารไทย", "อาหาร", ["อาหาร"]),
        ("ខ្ញុំចង់រៀនភាសាខ្មែរ", "ភាសា", ["ភាសា"]),
        ("我用GPT模型写代码", "gpt模型 代码", ["GPT模型", "代码"]),
        ("모델을 설명해 주세요", "모델", ["모델을"]),  # written with spaces: the beginning of a word
    ],
)
def test_words_within_text_without_spaces(
    conversations: Conversations, text: str, typed: str, expected: list[str]
) -> None:
    add(conversations, "", "Nothing of it.", text)
    (hit,) = search(conversations, typed)
    assert hit.snippet == text and marked(hit) == expected
    assert search(conversations, f"{typed} 無") == []


def test_a_latin_word_that_letters_without_spaces_touch(conversations: Conversations) -> None:
    add(conversations, "", "我喜欢Python编程", "Pythons are snakes.", "CPython", "学习Go[*]的人")
    assert {hit.snippet for hit in search(conversations, "python")} == {"我喜欢Python编程", "Pythons are snakes."}
    assert marked(next(hit for hit in search(conversations, "python") if "我" in hit.snippet)) == ["Python"]
    assert texts_of(search(conversations, "go[*]")) == ["学习Go[*]的人"]
    assert search(conversations, "ytho") == []
    add(conversations, "关于Rust语言", "x")
    assert [hit.snippet for hit in search(conversations, "rust") if hit.message_id is None] == ["关于Rust语言"]


def test_titles_and_folders_without_spaces(conversations: Conversations) -> None:
    folder = conversations.folders.create("Work")
    add(conversations, "关于语言模型的笔记", "模型一", folder_id=folder.id)
    add(conversations, "另一个模型", "模型二")
    everywhere = search(conversations, "模型")
    assert [hit.message_id is None for hit in everywhere] == [True, True, False, False]
    assert {marked(hit)[0] for hit in everywhere} == {"模型"}
    inside = search(conversations, "模型", folder_id=folder.id)
    assert texts_of(inside) == ["关于语言模型的笔记", "模型一"]
    assert texts_of(search(conversations, "模型", limit=1, offset=2)) in (["模型二"], ["模型一"])
    conversations.delete(everywhere[0].conversation.id)
    assert len(search(conversations, "模型")) == 2


def test_a_reply_that_is_being_written_is_not_read_through(conversations: Conversations) -> None:
    made = conversations.create()
    reply = conversations.append(made.id, None, "assistant", "", state="partial")
    conversations.update_partial(reply.id, "你好")
    assert search(conversations, "好") == []
    conversations.finish(reply.id, "complete", "你很好")
    assert texts_of(search(conversations, "好")) == ["你很好"]
