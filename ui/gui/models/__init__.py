"""Models as widgets: memory bars, the table, one model's card, getting another. The page is in `pages/models.py`."""
