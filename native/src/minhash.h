// MinHash (Broder 1997): the smallest value of every permutation over all shingles of a text.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu.h"
#include "shingles.h"

namespace rushlight {

constexpr std::size_t kMostPermutations = 1024;
constexpr std::uint32_t kNoShingle = 0xFFFFFFFFu;

// `signatures`: n rows of n_permutations numbers, permutation j of the upper half x of a shingle being
// (factor_j * x + addend_j) mod 2^32. A row without a shingle is all kNoShingle, with the fingerprint 0. Fingerprints are
// equal where the shingles are, in the same order.
struct MinhashTask {
    Texts texts;
    Shingling shingling;
    std::size_t n_permutations;  // a multiple of 16, at most kMostPermutations
    std::uint32_t *signatures;
    std::uint64_t *fingerprints;
};

// May throw std::bad_alloc.
void minhash_texts(const MinhashTask &task, std::size_t n_threads, CpuPath path);

// Lowers `mins`, of `n_permutations`, by `n` values. A permutation's factor is odd.
struct MinhashRow {
    const std::uint32_t *values;
    std::size_t n;
    const std::uint32_t *factors;
    const std::uint32_t *addends;
    std::size_t n_permutations;
    std::uint32_t *mins;
};

void lower_mins_plain(const MinhashRow &row) noexcept;
void lower_mins_scalar(const MinhashRow &row) noexcept;
void lower_mins_avx2(const MinhashRow &row) noexcept;
void lower_mins_avx512(const MinhashRow &row) noexcept;

}  // namespace rushlight
