// Error feedback, included once for each width: one row in each lane, its window in the first cache.
//
// The same operations in the same order as quant/gptq.py, so that the results are equal to the last bit. A column takes
// in the errors of the columns before it one after the other; those of eight columns are added while it is in a
// register.

namespace rushlight {
namespace {

constexpr std::size_t kStrip = 8;

RUSHLIGHT_INLINE void round_column(const FeedbackTask &task, std::size_t column, Lane x, Lane scale, Lane offset,
                                   Lane &code, Lane &error) {
    const Mask is_usable = scale != 0.0f;
    const Lane at = is_usable ? (x - offset) / (is_usable ? scale : all(1.0f)) : Lane{};
    Lane level;
    if (task.levels == nullptr) {
        constexpr float kRounder = 12582912.0f;  // 1.5 * 2 ** 23: to the nearest whole number, ties to even
        Lane kept = at > task.low ? at : all(task.low);  // and what is no number is the lowest code
        kept = kept > task.high ? all(task.high) : kept;
        code = level = (kept + kRounder) - kRounder;
    } else {
        code = Lane{};
        level = all(task.levels[0]);
        for (std::size_t i = 1; i < task.n_levels; ++i) {
            const Mask is_above = at >= (task.levels[i - 1] + task.levels[i]) / 2;
            code = is_above ? all(static_cast<float>(i)) : code;
            level = is_above ? all(task.levels[i]) : level;
        }
    }
    error = (x - (scale * level + offset)) / task.factor[column * task.n_window + column];
}

}  // namespace

void RUSHLIGHT_NAMED(round_rows)(const FeedbackTask &task, std::size_t first_row, std::size_t last_row) noexcept {
    alignas(64) float window[kMostWindow][kLanes];
    const std::size_t n = task.n_window;
    for (std::size_t row = first_row; row < last_row; row += kLanes) {
        const std::size_t n_here = last_row - row < kLanes ? last_row - row : kLanes;
        // Lanes without a row compute with zeros and are not written.
        const auto fetch = [&](const float *from, float *to) {
            for (std::size_t lane = 0; lane < kLanes; ++lane) to[lane] = lane < n_here ? from[lane] : 0.0f;
        };
        for (std::size_t j = task.first; j < n; ++j) {
            if (n_here == kLanes) std::memcpy(window[j], task.work + j * task.n_rows + row, sizeof window[j]);
            else fetch(task.work + j * task.n_rows + row, window[j]);
        }
        alignas(64) float scale[kLanes], offset[kLanes] = {};
        for (std::size_t strip = task.first; strip < task.last; strip += kStrip) {
            const std::size_t end = strip + kStrip < task.last ? strip + kStrip : task.last;
            Lane errors[kStrip];
            for (std::size_t i = strip; i < end; ++i) {
                const std::size_t group = (i - task.first) / task.group;
                if (i == strip || (i - task.first) % task.group == 0) {
                    fetch(task.scales + group * task.n_rows + row, scale);
                    if (task.offsets != nullptr) fetch(task.offsets + group * task.n_rows + row, offset);
                }
                Lane code;
                round_column(task, i, lanes_at(window[i]), lanes_at(scale), lanes_at(offset), code, errors[i - strip]);
                const Lane error = errors[i - strip];
                for (std::size_t lane = 0; lane < n_here; ++lane) {
                    task.codes[(i - task.first) * task.n_rows + row + lane] = static_cast<std::int16_t>(code[lane]);
                    task.errors[i * task.n_rows + row + lane] = error[lane];
                }
                for (std::size_t j = i + 1; j < end; ++j)
                    put_lanes(window[j], lanes_at(window[j]) - task.factor[i * n + j] * error);
            }
            const std::size_t n_errors = end - strip;
            for (std::size_t j = end; j < n; ++j) {
                Lane x = lanes_at(window[j]);
                const float *factor = task.factor + strip * n + j;
                if (n_errors == kStrip)
                    for (std::size_t k = 0; k < kStrip; ++k) x -= factor[k * n] * errors[k];
                else
                    for (std::size_t k = 0; k < n_errors; ++k) x -= factor[k * n] * errors[k];
                put_lanes(window[j], x);
            }
        }
        for (std::size_t j = task.first; j < n; ++j)
            for (std::size_t lane = 0; lane < n_here; ++lane) task.work[j * task.n_rows + row + lane] = window[j][lane];
    }
}

}  // namespace rushlight
