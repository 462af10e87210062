// A TIES merge a few thousand elements at a time, so that what one step leaves behind is still in the cache.
#include "merging.h"

#include <algorithm>
#include <cstring>

// numpy multiplies and adds in two steps; a compiler that made one of them would round once.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

namespace rushlight {

namespace {

constexpr std::size_t kPiece = 2048;
constexpr std::uint32_t kSizeBits = 0x7FFFFFFFu;
constexpr std::uint32_t kInfinity = 0x7F800000u;

std::uint32_t size_of(float value) noexcept {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits & kSizeBits;
}

// Zeros in `delta` for what does not stay. Ties at the cut stay in the order of their places.
void trim(float *delta, std::size_t n, std::int64_t cut, std::int64_t &n_equal) noexcept {
    if (cut < 0) return;
    const auto limit = static_cast<std::uint32_t>(cut);
    std::size_t n_ties = 0;
    for (std::size_t i = 0; i < n; ++i) n_ties += size_of(delta[i]) == limit;
    if (n_ties == 0 || n_equal <= 0) {  // nearly every piece: no branch, so that it becomes vectors
        for (std::size_t i = 0; i < n; ++i) delta[i] = size_of(delta[i]) > limit ? delta[i] : 0.0f;
        return;
    }
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t size = size_of(delta[i]);
        const bool is_tie = size == limit && n_equal > 0;
        n_equal -= is_tie;
        if (size <= limit && !is_tie) delta[i] = 0.0f;
    }
}

}  // namespace

bool count_sizes(const float *base, const float *model, std::size_t n, std::int32_t upper, std::int64_t *counts) noexcept {
    std::uint32_t sizes[kPiece];
    std::uint32_t largest = 0;
    for (std::size_t start = 0; start < n; start += kPiece) {
        const std::size_t length = std::min(kPiece, n - start);
        for (std::size_t i = 0; i < length; ++i) {
            sizes[i] = size_of(model[start + i] - base[start + i]);
            largest = std::max(largest, sizes[i]);
        }
        if (upper < 0) {
            for (std::size_t i = 0; i < length; ++i) ++counts[sizes[i] >> 16];
        } else {
            const auto wanted = static_cast<std::uint32_t>(upper);
            for (std::size_t i = 0; i < length; ++i)
                if (sizes[i] >> 16 == wanted) ++counts[sizes[i] & 0xFFFFu];
        }
    }
    return largest < kInfinity;
}

void merge_trimmed(const MergeTask &task) noexcept {
    float delta[kPiece], total[kPiece], mixed[kPiece], divisor[kPiece];
    for (std::size_t start = 0; start < task.n; start += kPiece) {
        const std::size_t length = std::min(kPiece, task.n - start);
        const float *const base = task.base + start;
        std::int64_t before[kMostModels];
        std::fill(total, total + length, 0.0f);
        const auto load = [&](std::size_t model, std::int64_t &n_equal) {
            const float *const values = task.models[model] + start;
            for (std::size_t i = 0; i < length; ++i) delta[i] = values[i] - base[i];
            trim(delta, length, task.cuts[model], n_equal);
            const float weight = task.weights[model];
            for (std::size_t i = 0; i < length; ++i) delta[i] *= weight;
        };
        for (std::size_t model = 0; model < task.n_models; ++model) {
            before[model] = task.n_equal[model];
            load(model, task.n_equal[model]);
            for (std::size_t i = 0; i < length; ++i) total[i] += delta[i];
        }
        std::fill(mixed, mixed + length, 0.0f);
        std::fill(divisor, divisor + length, 0.0f);
        for (std::size_t model = 0; model < task.n_models; ++model) {
            load(model, before[model]);  // again: keeping all of them would not fit into the cache
            const float weight = task.weights[model];
            for (std::size_t i = 0; i < length; ++i) {
                const bool agrees = total[i] >= 0.0f ? delta[i] > 0.0f : delta[i] < 0.0f;
                mixed[i] += agrees ? delta[i] : 0.0f;
                divisor[i] += agrees ? weight : 0.0f;
            }
        }
        float *const out = task.out + start;
        for (std::size_t i = 0; i < length; ++i) {
            const float by = task.normalize && divisor[i] != 0.0f ? divisor[i] : 1.0f;
            out[i] = base[i] + task.scale * (mixed[i] / by);
        }
    }
}

}  // namespace rushlight
