"""`rushlight chat`: what reaches the store, the engine and the screen, with fakes; then a real terminal and model."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import open_app
from rushlight.assistant.chat.conversation import Message
from rushlight.assistant.events import Finished, ReasoningDelta, TextDelta, Usage
from rushlight.assistant.models.model import Model
from rushlight.ui.cli import output
from rushlight.ui.cli.chat_input import Reader, _escaped, _unescaped

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]


def stored() -> list[Message]:
    """The line of the conversation that was used last."""
    with open_app() as app:
        latest = app.conversations.latest()
        return app.conversations.path(latest.id) if latest else []


def said() -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in stored()]


# --- with fakes ---------------------------------------------------------------------------------------------------


def test_each_line_is_a_message_and_everything_is_stored(answering: Any, inside: Any, tiny_model: Model) -> None:
    cast = answering(["Hello", " there"])
    code, out, err = inside("chat", stdin=b'One\n\n"""\nTwo\nlines\n"""\n')
    assert (code, out, err) == (0, "Hello there\nHello there\n", "")
    assert said() == [
        ("user", "One"),
        ("assistant", "Hello there"),
        ("user", "Two\nlines"),
        ("assistant", "Hello there"),
    ]
    assert [message.content for message in cast.engine.requests[1].messages] == [
        "You are a helpful assistant.",
        "One",
        "Hello there",
        "Two\nlines",
    ]
    assert {message.model for message in stored() if message.role == "assistant"} == {tiny_model.id}


def test_nothing_said_is_nothing_stored(answering: Any, inside: Any) -> None:
    answering(["Hello"])
    assert inside("chat", "-s", "Be brief.", stdin=b"/show\n/bye\nnot reached\n")[0] == 0
    assert stored() == []


def test_model_system_and_options_hold_for_the_conversation(answering: Any, inside: Any, tiny_model: Model) -> None:
    cast = answering(["ok"])
    inside(
        "chat",
        "-s",
        "Be brief.",
        "-o",
        "temperature",
        "0.5",
        "-o",
        "context",
        "64",
        "-m",
        tiny_model.id,
        stdin=b"One\n",
    )
    assert inside("chat", "-c", stdin=b"Two\n/set temperature 0.25\nThree\n/unset temperature\nFour\n")[0] == 0
    temperatures = [request.sampling.temperature for request in cast.engine.requests]
    assert temperatures == [0.5, 0.5, 0.25, 0.0]
    assert {request.messages[0].content for request in cast.engine.requests} == {"Be brief."}
    assert {load.n_ctx for load in cast.loads} == {64}
    assert len(said()) == 8


def test_a_system_prompt_of_several_lines_and_none(answering: Any, inside: Any) -> None:
    cast = answering(["ok"])
    inside("chat", stdin=b'/set system """\nBe brief.\nBe kind."""\nOne\n/set system ""\nTwo\n/unset system\nThree\n')
    firsts = [request.messages[0].content for request in cast.engine.requests]
    assert firsts == ["Be brief.\nBe kind.", "One", "You are a helpful assistant."]


def test_edit_regenerate_versions_and_branch(answering: Any, inside: Any) -> None:
    answering(["ok"])
    code, out, _ = inside("chat", stdin=b"One\nTwo\n/edit 1\nOther\n/regenerate\n/versions\n/versions 1\n")
    assert code == 0
    assert re.search(r"1 +Two +ok\n2 +Other +ok\n3 \* +Other +ok", out)
    assert said() == [("user", "One"), ("assistant", "ok"), ("user", "Two"), ("assistant", "ok")]
    with open_app() as app:
        (old,) = app.conversations.list()
        assert old.n_messages == 4 + 2 + 1
    code, out, _ = inside("chat", "-c", stdin=b"/branch 2\nThree\n/show messages\n")
    assert code == 0 and "new conversation" in out and re.search(r"3 +You +Three", out)
    assert said() == [("user", "One"), ("assistant", "ok"), ("user", "Three"), ("assistant", "ok")]
    with open_app() as app:
        assert len(app.conversations.list()) == 2
        assert app.conversations.get(old.id) == old


def test_edit_refuses_what_is_no_message_of_yours_and_what_is_not_there(answering: Any, inside: Any) -> None:
    answering(["ok"])
    code, _, err = inside("chat", stdin=b"/edit\nOne\n/edit 2\n/edit 9\n/edit x\n/branch 9\n/versions 5\n")
    assert code == 1, "where nobody looks, the exit code tells that something failed"
    assert "Nothing was said yet" in err and "is a reply of the model" in err and "There are 2 messages" in err
    assert "takes a number, not 'x'" in err and "There is 1 line" in err
    assert len(said()) == 2


def test_an_edit_that_changes_nothing_asks_nothing(answering: Any, inside: Any) -> None:
    cast = answering(["ok"])
    inside("chat", stdin=b"One\n/edit\nOne\n/edit\n\n")
    assert len(cast.engine.requests) == 1 and len(said()) == 2


def test_the_end_of_the_input_ends_a_message_too(answering: Any, inside: Any) -> None:
    answering(["ok"])
    assert inside("chat", stdin=b'"""\nTwo\nlines\n') == (0, "ok\n", "")
    assert said() == [("user", "Two\nlines"), ("assistant", "ok")]


@pytest.mark.parametrize("command", ["/edit", "/correct"])
def test_input_that_ends_in_a_command_changes_nothing(answering: Any, inside: Any, command: str) -> None:
    answering(["ok"])
    assert inside("chat", stdin=f"One\n{command}\n".encode()) == (1, "ok\nNothing was changed.\n", "")
    assert said() == [("user", "One"), ("assistant", "ok")]


def test_what_cannot_be_loaded_does_not_stay_with_the_conversation(
    answering: Any, inside: Any, tiny_model: Model
) -> None:
    cast = answering(["ok"])
    inside("chat", stdin=b"One\n")
    before = _latest()
    code, _, err = inside("chat", "-c", "-m", "nobody", "-o", "temperature", "0.5", stdin=b"Two\n")
    assert code == 1 and "nobody" in err and _latest() == before

    def refused(*_: Any) -> Any:
        raise Error("There is no room for it.", kind="no-memory")

    opens, cast.open_engine = cast.open_engine, refused
    code, _, err = inside("chat", "-c", "-m", tiny_model.id, "-s", "Be brief.", "-o", "context", "64", stdin=b"Two\n")
    assert code == 1 and "no room" in err and _latest() == before
    cast.open_engine = opens
    assert inside("chat", "-c", stdin=b"Three\n")[0] == 0
    assert said() == [("user", "One"), ("assistant", "ok"), ("user", "Three"), ("assistant", "ok")]
    assert inside("chat", "-c", "-m", "tiny", stdin=b"Four\n")[0] == 0
    assert _latest()[0] == tiny_model.id, "the id, whatever name was given"


def _latest() -> tuple[Any, ...]:
    """What holds for the conversation that was used last."""
    with open_app() as app:
        latest = app.conversations.latest()
    assert latest is not None
    return latest.model, latest.system, dict(latest.options)


def test_feedback(answering: Any, inside: Any) -> None:
    answering(["ok"])
    code, out, err = inside(
        "chat", stdin=b"/good\nOne\n/good very\n/bad no\n/correct Better\n/keep\n/regenerate\n/keep\n"
    )
    assert "Nothing was said yet" in err and "has no other version" in err and code == 1
    with open_app() as app:
        found = [(one.kind, one.text, one.note) for one in app.feedback.list(withdrawn=True)]
    assert found == [("kept", "", ""), ("correction", "Better", ""), ("down", "", "no"), ("up", "", "very")]
    assert "better than 1 other version." in out


def test_titles_searching_and_loading(answering: Any, inside: Any) -> None:
    answering(["The lamp burns."])
    inside("chat", stdin=b"Tell me of lamps\n/title Lamps\n/new\nTell me of whales\n/save Whales\n/clear\nThird\n")
    with open_app() as app:
        titles = {one.title: one.id for one in app.conversations.list()}
    assert set(titles) == {"Lamps", "Whales", "Third"}
    code, out, _ = inside(
        "chat",
        stdin=f"/load\n/search whales\n/load {titles['Lamps'][-6:]}\n/load tell me\n/load third\nFourth\n".encode(),
    )
    assert code == 0
    assert "“Lamps”, 2 messages:" in out and "“Third”, 2 messages:" in out
    assert [text for _, text in said()] == ["Third", "The lamp burns.", "Fourth", "The lamp burns."]
    code, _, err = inside("chat", stdin=b"/load nothing like it\n/search\n")
    assert code == 1 and "none holds these words" in err and "needs words" in err


def test_attached_files_go_with_one_message(answering: Any, inside: Any, tmp_path: Path) -> None:
    cast = answering(["ok"])
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "b c.md").write_text("beta")
    code, out, err = inside(
        "chat",
        "-a",
        str(tmp_path / "a.txt"),
        stdin=(f"/attach '{tmp_path / 'b c.md'}'\n/show files\nRead\nAgain\n/attach {tmp_path}\n").encode(),
    )
    assert code == 1 and "a.txt, b c.md" in out and "no file that can be attached" in err
    first, second = (request.messages[-1].content for request in cast.engine.requests)
    assert "alpha" in first and "beta" in first and second == "Again"
    assert [one.name for one in stored()[0].attachments] == ["a.txt", "b c.md"]
    assert inside("chat", "-a", str(tmp_path / "missing"), stdin=b"x\n")[0] == 1


def test_a_home_that_nobody_has_is_a_path_like_any_other(answering: Any, inside: Any) -> None:
    answering(["ok"])
    code, out, err = inside("chat", stdin=b"/attach ~nobody-of-this-name/a.txt\nHello\n")
    assert code == 1 and out == "ok\n" and "a.txt cannot be attached" in err
    for verb in ("chat", "ask"):
        code, _, err = inside(verb, "-a", "~nobody-of-this-name/a.txt", stdin=b"Hello\n")
        assert code == 1 and "a.txt cannot be attached" in err and "has a fault" not in err


def test_what_was_left_out_is_said_once_and_can_be_listed(answering: Any, inside: Any) -> None:
    cast = answering([TextDelta("word " * 30), Usage(300, 0, 30), Finished("stop")])
    # the fake counts no messages
    cast.engine.tokenize = lambda request: tuple(range(sum(len(one.content) for one in request.messages)))
    lines = "".join(f"Question {number} about lamps\n" for number in range(6))
    code, out, err = inside("chat", "-o", "context", "512", stdin=(lines + "/show left-out\n").encode())
    assert code == 0
    assert 1 <= err.count("Note: The context is full") < 5 and "/show left-out lists them." in err
    listed = out[out.index("were not given to the model") :]
    assert "Question 0 about lamps" in listed and "Question 5" not in listed


def test_a_reply_that_was_stopped_is_kept_and_can_go_on(answering: Any, inside: Any) -> None:
    answering([TextDelta("half"), Finished("cancelled")])
    assert inside("chat", stdin=b"One\nnot reached\n") == (130, "half\n", "")
    assert [(one.content, one.state) for one in stored()] == [("One", "complete"), ("half", "stopped")]
    cast = answering([TextDelta(" done"), Finished("stop")])
    assert inside("chat", "-c", stdin=b"/continue\n/continue\n")[0] == 1
    assert cast.engine.requests[0].continue_final
    assert [(one.content, one.state) for one in stored()] == [("One", "complete"), ("half done", "complete")]


def test_an_error_ends_the_reply_not_the_conversation(answering: Any, inside: Any) -> None:
    answering([TextDelta("begun"), Error("It broke.", "Mend it.", kind="bad-request")])
    code, out, err = inside("chat", stdin=b"One\n/title Kept\n")
    assert (code, out) == (1, "begun\nKept\n") and "Error: It broke.\nMend it." in err
    assert stored()[1].content == "begun" and stored()[1].state == "failed"


def test_settings_and_models(answering: Any, inside: Any, tiny_model: Model) -> None:
    answering([ReasoningDelta("Hmm."), TextDelta("ok"), Finished("stop")])
    code, out, err = inside(
        "chat",
        stdin=(
            "/set\n/set foo 1\n/set context banana\n/set thoughts on\nOne\n/model\n/model nobody\n/set model "
            f"{tiny_model.id}\n/show model\n/show context\n/show stats\n/show path\n/show nonsens\n/unset foo\n"
            "/set parameter seed 7\n/set seed\n/nonsense\n"
        ).encode(),
    )
    assert code == 1
    for expected in (
        "temperature",
        "Thoughts are shown.",
        f"* {tiny_model.id}",
        "rushlight.db",
        "seed = 7",
        f"Replies come from {tiny_model.id}.",
    ):
        assert expected in out, expected
    for expected in (
        "no option named 'foo'",
        "engine.context must be",
        "Hmm.",
        "nobody",
        "/show knows",
        "'foo' is not set",
        "There is no command /nonsense",
    ):
        assert expected in err, expected


def test_no_control_byte_reaches_the_terminal(answering: Any, inside: Any, capsys: Any) -> None:
    hostile = "a\x1b]0;owned\x07b\x1b[2Jc\x9b31m"
    answering([hostile])
    _, out, err = inside(
        "chat",
        stdin=(
            f"{hostile}\n/title {hostile}\n/save\n/show messages\n/load\n/search a\n"
            f"/set system {hostile}\n/show\n/{hostile}\n/load {hostile}\n/x{hostile}\n"
            "/branch 1\n/versions\n"
        ).encode(),
    )
    assert not [char for char in out + err if (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160]
    assert stored()[0].content == hostile, "what was said is kept exactly"


def test_thoughts_that_are_not_shown_are_a_line_of_progress(
    answering: Any, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering([ReasoningDelta("Hmm."), TextDelta("ok"), Finished("stop")])
    monkeypatch.setattr(output, "is_terminal", lambda stream: stream is sys.stderr)
    _, out, err = inside("chat", stdin=b"One\n")
    assert out == "ok\n" and "Hmm." not in err
    assert err.endswith("\rThinking\x1b[K\r\x1b[K"), "erased before the reply"
    assert [message.reasoning for message in stored()] == ["", "Hmm."]


@pytest.mark.parametrize("args", [["-c", "abcdef"], ["-c"], ["-m", "nobody"], ["-o", "foo", "1"]])
def test_what_cannot_be_begun_is_1(answering: Any, inside: Any, args: list[str]) -> None:
    answering(["ok"])
    code, out, err = inside("chat", *args, stdin=b"One\n")
    assert (code, out) == (1, "") and "Error: " in err


@pytest.mark.parametrize(
    ("typed", "message"),
    [("one line\n", "one line"), ('"""\na\n\nb\n"""\n', "a\n\nb"), ('"""a\nb"""\n', "a\nb"), ('"""a"""\n', "a"),
     ("'\"' quoted\n", "'\"' quoted"), ("\n", ""), ("no end", "no end"), ('"""\n\n"""\n', ""), ('"""  \n"""\n', ""),
     ('"""\na\nb\n', "a\nb"), ('"""a\n\nb', "a\n\nb"), ('"""\n', "")],
)  # fmt: skip
def test_messages_of_several_lines(typed: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert Reader(tmp_path / "history").read() == message


@pytest.mark.parametrize("entry", ["plain", "a\nb", "back\\slash", "\\n", "a\\\nb\r", "\\\\n", ""])
def test_a_history_entry_is_one_line(entry: str) -> None:
    assert "\n" not in _escaped(entry) and _unescaped(_escaped(entry)) == entry


# --- in a terminal ------------------------------------------------------------------------------------------------


# Messages as they are read: how many lines, and their beginnings and ends.
_READER = """
import sys
from pathlib import Path
from rushlight.ui.cli import output
from rushlight.ui.cli.chat_input import Reader
reader = Reader(Path(sys.argv[1]), is_whole=lambda line: line.startswith("/"))
while True:
    try:
        typed = reader.read()
    except EOFError:
        break
    print(f"READ {typed.count(chr(10)) + 1} [{typed[:8]}|{typed[-8:]}]".replace(chr(10), "~"))
"""
PASTE = "".join(f"line {number} of the paste\n" for number in range(1, 201))


def test_a_paste_of_200_lines_is_one_message(terminal: Any, tmp_path: Path) -> None:
    history = tmp_path / "history"
    shell = terminal(sys.executable, "-c", _READER, str(history))
    shell.wait_for(">>> ")
    shell.type(f"\x1b[200~{PASTE}\x1b[201~")  # as terminals mark it
    shell.wait_for("line 200 of the paste")
    shell.type("\r")
    shell.wait_for(r"READ 200 \[line 1 o\|he paste\].*>>> ")
    for start in range(0, len(PASTE), 500):  # as others do
        shell.type(PASTE[start : start + 500].replace("\n", "\r"))
    shell.wait_for(r"READ 200 \[line 1 o\|he paste\].*>>> ")
    code = '"""A docstring."""\n\nprint("x")\n'  # begins with quotes, and is no quoted message
    shell.type(f"\x1b[200~{code}\x1b[201~\r")
    shell.wait_for(r'READ 3 \["""A doc\|int\("x"\)\].*>>> ')
    shell.type(code.replace("\n", "\r"))
    shell.wait_for(r'READ 3 \["""A doc\|int\("x"\)\].*>>> ')
    shell.type('"""\rquoted\r"""\r')
    shell.wait_for(r"READ 1 \[quoted\|quoted\].*>>> ")
    shell.type("/command\rnext\r")  # nothing is joined to a command
    shell.wait_for(r"READ 1 \[/command\|/command\].*READ 1 \[next\|next\].*>>> ")
    shell.type("\x1b[A" * 5 + "\r")  # Up: the paste comes back as a whole
    shell.wait_for(r"READ 200 \[line 1 o\|he paste\].*>>> ")
    shell.type("\x04")
    assert shell.wait_end() == 0
    assert history.stat().st_mode & 0o077 == 0 and len(history.read_text().splitlines()) == 6


def test_without_a_model_it_says_how_to_get_one(terminal: Any) -> None:
    shell = terminal(*RUSHLIGHT, "chat")
    shell.wait_for("rushlight models import")
    assert shell.wait_end() == 1


def _interrupt(shell: Any) -> None:
    """Press Ctrl+C at the prompt, as a person does: once more if nothing happens.

    readline looks for signals, then waits for keys: a signal in between, which only a program is fast enough for, is
    heard with the next key.
    """
    for _ in range(4):
        shell.type("\x03")
        try:
            shell.wait_for("/bye leaves.*>>> ", timeout_s=2)
            return
        except AssertionError:
            continue
    raise AssertionError("Ctrl+C at the prompt was not heard four times")


@pytest.mark.model
def test_a_conversation(terminal: Any, real_model: Model, own_home: Path) -> None:
    shell = terminal(*RUSHLIGHT, "chat", "-o", "max_tokens", "400")  # on some processors it never comes to an end
    shell.wait_for("is ready.*>>> ")
    shell.type("What is the capital of France?\r")
    assert "of 8,192 tokens of context" in shell.wait_for("Paris.*tokens/s.*>>> ")
    # Ctrl+C stops the reply and only that; what was said is kept.
    shell.type("Write a long story about a princess and a dragon.\r")
    shell.wait_for("Once upon")  # greedy, it goes on until the context is full
    shell.type("\x03")
    shell.wait_for(r"\(stopped; .*>>> ", timeout_s=5)
    # The old text is there to be changed.
    shell.type("/edit 1\r")
    shell.wait_for(r"edit> .*France\?")
    shell.type("\x7f\x7f\x7f\x7f\x7f\x7f\x7fItaly?\r")
    shell.wait_for("tokens/s.*>>> ", timeout_s=60)
    shell.type("/regenrate\r")
    shell.wait_for("Did you mean /regenerate.*>>> ")
    shell.type("/br\t 2\r")  # Tab
    shell.wait_for("new conversation.*>>> ")
    # At the prompt Ctrl+C says how to leave.
    shell.type("half a thought")
    shell.wait_for("half a thought")
    _interrupt(shell)
    shell.type("/title Capitals\r")
    shell.wait_for("Capitals.*>>> ")
    shell.type("\x04")
    left = shell.wait_for("is kept as")
    assert shell.wait_end() == 0
    assert "“Capitals”" in left
    assert said()[0][1] == "What is the capital of Italy?"
    with open_app() as app:
        _, old = app.conversations.list()
        states = [one.state for one in app.conversations.messages(old.id) if one.role == "assistant"]
    assert states == ["complete", "stopped", "complete"]
    again = terminal(*RUSHLIGHT, "chat", "-c")
    again.wait_for("“Capitals”, 2 messages.*is ready.*>>> ")
    again.type("\x1b[A\x1b[A")  # what was typed last time is there
    again.wait_for("branch 2")
    again.type("\x15\x04")  # Ctrl+U, Ctrl+D
    assert again.wait_end() == 0


@pytest.mark.model
def test_a_kill_in_the_middle_of_a_reply_loses_nothing_that_was_flushed(real_model: Model, rushlight: Any) -> None:
    question = "Write a long story about a princess and a dragon."
    with subprocess.Popen([*RUSHLIGHT, "chat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as chat:
        assert chat.stdin is not None and chat.stdout is not None
        chat.stdin.write(question.encode() + b"\n")
        chat.stdin.flush()
        deadline_s = time.monotonic() + 60
        while not (said() and said()[-1][1] not in ("", question)):  # the first flush, seen by another process
            assert time.monotonic() < deadline_s
            time.sleep(0.2)
        chat.kill()
        heard = chat.stdout.read().decode()
    (asked, reply) = stored()
    assert asked.content == question and reply.state == "partial"
    assert reply.content and heard.startswith(reply.content)
    done = rushlight("chat", "-c", "-o", "max_tokens", "4", input="/continue\n")
    assert done.returncode == 0, done.stderr
    assert stored()[1].content == reply.content + done.stdout.rstrip("\n") and stored()[1].state == "complete"


@pytest.mark.model
def test_ask_in_a_terminal_shows_progress_and_erases_it(terminal: Any, real_model: Model) -> None:
    shell = terminal(*RUSHLIGHT, "ask", "What is the capital of France?")
    assert shell.wait_end() == 0
    lines = [line.rstrip() for line in shell.screen.display if line.strip()]
    assert len(lines) == 1 and "Paris" in lines[0]
