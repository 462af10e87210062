"""The question loop: `rushlight` without a verb in a terminal. Questions and answers until /bye or Ctrl+D.

The conversation so far goes with each question. Ctrl+C stops the answer, not the loop.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rushlight import Error, Stop
from rushlight.assistant.engine.request import Message
from rushlight.ui.cli.answer import Answer
from rushlight.ui.cli.interrupt import InterruptStops
from rushlight.ui.cli.output import say, tell_error
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model

_PROMPT = ">>> "
_MORE = "... "
_QUOTES = '"""'
_MAX_HISTORY = 1000


def run_loop() -> int:
    """Open the app, load the model, take questions. Returns the exit code."""
    from rushlight.assistant.app import open_app

    with open_app() as app:
        model = app.model()
        answer = Answer(show=False)
        with InterruptStops(Stop()) as stop:
            try:
                app.engine(model, stop=stop, on_progress=answer.on_progress)
            finally:
                answer.take(())  # erases the line of progress
            if stop.is_set():
                return 130
        say(text("{model} is ready. Ask anything; /help lists the commands, /bye leaves.", model=model.id))
        history = _open_history(app.paths.data / "questions.txt")
        try:
            _Loop(app, model).run()
        finally:
            _close_history(history)
    return 0


class _Loop:
    def __init__(self, app: "App", model: "Model") -> None:
        self.app = app
        self.model = model
        self.messages: list[Message] = []
        self.last: Answer | None = None

    def run(self) -> None:
        while True:
            try:
                question = _read_question()
            except EOFError:
                say()
                return
            except KeyboardInterrupt:
                say()
                say(text("Ctrl+D or /bye leaves."))
                continue
            command = question.strip()
            if command in ("/bye", "/exit", "/quit"):
                return
            if command.startswith("/"):
                self._command(command)
            elif command:
                self._answer(question)

    def _command(self, command: str) -> None:
        if command in ("/help", "/?"):
            for name, meaning in (
                ("/bye", text("leave (also Ctrl+D)")),
                ("/clear", text("forget the conversation so far")),
                ("/model NAME", text("go on with another model")),
                ("/stats", text("what the last answer cost")),
                (_QUOTES, text("begin and end a question of several lines")),
                ("Ctrl+C", text("stop the answer")),
            ):
                say(f"  {name:<12} {meaning}")
        elif command == "/clear":
            self.messages.clear()
            say(text("The conversation is forgotten."))
        elif command == "/stats":
            say(self.last.stats_line() if self.last else text("There is no answer yet."))
        elif command.partition(" ")[0] == "/model":
            self._choose_model(command.partition(" ")[2].strip())
        else:
            say(text("There is no command {name}; /help lists them.", name=command.partition(" ")[0]))

    def _choose_model(self, name: str) -> None:
        try:
            if name:
                self.model = self.app.model(name)
            say(text("Answers come from {model}.", model=self.model.id))
        except Error as err:
            tell_error(err)

    def _answer(self, question: str) -> None:
        """Stream one answer; an error ends the answer, not the loop."""
        messages = [*self.messages, Message("user", question)]
        answer = Answer()
        try:
            with InterruptStops(Stop()) as stop:
                answer.take(self.app.ask(messages, model=self.model, stop=stop, on_progress=answer.on_progress))
        except KeyboardInterrupt:
            say()
            return
        except Error as err:
            if err.kind != "stopped":
                tell_error(err)
            return
        self.last = answer
        # What was said before Ctrl+C was said: the next question may refer to it.
        self.messages = [*messages, Message("assistant", answer.text)]


def _read_question() -> str:
    """One line, or several between triple quotes."""
    line = input(_PROMPT)
    if not line.lstrip().startswith(_QUOTES):
        return line
    rest = line.lstrip()[len(_QUOTES) :]
    if rest.rstrip().endswith(_QUOTES):
        return rest.rstrip()[: -len(_QUOTES)]
    lines = [rest] if rest.strip() else []
    while True:
        line = input(_MORE)
        if line.rstrip().endswith(_QUOTES):
            end = line.rstrip()[: -len(_QUOTES)]
            return "\n".join([*lines, end] if end.strip() else lines)
        lines.append(line)


def _open_history(path: Path) -> Path | None:
    """Line editing and the questions of earlier times, where readline is there."""
    try:
        import readline
    except ImportError:
        return None
    readline.set_history_length(_MAX_HISTORY)
    try:
        readline.read_history_file(path)
    except OSError:  # none yet, or not readable
        pass
    return path


def _close_history(path: Path | None) -> None:
    if path is None:
        return
    import readline

    try:
        # Questions are private: the file is made ours before anything is in it.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        readline.write_history_file(path)
    except OSError as err:
        say(text("The questions could not be kept in {path}: {reason}", path=path, reason=err.strerror or err))
