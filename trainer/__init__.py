"""Data, recipes, merging and evaluation: from raw text to a better model. Knows no window and no conversation."""
