"""The registry: which adapters there are, what they learned from, which of them is live in which scope."""
