// Shares out the rows of error feedback among threads.
#include "feedback.h"

#include "sharing.h"

namespace rushlight {

bool round_with_feedback(const FeedbackTask &task, std::size_t n_threads, CpuPath path) {
#if defined(__GNUC__) || defined(__clang__)
    auto round_rows = &round_rows_scalar;
#ifdef RUSHLIGHT_X86
    if (path == CpuPath::avx512) round_rows = &round_rows_avx512;
    if (path == CpuPath::avx2) round_rows = &round_rows_avx2;
#endif
    static_cast<void>(path);
    share_out(task.n_rows, 64, n_threads,
              [&](std::size_t first, std::size_t last) noexcept { round_rows(task, first, last); });
    return true;
#else
    static_cast<void>(task), static_cast<void>(n_threads), static_cast<void>(path);
    return false;
#endif
}

}  // namespace rushlight
