"""Where a model to train comes from, and how it computes. The training loop is the same for all."""
