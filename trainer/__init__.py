"""Data, recipes, merging and evaluation: from raw text to a better model. Knows no window and no conversation."""

import os

# oneDNN (below torch) and ggml both use the tiles of AMX, and each believes that they are set up as it left them: a
# process in which both compute, as tests and proofs do, ends with an illegal instruction. Read at oneDNN's first use.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
