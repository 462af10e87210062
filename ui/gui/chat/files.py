"""Files that go into a chat and out of it: the dialogs for attaching and exporting, which do not stop the window.

Knows Qt's dialogs; what is done with the paths is the desk's.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from rushlight.ui.gui.page import Frame
from rushlight.ui.words import text

_UNFIT = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')  # for a file's name on one of the systems
_MAX_NAME_CHARS = 80


class Files(QObject):
    """One dialog at a time; the folder of the last one is remembered."""

    def __init__(
        self,
        frame: Frame,
        page: QWidget,
        attach: Callable[[Sequence[Path]], None],
        export: Callable[[Path, str], None],
    ) -> None:
        super().__init__(page)
        self._frame = frame
        self._page = page
        self._attach = attach
        self._export = export
        self.dialog: QFileDialog | None = None

    def ask_attachments(self) -> None:
        """Which text files?"""
        dialog = self._open(text("Attach text files"), "attach_folder")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilter(text("Text files") + " (*)")
        dialog.filesSelected.connect(self._attached)
        dialog.open()

    def ask_export(self, form: str, title: str) -> None:
        """Under which name? Its suffix goes with the form."""
        _, suffix = next((words, end) for name, words, end in export_forms() if name == form)
        dialog = self._open(text("Export the chat"), "export_folder")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.setNameFilter(f"*.{suffix}")
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(f"{file_name(title)}.{suffix}")
        dialog.filesSelected.connect(partial(self._exported, form))
        dialog.open()

    def fill_export_menu(self, menu: QMenu, title: Callable[[], str]) -> None:
        """A line for each form."""
        for name, words, _suffix in export_forms():
            menu.addAction(words).triggered.connect(lambda _checked=False, name=name: self.ask_export(name, title()))

    def _open(self, title: str, key: str) -> QFileDialog:
        if self.dialog is not None:
            self.dialog.close()
        dialog = QFileDialog(self._page, title, self._frame.remembered.get(key, "") or str(Path.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda paths: self._remember(key, paths))
        dialog.finished.connect(self._closed)
        self.dialog = dialog
        return dialog

    def _closed(self, _result: int) -> None:
        self.dialog = None

    def _remember(self, key: str, paths: Sequence[str]) -> None:
        if paths:
            self._frame.remembered.set(key, str(Path(paths[0]).parent))

    def _attached(self, paths: Sequence[str]) -> None:
        self._attach([Path(path) for path in paths])

    def _exported(self, form: str, paths: Sequence[str]) -> None:
        if paths:
            self._export(Path(paths[0]), form)


def export_forms() -> tuple[tuple[str, str, str], ...]:
    """(name, in words, suffix of the file)."""
    return (
        ("markdown", text("Markdown, to read"), "md"),
        ("json", text("JSON, everything, to import again"), "json"),
        ("sharegpt", text("ShareGPT lines, to train on"), "jsonl"),
    )


def file_name(title: str) -> str:
    """A title as a file's name, without what some system does not take."""
    cleaned = " ".join(_UNFIT.sub(" ", title).split()).strip(". ")[:_MAX_NAME_CHARS].strip()
    return cleaned or text("chat")
