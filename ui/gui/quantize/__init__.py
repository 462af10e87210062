"""Quantizing as widgets: what is wanted, what was made, how it compares. The page: `pages/quantize.py`."""
