"""The style sheet of the window, made from the tokens. Looks are asked for by the property "role".

Roles of buttons: primary, ghost, chip, chip-accent, danger, link, name; of labels: muted, faint, title, large, small,
strong, good, bad, info, heading, chip, chip-accent, chip-good, chip-bad; of frames: card, head, side, line.
Knows no widget.

Small drawings are named "sheet:light/check.svg"; `theme.py` says where that is.
"""

from collections.abc import Callable

from rushlight.ui.desk.tokens import Tokens


def sheet(tokens: Tokens, px: Callable[[float], int], *, is_mirrored: bool = False) -> str:
    """All rules. `px` scales pixels of the drawings; `is_mirrored` where the language is written from the right."""
    return "\n".join((_base(tokens, px, is_mirrored), _labels(tokens, px), _buttons(tokens, px), _fields(tokens, px),
                      _views(tokens, px), _bars(tokens, px)))  # fmt: skip


def _base(t: Tokens, px: Callable[[float], int], is_mirrored: bool) -> str:
    outer, inner = ("left", "right") if is_mirrored else ("right", "left")
    return f"""
QMainWindow, QDialog {{ background: {t.background}; }}
QToolTip {{ background: {t.raised}; color: {t.ink}; border: 1px solid {t.line}; padding: {px(4)}px {px(8)}px; }}
QFrame[role="card"] {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: {px(12)}px; }}
QFrame[role="raised"] {{ background: {t.raised}; border: 1px solid {t.line}; border-radius: {px(12)}px; }}
QFrame[role="notice"] {{ background: {t.surface}; border: 1px dashed {t.line}; border-radius: {px(12)}px; }}
QFrame[role="problem"] {{ background: {t.bad_soft}; border: 1px solid {t.bad}; border-radius: {px(12)}px; }}
QFrame[role="head"] {{ background: {t.background}; border: none; border-bottom: 1px solid {t.line}; }}
QFrame[role="side"] {{ background: {t.side}; border: none; border-{outer}: 1px solid {t.line}; }}
QFrame[role="side-list"] {{ background: {t.side}; border: none; }}
QFrame[role="side-right"] {{ background: {t.side}; border: none; border-{inner}: 1px solid {t.line}; }}
QFrame[role="status"] {{ background: {t.raised}; border: none; border-top: 1px solid {t.line}; }}
QFrame[role="line"] {{ background: {t.line}; border: none; max-height: 1px; min-height: 1px; }}
QScrollArea, QStackedWidget {{ background: transparent; border: none; }}
QScrollArea > QWidget > QWidget {{ background: transparent; }}
QSplitter::handle {{ background: {t.line}; }}
"""


def _labels(t: Tokens, px: Callable[[float], int]) -> str:
    chip = f"border-radius: {px(10)}px; padding: {px(3)}px {px(10)}px; font-size: {px(12)}px;"
    return f"""
QLabel {{ background: transparent; color: {t.ink}; border: none; }}
QLabel:disabled {{ color: {t.faint}; }}
QLabel[role="muted"] {{ color: {t.muted}; }}
QLabel[role="faint"] {{ color: {t.faint}; font-size: {px(12)}px; }}
QLabel[role="small"] {{ color: {t.muted}; font-size: {px(12)}px; }}
QLabel[role="heading"] {{ font-size: {px(15)}px; font-weight: 600; }}
QLabel[role="strong"] {{ font-weight: 600; }}
QLabel[role="title"] {{ font-size: {px(20)}px; font-weight: 600; }}
QLabel[role="large"] {{ font-size: {px(28)}px; font-weight: 600; }}
QLabel[role="good"] {{ color: {t.good}; }}
QLabel[role="bad"] {{ color: {t.bad}; }}
QLabel[role="info"] {{ color: {t.info}; }}
QLabel[role="accent"] {{ color: {t.accent}; }}
QLabel[role="chip"] {{ background: {t.surface}; color: {t.muted}; border: 1px solid {t.line}; {chip} }}
QLabel[role="chip-accent"] {{ background: {t.accent_soft}; color: {t.accent};
    border: 1px solid {t.accent_soft}; {chip} }}
QLabel[role="chip-good"] {{ background: {t.good_soft}; color: {t.good}; border: 1px solid {t.good_soft}; {chip} }}
QLabel[role="chip-bad"] {{ background: {t.bad_soft}; color: {t.bad}; border: 1px solid {t.bad_soft}; {chip} }}
QLabel[role="key"] {{ background: {t.surface}; color: {t.muted}; border: 1px solid {t.line}; border-radius: {px(4)}px;
    padding: 0 {px(5)}px; font-family: "JetBrains Mono"; font-size: {px(11)}px; }}
"""


def _buttons(t: Tokens, px: Callable[[float], int]) -> str:
    """A ring of two pixels shows the focus; the padding gives way so that nothing moves."""
    return f"""
QPushButton {{ background: {t.surface}; color: {t.ink}; border: 1px solid {t.line}; border-radius: {px(8)}px;
    padding: {px(6)}px {px(14)}px; font-size: {px(13)}px; font-weight: 600; min-height: {px(20)}px; }}
QPushButton:hover {{ border-color: {t.faint}; }}
QPushButton:pressed, QPushButton:checked {{ background: {t.accent_soft}; }}
QPushButton:disabled {{ color: {t.faint}; background: transparent; }}
QPushButton:focus {{ border: 2px solid {t.accent}; padding: {px(6) - 1}px {px(14) - 1}px; }}
QPushButton[role="primary"] {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; }}
QPushButton[role="primary"]:hover {{ background: {_nearer(t.accent, t.ink, 0.12)}; }}
QPushButton[role="primary"]:pressed {{ background: {_nearer(t.accent, t.ink, 0.22)}; }}
QPushButton[role="primary"]:disabled {{ background: {t.line}; color: {t.muted}; border-color: {t.line}; }}
QPushButton[role="primary"]:focus {{ border: 2px solid {t.ink}; }}
QPushButton[role="danger"] {{ color: {t.bad}; border-color: {t.bad}; }}
QPushButton[role="danger"]:hover {{ background: {t.bad_soft}; }}
QPushButton[role="ghost"] {{ background: transparent; border-color: transparent; color: {t.muted}; font-weight: 400; }}
QPushButton[role="ghost"]:hover {{ color: {t.ink}; background: {t.accent_soft}; }}
QPushButton[role="ghost"]:focus {{ border: 2px solid {t.accent}; color: {t.ink}; }}
QPushButton[role="link"] {{ background: transparent; border: 1px solid transparent; color: {t.accent};
    padding: {px(2)}px {px(4)}px; font-weight: 400; min-height: 0; }}
QPushButton[role="link"]:hover {{ text-decoration: underline; }}
QPushButton[role="link"]:focus {{ border: 2px solid {t.accent}; padding: {px(2) - 1}px {px(4) - 1}px; }}
QPushButton[role="name"] {{ background: transparent; border: 1px solid transparent; text-align: left;
    padding: {px(2)}px {px(4)}px; min-height: 0; }}
QPushButton[role="name"]:hover {{ text-decoration: underline; }}
QPushButton[role="name"]:focus {{ border: 2px solid {t.accent}; padding: {px(2) - 1}px {px(4) - 1}px; }}
QPushButton[role="chip"], QPushButton[role="chip-accent"] {{ border-radius: {px(12)}px; padding: {px(3)}px {px(10)}px;
    min-height: {px(18)}px; font-size: {px(12)}px; font-weight: 400; color: {t.muted}; background: {t.surface}; }}
QPushButton[role="chip"]:hover {{ color: {t.ink}; border-color: {t.faint}; }}
QPushButton[role="chip"]:checked {{ color: {t.accent}; background: {t.accent_soft}; border-color: {t.accent_soft}; }}
QPushButton[role="chip-accent"] {{ color: {t.accent}; background: {t.accent_soft}; border-color: {t.accent_soft}; }}
QPushButton[role="chip-accent"]:hover {{ border-color: {t.accent}; }}
QPushButton[role="chip"]:focus, QPushButton[role="chip-accent"]:focus {{ border: 2px solid {t.accent};
    padding: {px(3) - 1}px {px(10) - 1}px; }}
QPushButton[role="field"] {{ text-align: left; font-weight: 400; padding: {px(5)}px {px(10)}px; color: {t.muted}; }}
QPushButton[role="field"]:focus {{ padding: {px(5) - 1}px {px(10) - 1}px; }}
QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: {px(8)}px; color: {t.muted};
    padding: {px(5)}px; font-size: {px(12)}px; }}
QToolButton:hover {{ background: {t.accent_soft}; color: {t.ink}; }}
QToolButton:checked {{ background: {t.accent_soft}; color: {t.accent}; }}
QToolButton:focus {{ border: 2px solid {t.accent}; padding: {px(5) - 1}px; }}
QToolButton:disabled {{ color: {t.faint}; }}
QToolButton::menu-indicator {{ image: none; }}
QPushButton::menu-indicator {{ image: none; }}
QCheckBox, QRadioButton {{ color: {t.ink}; spacing: {px(8)}px; background: transparent; border: 1px solid transparent;
    border-radius: {px(4)}px; padding: {px(2)}px; }}
QCheckBox:focus, QRadioButton:focus {{ border: 2px solid {t.accent}; padding: {px(2) - 1}px; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: {px(14)}px; height: {px(14)}px; border: 1px solid {t.muted};
    background: {t.surface}; }}
QCheckBox::indicator {{ border-radius: {px(4)}px; }}
QRadioButton::indicator {{ border-radius: {(px(14) + 2) // 2}px; }}
QCheckBox::indicator:checked, QRadioButton::indicator:checked {{ background: {t.accent}; border-color: {t.accent}; }}
QCheckBox::indicator:checked {{ image: url(sheet:{t.name}/check.svg); }}
QRadioButton::indicator:checked {{ image: url(sheet:{t.name}/dot.svg); }}
QSlider::groove:horizontal {{ height: {px(4)}px; background: {t.line}; border-radius: {px(2)}px; }}
QSlider::sub-page:horizontal {{ background: {t.flame}; border-radius: {px(2)}px; }}
QSlider::handle:horizontal {{ width: {px(14)}px; margin: -{px(6)}px 0; border-radius: {px(7)}px;
    background: {t.accent}; border: 1px solid {t.accent}; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {t.ink}; }}
"""


def _fields(t: Tokens, px: Callable[[float], int]) -> str:
    fields = "QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox"
    focus = ", ".join(f"{name.strip()}:focus" for name in fields.split(","))
    disabled = ", ".join(f"{name.strip()}:disabled" for name in fields.split(","))
    return f"""
{fields} {{ background: {t.surface}; color: {t.ink}; border: 1px solid {t.line}; border-radius: {px(8)}px;
    padding: {px(5)}px {px(9)}px; selection-background-color: {t.accent}; selection-color: {t.on_accent};
    placeholder-text-color: {t.muted}; }}
QLineEdit {{ lineedit-clear-button-icon: url(sheet:{t.name}/clear.svg); }}
QLineEdit, QAbstractSpinBox, QComboBox {{ min-height: {px(20)}px; }}
{focus} {{ border: 2px solid {t.accent}; padding: {px(5) - 1}px {px(9) - 1}px; }}
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus, QComboBox QLineEdit, QComboBox QLineEdit:focus {{
    border: none; background: transparent; padding: 0 {px(4)}px; min-height: 0; }}
{disabled} {{ color: {t.faint}; background: {t.background}; }}
QLineEdit[invalid="true"], QAbstractSpinBox[invalid="true"], QComboBox[invalid="true"] {{ border-color: {t.bad}; }}
QLineEdit[role="bare"], QPlainTextEdit[role="bare"], QTextEdit[role="bare"] {{ border: none; background: transparent;
    padding: 0; }}
QComboBox::drop-down {{ border: none; width: {px(22)}px; }}
QComboBox::down-arrow {{ image: url(sheet:{t.name}/down.svg); width: {px(14)}px; height: {px(14)}px; }}
QAbstractSpinBox {{ padding-right: {px(24)}px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; background: transparent; width: {px(20)}px;
    subcontrol-origin: border; }}
QAbstractSpinBox::up-button {{ subcontrol-position: top right; margin: {px(3)}px {px(3)}px 0 0; }}
QAbstractSpinBox::down-button {{ subcontrol-position: bottom right; margin: 0 {px(3)}px {px(3)}px 0; }}
QAbstractSpinBox::up-arrow {{ image: url(sheet:{t.name}/up.svg); width: {px(11)}px; height: {px(11)}px; }}
QAbstractSpinBox::down-arrow {{ image: url(sheet:{t.name}/down.svg); width: {px(11)}px; height: {px(11)}px; }}
QComboBox QAbstractItemView {{ background: {t.raised}; color: {t.ink}; border: 1px solid {t.line}; outline: none;
    selection-background-color: {t.accent_soft}; selection-color: {t.ink}; }}
"""


def _views(t: Tokens, px: Callable[[float], int]) -> str:
    views = "QListView, QTreeView, QTableView"
    items = ", ".join(f"{name.strip()}::item" for name in views.split(","))
    selected = ", ".join(f"{name.strip()}::item:selected" for name in views.split(","))
    return f"""
{views} {{ background: transparent; color: {t.ink}; border: none; outline: none; gridline-color: {t.line};
    selection-background-color: {t.accent_soft}; selection-color: {t.ink}; }}
{items} {{ padding: {px(6)}px {px(8)}px; }}
{selected} {{ background: {t.accent_soft}; color: {t.ink}; }}
QHeaderView {{ background: transparent; border: none; }}
QHeaderView::section {{ background: transparent; color: {t.muted}; border: none; border-bottom: 1px solid {t.line};
    padding: {px(8)}px {px(10)}px; font-size: {px(12)}px; font-weight: 400; }}
QProgressBar {{ background: {t.line}; border: none; border-radius: {px(3)}px; min-height: {px(6)}px;
    max-height: {px(6)}px; color: transparent; }}
QProgressBar::chunk {{ background: {t.flame}; border-radius: {px(3)}px; }}
QTabBar::tab {{ background: transparent; color: {t.muted}; padding: {px(6)}px {px(12)}px; border: none; }}
QTabBar::tab:selected {{ color: {t.ink}; border-bottom: 2px solid {t.accent}; }}
QGroupBox {{ border: 1px solid {t.line}; border-radius: {px(12)}px; margin-top: {px(10)}px; padding: {px(12)}px; }}
"""


def _bars(t: Tokens, px: Callable[[float], int]) -> str:
    return f"""
QScrollBar:vertical {{ background: transparent; width: {px(10)}px; margin: 0; border: none; }}
QScrollBar:horizontal {{ background: transparent; height: {px(10)}px; margin: 0; border: none; }}
QScrollBar::handle {{ background: {t.faint}; border-radius: {px(3)}px; margin: {px(2)}px; }}
QScrollBar::handle:vertical {{ min-height: {px(32)}px; }}
QScrollBar::handle:horizontal {{ min-width: {px(32)}px; }}
QScrollBar::handle:hover {{ background: {t.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; border: none; background: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
QMenuBar {{ background: {t.side}; color: {t.muted}; border-bottom: 1px solid {t.line}; font-size: {px(12)}px; }}
QMenuBar::item {{ padding: {px(4)}px {px(9)}px; background: transparent; border-radius: {px(4)}px; }}
QMenuBar::item:selected {{ background: {t.accent_soft}; color: {t.ink}; }}
QMenu {{ background: {t.raised}; color: {t.ink}; border: 1px solid {t.line}; padding: {px(4)}px;
    font-size: {px(13)}px; }}
QMenu::item {{ padding: {px(5)}px {px(24)}px {px(5)}px {px(12)}px; border-radius: {px(6)}px; }}
QMenu::item:selected {{ background: {t.accent_soft}; color: {t.ink}; }}
QMenu::item:disabled {{ color: {t.faint}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: {px(4)}px {px(8)}px; }}
QStatusBar {{ background: {t.background}; color: {t.muted}; }}
"""


def _nearer(color: str, to: str, part: float) -> str:
    """`color` moved by `part` of the way to another one."""
    mixed = [round(int(color[at : at + 2], 16) * (1 - part) + int(to[at : at + 2], 16) * part) for at in (1, 3, 5)]
    return "#" + "".join(f"{value:02X}" for value in mixed)
