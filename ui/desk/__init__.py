"""What the window and the terminal app share: the state and the actions of a face, without a widget.

Knows the app and the words; knows neither Qt nor Textual. A face draws what these modules tell it and hands back
what the user did.
"""
