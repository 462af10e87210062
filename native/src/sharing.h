// Shares out numbered pieces of work among threads. A piece is done by one thread, so results depend on no count.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace rushlight {

// Calls work(first, last) for ranges of at most `share` that together are 0 to `n`. `work` must not throw.
template <typename Work>
void share_out(std::size_t n, std::size_t share, std::size_t n_threads, const Work &work) {
    std::atomic<std::size_t> next{0};
    const auto run = [&]() noexcept {
        for (;;) {
            const std::size_t first = next.fetch_add(share);
            if (first >= n) return;
            work(first, std::min(first + share, n));
        }
    };
    const std::size_t n_wanted = std::min(n_threads, (n + share - 1) / share);
    std::vector<std::thread> others;
    try {
        for (std::size_t i = 1; i < n_wanted; ++i) others.emplace_back(run);
    } catch (...) {
        // Those that did start, and this one, do the work of the others too.
    }
    run();
    for (std::thread &other : others) other.join();
}

}  // namespace rushlight
