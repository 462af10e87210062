// The two loops of a TIES merge (Yadav et al. 2023): counting how large changes are, and merging what was kept.
// The numpy versions, equal to the last bit, are in trainer/merge/{ties,combine}.py.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rushlight {

constexpr std::size_t kSizeBins = std::size_t{1} << 16;
constexpr std::size_t kMostModels = 64;

// Adds to `counts` (kSizeBins) how many of |model[i] - base[i]| have which upper half of their bits; or, with
// `upper` >= 0, of those with that upper half, which lower half. False if a change is no finite number: the counts are
// then of no use.
bool count_sizes(const float *base, const float *model, std::size_t n, std::int32_t upper, std::int64_t *counts) noexcept;

struct MergeTask {
    const float *base;
    const float *const *models;   // n_models
    const std::int64_t *cuts;     // a change stays above this size in bits; -1 keeps all, 2^31 none
    std::int64_t *n_equal;        // how many at the cut itself may still stay; counted down
    const float *weights;
    std::size_t n_models;
    std::size_t n;
    float scale;
    bool normalize;
    float *out;
};

// out = base + scale * the changes that stay and agree with the elected sign, divided by the weights of just those.
void merge_trimmed(const MergeTask &task) noexcept;

}  // namespace rushlight
