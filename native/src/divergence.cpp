// Shares out the rows of a comparison among threads.
#include "divergence.h"

#include "sharing.h"

namespace rushlight {

bool score_rows(const ScoreTask &task, std::size_t n_threads, CpuPath path) {
#if defined(__GNUC__) || defined(__clang__)
    auto score_row = &score_row_scalar;
#ifdef RUSHLIGHT_X86
    if (path == CpuPath::avx512) score_row = &score_row_avx512;
    if (path == CpuPath::avx2) score_row = &score_row_avx2;
#endif
    static_cast<void>(path);
    share_out(task.n_rows, 1, n_threads, [&](std::size_t row, std::size_t) noexcept { score_row(task, row); });
    return true;
#else
    static_cast<void>(task), static_cast<void>(n_threads), static_cast<void>(path);
    return false;
#endif
}

}  // namespace rushlight
