"""The settings page: values, what they are for, where they come from. Draws what `SettingsDesk` says."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rushlight.ui.desk.settings_desk import SettingRow, SettingsDesk, SettingsState, section_title
from rushlight.ui.tui.panel import ChoicePanel, LinePanel, TextPanel
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, heading, row
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame

_ALL = "all of them"


class SettingsPage(Vertical):
    """A `SettingsView` with its own desk."""

    DEFAULT_CSS = """
    SettingsPage { padding: 0 1; background: $background; }
    SettingsPage > .page-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    SettingsPage > Input { border: none; height: 1; background: $raised; margin: 0 1; }
    SettingsPage > Input:focus { border: none; }
    SettingsPage > #setting-about { height: auto; max-height: 7; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", show=False),
        Binding("a", "toggle_all", show=False),
        Binding("r,delete", "reset", show=False),
        Binding("down", "to_list", show=False),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="settings")
        self.frame = frame
        self.desk = SettingsDesk(frame.background, self)
        self._search = Input(placeholder=text("Search the settings"), id="setting-search")
        self._search.cursor_blink = False
        self._list = RowList(id="setting-list")
        self._about = Static(id="setting-about")
        self._wanted = ""  # a setting to go to as soon as it is shown

    def compose(self) -> ComposeResult:
        yield Static(Content(text("Settings")), classes="page-title")
        yield self._search
        yield self._list
        yield self._about

    def take_focus(self) -> None:
        self._list.focus()
        self.desk.refresh()

    def go_to(self, name: str) -> None:
        """Show that setting, as a search that found it does."""
        self._wanted = name
        self.desk.show_all(True)
        self.show(self.desk.state)
        self._list.focus()

    def show(self, state: SettingsState) -> None:
        self._list.show_rows(_rows(state), choose=self._wanted)
        if any(one.name == self._wanted for one in state.rows):
            self._wanted = ""  # gone there
        self._describe(self._list.chosen)

    def do(self, action_id: str) -> None:
        """No action of the table is only for this page."""

    # --- what is done -------------------------------------------------------------------------------------------
    def action_search(self) -> None:
        self._search.focus()

    def action_to_list(self) -> None:
        self._list.focus()

    def action_toggle_all(self) -> None:
        self.desk.show_all(not self.desk.state.shows_all)

    def action_reset(self) -> None:
        one = self.desk.row(self._list.chosen)
        if one is not None and one.entered is not None:
            self.desk.discard(one.name)
        elif one is not None and one.is_changed:
            self.desk.reset(one.name)

    @on(Input.Changed, "#setting-search")
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self.desk.search(event.value)

    @on(Input.Submitted, "#setting-search")
    def _search_done(self, event: Input.Submitted) -> None:
        event.stop()
        self._list.focus()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        self._describe(self._list.chosen)  # what is chosen by now: the message may be older than the rows

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.key == _ALL:
            self.action_toggle_all()
            return
        one = self.desk.row(event.key)
        if one is None:
            return
        self.change(one)

    def change(self, one: SettingRow) -> None:
        """Ask for another value, in the way that fits its kind."""
        if one.kind == "flag":
            self.desk.set(one.name, "false" if one.value is True else "true")
            return
        choices = list(one.choices)
        if one.kind == "model":
            choices = ["", *(model.id for model in self.frame.models.state.rows if model.purpose == "chat")]
        if choices:
            rows = [row(f"={choice}", choice or text("the default one"), is_current=choice == one.value_text)
                    for choice in choices]  # fmt: skip
            self.frame.ask(
                ChoicePanel(one.title, rows, lambda key: self.desk.set(one.name, key[1:]), choose=f"={one.value_text}")
            )
        elif one.kind == "long-text":
            self.frame.ask(TextPanel(one.title, lambda value: self.desk.set(one.name, value), value=one.value_text))
        else:
            self.frame.ask(
                LinePanel(
                    one.title,
                    lambda value: self.desk.set(one.name, value),
                    value=one.value_text,
                    hint=f"{_limits(one)}{text('Enter: done · Esc: leave')}",
                )
            )

    def _describe(self, name: str) -> None:
        one = self.desk.row(name)
        if one is None:
            self._about.update(Content(text("Enter: change · R: reset · A: all settings · /: search")))
            return
        where = one.source_text or text("the default")
        said = [
            (f"{one.title} ", "bold $foreground"),
            (f"({one.name})  {one.text}\n", "$muted"),
            (f"{_limits(one)}{text('Default: {value}', value=_short(one.default))} · ", "$muted"),
            (text("Now from: {where}", where=where), "$info"),
        ]
        if one.problem:
            said.append((f"\n✗ {one.problem} {one.hint}", "$bad"))
        elif one.hint:
            said.append((f"\n{one.hint}", "$muted"))
        said.append(("\n" + text("Enter: change · R: reset · A: all settings · /: search"), "$muted"))
        self._about.update(Content.assemble(*said))


def _rows(state: SettingsState) -> list[ListRow]:
    rows: list[ListRow] = [ListRow("", (RowLine(((f"✗ {one}", "bad"),)),)) for one in state.problems]
    section = ""
    for one in state.rows:
        if one.section != section and (state.shows_all or state.query):
            section = one.section
            rows.append(heading(section_title(section)))
        meaning = "bad" if one.problem else "accent" if one.source != "default" else "muted"
        left = ((one.title, "page"), (f"  {one.text.partition('. ')[0]}", "faint"))
        rows.append(ListRow(one.name, (RowLine(left, ((_short(one.value_text), meaning),)),)))
    if not state.query:
        more = plural("Show {count} more setting", "Show {count} more settings", state.n_hidden)
        rows.append(row(_ALL, text("Show the simple view") if state.shows_all else more, meaning="accent"))
    if state.query and not state.rows:
        rows.append(ListRow("", (RowLine(((text("No setting has these words."), "muted"),)),)))
    return rows


def _short(value: object) -> str:
    shown = " ".join(str(value).split())
    shown = {"True": text("on"), "False": text("off"), "true": text("on"), "false": text("off")}.get(shown, shown)
    return (shown[:37] + "…") if len(shown) > 38 else shown or "—"


def _limits(one: SettingRow) -> str:
    if one.limits is None:
        return ""
    least, most = one.limits
    return text("From {least} to {most}", least=f"{least:,}", most=f"{most:,}") + " · "
