"""Answers over hostile cells in the window: whatever is shown of them is letters, and every page of them is painted."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget


@pytest.mark.parametrize("count", [pytest.param(15), pytest.param(300, marks=pytest.mark.slow)])
def test_answers_are_letters(count: int, frame: Any, qtbot: Any, sql_answers: ModuleType, tmp_path: Path) -> None:
    from rushlight.ui.gui.pages.sql import SqlPage

    page: Any = SqlPage(frame)
    qtbot.addWidget(page)
    page.resize(1200, 900)
    with qtbot.waitExposed(page):
        page.show()
    page.desk.open([str(sql_answers.build(tmp_path / "hostile.db"))])
    qtbot.waitUntil(lambda: bool(page.desk.state.tables), timeout=20_000)
    charts = 0
    for sql in sql_answers.statements(count):
        page.desk.run(sql)
        qtbot.waitUntil(lambda: not page.desk.state.busy, timeout=20_000)
        shown = page.desk.state.shown
        assert shown.result is not None and not shown.problem, sql
        page.grab()
        charts += page.rows.chart.isVisible()
        assert sql_answers.acts(page.rows.chart.accessibleDescription()) == []
        look_at_the_grid(page.rows.grid.rows, sql_answers)
        for widget in page.findChildren(QWidget):
            if widget.isVisible():
                assert "<" not in widget.toolTip()
                if isinstance(widget, QLabel):
                    assert sql_answers.acts(widget.text(), lines=True) == []
                    assert widget.textFormat() == Qt.TextFormat.PlainText or "<" not in widget.text()
    assert charts > count / 5
    page.leave()


def look_at_the_grid(rows: Any, sql_answers: ModuleType) -> None:
    for column in range(rows.columnCount()):
        assert sql_answers.acts(str(rows.headerData(column, Qt.Orientation.Horizontal))) == []
        for row in range(min(60, rows.rowCount())):
            cell = str(rows.data(rows.index(row, column)))
            assert sql_answers.acts(cell) == [] and len(cell) <= 200
