"""C++ kernels, or the same in plain Python where no compiler was.

Knows numbers and bytes only: no files, no models, no settings. `COMPILED` says which of the two is in use;
_kernels.pyi is the contract of both.
"""

__all__ = [
    "COMPILED",
    "ActivationSums",
    "NgramIndex",
    "abort_callback_address",
    "add_moments",
    "cluster_texts",
    "common_prefix_length",
    "count_sizes",
    "cpu_path",
    "estimate_ngrams",
    "merge_trimmed",
    "minhash_texts",
    "ngrams_from_arpa",
    "ngrams_to_arpa",
    "quantize_rows",
    "round_with_feedback",
    "score_logits",
    "score_ngrams",
    "score_words",
]

try:
    from rushlight.native._kernels import (
        ActivationSums,
        NgramIndex,
        abort_callback_address,
        add_moments,
        cluster_texts,
        common_prefix_length,
        count_sizes,
        cpu_path,
        estimate_ngrams,
        merge_trimmed,
        minhash_texts,
        ngrams_from_arpa,
        ngrams_to_arpa,
        quantize_rows,
        round_with_feedback,
        score_logits,
        score_ngrams,
        score_words,
    )

    COMPILED = True
except ModuleNotFoundError:
    # Only a module that is not there: one that is there and does not load is a fault to be seen, not a slow day.
    from rushlight.native._fallback import (  # type: ignore[assignment]  # two classes, one contract
        ActivationSums,
        NgramIndex,
        abort_callback_address,
        add_moments,
        cluster_texts,
        common_prefix_length,
        count_sizes,
        cpu_path,
        estimate_ngrams,
        merge_trimmed,
        minhash_texts,
        ngrams_from_arpa,
        ngrams_to_arpa,
        quantize_rows,
        round_with_feedback,
        score_logits,
        score_ngrams,
        score_words,
    )

    COMPILED = False
