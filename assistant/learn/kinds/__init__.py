"""The kinds of lessons, one module each: what examples are made of."""
