"""`rushlight ask`: what reaches stdout, stderr, the engine and the shell."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Progress
from rushlight.assistant.engine.request import Grammar, Message
from rushlight.assistant.events import (
    Failed,
    Finished,
    Notice,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    Usage,
)
from rushlight.assistant.models.model import Model

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]
ENDLESS = "[a-z ]{3000}"  # the model cannot end before
PARIS = "What is the capital of France?"


def test_only_the_answer_is_on_stdout(answering: Any, inside: Any) -> None:
    cast = answering(["The capital", " is Paris."])
    assert inside("ask", PARIS) == (0, "The capital is Paris.\n", "")
    (request,) = cast.engine.requests
    assert request.messages == (Message("system", "You are a helpful assistant."), Message("user", PARIS))
    assert request.sampling.temperature == 0.0
    assert request.sampling.seed >= 0, "a pipe gets a fixed seed"


def test_an_answer_that_ends_with_a_newline_gets_no_second_one(answering: Any, inside: Any) -> None:
    answering(["one\n"])
    assert inside("ask", "x")[1] == "one\n"
    answering([])
    assert inside("ask", "x")[1] == "\n"


def test_what_is_piped_in_is_the_question_or_goes_behind_it(answering: Any, inside: Any) -> None:
    cast = answering(["ok"])
    inside("ask", stdin=b"From the pipe\n")
    inside("ask", "Summarize:", stdin="naïve \xff".encode("latin-1"))
    questions = [request.messages[-1].content for request in cast.engine.requests]
    assert questions == ["From the pipe", "Summarize:\n\nna\ufffdve \ufffd"]


def test_system_prompt_from_option_setting_and_none(answering: Any, inside: Any, rushlight: Any) -> None:
    cast = answering(["ok"])
    inside("ask", "x", "-s", "Be brief.")
    inside("ask", "x", "-s", "")
    assert rushlight("settings", "set", "chat.system_prompt", "Speak Latin.").returncode == 0
    inside("ask", "x")
    systems = [[m.content for m in request.messages if m.role == "system"] for request in cast.engine.requests]
    assert systems == [["Be brief."], [], ["Speak Latin."]]


def test_options_reach_sampler_request_and_load(answering: Any, inside: Any) -> None:
    cast = answering(["ok"])
    code, _, err = inside(
        "ask", "x", "-o", "temperature", "0.7", "-o", "top-k", "40", "-o", "seed", "7", "-o", "num_ctx", "64",
        "-o", "max_tokens", "9", "-o", "reasoning", "off", "-o", "logit_bias", '{"5": -1.5}', "--stop", "END",
        "--stop", "\n\n",
    )  # fmt: skip
    assert (code, err) == (0, "")
    (request,) = cast.engine.requests
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_k, sampling.seed, sampling.logit_bias) == (0.7, 40, 7, ((5, -1.5),))
    assert (request.max_tokens, request.reasoning, request.stop) == (9, "off", ("END", "\n\n"))
    assert cast.loads[0].n_ctx == 64


def test_the_model_card_is_below_options_and_above_greedy(answering: Any, inside: Any, tiny_model: Model) -> None:
    from rushlight.assistant.app import App
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings import load_settings

    paths = find_paths()
    with App(paths, load_settings(paths)) as app:
        app.catalogue.set_sampling(tiny_model.id, {"temperature": 0.6, "top_k": 20})
    cast = answering(["ok"])
    inside("ask", "x", "-o", "top_k", "5")
    sampling = cast.engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p) == (0.6, 5, 1.0)


def test_all_wrong_options_are_named_at_once(answering: Any, inside: Any) -> None:
    answering(["ok"])
    code, out, err = inside("ask", "x", "-o", "temprature", "1", "-o", "top_k", "many", "-o", "max_tokens", "nan")
    assert (code, out) == (1, "")
    assert "Did you mean temperature?" in err
    assert "top_k must be a whole number" in err and "max_tokens must be" in err
    code, _, err = inside("ask", "x", "-o", "context", "-4")
    assert code == 1 and "engine.context must be" in err


@pytest.mark.parametrize(
    "args",
    [["ask"], ["ask", "x", "--stop", ""], ["ask", "x", "--logprobs", "3"], ["ask", "x", "--max-tokens", "0"],
     ["ask", "x", "y"], ["ask", "x", "--nonsense"], ["ask", "x", "-o", "temperature"], ["nonsense"], ["--nonsense"],
     ["settings", "show"]],
)  # fmt: skip
def test_wrong_usage_is_2(answering: Any, inside: Any, args: list[str]) -> None:
    answering(["ok"])
    code, out, err = inside(*args)
    assert (code, out) == (2, "")
    assert "Error: " in err and "Traceback" not in err


def test_json_is_one_object_with_exact_text(answering: Any, inside: Any, tiny_model: Model) -> None:
    hostile = "a\x1b]0;x\x07b\x9bc\u202ed\ud800\U000e0041"
    answering([
        Progress("Reading the prompt", 1, 2),
        Notice("template", "The template was replaced."),
        ReasoningDelta("Hmm."),
        TextDelta(hostile, (TokenLogprob(3, "a", -0.5, ((3, "a", -0.5), (4, "b", -1.5))),)),
        Usage(10, 4, 2, 0.1, 0.2, 0.5), Finished("stop", "END"),
    ])  # fmt: skip
    code, out, err = inside("ask", "x", "--json", "--logprobs", "2")
    assert code == 0 and "Note: The template was replaced." in err
    assert not [char for char in out if (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160]
    answer = json.loads(out)
    assert answer["text"] == hostile
    assert answer["reasoning"] == "Hmm."
    assert answer["model"] == tiny_model.id
    assert (answer["finish_reason"], answer["stop_string"]) == ("stop", "END")
    assert answer["usage"] == {"prompt_tokens": 10, "cached_tokens": 4, "completion_tokens": 2}
    assert answer["timings"]["tokens_per_second"] == 2.0
    assert answer["notices"] == [{"kind": "template", "text": "The template was replaced."}]
    assert answer["logprobs"][0]["top"][1] == {"token_id": 4, "text": "b", "logprob": -1.5}


def test_no_control_byte_of_the_model_reaches_a_stream(answering: Any, inside: Any) -> None:
    """Split so that no single piece holds a whole sequence."""
    pieces: list[Any] = [TextDelta(char) for char in "a\x1b[2J\x1b]0;title\x07b\x9b1mc\rd"]
    answering([Notice("n", "n\x1b[1m"), ReasoningDelta("r\x1b"), ReasoningDelta("[1ms"), *pieces, Finished("stop")])
    for more in ([], ["--no-stream"]):
        code, out, err = inside("ask", "x", "--reasoning", *more)
        assert (code, out) == (0, "abcd\n")
        assert err == "Note: n\nrs\n\n"


def test_reasoning_stays_away_unless_asked_for(answering: Any, inside: Any) -> None:
    answering([ReasoningDelta("Let me think."), TextDelta("42"), Finished("stop")])
    assert inside("ask", "x") == (0, "42\n", "")


def test_stats_are_a_line_on_stderr(answering: Any, inside: Any) -> None:
    answering([TextDelta("42"), Usage(40, 12, 17, 0, 0.3, 0.4), Finished("stop")])
    code, out, err = inside("ask", "x", "--stats")
    assert (code, out) == (0, "42\n")
    assert "17 tokens · 40.0 tokens/s · first token after" in err and "prompt 40 tokens, 12 cached" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "last", [Error("It broke.", "Mend it.", kind="worker-died"), Failed("It broke.", "Mend it.", "worker-died")]
)
def test_an_error_is_two_lines_or_a_json_object(answering: Any, inside: Any, last: Any) -> None:
    answering([TextDelta("begun"), last])
    assert inside("ask", "x") == (1, "begun\n", "Error: It broke.\nMend it.\n")
    code, out, err = inside("ask", "x", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {"error": {"message": "It broke.", "hint": "Mend it.", "kind": "worker-died"}}
    code, out, _ = inside("ask", "--", "--json")
    assert (code, out) == (1, "begun\n")


def test_a_bug_is_a_short_message_and_a_log(
    answering: Any, inside: Any, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering([TypeError("broken \x1b[31m inside")])
    code, out, err = inside("ask", "my private question")
    assert (code, out) == (1, "")
    log = own_home / "logs" / "faults.log"
    assert "TypeError: broken  inside" in err and str(log) in err and "Traceback" not in err
    assert "Traceback" in log.read_text() and "private" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("RUSHLIGHT_DEBUG", "1")
    assert "Traceback" in inside("ask", "x")[2]
    assert json.loads(inside("ask", "x", "--json")[1])["error"]["kind"] == "bug"


def test_a_cancelled_answer_is_130(answering: Any, inside: Any) -> None:
    answering([TextDelta("half"), Finished("cancelled")])
    assert inside("ask", "x") == (130, "half\n", "")
    answering([Error("Stopped.", kind="stopped")])
    assert inside("ask", "x")[0] == 130


def test_schema_grammar_regex_and_lora(answering: Any, inside: Any, tmp_path: Path) -> None:
    cast = answering(["ok"])
    schema = tmp_path / "person.json"
    schema.write_text('{"type": "object"}')
    gbnf = tmp_path / "yes.gbnf"
    gbnf.write_text('root ::= "yes"')
    adapter = tmp_path / "a=b.gguf"
    adapter.write_bytes(b"x")
    for args in (
        ["--schema", str(schema)],
        ["--schema", '{"type":"integer"}'],
        ["--schema", "name, age int: in years"],
        ["--grammar", str(gbnf)],
        ["--regex", "[0-9]+"],
        ["--lora", str(adapter)],
        ["--lora", f"{adapter}=0.5"],
    ):
        assert inside("ask", "x", *args)[0] == 0, args
    grammars = [request.grammar for request in cast.engine.requests]
    concise = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "age"],
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "description": "in years"}},
    }
    assert json.loads(grammars[0].text) == {"type": "object"} and grammars[0].kind == "json_schema"
    assert json.loads(grammars[1].text) == {"type": "integer"}
    assert json.loads(grammars[2].text) == concise
    assert grammars[3] == Grammar("gbnf", 'root ::= "yes"')
    assert grammars[4] == Grammar("regex", "[0-9]+")
    scales = [(use.path, use.scale) for request in cast.engine.requests[5:] for use in request.lora]
    assert scales == [(str(adapter), 1.0), (str(adapter), 0.5)]


@pytest.mark.parametrize(
    ("args", "said"),
    [(["--schema", "missing.json"], "does not exist"), (["--schema", "{"], "is not JSON"),
     (["--schema", ","], "no fields"),
     (["--schema", "age number of years"], "is not a name"), (["--schema", "a", "--regex", "b"], "one of them"),
     (["--grammar", "x.txt"], "no suffix"), (["--grammar", "missing.lark"], "cannot be read"),
     (["--lora", "missing.gguf"], "does not exist"), (["-m", "nobody"], "nobody")],
)  # fmt: skip
def test_what_cannot_be_used_is_said(answering: Any, inside: Any, args: list[str], said: str) -> None:
    cast = answering(["ok"])
    code, out, err = inside("ask", "x", *args)
    assert (code, out) == (1, "") and said in err
    assert cast.engine.requests == []


def test_without_a_model_the_hint_says_how_to_get_one(rushlight: Any) -> None:
    done = rushlight("ask", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "rushlight models import" in done.stderr
    done = rushlight("ask", "x", "--json")
    assert json.loads(done.stdout)["error"]["kind"] == "no-model"


def test_a_broken_settings_file_is_an_error_with_its_line(rushlight: Any, own_home: Path) -> None:
    (own_home / "settings.toml").write_text("[engine]\ncontext = = 1\n")
    done = rushlight("ask", "x")
    assert done.returncode == 1 and "settings.toml line 2" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["--help"], ["settings", "list"], ["settings", "list", "--json"]])
def test_a_reader_that_went_away_is_quiet(args: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*RUSHLIGHT, *args], stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")


# --- with the real model ------------------------------------------------------------------------------------------


@pytest.mark.model
def test_the_capital_of_france(rushlight: Any, own_home: Path, demo_model: Path, stopped_host: None) -> None:
    """The two commands of the README, as a person types them."""
    imported = rushlight("models", "import", str(demo_model))
    assert imported.returncode == 0, imported.stderr
    done = rushlight("ask", PARIS)
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout and done.stdout.endswith("\n") and done.stderr == ""
    again = rushlight("ask", PARIS, "--no-stream", "--stats")
    assert again.stdout == done.stdout
    assert "tokens/s" in again.stderr
    piped = rushlight("ask", "--json", "-o", "temperature", "0.9", "--max-tokens", "16", input=PARIS)
    repeated = rushlight("ask", "--json", "-o", "temperature", "0.9", "--max-tokens", "16", input=PARIS)
    first, second = json.loads(piped.stdout), json.loads(repeated.stdout)
    assert first["text"] == second["text"], "a pipe gets a fixed seed"
    assert second["usage"]["cached_tokens"] > 0
    person = rushlight("ask", "Invent a person.", "--schema", "name, age int", "--json", "--max-tokens", "60")
    assert person.returncode == 0, person.stderr
    if json.loads(person.stdout)["finish_reason"] == "stop":
        assert set(json.loads(json.loads(person.stdout)["text"])) == {"name", "age"}
    status = json.loads(rushlight("host", "status", "--json").stdout)
    assert len(status["models"]) == 1, "all of these shared one loaded model"


@pytest.mark.model
def test_ctrl_c_during_an_answer_is_130_and_the_host_stays_usable(real_model: Model, rushlight: Any) -> None:
    with subprocess.Popen(
        [*RUSHLIGHT, "ask", "Say anything.", "--regex", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as asked:
        try:
            assert asked.stdout is not None and asked.stderr is not None
            assert asked.stdout.read(1), asked.stderr.read()
            os.killpg(asked.pid, signal.SIGINT)  # as a terminal does: to the whole group
            started = time.monotonic()
            out, err = asked.communicate(timeout=20)
        finally:
            asked.kill()
    assert (asked.returncode, err) == (130, b"")
    assert out.endswith(b"\n") and time.monotonic() - started < 5
    before = json.loads(rushlight("host", "status", "--json").stdout)
    assert "Paris" in rushlight("ask", PARIS).stdout
    after = json.loads(rushlight("host", "status", "--json").stdout)
    assert after["pid"] == before["pid"] and after["models"][0]["pid"] == before["models"][0]["pid"]


@pytest.mark.model
def test_a_reader_that_leaves_early_ends_the_answer(real_model: Model, rushlight: Any) -> None:
    command = " ".join(RUSHLIGHT) + f" ask 'Say anything.' --regex '{ENDLESS}' </dev/null | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command + '; echo " ${PIPESTATUS[0]}"'], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "" and done.stdout.split()[-1] == "1"
    deadline_s = time.monotonic() + 5
    while json.loads(rushlight("host", "status", "--json").stdout)["models"][0]["in_use"]:
        assert time.monotonic() < deadline_s, "the worker goes on for a reader that is gone"
    assert "Paris" in rushlight("ask", PARIS).stdout
