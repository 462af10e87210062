"""Asking databases as widgets: tables, question, statement, rows, chart, advice, examples. The page: `pages/sql.py`."""
