"""Texts and chats made ready to learn from: read, cleaned, compared, redacted, split; cut, masked and packed."""
