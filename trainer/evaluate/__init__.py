"""Evaluation: what an adapter does better than its base and what it does worse, and whether it may be promoted."""
