"""Kinds of jobs that join the trainer and the assistant: the one layer that knows both. Registered as entry points."""
