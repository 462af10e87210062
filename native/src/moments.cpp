// Lays inputs out in panels of columns and shares out the panels among threads.
#include "moments.h"

#include <algorithm>

#include "sharing.h"

namespace rushlight {

bool add_moments(const InputRows &rows, float weight, float *sums, std::size_t n_threads, CpuPath path) {
#if defined(__GNUC__) || defined(__clang__)
    auto add_panel = &add_panel_scalar;
    std::size_t width = panel_width_scalar();
#ifdef RUSHLIGHT_X86
    if (path == CpuPath::avx512) add_panel = &add_panel_avx512, width = panel_width_avx512();
    if (path == CpuPath::avx2) add_panel = &add_panel_avx2, width = panel_width_avx2();
#endif
    static_cast<void>(path);
    if (rows.n_rows == 0 || rows.n_columns == 0) return true;
    const std::size_t n_panels = (rows.n_columns + width - 1) / width;
    std::vector<float> panels(n_panels * rows.n_rows * width);
    for (std::size_t row = 0; row < rows.n_rows; ++row)
        for (std::size_t panel = 0; panel < n_panels; ++panel) {
            const std::size_t first = panel * width;
            const float *from = rows.values + row * rows.stride + first;
            std::copy(from, from + std::min(width, rows.n_columns - first),
                      panels.data() + (panel * rows.n_rows + row) * width);
        }
    const PanelTask task{panels.data(), rows.n_rows, rows.n_columns, weight, sums};
    share_out(n_panels, 1, n_threads, [&](std::size_t panel, std::size_t) noexcept { add_panel(task, panel); });
    return true;
#else
    static_cast<void>(rows), static_cast<void>(weight), static_cast<void>(sums), static_cast<void>(n_threads);
    static_cast<void>(path);
    return false;
#endif
}

std::vector<float> running_means(const InputRows &rows) {
    std::vector<float> means(rows.n_rows * rows.n_columns);
    std::vector<double> sums(rows.n_columns);
    for (std::size_t row = 0; row < rows.n_rows; ++row)
        for (std::size_t column = 0; column < rows.n_columns; ++column) {
            sums[column] += static_cast<double>(rows.values[row * rows.stride + column]);
            means[row * rows.n_columns + column] = static_cast<float>(sums[column] / static_cast<double>(row + 1));
        }
    return means;
}

}  // namespace rushlight
