// Plays comparison, error feedback, moments and the collector on random numbers against slow, obvious versions.
// Arrays are heap blocks of exactly their size: the address sanitizer sees one element too many.
#pragma once

#include <cmath>
#include <cstring>
#include <random>

#include "../activations.h"
#include "../divergence.h"
#include "../feedback.h"
#include "../moments.h"
#include "operations.h"

namespace rushlight::test {

constexpr CpuPath kPaths[] = {CpuPath::scalar, CpuPath::avx2, CpuPath::avx512};

template <typename T>
std::unique_ptr<T[]> exactly(std::size_t n) {
    return std::unique_ptr<T[]>(new T[n]());
}

inline std::unique_ptr<float[]> random_floats(std::mt19937_64 &random, std::size_t n, float size) {
    std::normal_distribution<float> normal(0.0f, size);
    auto values = exactly<float>(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = random() % 16 == 0 ? 0.0f : normal(random);
    return values;
}

inline bool is_near(double found, double wanted, double size) {
    return std::fabs(found - wanted) <= 1e-5 * (1 + size);
}

inline void play_scores(std::mt19937_64 &random) {
    const std::size_t n_rows = random() % 4;
    const std::size_t n = 1 + (random() % 4 == 0 ? 1000 + random() % 2000 : random() % 70);
    const std::size_t n_top = 1 + random() % std::min(n, kMostTop);
    const auto base = random_floats(random, n_rows * n, 4.0f), change = random_floats(random, n_rows * n, 0.3f);
    const auto other = exactly<float>(n_rows * n);
    for (std::size_t i = 0; i < n_rows * n; ++i) other[i] = base[i] + change[i];
    const auto targets = exactly<std::int64_t>(n_rows);
    for (std::size_t row = 0; row < n_rows; ++row) targets[row] = static_cast<std::int64_t>(random() % n);
    const bool is_bad = n_rows != 0 && random() % 8 == 0;
    const float kBad[] = {NAN, INFINITY, -INFINITY, 2e30f};
    if (is_bad) (random() % 2 == 0 ? base : other)[random() % n] = kBad[random() % 4];
    std::unique_ptr<RowScore[]> first;
    for (const CpuPath path : kPaths) {
        if (!is_supported(path)) continue;
        auto out = exactly<RowScore>(n_rows);
        EXPECT(score_rows({base.get(), other.get(), targets.get(), n_rows, n, n_top, out.get()}, 1 + random() % 3, path));
        if (first) EXPECT(std::memcmp(out.get(), first.get(), n_rows * sizeof(RowScore)) == 0);
        else first = std::move(out);
    }
    for (std::size_t row = 0; row < n_rows; ++row) {
        if (is_bad && row == 0) {
            EXPECT(std::isnan(first[0].divergence));
            continue;
        }
        const float *a = base.get() + row * n, *b = other.get() + row * n;
        const double top_a = static_cast<double>(*std::max_element(a, a + n));
        const double top_b = static_cast<double>(*std::max_element(b, b + n));
        double sum_a = 0, sum_b = 0, divergence = 0;
        for (std::size_t i = 0; i < n; ++i) {
            sum_a += std::exp(static_cast<double>(a[i]) - top_a);
            sum_b += std::exp(static_cast<double>(b[i]) - top_b);
        }
        const double log_a = top_a + std::log(sum_a), log_b = top_b + std::log(sum_b);
        for (std::size_t i = 0; i < n; ++i) {
            const double log_p = static_cast<double>(a[i]) - log_a;
            divergence += std::exp(log_p) * (log_p - (static_cast<double>(b[i]) - log_b));
        }
        const auto target = static_cast<std::size_t>(targets[row]);
        EXPECT(is_near(first[row].base_loss, log_a - static_cast<double>(a[target]), 10));
        EXPECT(is_near(first[row].other_loss, log_b - static_cast<double>(b[target]), 10));
        EXPECT(is_near(first[row].divergence, divergence, 0));
        EXPECT(first[row].same_top == (std::max_element(a, a + n) - a == std::max_element(b, b + n) - b ? 1.0 : 0.0));
        // The tokens before which fewer than n_top are larger, or equal and earlier.
        std::size_t n_shared = 0;
        for (std::size_t i = 0; i < n; ++i) {
            std::size_t before_a = 0, before_b = 0;
            for (std::size_t j = 0; j < n; ++j) {
                before_a += a[j] > a[i] || (j < i && !(a[j] < a[i])) ? 1 : 0;
                before_b += b[j] > b[i] || (j < i && !(b[j] < b[i])) ? 1 : 0;
            }
            n_shared += before_a < n_top && before_b < n_top ? 1 : 0;
        }
        EXPECT(is_near(first[row].shared_top, static_cast<double>(n_shared) / static_cast<double>(n_top), 0));
    }
}

inline void play_feedback(std::mt19937_64 &random) {
    const std::size_t n = 1 + random() % 60, n_rows = random() % 40;
    const std::size_t first = random() % (n + 1), last = first + random() % (n - first + 1), group = 1 + random() % 33;
    const std::size_t n_groups = (last - first + group - 1) / group;
    const auto start = random_floats(random, n * n_rows, 1.0f), factor = random_floats(random, n * n, 0.1f);
    for (std::size_t i = 0; i < n; ++i) factor[i * n + i] = 0.5f + static_cast<float>(random() % 100) / 50.0f;
    const auto scales = random_floats(random, n_groups * n_rows, 0.3f), offsets = random_floats(random, n_groups * n_rows, 1.0f);
    const float kLevels[] = {-9.0f, -2.5f, 0.0f, 1.0f, 4.0f};
    const auto levels = exactly<float>(5);
    std::copy(kLevels, kLevels + 5, levels.get());
    const bool has_offsets = random() % 2 == 0, has_levels = random() % 3 == 0;

    std::unique_ptr<float[]> work_of_first, errors_of_first;
    std::unique_ptr<std::int16_t[]> codes_of_first;
    for (const CpuPath path : kPaths) {
        if (!is_supported(path)) continue;
        auto work = exactly<float>(n * n_rows), errors = exactly<float>(n * n_rows);
        auto codes = exactly<std::int16_t>((last - first) * n_rows);
        std::copy(start.get(), start.get() + n * n_rows, work.get());
        EXPECT(round_with_feedback({work.get(), factor.get(), scales.get(), has_offsets ? offsets.get() : nullptr,
                                    has_levels ? levels.get() : nullptr, 5, -8, 7, n_rows, n, first, last, group,
                                    codes.get(), errors.get()},
                                   1 + random() % 3, path));
        if (work_of_first) {
            EXPECT(std::memcmp(work.get(), work_of_first.get(), n * n_rows * sizeof(float)) == 0);
            EXPECT(std::memcmp(errors.get(), errors_of_first.get(), n * n_rows * sizeof(float)) == 0);
            EXPECT(std::equal(codes.get(), codes.get() + (last - first) * n_rows, codes_of_first.get()));
        } else {
            work_of_first = std::move(work), errors_of_first = std::move(errors), codes_of_first = std::move(codes);
        }
    }
    // What a column became is its start less the errors of the columns before it.
    for (std::size_t row = 0; row < n_rows; ++row)
        for (std::size_t j = 0; j < n; ++j) {
            double wanted = static_cast<double>(start[j * n_rows + row]), size = std::fabs(wanted);
            for (std::size_t i = first; i < std::min(last, j); ++i) {
                const double step = static_cast<double>(factor[i * n + j]) * static_cast<double>(errors_of_first[i * n_rows + row]);
                wanted -= step;
                size += std::fabs(step);
            }
            EXPECT(is_near(static_cast<double>(work_of_first[j * n_rows + row]), wanted, size));
            if (j < first || j >= last) continue;
            const std::size_t at = (j - first) / group * n_rows + row;
            const std::int16_t code = codes_of_first[(j - first) * n_rows + row];
            EXPECT(has_levels ? code >= 0 && code < 5 : code >= -8 && code <= 7);
            const double level = has_levels ? static_cast<double>(levels[static_cast<std::size_t>(code)]) : static_cast<double>(code);
            const double stands = static_cast<double>(scales[at]) * level + (has_offsets ? static_cast<double>(offsets[at]) : 0.0);
            const double error = (wanted - stands) / static_cast<double>(factor[j * n + j]);
            EXPECT(is_near(static_cast<double>(errors_of_first[j * n_rows + row]), error, 4 * size + 10));
        }
}

inline void play_moments(std::mt19937_64 &random) {
    const std::size_t n = 1 + random() % 110, n_rows = random() % 150, stride = n + random() % 3;
    const auto inputs = random_floats(random, n_rows * stride, 1.0f);
    for (const CpuPath path : kPaths) {
        if (!is_supported(path)) continue;
        const auto sums = exactly<float>(n * n);
        EXPECT(add_moments({inputs.get(), n_rows, n, stride}, 0.5f, sums.get(), 1 + random() % 3, path));
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) {
                double wanted = 0;
                for (std::size_t row = 0; j >= i && row < n_rows; ++row)
                    wanted += 0.5 * static_cast<double>(inputs[row * stride + i]) * static_cast<double>(inputs[row * stride + j]);
                EXPECT(is_near(static_cast<double>(sums[i * n + j]), wanted, static_cast<double>(n_rows)));
            }
    }
}

// A product as ggml lays it out; rows may have gaps, and tables of experts are views of wider ones.
inline void play_collector(std::mt19937_64 &random) {
    const std::size_t n = 1 + random() % 40, n_tokens = random() % 9, n_experts = 1 + random() % 5;
    const std::size_t n_used = 1 + random() % n_experts;
    const bool is_routed = random() % 2 == 0, has_bad = n_tokens != 0 && random() % 8 == 0;
    const auto inputs = random_floats(random, n_tokens * n, 1.0f);
    if (has_bad) inputs[random() % (n_tokens * n)] = random() % 2 == 0 ? NAN : INFINITY;
    const auto table = exactly<std::int32_t>(n_tokens * n_experts);
    for (std::size_t i = 0; i < n_tokens * n_experts; ++i) table[i] = static_cast<std::int32_t>(random() % n_experts);
    const auto size = [](std::size_t value) { return static_cast<std::int64_t>(value); };
    GgmlTensor weight{}, rows{}, experts{}, node{};
    std::memset(weight.name, 'w', sizeof weight.name);  // no end: the longest name there is
    weight.extra = &weight;  // and what follows it is no end either
    weight.ne[0] = size(n), weight.ne[1] = 1, weight.ne[2] = size(n_experts), weight.ne[3] = 1;
    rows.type = kGgmlF32, rows.data = inputs.get();
    rows.ne[0] = size(n), rows.ne[1] = is_routed ? 1 : size(n_tokens), rows.ne[2] = is_routed ? size(n_tokens) : 1, rows.ne[3] = 1;
    rows.nb[0] = 4, rows.nb[1] = 4 * n, rows.nb[2] = 4 * n, rows.nb[3] = 4 * n;
    experts.type = kGgmlI32, experts.data = table.get();
    experts.ne[0] = size(n_used), experts.ne[1] = size(n_tokens), experts.ne[2] = experts.ne[3] = 1;
    experts.nb[0] = 4, experts.nb[1] = 4 * n_experts;
    node.op = is_routed ? kGgmlMulMatId : kGgmlMulMat;
    node.src[0] = &weight, node.src[1] = &rows, node.src[2] = is_routed ? &experts : nullptr;
    ActivationSums sums(nullptr, 1 + random() % 3, choose_cpu_path(nullptr));
    const std::string name(sizeof weight.name, 'w');
    EXPECT(!sums.see(&node, true) && sums.see(&node, false));
    sums.want_squares(name);
    if (random() % 2 == 0) sums.want_moments(name, {0.5f, 1.0f, 0.25f});
    sums.begin_pass();
    EXPECT(sums.see(&node, true));
    if (!rows.data || n_tokens == 0) return;
    EXPECT(sums.see(&node, false) == !has_bad && sums.problem().empty() == !has_bad);
    if (has_bad) return;
    const Squares found = sums.squares_of(name);
    double total = 0, wanted = 0;
    std::int64_t count = 0;
    for (const double sum : found.sums) total += sum;
    for (const std::int64_t one : found.counts) count += one;
    for (std::size_t i = 0; i < n_tokens * n; ++i) wanted += std::pow(static_cast<double>(inputs[i]), 2);
    EXPECT(is_near(total, is_routed ? wanted * static_cast<double>(n_used) : wanted, 10 * wanted));
    EXPECT(count == size(is_routed ? n_tokens * n_used : n_tokens));
    if (is_routed && n_tokens != 0) {
        table[0] = random() % 2 == 0 ? -1 : static_cast<std::int32_t>(n_experts);
        EXPECT(!sums.see(&node, false) && !sums.problem().empty());
        EXPECT(sums.squares_of(name).sums == found.sums);
    }
}

}  // namespace rushlight::test
