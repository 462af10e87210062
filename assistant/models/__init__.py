"""Model files: catalogue, import, discovery, download and what fits into memory."""
