"""Lessons: what the assistant can learn from, made of chats, files and databases; kept, reviewed, split."""
