// X^T X of panels of columns, included once for each width. A tile of kTileRows times kTileLanes vectors is summed up in
// registers (Goto and van de Geijn 2008). Fused multiply-adds are wanted here: nobody compares bits.

#ifdef __clang__
#pragma STDC FP_CONTRACT ON
#else
#pragma GCC optimize("fp-contract=fast")
#endif

namespace rushlight {
namespace {

constexpr std::size_t kTileLanes = 3;
constexpr std::size_t kTileRows = kLanes == 16 ? 8 : 4;
constexpr std::size_t kWidth = kTileLanes * kLanes;
constexpr std::size_t kChunk = 128;  // rows at once: a panel's chunk stays in the first cache
static_assert(kWidth % kTileRows == 0, "a panel is whole tiles");

// left: column `i` of the first panel onwards, right: the second panel; `n` rows of each.
RUSHLIGHT_INLINE void add_tile(const float *left, const float *right, std::size_t n, float (*out)[kWidth]) {
    Lane sums[kTileRows][kTileLanes];
    for (std::size_t r = 0; r < kTileRows; ++r)
        for (std::size_t v = 0; v < kTileLanes; ++v) sums[r][v] = Lane{};
    for (std::size_t row = 0; row < n; ++row, left += kWidth, right += kWidth) {
        Lane factors[kTileLanes];
        for (std::size_t v = 0; v < kTileLanes; ++v) factors[v] = lanes_at(right + v * kLanes);
        for (std::size_t r = 0; r < kTileRows; ++r)
            for (std::size_t v = 0; v < kTileLanes; ++v) sums[r][v] += left[r] * factors[v];
    }
    for (std::size_t r = 0; r < kTileRows; ++r)
        for (std::size_t v = 0; v < kTileLanes; ++v) put_lanes(out[r] + v * kLanes, sums[r][v]);
}

}  // namespace

std::size_t RUSHLIGHT_NAMED(panel_width)() noexcept { return kWidth; }

void RUSHLIGHT_NAMED(add_panel)(const PanelTask &task, std::size_t first) noexcept {
    const std::size_t n_panels = (task.n_columns + kWidth - 1) / kWidth;
    alignas(64) float tile[kTileRows][kWidth];
    for (std::size_t second = first; second < n_panels; ++second) {
        const std::size_t n_right = task.n_columns - second * kWidth < kWidth ? task.n_columns - second * kWidth : kWidth;
        for (std::size_t start = 0; start < task.n_rows; start += kChunk) {
            const std::size_t n = task.n_rows - start < kChunk ? task.n_rows - start : kChunk;
            const float *left = task.panels + (first * task.n_rows + start) * kWidth;
            const float *right = task.panels + (second * task.n_rows + start) * kWidth;
            for (std::size_t i = 0; i < kWidth && first * kWidth + i < task.n_columns; i += kTileRows) {
                add_tile(left + i, right, n, tile);
                for (std::size_t r = 0; r < kTileRows && first * kWidth + i + r < task.n_columns; ++r) {
                    float *sums = task.sums + (first * kWidth + i + r) * task.n_columns + second * kWidth;
                    const std::size_t diagonal = second == first ? i + r : 0;  // what is left of it stays
                    for (std::size_t j = diagonal; j < n_right; ++j) sums[j] += task.weight * tile[r][j];
                }
            }
        }
    }
}

}  // namespace rushlight
