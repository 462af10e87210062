"""A look into files of examples: columns, samples, what they are taken for, and what is wrong by line."""

import json
from pathlib import Path

from rushlight.assistant.learn.kinds.columns import MOST_RECORDS, look_at
from rushlight.assistant.learn.kinds.imported import ImportedLesson
from rushlight.assistant.learn.kinds.kind import Watch


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return path


def test_columns_are_detected_and_mapped(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "faq.jsonl",
        {"question": "Where?", "text": "Here.", "tags": ["a"]}, {"question": "Who?", "text": "We.", "tags": []},
        "{broken", {"question": "", "text": "Nobody asked."},
    )  # fmt: skip
    look = look_at([file])
    assert [(one.name, one.field) for one in look.columns] == [("question", "prompt"), ("text", ""), ("tags", "")]
    assert look.columns[0].samples == ("Where?", "Who?") and look.columns[2].samples == ('["a"]', "[]")
    assert look.n_examples == 0 and look.n_wrong == 4
    assert look.problems[0].startswith("faq.jsonl line 1 and 1 more: ") and "no JSON" in look.problems[1]
    look = look_at([file], {"prompt": "question", "answer": "text"})
    assert look.n_examples == 2 and look.n_wrong == 2 and look.first[0].answer == "Here."
    assert [one.field for one in look.columns] == ["prompt", "answer", ""]
    assert "line 4" in look.problems[1]


def test_a_column_can_be_left_out(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"prompt": "Hi", "response": "Hello", "system": "Be rude."})
    assert look_at([file]).first[0].prompt[0].role == "system"
    mapped = {"system": ""}
    assert [turn.role for turn in look_at([file], mapped).first[0].prompt] == ["user"]
    (draft,) = ImportedLesson([file], columns=mapped).drafts(Watch())
    assert [turn.role for turn in draft.prompt] == ["user"]


def test_a_look_has_an_end(tmp_path: Path) -> None:
    many = lines(tmp_path / "many.jsonl", *({"prompt": f"{n}", "response": "x"} for n in range(MOST_RECORDS + 5)))
    look = look_at([tmp_path / "gone.jsonl", tmp_path / "a.pdf", many])
    assert look.n_examples == MOST_RECORDS and not look.is_whole and look.n_wrong == 2
    wide = lines(tmp_path / "wide.jsonl", {f"c{n}": "x" * 900 for n in range(90)})
    look = look_at([wide])
    assert len(look.columns) == 40 and len(look.columns[0].samples[0]) == 161
