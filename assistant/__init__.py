"""The assistant itself: models, engines, conversations and the host that owns them. Knows no window and no terminal."""
