"""The page of settings: each with its input, stored as it is changed; looks, privacy and places of data beside them.

Knows the settings desk and its cards.
"""

import itertools
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.assistant.settings import SETTINGS
from rushlight.ui.desk.settings_desk import SettingRow, SettingsDesk, SettingsState, section_title
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, PageHead, ScrollToFocus, View
from rushlight.ui.gui.pages.showing import shows_items
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.settings.setting_card import SettingCard
from rushlight.ui.gui.settings.side_cards import AppearanceCard, DataCard, KeyboardCard, Places, PrivacyCard
from rushlight.ui.gui.widgets import Card, EmptyState, ErrorPanel, button, label
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

_WIDTH = 960  # unscaled


class SettingsPage(QWidget):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        theme = frame.theme
        self.setAccessibleName(text("Settings"))
        self.cards: dict[str, SettingCard] = {}
        self._groups: dict[str, Card] = {}
        self._names: tuple[str, ...] = ()
        self._wanted = ""  # to be shown as soon as it is there
        self._models: list[tuple[str, str]] = []
        self._head = PageHead(theme, text("Settings"))
        self.search = QLineEdit()
        self.search.setPlaceholderText(text("Search the settings"))
        self.search.setAccessibleName(text("Search the settings"))
        self.search.setClearButtonEnabled(True)
        self.search.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.search.textChanged.connect(lambda words: self.desk.search(words))
        self.simple = self._switch(text("Simple"))
        self.full = self._switch(text("Full"))
        both = QButtonGroup(self)
        both.addButton(self.simple)
        both.addButton(self.full)
        self.full.toggled.connect(self._show_all)
        self._head.add_field(self.search)
        self._head.add(self.simple)
        self._head.add(self.full)
        self._column = PageColumn(theme, text("Settings"), width=_WIDTH)
        self._scroll = ScrollToFocus(self._column)
        self.problem = ErrorPanel(theme)
        self.appearance = AppearanceCard(frame)
        self.keyboard = KeyboardCard(frame)
        self.privacy = PrivacyCard(frame)
        self.data = DataCard(frame)
        self._nothing = EmptyState(
            theme, text("No setting fits"), text("Fewer or other words may."), icon_name="search"
        )
        self._hidden = label("", "small", wrap=True)
        self._all = button(text("Show all settings"), lambda: self.full.setChecked(True), "link")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._column, 1)
        self.desk: SettingsDesk = SettingsDesk(frame.background, View(self.show_state))
        self.desk.on_changed = self._saved
        (self.full if frame.remembered.get("settings_full", False) else self.simple).setChecked(True)
        self._lay_out((), is_search=False)
        self._dress()
        theme.changed.connect(self._dress)
        shows_items(frame, "settings", self.show_setting)

    # --- the view -----------------------------------------------------------------------------------------------
    def show_state(self, state: SettingsState) -> None:
        for row in state.rows:
            card = self.cards.get(row.name)
            if card is None:
                self.cards[row.name] = self._card(row)
            else:
                card.show_row(row)
            self.cards[row.name].show_name(state.shows_all or bool(state.query))
        names = tuple(row.name for row in state.rows)
        if names != self._names or bool(state.query.strip()) != self._nothing.property("search"):
            self._names = names
            self._lay_out(state.rows, is_search=bool(state.query.strip()))
        if state.problems:
            self.problem.show_problem(
                "\n".join(plain_line(problem) for problem in state.problems),
                text("They are in {path}.", path=plain_line(state.path)) if state.path else "",
            )
        else:
            self.problem.hide()
        self._hidden.setText(
            plural("{count} more setting is in the full view.", "{count} more settings are in the full view.",
                   state.n_hidden)
        )  # fmt: skip
        self._hidden.setVisible(state.n_hidden > 0)
        self._all.setVisible(state.n_hidden > 0)
        if self._wanted in names:
            self._go_to(self._wanted)
        elif self._wanted in SETTINGS and not state.is_loading and not self.full.isChecked():
            self.full.setChecked(True)

    def _lay_out(self, rows: tuple[SettingRow, ...], *, is_search: bool) -> None:
        """Sections in the order of their first setting, then the other cards; while searching, settings only."""
        self._nothing.setProperty("search", is_search)
        body = self._column.body
        while body.count():
            body.takeAt(0)
        shown: list[QWidget] = [self.problem]
        by_section: dict[str, list[SettingRow]] = {}
        for row in rows:
            by_section.setdefault(row.section, []).append(row)
        for card in self.cards.values():
            card.setParent(None)
        for section, members in by_section.items():
            group = self._groups.get(section)
            if group is None:
                group = self._groups[section] = Card(self._frame.theme, section_title(section))
            for row in members:
                group.body.addWidget(self.cards[row.name])
                self.cards[row.name].show()
            shown.append(group)
        if not is_search:
            shown += [self._hidden, self._all, self.appearance, self.keyboard, self.privacy, self.data]
        elif not rows:
            shown.append(self._nothing)
        others = (*self._groups.values(), self._hidden, self._all, self.appearance, self.keyboard, self.privacy,
                  self.data, self._nothing)  # fmt: skip
        for widget in others:
            if widget not in shown:
                widget.hide()
        for widget in shown:
            body.addWidget(widget)
            if widget not in (self.problem, self._hidden, self._all):
                widget.show()
        order: list[QWidget] = [self.search, self.simple, self.full]
        for row in rows:
            order += [self.cards[row.name].editor.focus, self.cards[row.name].reset]
        order += [self._all, self.appearance.theme_choice.field]
        for before, after in itertools.pairwise(order):
            QWidget.setTabOrder(before, after)

    def _card(self, row: SettingRow) -> SettingCard:
        name = row.name
        card = SettingCard(
            self._frame.theme, row, lambda entered: self.desk.set(name, entered), lambda: self.desk.reset(name)
        )
        self._scroll.watch(card.editor.focus)
        self._scroll.watch(card.reset)
        if row.kind == "model":
            self._fill_models(card)
        return card

    # --- what can be done ---------------------------------------------------------------------------------------
    def show_setting(self, name: str) -> None:
        """Bring that one into sight, whatever was searched for; at once, or as soon as it is known."""
        self._wanted = name
        self.search.clear()
        if name in self._names:
            self._go_to(name)
        elif not self.desk.state.is_loading:
            self.full.setChecked(True)

    def _go_to(self, name: str) -> None:
        self._wanted = ""
        self.cards[name].take_focus()
        self._column.show_widget(self.cards[name])

    def _show_all(self, is_full: bool) -> None:
        self._frame.remembered.set("settings_full", is_full)
        self.desk.show_all(is_full)

    def _saved(self, name: str) -> None:
        if name in self.cards:
            self.cards[name].show_saved()
        if name.startswith("download."):
            self._read_places()

    def _dress(self) -> None:
        self.search.setMaximumWidth(self._frame.theme.px(420))
        self.search.setMinimumWidth(self._frame.theme.px(170))

    def _switch(self, words: str) -> QPushButton:
        made = button(words, None, "chip")
        made.setCheckable(True)
        return made

    # --- what the cards need to know ----------------------------------------------------------------------------
    def _fill_models(self, card: SettingCard) -> None:
        editor = card.editor
        if isinstance(editor, ChoiceEditor):
            editor.set_choices([("", text("The catalogue's default")), *self._models])
            editor.show_text(card.row.value_text)

    def _read_models(self) -> None:
        def read(app: "App") -> list[tuple[str, str]]:
            return [(model.id, plain_line(model.id)) for model in app.models if model.purpose == "chat"]

        def then(models: list[tuple[str, str]]) -> None:
            if models != self._models:
                self._models = models
                for card in self.cards.values():
                    if card.row.kind == "model":
                        self._fill_models(card)

        self._frame.background.read(read, then)

    def _read_places(self) -> None:
        def read(app: "App") -> Places:
            paths, settings = app.paths, app.settings
            return Places(
                paths.data,
                paths.models,
                paths.settings,
                plain(settings.text("download.endpoint")),
                plain(settings.text("download.proxy")),
            )

        def then(places: Places) -> None:
            self.privacy.show_places(places)
            self.data.show_places(places)

        self._frame.background.read(read, then)

    # --- events -------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()
        self._read_models()
        self._read_places()
        self.keyboard.follow()
        if self.focusWidget() is None:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)
