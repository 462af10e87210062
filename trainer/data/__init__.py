"""Texts and chats made ready to learn from: cleaned, cut, masked and packed."""
