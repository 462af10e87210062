"""The SQLite file of conversations, models and jobs, and its migrations."""
