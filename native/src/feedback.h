// The inner loop of error feedback (GPTQ): columns are rounded one after the other onto grids that are given, and the
// error of each is spread over the columns of its window that come later. The numpy version, equal to the last bit, is
// in quant/gptq.py.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu.h"

namespace rushlight {

constexpr std::size_t kMostWindow = 512;

// A window of `n_window` columns, each with `n_rows` weights lying together. Columns `first` to `last` are rounded.
struct FeedbackTask {
    float *work;          // (n_window, n_rows): columns from `first` on are changed
    const float *factor;  // (n_window, n_window): the upper triangle counts; its diagonal is positive
    const float *scales;  // (groups, n_rows), `group` columns to a group, counted from `first`
    const float *offsets;  // the same, or null
    const float *levels;   // what the codes stand for, rising, `n_levels` of them; or null: themselves
    std::size_t n_levels;
    float low, high;  // the codes, where `levels` is null
    std::size_t n_rows, n_window, first, last, group;
    std::int16_t *codes;  // (last - first, n_rows)
    float *errors;        // (n_window, n_rows): those of the rounded columns are written
};

// False where this compiler has no vectors: nothing is changed then.
bool round_with_feedback(const FeedbackTask &task, std::size_t n_threads, CpuPath path);

void round_rows_scalar(const FeedbackTask &task, std::size_t first_row, std::size_t last_row) noexcept;
void round_rows_avx2(const FeedbackTask &task, std::size_t first_row, std::size_t last_row) noexcept;
void round_rows_avx512(const FeedbackTask &task, std::size_t first_row, std::size_t last_row) noexcept;

}  // namespace rushlight
