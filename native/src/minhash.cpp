// Shares out texts among threads; the permutations themselves are in minhash_lanes.h.
#include "minhash.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <vector>

#include "sharing.h"

namespace rushlight {

void lower_mins_plain(const MinhashRow &row) noexcept {
    for (std::size_t k = 0; k < row.n; ++k)
        for (std::size_t j = 0; j < row.n_permutations; ++j)
            row.mins[j] = std::min(row.mins[j], row.factors[j] * row.values[k] + row.addends[j]);
}

void minhash_texts(const MinhashTask &task, std::size_t n_threads, CpuPath path) {
    auto lower_mins = &lower_mins_plain;
#if defined(__GNUC__) || defined(__clang__)
    lower_mins = &lower_mins_scalar;
#ifdef RUSHLIGHT_X86
    if (path == CpuPath::avx512) lower_mins = &lower_mins_avx512;
    if (path == CpuPath::avx2) lower_mins = &lower_mins_avx2;
#endif
#endif
    static_cast<void>(path);
    std::vector<std::uint32_t> factors(task.n_permutations), addends(task.n_permutations);
    for (std::size_t j = 0; j < task.n_permutations; ++j) {
        const std::uint64_t drawn = mixed(task.shingling.seed + (j + 1) * 0x9E3779B97F4A7C15u);
        factors[j] = static_cast<std::uint32_t>(drawn) | 1;
        addends[j] = static_cast<std::uint32_t>(drawn >> 32);
    }
    std::atomic<bool> is_out_of_memory{false};
    share_out(task.texts.n, 64, n_threads, [&](std::size_t first, std::size_t last) noexcept {
        try {
            Shingler shingler(task.shingling);
            std::vector<std::uint32_t> values;
            for (std::size_t i = first; i < last; ++i) {
                const std::vector<std::uint64_t> &found = shingler.shingles(task.texts, i);
                std::uint64_t fingerprint = found.size();
                values.clear();
                for (const std::uint64_t one : found) {
                    fingerprint = (fingerprint ^ one) * 0x9E3779B97F4A7C15u;
                    fingerprint ^= fingerprint >> 32;
                    values.push_back(static_cast<std::uint32_t>(one >> 32));
                }
                task.fingerprints[i] = found.empty() ? 0 : std::max<std::uint64_t>(fingerprint, 1);
                std::uint32_t *mins = task.signatures + i * task.n_permutations;
                std::fill_n(mins, task.n_permutations, kNoShingle);
                lower_mins({values.data(), values.size(), factors.data(), addends.data(), task.n_permutations, mins});
            }
        } catch (const std::bad_alloc &) {
            is_out_of_memory = true;
        }
    });
    if (is_out_of_memory) throw std::bad_alloc();
}

}  // namespace rushlight
