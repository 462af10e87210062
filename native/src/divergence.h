// How far one row of logits is from another: losses, KL divergence, agreement. One pass over both rows, nothing kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu.h"

namespace rushlight {

constexpr std::size_t kMostTop = 64;
constexpr float kLargestLogit = 1e30f;  // beyond it sums would overflow; and it is no logit

// What is found for a row, in the order of the result's columns.
struct RowScore {
    double base_loss;   // -log p(target)
    double other_loss;
    double divergence;  // KL(base || other)
    double change;      // p(target) of the other minus the base's
    double same_top;    // 1 where both have the same most likely token; of equal ones the first counts
    double shared_top;  // share of the base's `n_top` most likely tokens that are among the other's
};

// Rows of `n_columns` >= 1 logits; `targets` lie within. 1 <= n_top <= kMostTop.
struct ScoreTask {
    const float *base;
    const float *other;
    const std::int64_t *targets;
    std::size_t n_rows;
    std::size_t n_columns;
    std::size_t n_top;
    RowScore *out;
};

// False where this compiler has no vectors. A row that holds what is no logit gets not-a-number everywhere.
bool score_rows(const ScoreTask &task, std::size_t n_threads, CpuPath path);

void score_row_scalar(const ScoreTask &task, std::size_t row) noexcept;
void score_row_avx2(const ScoreTask &task, std::size_t row) noexcept;
void score_row_avx512(const ScoreTask &task, std::size_t row) noexcept;

}  // namespace rushlight
