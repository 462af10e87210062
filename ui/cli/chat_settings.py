"""`/set`, `/unset` and `/show` of a conversation in the terminal: its model, system prompt, options and state.

Knows the loop; the options themselves are those of `ask -o`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from rushlight import Error, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.cli import chat_views
from rushlight.ui.cli.interrupt import InterruptStops
from rushlight.ui.cli.output import say, size_text
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.cli.chat_loop import ChatLoop

_WHAT = ("settings", "model", "context", "left-out", "messages", "stats", "files", "path")
_SWITCH = {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}


def set_value(loop: "ChatLoop", argument: str, value: str | None = None) -> None:
    """`/set NAME VALUE`; without a value it is shown, without a name all are."""
    from rushlight.assistant.ask_options import option_names, parse_options

    if value is None:
        argument = _without_word(argument, "parameter")  # as another program spells it
        argument, _, value = argument.partition(" ")
        value = value.strip()
    if not argument:
        show(loop, "settings")
        say(text("Options: {names}", names=" ".join(option_names())))
        say(text("Also: system, model, title, thoughts (on or off). /unset NAME takes one back."))
    elif argument == "system":
        _set_system(loop, value)
    elif argument == "model":
        _set_model(loop, value)
    elif argument == "title":
        loop.change(replace(loop.now, title=value))
        say(loop.now.title)
    elif argument in ("thoughts", "reasoning_shown", "think"):
        if value.lower() not in _SWITCH:
            raise Error(text("/set thoughts takes on or off."), kind="bad-command")
        loop.show_reasoning = _SWITCH[value.lower()]
        say(text("Thoughts are shown.") if loop.show_reasoning else text("Thoughts are not shown."))
    elif not value:
        say(f"{plain_line(argument)} = {loop.now.options.get(argument, text('(as the model has it)'))}")
    else:
        options = parse_options([(argument, value)])
        loop.app.load_settings(loop.app.model(loop.now.model), options)  # limits of the engine's options
        loop.change(replace(loop.now, options={**_without(loop.now.options, argument), argument: value}))
        say(f"{argument} = {value}")


def unset_value(loop: "ChatLoop", argument: str) -> None:
    """`/unset NAME`: back to what holds without it."""
    now = loop.now
    if argument == "system":
        loop.change(replace(now, system=None))
        say(text("The system prompt is that of the settings again."))
    elif argument == "model":
        loop.change(replace(now, model=""))
        say(text("Replies come from {model}.", model=loop.app.model("").id))
    elif argument in now.options:
        loop.change(replace(now, options=_without(now.options, argument)))
        say(text("{name} is as the model has it.", name=argument))
    else:
        raise Error(
            text("{name!r} is not set.", name=argument[:60]),
            hint=text("/show settings lists what is."),
            kind="bad-command",
        )


def show(loop: "ChatLoop", argument: str) -> None:
    """`/show WHAT`."""
    import difflib

    what = argument.lower() or "settings"
    if what not in _WHAT:
        near = difflib.get_close_matches(what, _WHAT, n=1)
        raise Error(
            text("/show knows {all}.", all=", ".join(_WHAT)),
            hint=text("Did you mean {name}?", name=near[0]) if near else "",
            kind="bad-command",
        )
    if what == "settings":
        _show_settings(loop)
    elif what == "model":
        _show_model(loop)
    elif what == "context":
        _show_context(loop)
    elif what == "left-out":
        chat_views.print_left_out(loop.session.left_out if loop.session else None)
    elif what == "messages":
        chat_views.print_path(loop.path)
    elif what == "stats":
        say(loop.last.stats_line() if loop.last else text("There is no reply yet."))
    elif what == "files":
        names = [one.name for one in loop.files]
        say(
            text("With the next message: {names}", names=", ".join(names))
            if names
            else text("No file goes with the next message.")
        )
    else:
        say(str(loop.app.paths.store))


def _set_system(loop: "ChatLoop", value: str) -> None:
    if not value:
        _show_settings(loop)
        return
    system = loop.reader.read_block(value)
    loop.change(replace(loop.now, system="" if system in ('""', "''") else system))
    say(
        text("The system prompt holds from the next message on.")
        if loop.now.system
        else text("There is no system prompt from the next message on.")
    )


def _set_model(loop: "ChatLoop", name: str) -> None:
    """Another model from now on; one that cannot be loaded changes nothing."""
    old = loop.now
    model = loop.app.model(name)
    loop.change(replace(old, model=model.id))
    try:
        is_loaded = loop.load_model()
    except Error:
        loop.change(old)
        raise
    if not is_loaded:
        loop.change(old)
    say(text("Replies come from {model}.", model=loop.app.model(loop.now.model).id))


def _show_settings(loop: "ChatLoop") -> None:
    now = loop.now
    system = loop.app.settings.text("chat.system_prompt") if now.system is None else now.system
    source = text(" (from the settings)") if now.system is None else ""
    say(text("Model: {model}", model=loop.app.model(now.model).id))
    say(text("System prompt{source}: {system}", source=source, system=system or text("(none)")))
    for name, value in now.options.items():
        say(f"{plain_line(name)} = {plain_line(value)}")


def _show_model(loop: "ChatLoop") -> None:
    model = loop.app.model(loop.now.model)
    say(model.id)
    say(
        text(
            "{type}, {size}; it was trained on a context of {count} tokens.",
            type=model.quantization,
            size=size_text(model.size_bytes),
            count=f"{model.n_ctx_train:,}",
        )
    )
    sampling = ", ".join(f"{name} = {value:g}" for name, value in model.sampling.items())
    say(text("Sampler: {sampling}", sampling=sampling or text("greedy, as it has no defaults")))
    say(text("File: {path}", path=model.path))


def _show_context(loop: "ChatLoop") -> None:
    if loop.session is None or not loop.path:
        say(text("Nothing was said yet."))
        return
    with InterruptStops(Stop()) as stop:
        use = loop.session.measure(stop)
    say(chat_views.meter(use))


def _without(options: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in options.items() if key != name}


def _without_word(line: str, word: str) -> str:
    return line[len(word) :].strip() if line == word or line.startswith(word + " ") else line
