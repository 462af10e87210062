"""Merging models and adapters without training: one method a file, streamed tensor by tensor."""
