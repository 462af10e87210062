// Sums of products of inputs, X^T X: what GPTQ knows of a layer. Upper triangle, in float32, tile by tile.
#pragma once

#include <cstddef>
#include <vector>

#include "cpu.h"

namespace rushlight {

// `n_rows` rows of `n_columns` floats, `stride` floats from one row to the next.
struct InputRows {
    const float *values;
    std::size_t n_rows, n_columns, stride;
};

// Adds weight * X^T X to `sums`, (n_columns, n_columns), from the diagonal to the right. The order of the additions
// does not depend on the number of threads. Throws std::bad_alloc. False where this compiler has no vectors.
bool add_moments(const InputRows &rows, float weight, float *sums, std::size_t n_threads, CpuPath path);

// The means of the rows up to each row: what attention would hand on if it looked at all of them alike.
std::vector<float> running_means(const InputRows &rows);

// Columns of a panel for each width, and one panel's part: the tiles of panel `first` with itself and all later ones.
struct PanelTask {
    const float *panels;  // (panels, rows, width), filled up with zeros
    std::size_t n_rows, n_columns;
    float weight;
    float *sums;
};
std::size_t panel_width_scalar() noexcept;
std::size_t panel_width_avx2() noexcept;
std::size_t panel_width_avx512() noexcept;
void add_panel_scalar(const PanelTask &task, std::size_t first) noexcept;
void add_panel_avx2(const PanelTask &task, std::size_t first) noexcept;
void add_panel_avx512(const PanelTask &task, std::size_t first) noexcept;

}  // namespace rushlight
