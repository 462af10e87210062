"""Commands that were written out and sent, such as "/system Be brief.": done instead of being said to the model.

Knows the desk and the names of actions.
"""

import difflib
from collections.abc import Callable, Sequence

from rushlight.ui.desk.chat_desk import ChatDesk
from rushlight.ui.gui.chat.completion import command_name, command_with_text, lone_command
from rushlight.ui.words import text


class Commanding:
    """`take` says whether the text was a command, and what there is to say about it."""

    def __init__(
        self,
        desk: ChatDesk,
        commands: Callable[[], Sequence[tuple[str, str]]],
        run: Callable[[str], None],
        ask_database: Callable[[str], bool] = lambda _written: False,
    ) -> None:
        """`ask_database` takes a message that is a question to a database, and says whether it was one."""
        self._ask_database = ask_database
        self._desk = desk
        self._commands = commands
        self._run = run

    def take(self, written: str) -> tuple[bool, str]:
        """(it was one, and is done; what was wrong with it, "" = nothing)."""
        if self._ask_database(written):
            return True, ""
        command = command_with_text(written)
        if command is not None:
            self._desk.set_draft("")
            if command.name == "system":
                self._desk.set_system(command.argument)
            elif command.name == "model":
                self._desk.set_model(command.argument)
            elif command.name == "preset":
                self._desk.use_preset(command.argument)
            else:
                self._desk.rename(command.argument)
            return True, ""
        name = lone_command(written)
        if name is None:
            return False, ""
        by_name = {command_name(id_): id_ for id_, _ in self._commands()}
        if name in by_name:
            self._desk.set_draft("")  # before it is run: it may put something else into the field
            self._run(by_name[name])
            return True, ""
        near = difflib.get_close_matches(name, by_name, n=1)
        if near:
            return False, text("There is no command /{name}. Did you mean /{near}?", name=name, near=near[0])
        return False, text("There is no command /{name}. Begin with a space to send it as it is.", name=name)
