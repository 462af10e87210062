"""The families, one module each: how their tensors and settings are called on either side."""
