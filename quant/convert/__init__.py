"""Hugging Face folders into GGUF and back, table-driven: one module for each family of architectures."""
