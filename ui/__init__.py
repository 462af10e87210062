"""The faces: command line, terminal app and window. They know everything below; nothing below knows them."""
