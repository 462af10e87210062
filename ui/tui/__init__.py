"""The terminal app: the same pages as the window, by keyboard, in Textual.

Draws what the desks say and hands back what the user did. The only folder that may import textual.
"""
