"""The window: Rushlight's face in Qt.

The only package that knows PySide6. It draws what `ui.desk` tells it and hands back what the user did; nothing here
reads the store or runs a model.
"""
