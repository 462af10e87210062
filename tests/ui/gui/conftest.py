"""The cast of the window's tests: Qt without a screen, its warnings as errors, the whole window or a small stand-in."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before anything makes an application

QtWidgets = pytest.importorskip("PySide6.QtWidgets", reason="the window needs the extra `gui`")

from rushlight.assistant.app import App  # noqa: E402
from rushlight.assistant.engine.engine import FakeEngine  # noqa: E402
from rushlight.assistant.models.importing import import_model  # noqa: E402
from rushlight.assistant.models.model import Model  # noqa: E402
from rushlight.assistant.paths import find_paths  # noqa: E402
from rushlight.assistant.settings import read_settings  # noqa: E402

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here opens widgets; whatever Qt warns of fails it."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.gui)
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            # The platform without a screen says so of every window.
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support", extend=True))


@pytest.fixture(autouse=True)
def no_collection_elsewhere() -> None:
    """As in the program (`gui.collecting`): a thread of this or a later test must not destroy what is Qt's."""
    gc.disable()


def pytest_runtest_logfinish() -> None:
    """Nothing holds the test's things any more. None was collected in between, so all of them are young."""
    gc.collect(1)
    gc.enable()


@pytest.fixture
def fake_engine() -> FakeEngine:
    """What answers in `open_app`; a test may replace `pieces`."""
    return FakeEngine(["Hello", " there"])


@pytest.fixture
def open_app(fake_engine: FakeEngine) -> Callable[[], App]:
    """Opens an app of this test's home whose every engine is `fake_engine`."""

    def open_it() -> App:
        paths = find_paths()
        return App(
            paths, read_settings(paths)[0], host="in-process", open_engine=lambda _load, _stop, _tell: fake_engine
        )

    return open_it


@pytest.fixture
def store(open_app: Callable[[], App]) -> Iterator[App]:
    """An app of the test's own, to prepare and to look."""
    with open_app() as app:
        yield app


@pytest.fixture
def one_model(store: App, tiny_gguf: Path) -> Model:
    """A small model in the catalogue, used in place: without one the window shows the first start."""
    return import_model(store.catalogue, tiny_gguf, how="in-place").model


@pytest.fixture
def theme(qapp: Any) -> Iterator[Any]:
    """The light theme at 100 %, given to the application."""
    from rushlight.ui.gui.theme import Theme

    made = Theme("light")
    made.apply()
    yield made
    made.deleteLater()


class StandIn:
    """A `Frame` for the test of one page: writes down what the page asks of its window."""

    def __init__(self, background: Any, remembered: Any, theme: Any) -> None:
        self.background, self.remembered, self.theme = background, remembered, theme
        self.shown_pages: list[str] = []
        self.opened: list[tuple[str | None, str | None]] = []
        self.noted: list[tuple[str | None, str]] = []
        self.ran: list[str] = []
        self.bound: dict[str, list[tuple[Callable[[], None], Any]]] = {}
        self.told: list[tuple[str, str]] = []
        self.told_actions: list[Callable[[], None] | None] = []

    def show_page(self, page_id: str) -> None:
        self.shown_pages.append(page_id)

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        self.opened.append((conversation_id, message_id))

    def note_conversation(self, conversation_id: str | None, title: str = "") -> None:
        self.noted.append((conversation_id, title))

    def run_action(self, action_id: str) -> None:
        """Does what was bound, as the window would."""
        self.ran.append(action_id)
        if self.bound.get(action_id):
            self.bound[action_id][-1][0]()

    def bind(self, action_id: str, slot: Callable[[], None], widget: Any) -> None:
        from rushlight.ui.desk.actions import action

        assert action(action_id)
        self.bound.setdefault(action_id, []).append((slot, widget))

    def can_run(self, action_id: str) -> bool:
        return bool(self.bound.get(action_id))

    def tell(
        self, text: str, kind: str = "info", *, action: str = "", on_action: Callable[[], None] | None = None
    ) -> None:
        self.told.append((text, kind))
        self.told_actions.append(on_action)

    def side(self) -> None:
        return None


@pytest.fixture
def frame(theme: Any, open_app: Callable[[], App]) -> Iterator[StandIn]:
    """What a page under test gets as its window."""
    from rushlight.ui.desk.background import Background
    from rushlight.ui.desk.remembered import Remembered
    from rushlight.ui.gui.crossing import Crossing

    crossing = Crossing()
    background = Background(open_app, crossing.deliver)
    made = StandIn(background, Remembered(find_paths().data / "window.json"), theme)
    background.on_error = lambda err: made.told.append((err.message, "bad"))
    yield made
    background.close()
    crossing.close()


@pytest.fixture
def shown_page(frame: Any, qtbot: Any) -> Iterator[Callable[[Any, int, int], Any]]:
    """`shown_page(JobsPage(frame), 900, 600)`: the page once it has looked; it is left after the test."""
    made: list[Any] = []

    def show(page: Any, width: int, height: int) -> Any:
        qtbot.addWidget(page)
        page.resize(width, height)
        with qtbot.waitExposed(page):
            page.show()
        qtbot.waitUntil(lambda: not page.desk.state.is_loading)
        made.append(page)
        return page

    yield show
    for page in made:
        page.leave()


@pytest.fixture
def application(qapp: Any, open_app: Callable[[], App]) -> Iterator[Any]:
    """The window's application over this test's home, no window yet: `application.open_window()`."""
    from rushlight.ui.gui.application import Application

    made = Application(find_paths(), open_app=open_app, theme_choice="light")
    yield made
    made.close()


@pytest.fixture
def window(application: Any, one_model: Model, qtbot: Any) -> Any:
    """The first window, shown, 1360 x 860, with a model in the catalogue."""
    made = application.open_window()
    made.resize(1360, 860)
    with qtbot.waitExposed(made):
        made.show()
    return made
