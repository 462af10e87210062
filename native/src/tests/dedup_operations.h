// Random bytes as texts: signatures on every path and with any number of threads are equal, and clusters hold together.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <vector>

#include "../minhash.h"
#include "../near_duplicates.h"
#include "operations.h"

namespace rushlight::test {

inline void play_dedup(std::mt19937_64 &random) {
    const std::size_t n = random() % 24, n_permutations = 16 * (1 + random() % 9), size = random() % 900;
    const auto data = std::make_unique<std::uint8_t[]>(size);  // exactly its size: a byte too many is seen
    const char *letters = "ab  \xC3\x89\xE2\x80\xA8\xF0\x9F\xFF";
    for (std::size_t i = 0; i < size; ++i)
        data[i] = static_cast<std::uint8_t>(random() % 8 == 0 ? random() : static_cast<std::uint64_t>(letters[random() % 13]));
    const auto offsets = std::make_unique<std::int32_t[]>(n + 1);
    for (std::size_t i = 0; i <= n; ++i) offsets[i] = static_cast<std::int32_t>(random() % (size + 1));
    std::sort(offsets.get(), offsets.get() + n + 1);
    const auto bits = std::make_unique<std::uint8_t[]>((n + 7) / 8);
    for (std::size_t i = 0; i < (n + 7) / 8; ++i) bits[i] = static_cast<std::uint8_t>(random() | random());
    const Texts texts{offsets.get(), false, data.get(), random() % 2 ? bits.get() : nullptr, 0, n};
    const Shingling shingling{1 + random() % 5, random() % 2 == 0, random()};
    std::vector<std::uint32_t> expected, made;
    std::vector<std::uint64_t> prints(n), other_prints(n);
    for (const CpuPath path : {CpuPath::scalar, CpuPath::avx2, CpuPath::avx512}) {
        if (!is_supported(path)) continue;
        made.assign(n * n_permutations, 7);
        minhash_texts({texts, shingling, n_permutations, made.data(), other_prints.data()}, 1 + random() % 3, path);
        if (expected.empty()) expected = made, prints = other_prints;
        EXPECT(made == expected && other_prints == prints);
    }
    const std::atomic<std::uint8_t> stop{0};
    std::vector<std::int64_t> labels(n);
    for (const bool wants_pairs : {false, true}) {
        bool is_done = false;
        const std::vector<std::int64_t> pairs =
            cluster_texts({{texts}, shingling, expected.data(), prints.data(), n, n_permutations, n_permutations / 4,
                           0.1 + 0.9 * static_cast<double>(random() % 10) / 9, wants_pairs, &stop, labels.data()},
                          1 + random() % 3, is_done);
        EXPECT(is_done && (wants_pairs || pairs.empty()));
        for (std::size_t i = 0; i < n; ++i) {
            const std::int64_t label = labels[i];
            EXPECT(label >= 0 && label <= static_cast<std::int64_t>(i) && labels[static_cast<std::size_t>(label)] == label);
        }
        for (std::size_t k = 0; k < pairs.size(); k += 2)
            EXPECT(pairs[k] < pairs[k + 1] && labels[static_cast<std::size_t>(pairs[k])] ==
                                                  labels[static_cast<std::size_t>(pairs[k + 1])]);
    }
}

}  // namespace rushlight::test
