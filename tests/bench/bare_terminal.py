"""A child of bench_tui: the smallest Textual app that shows Markdown and takes a line of text."""

from textual.app import App, ComposeResult
from textual.widgets import Input, Markdown


class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield Markdown("# Conversation number 1\n\nHello")
        yield Input()

    def on_mount(self) -> None:
        self.query_one(Input).focus()


if __name__ == "__main__":
    Bare().run()
