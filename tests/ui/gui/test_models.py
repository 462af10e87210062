"""The page of models: what it shows of them, loading, the card, and every way to more of them, without a network."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.ui.desk.model_values import DownloadChoice, DownloadPlan, MemoryBar, MemoryPart, ModelRow, OnDisk


@pytest.fixture
def page(frame: Any, qtbot: Any) -> Any:
    from rushlight.ui.gui.pages.models import ModelsPage

    made: list[Any] = []

    def open_page(width: int = 1296) -> Any:
        one = ModelsPage(frame)
        qtbot.addWidget(one)
        one.resize(width, 800)
        with qtbot.waitExposed(one):
            one.show()
        qtbot.waitUntil(lambda: bool(one.desk.state.bars), timeout=20_000)
        made.append(one)
        return one

    yield open_page
    for one in made:
        one.leave()


class _NoDesk:
    """Writes down what a table or a panel asks for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.then: Callable[[DownloadPlan], None] = lambda _plan: None
        self.failed: Callable[[Error], None] | None = None

    def wish_to_load(self, model_id: str) -> None:
        self.asked.append(("load", model_id))

    def unload(self, model_id: str) -> None:
        self.asked.append(("unload", model_id))

    def stop_loading(self, model_id: str) -> None:
        self.asked.append(("stop", model_id))

    def remove(self, model_id: str) -> None:
        self.asked.append(("remove", model_id))

    def download(self, reference: str) -> None:
        self.asked.append(("download", reference))

    def download_plan(self, reference: str, then: Any, failed: Any = None) -> Any:
        from rushlight.ui.desk.background import Running

        self.asked.append(("plan", reference))
        self.then, self.failed = then, failed
        return Running()


def _row(model_id: str = "acme/big@Q4_K_M", **values: Any) -> ModelRow:
    given: dict[str, Any] = {"label": "big · Q4_K_M", "quantization": "Q4_K_M", "size_bytes": 4_700_000_000,
                             "n_ctx": 32768, "path": Path("/models/big.gguf")}  # fmt: skip
    return ModelRow(model_id, **{**given, **values})


@pytest.fixture
def table(theme: Any, qtbot: Any) -> tuple[Any, _NoDesk, list[str]]:
    from rushlight.ui.gui.models.model_table import ModelTable

    desk, opened = _NoDesk(), []
    made = ModelTable(theme, desk, opened.append)
    qtbot.addWidget(made)
    made.resize(1100, 300)
    with qtbot.waitExposed(made):
        made.show()
    return made, desk, opened


def test_a_row_says_what_it_is_in_words_and_names(table: Any, qtbot: Any) -> None:
    shown, desk, opened = table
    shown.show_rows([_row(fits="yes", fit_text="all layers on the card", speed=52.0, is_default=True)])
    line = shown.lines["acme/big@Q4_K_M"]
    words = [one.text() for one in (line.name, line.type, line.size, line.context, line.fits, line.speed)]
    assert words == ["big", "Q4_K_M", "4.7 GB", "32k", "all layers on the card", "52 tok/s"]
    assert line.fits.property("role") == "chip-good" and line.size.accessibleName() == "Size: 4.7 GB"
    qtbot.waitUntil(line.mark.isVisible)
    line.name.click()
    line.load.click()
    assert opened == ["acme/big@Q4_K_M"] and desk.asked == [("load", "acme/big@Q4_K_M")]


def test_a_row_keeps_its_widgets_and_the_focus_while_it_loads(table: Any, qtbot: Any) -> None:
    shown, desk, _ = table
    shown.show_rows([_row(fits="yes", fit_text="fits")])
    line = shown.lines["acme/big@Q4_K_M"]
    qtbot.waitUntil(line.load.isVisible)
    line.load.setFocus()
    shown.show_rows([_row(fits="yes", fit_text="fits", is_loading=True, load_fraction=0.25)])
    assert line.fits.text() == "loading 25%" and line.stop.hasFocus() and not line.load.isVisible()
    line.stop.click()
    shown.show_rows([_row(fits="yes", fit_text="loaded", is_loaded=True)])
    assert shown.lines["acme/big@Q4_K_M"] is line and line.unload.hasFocus()
    line.unload.click()
    assert desk.asked == [("stop", "acme/big@Q4_K_M"), ("unload", "acme/big@Q4_K_M")]


def test_a_model_without_its_file_says_so_and_can_be_forgotten(table: Any, qtbot: Any) -> None:
    shown, desk, _ = table
    shown.show_rows([_row(problem="The file of big is gone.", hint="Import it again.")])
    line = shown.lines["acme/big@Q4_K_M"]
    qtbot.waitUntil(line.problem.isVisible)
    assert "is gone" in line.problem.text() and "Import it again." in line.problem.text()
    assert line.fits.property("role") == "chip-bad" and not line.load.isVisible()
    line.forget.click()
    assert desk.asked == [("remove", "acme/big@Q4_K_M")]


def test_columns_become_lines_where_there_is_no_room(table: Any, qtbot: Any) -> None:
    shown, _, _ = table
    shown.show_rows([_row(fits="no", fit_text="needs 43 GB, 27 GB free", speed=14.0), _row("other@Q8_0")])
    assert shown.is_wide
    shown.resize(420, 500)
    qtbot.waitUntil(lambda: not shown.is_wide)
    line = shown.lines["acme/big@Q4_K_M"]
    qtbot.waitUntil(line.fits.isVisible)
    assert shown.minimumSizeHint().width() <= 420
    shown.resize(1100, 300)
    qtbot.waitUntil(lambda: shown.is_wide)
    qtbot.waitUntil(lambda: line.fits.isVisible() and line.type.isVisible())


def test_the_page_shows_a_model_its_fit_and_the_memory(page: Any, one_model: Any, qtbot: Any) -> None:
    shown = page()
    line = shown.table.lines[one_model.id]
    qtbot.waitUntil(lambda: line.fits.text() == "fits")
    assert shown.memory.isVisible() and "free" in shown.memory.bars[0].meter.accessibleDescription()


def test_parts_of_memory_are_told_in_words(theme: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.models.memory_card import MemoryCard

    card = MemoryCard(theme)
    qtbot.addWidget(card)
    bar = MemoryBar("Memory", 32_000_000_000, (MemoryPart("Qwen3 <b>", 5_000_000_000, "model"),
                                               MemoryPart("free", 27_000_000_000, "free")))  # fmt: skip
    card.show_bars((bar,))
    assert card.bars[0].meter.accessibleName() == "Memory · 32.0 GB"
    assert card.bars[0].meter.accessibleDescription() == "Qwen3 <b> 5.0 GB, free 27.0 GB"


def test_an_empty_page_offers_every_way(page: Any, frame: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    assert shown.empty.isVisible() and len(shown.empty.buttons) == 3
    shown.empty.buttons[0].click()
    assert shown.get_panel.isVisible() and shown.get_panel.field.hasFocus()
    frame.run_action("models.get")
    assert shown.get_panel.isVisible()


def test_a_file_is_imported_by_a_job_whose_progress_is_in_the_page(
    page: Any, store: App, tiny_gguf: Path, frame: Any, qtbot: Any
) -> None:
    shown = page()
    shown.ask_files = lambda: [str(tiny_gguf)]
    frame.run_action("models.import")
    qtbot.waitUntil(lambda: bool(shown.jobs.cards), timeout=20_000)
    qtbot.waitUntil(lambda: bool(shown.table.lines), timeout=30_000)
    (model,) = store.models
    assert model.owned and not shown.empty.isVisible()
    (card,) = shown.jobs.cards.values()
    qtbot.waitUntil(lambda: card.model.isVisible(), timeout=20_000)
    card.model.click()
    qtbot.waitUntil(lambda: shown.panel.isVisible(), timeout=20_000)
    assert shown.panel.model_id == model.id


def test_only_gguf_files_are_taken_by_dropping(page: Any, tmp_path: Path) -> None:
    from PySide6.QtCore import QMimeData, QUrl

    from rushlight.ui.gui.pages.models import gguf_files

    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.GGUF")), QUrl.fromLocalFile(str(tmp_path / "b.txt")),
                  QUrl("https://hub.example/c.gguf")])  # fmt: skip
    assert gguf_files(data) == [tmp_path / "a.GGUF"]


def test_a_dropped_file_is_imported_and_others_are_refused(page: Any, tmp_path: Path) -> None:
    from PySide6.QtCore import QMimeData, QUrl

    class Drag:
        """As much of Qt's events as the page asks; how they are made differs between Qt's versions."""

        def __init__(self, name: str) -> None:
            self.data, self.is_accepted = QMimeData(), False
            self.data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])

        def mimeData(self) -> QMimeData:
            return self.data

        def acceptProposedAction(self) -> None:
            self.is_accepted = True

    shown = page()
    asked: list[Path] = []
    shown.desk.import_file = lambda path: asked.append(path)
    for name, is_taken in (("b.txt", False), ("a.gguf", True)):
        drag, drop = Drag(name), Drag(name)
        shown.dragEnterEvent(drag)
        assert drag.is_accepted == is_taken == shown._drop_here.isVisible()
        shown.dropEvent(drop)
        assert drop.is_accepted == is_taken
    assert asked == [tmp_path / "a.gguf"] and not shown._drop_here.isVisible()


def test_the_card_tells_facts_and_keeps_sampler_defaults(page: Any, one_model: Any, store: App, qtbot: Any) -> None:
    shown = page()
    shown.table.lines[one_model.id].name.click()
    panel = shown.panel
    qtbot.waitUntil(panel.isVisible, timeout=20_000)
    temperature = panel.sampler.fields["temperature"]
    temperature.field.setText("9")
    temperature.field.editingFinished.emit()
    assert temperature.problem.isVisible() and "between 0 and 5" in temperature.problem.text()
    temperature.field.setText("0,7")
    temperature.field.editingFinished.emit()
    qtbot.waitUntil(lambda: store.catalogue.find(one_model.id).sampling == {"temperature": 0.7})
    assert not temperature.problem.isVisible()
    temperature.field.setText("")
    temperature.field.editingFinished.emit()
    qtbot.waitUntil(lambda: store.catalogue.find(one_model.id).sampling == {})
    panel.close_button.click()
    assert not panel.isVisible()


def test_another_name_is_given_and_taken_back(page: Any, one_model: Any, store: App, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    from rushlight.ui.gui.widgets import Chip

    shown = page()
    shown.show_model(one_model.id)
    qtbot.waitUntil(shown.panel.isVisible, timeout=20_000)
    shown.panel.new_name.setText("pet")
    qtbot.keyClick(shown.panel.new_name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "pet" in store.catalogue.find(one_model.id).aliases)
    qtbot.waitUntil(lambda: bool(shown.panel.names.findChildren(Chip)))
    shown.panel.names.findChildren(Chip)[0].removed.emit()
    qtbot.waitUntil(lambda: "pet" not in store.catalogue.find(one_model.id).aliases)


def test_the_file_is_checked_when_asked(page: Any, store: App, make_gguf: Callable[..., Path], qtbot: Any) -> None:
    from rushlight.assistant.models.importing import import_model

    path = make_gguf("mine.gguf")
    model = import_model(store.catalogue, path, how="in-place").model
    shown = page()
    shown.show_model(model.id)
    qtbot.waitUntil(shown.panel.isVisible, timeout=20_000)
    shown.panel.check_button.click()
    qtbot.waitUntil(lambda: shown.panel.checked.property("role") == "good", timeout=20_000)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    shown.panel.check_button.click()
    qtbot.waitUntil(lambda: shown.panel.checked.property("role") == "bad", timeout=20_000)
    assert path.name in shown.panel.checked.text()


def test_a_model_is_removed_with_a_way_back(page: Any, one_model: Any, store: App, qtbot: Any) -> None:
    shown = page()
    shown.show_model(one_model.id)
    qtbot.waitUntil(shown.panel.isVisible, timeout=20_000)
    shown.panel.remove_button.click()
    assert shown.undo_bar.isVisible() and not shown.table.lines and not shown.panel.isVisible()
    shown.undo_button.click()
    assert one_model.id in shown.table.lines and not shown.undo_bar.isVisible()
    assert [model.id for model in store.models] == [one_model.id]


@pytest.fixture
def get_panel(theme: Any, qtbot: Any) -> tuple[Any, _NoDesk]:
    from rushlight.ui.gui.models.get_panel import GetPanel

    desk = _NoDesk()
    made = GetPanel(theme, desk)
    qtbot.addWidget(made)
    made.open()
    return made, desk


_PLAN = DownloadPlan(
    "acme/big", "acme/big-GGUF", "hub.example", 0,
    (DownloadChoice("hf://acme/big/q4.gguf", "q4.gguf", 4_000_000_000, "yes", "should fit"),
     DownloadChoice("hf://acme/big/f16.gguf", "f16.gguf", 90_000_000_000, "no", "needs 99 GB, 27 GB free")),
    50_000_000_000,
)  # fmt: skip


def test_nothing_is_asked_before_look_and_nothing_fetched_before_download(get_panel: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    panel, desk = get_panel
    qtbot.keyClicks(panel.field, "acme/big")
    assert desk.asked == []
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert desk.asked == [("plan", "acme/big")] and not panel.look_button.isEnabled()
    desk.then(_PLAN)
    assert "hub.example" in panel.state.text() and "50.0 GB are free" in panel.state.text()
    assert [radio.isChecked() for radio in panel.radios] == [True, False]
    assert panel.radios[1].accessibleName() == "f16.gguf, 90.0 GB, needs 99 GB, 27 GB free"
    panel.radios[1].setChecked(True)
    assert panel.download_button.text() == "Download 90.0 GB" and not panel.download_button.isEnabled()
    panel.radios[0].setChecked(True)
    panel.download_button.click()
    assert desk.asked[1:] == [("download", "hf://acme/big/q4.gguf")] and not panel.isVisible()


def test_what_the_hub_cannot_do_is_said_in_the_panel(get_panel: Any) -> None:
    panel, desk = get_panel
    panel.field.setText("acme/none")
    panel.look()
    assert desk.failed is not None
    desk.failed(Error("There is no repository acme/none.", hint="Look at its page."))
    assert panel.problem.isVisible() and panel.look_button.isEnabled()
    assert panel.problem.hint.text() == "Look at its page."


def test_another_name_forgets_the_plan(get_panel: Any, qtbot: Any) -> None:
    panel, desk = get_panel
    panel.field.setText("acme/big")
    panel.look()
    desk.then(_PLAN)
    qtbot.keyClicks(panel.field, "x")
    assert not panel.download_button.isVisible() and not panel.choices.isVisible()


def test_files_of_other_programs_are_used_where_they_are(page: Any, qtbot: Any, tmp_path: Path) -> None:
    shown = page()
    asked: list[tuple[Path, str]] = []
    shown.desk.import_file = lambda path, how="copy": asked.append((path, how))
    tiny = OnDisk("ollama:tiny", "Ollama", "tiny <b>", tmp_path / "t", 5_000, "yes", "should fit")
    half = OnDisk("jan:half", "Jan", "half", tmp_path / "h", 5_000, is_complete=False, problem="parts are missing")
    found = (tiny, half)
    shown.disk.show()
    shown._show_found(found)
    assert len(shown.disk_list.buttons) == 1 and shown.disk_list.buttons[0].accessibleName() == "Use tiny <b>"
    shown.disk_list.buttons[0].click()
    assert asked == [(tmp_path / "t", "in-place")] and not shown.disk.isVisible()


def test_everything_that_takes_the_focus_has_a_name(page: Any, one_model: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QWidget

    shown = page()
    shown.get()
    shown.show_model(one_model.id)
    qtbot.waitUntil(shown.panel.isVisible, timeout=20_000)
    nameless = [
        widget
        for widget in shown.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.accessibleName()
    ]
    assert nameless == []


def test_two_hundred_models_are_shown_soon(table: Any) -> None:
    shown, _, _ = table
    begin_s = time.perf_counter()
    shown.show_rows([_row(f"acme/m{number}@Q8_0", fits="yes", fit_text="fits") for number in range(200)])
    assert time.perf_counter() - begin_s < 5.0


def test_at_200_percent_in_a_small_window_nothing_lies_beside_the_page(
    page: Any, one_model: Any, frame: Any, qtbot: Any
) -> None:
    shown = page()
    shown.get()
    shown.get_panel._show_plan(_PLAN)
    frame.theme.set_scale(2.0)
    try:
        shown.resize(772, 540)
        column = shown._column
        qtbot.waitUntil(lambda: column.widget().minimumSizeHint().width() <= column.viewport().width())
        assert shown.width() <= 772
        shown.show_model(one_model.id)
        qtbot.waitUntil(shown.panel.isVisible, timeout=20_000)
        qtbot.waitUntil(lambda: column.widget().minimumSizeHint().width() <= column.viewport().width())
    finally:
        frame.theme.set_scale(1.0)


# --- what loading takes ---------------------------------------------------------------------------------------------
def test_a_remote_model_says_that_it_leaves_this_machine(table: Any) -> None:
    shown, _desk, _opened = table
    shown.show_rows([_row(is_remote=True, url="http://far:1/v1", fit_text="leaves this machine"), _row("b/c@F16")])
    far, near = shown.lines.values()
    assert not far.remote.isHidden() and near.remote.isHidden()
    assert far.load.isHidden() and not near.load.isHidden() and far.size.isHidden()


def test_what_runs_says_how_and_how_fast(table: Any) -> None:
    shown, _desk, _opened = table
    shown.show_rows([_row(is_loaded=True, in_use=True, speed=40.0, speed_now=52.0, live_text="on the processor")])
    (line,) = shown.lines.values()
    assert line.speed.text() == "52 tok/s now" and line.fits.toolTip() == "on the processor"


def test_what_does_not_fit_leads_to_a_smaller_one(theme: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.models.model_table import ModelTable

    wanted: list[str] = []
    shown = ModelTable(theme, _NoDesk(), lambda _id: None, wanted.append)
    qtbot.addWidget(shown)
    shown.resize(1200, 300)
    shown.show()
    shown.show_rows([_row(fits="no", fit_text="needs 43 GB, 27 GB free")])
    (line,) = shown.lines.values()
    line.smaller.click()
    assert wanted == ["acme/big@Q4_K_M"]


def test_a_plan_is_shown_before_loading_costs_anything(theme: Any, qtbot: Any) -> None:
    from rushlight.ui.desk.model_loading import PlanRow
    from rushlight.ui.gui.models.plan_card import PlanCard

    done: list[str] = []

    class Desk:
        def load(self, model_id: str) -> None:
            done.append(f"load {model_id}")

        def leave_plan(self) -> None:
            done.append("leave")

    card = PlanCard(theme, Desk(), lambda model_id: done.append(f"smaller {model_id}"))
    qtbot.addWidget(card)
    card.show_plan(PlanRow("a", "A <b>", "unloads", "It fits once B is unloaded.", ("3 GB of memory",)))
    assert card.isVisible() and card.title.text() == "Loading A <b>" and not card.smaller_button.isVisible()
    card.load_button.click()
    card.show_plan(PlanRow("a", "A", "does-not-fit", "It needs 43 GB.", ()))
    assert card.load_button.text() == "Try it all the same"
    card.smaller_button.click()
    qtbot.keyClick(card, Qt.Key.Key_Escape)
    card.show_plan(None)
    assert done == ["load a", "smaller a", "leave"] and not card.isVisible()


def test_how_a_model_is_loaded_is_set_field_by_field(theme: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.models.load_form import LoadForm

    heard: list[tuple[str, str]] = []
    form = LoadForm(theme, lambda name, value: heard.append((name, value)))
    qtbot.addWidget(form)
    form.show()
    form.show_values((("context", "4096"),))
    context, kv = form.rows["context"], form.rows["kv_type"]
    assert context.widget.text() == "4096" and kv.choice is not None
    context.widget.setText("lots")
    context.widget.editingFinished.emit()
    assert context.problem.isVisible() and heard == []
    context.widget.setText("")
    context.widget.editingFinished.emit()
    at = kv.widget.findData("q8_0")
    kv.widget.activated.emit(at)
    assert heard == [("context", ""), ("kv_type", "q8_0")] and not context.problem.isVisible()


def test_at_300_percent_in_1000_pixels_nothing_lies_beside_the_page(
    page: Any, one_model: Any, frame: Any, qtbot: Any
) -> None:
    shown = page()
    frame.theme.set_scale(3.0)
    try:
        shown.resize(808, 640)
        shown.show_model(one_model.id)
        qtbot.waitUntil(shown.panel.isVisible, timeout=20_000)
        column = shown._column
        qtbot.waitUntil(lambda: column.widget().minimumSizeHint().width() <= column.viewport().width())
        assert not shown.table.is_wide
    finally:
        frame.theme.set_scale(1.0)
