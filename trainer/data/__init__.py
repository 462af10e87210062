"""Data for training: reading, cleaning, near-duplicates, private details, and splitting. Knows texts, no model."""
