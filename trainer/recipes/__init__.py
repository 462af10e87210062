"""Recipes: what a model learns from, and by which loss. The loop around them is the same for all."""
