"""Conversations: their tree of messages, search, feedback, presets, and the session that talks to a model."""
