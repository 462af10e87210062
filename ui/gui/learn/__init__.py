"""Parts of the page of learning: the list at its left, the card to teach something, lessons, curves, proofs."""
