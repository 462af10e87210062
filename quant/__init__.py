"""GGUF files and number formats: checking, reading, converting and quantizing. Knows no conversation and no process."""
