// Clusters of texts that are nearly the same: bands of MinHash signatures find candidates, their shingles decide.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "shingles.h"

namespace rushlight {

// Texts are numbered through all columns. Signatures and fingerprints are those of minhash_texts, made with `shingling`.
struct ClusterTask {
    std::vector<Texts> columns;
    Shingling shingling;
    const std::uint32_t *signatures;
    const std::uint64_t *fingerprints;
    std::size_t n;
    std::size_t n_permutations;
    std::size_t n_bands;  // divides n_permutations
    double threshold;     // texts whose shingles have this Jaccard similarity or more belong together
    bool wants_pairs;     // every candidate pair is looked at, also of texts that are known to belong together
    const std::atomic<std::uint8_t> *stop;
    std::int64_t *labels;  // the lowest number in each text's cluster
};

// The pairs that were found, lower number first, when wanted. False in `is_done` after a stop. May throw std::bad_alloc.
std::vector<std::int64_t> cluster_texts(const ClusterTask &task, std::size_t n_threads, bool &is_done);

}  // namespace rushlight
