"""How the next server is begun: on a port or a socket, and whether it goes on when the program is closed."""

import os
from collections.abc import Callable
from typing import Protocol

from PySide6.QtWidgets import QButtonGroup, QFormLayout, QRadioButton, QWidget

from rushlight.ui.desk.server_values import ServerPlan, ServerState
from rushlight.ui.gui.settings.editors import FlagEditor, LineEditor, NumberEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label
from rushlight.ui.words import text


class Plans(Protocol):
    """Whoever keeps the plan: `ServerDesk`."""

    def set_port(self, port: int) -> None: ...
    def set_host(self, host: str) -> None: ...
    def set_socket(self, path: str) -> None: ...
    def use_socket(self, uses_socket: bool) -> None: ...
    def set_stays(self, stays: bool) -> None: ...


class PlanCard(Card):
    """card.show_state(state)"""

    def __init__(
        self, theme: Theme, desk: Plans, on_restart: Callable[[], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("How it is begun"), parent=parent)
        self._theme = theme
        self._desk = desk
        # Short, since they cannot be wrapped and the page is shown at 300 %, too.
        self.on_port = QRadioButton(text("On a port"))
        self.on_port.setToolTip(text("Programs of this machine reach it."))
        self.on_socket = QRadioButton(text("On a UNIX socket"))
        self.on_socket.setToolTip(text("Only programs of yours reach it."))
        self._group = QButtonGroup(self)
        for at, one in enumerate((self.on_port, self.on_socket)):
            self._group.addButton(one, at)
        self._group.idClicked.connect(lambda at: desk.use_socket(at == 1))
        ways = QWidget()
        flow = FlowLayout(ways, spacing=theme.px(16))
        flow.addWidget(self.on_port)
        flow.addWidget(self.on_socket)
        if os.name == "nt":
            ways.hide()
        self.port = NumberEditor((0, 65_535), lambda value: desk.set_port(int(value)))
        self.port.field.setGroupSeparatorShown(False)
        self.port.field.setAccessibleName(text("Port"))
        self.port.field.setToolTip(text("0: any that is free"))
        self.host = LineEditor(desk.set_host)
        self.host.field.setAccessibleName(text("Address"))
        self.host.field.setToolTip(
            text("Others than loopback need a token of your own in RUSHLIGHT_TOKEN when the program is started.")
        )
        self.socket = LineEditor(desk.set_socket)
        self.socket.field.setAccessibleName(text("Path of the socket"))
        self._form_box = QWidget()
        self._form = QFormLayout(self._form_box)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.addRow(label(text("Address"), "small"), self.host.field)
        self._form.addRow(label(text("Port"), "small"), self.port.field)
        self._form.addRow(label(text("Path of the socket"), "small"), self.socket.field)
        self.stays = FlagEditor(text("Goes on after Rushlight"), lambda value: desk.set_stays(value == "true"))
        self.stays.field.setToolTip(text("The server runs on when this program is closed, until it is stopped."))
        self.note = label("", "small", wrap=True)
        self.restart_button = button(text("Begin it again"), on_restart)
        last = QWidget()
        FlowLayout(last).addWidget(self.restart_button)
        for widget in (ways, self._form_box, self.stays.field, self.note, last):
            self.body.addWidget(widget)
        self._dress_plan()
        theme.changed.connect(self._dress_plan)

    def show_state(self, state: ServerState) -> None:
        plan = state.plan
        self.on_port.setChecked(not plan.uses_socket)
        self.on_socket.setChecked(plan.uses_socket)
        self.host.show_text(plan.host)
        self.port.show_text(str(plan.port))
        self.socket.show_text(plan.socket_path)
        self.stays.show_text("true" if plan.stays else "false")
        for editor in (self.host, self.port, self.socket):
            self._form.setRowVisible(editor.field, (editor is self.socket) == plan.uses_socket)
        found = state.server
        is_other = found is not None and not _is_as_planned(found.url, plan)
        self.note.setText(text("Holds when it is begun again.") if is_other else "")
        self.note.setVisible(is_other)
        self.restart_button.setVisible(is_other and state.phase == "running")

    def _dress_plan(self) -> None:
        for field in (self.host.field, self.socket.field):
            field.setMaximumWidth(self._theme.px(420))
        self.port.field.setMaximumWidth(self._theme.px(160))


def _is_as_planned(url: str, plan: ServerPlan) -> bool:
    """Whether the one that runs is what the plan would begin."""
    from rushlight.ui.desk.server_process import socket_file

    if plan.uses_socket:
        return url == f"unix:{socket_file(plan)}"
    return not url.startswith("unix:") and (not plan.port or url.endswith(f":{plan.port}"))
