"""The messages of a conversation in the window: `MessageView`."""

from rushlight.ui.gui.message_view.view import MessageView

__all__ = ["MessageView"]
