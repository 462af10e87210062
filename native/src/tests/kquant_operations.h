// Plays the quantizer on random rows: every path must give the same bytes, and write no byte too many.
#pragma once

#include <cmath>
#include <random>

#include "../kquant.h"
#include "../kquant_pack.h"
#include "operations.h"

namespace rushlight::test {

inline void play_quantizer(std::mt19937_64 &random) {
    constexpr BlockType kTypes[] = {BlockType::q4_0, BlockType::q4_1, BlockType::q5_0, BlockType::q5_1, BlockType::q2_k,
                                    BlockType::q3_k, BlockType::q4_k, BlockType::q5_k, BlockType::q6_k, BlockType::iq4_nl};
    const BlockType type = kTypes[random() % 10];
    const BlockShape shape = shape_of(type);
    const std::size_t n_rows = random() % 4, n_columns = shape.n_elements * (1 + random() % 3);
    const std::size_t n = n_rows * n_columns, n_bytes = n / shape.n_elements * shape.n_bytes;
    // Arrays of exactly their size: the address sanitizer sees one element too many.
    const std::unique_ptr<float[]> values(new float[n]), importance(new float[n_columns]);
    std::normal_distribution<float> normal(0.0f, std::pow(10.0f, static_cast<float>(random() % 6) - 4.0f));
    const auto kind = random() % 6;
    for (std::size_t i = 0; i < n; ++i)
        values[i] = kind == 0 ? 0.0f : kind == 1 ? 65504.0f : kind == 2 ? normal(random) * 1e-30f : normal(random);
    for (std::size_t i = 0; i < n_columns; ++i) importance[i] = random() % 5 == 0 ? 1e-8f : std::fabs(normal(random)) + 1e-6f;
    const bool has_importance = random() % 3 != 0;
    std::unique_ptr<std::uint8_t[]> first;
    for (const CpuPath path : {CpuPath::scalar, CpuPath::avx2, CpuPath::avx512}) {
        if (!is_supported(path)) continue;
        std::unique_ptr<std::uint8_t[]> out(new std::uint8_t[n_bytes]);
        EXPECT(quantize_rows({type, values.get(), n_rows, n_columns, has_importance ? importance.get() : nullptr, out.get()},
                             1 + random() % 3, path));
        if (first) EXPECT(std::equal(out.get(), out.get() + n_bytes, first.get()));
        else first = std::move(out);
    }
}

// Every float16 comes back as itself, and every float goes to the nearest one.
inline void check_halves() {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        if ((half & 0x7C00) == 0x7C00) continue;  // infinities and what is no number
        EXPECT(half_from(float_from(half)) == half);
        if ((half & 0x7FFF) == 0x7BFF) continue;
        const float here = float_from(half), next = float_from(static_cast<std::uint16_t>(half + 1));
        const float middle = (here + next) / 2;
        EXPECT(half_from(middle) == (half & 1 ? half + 1 : half));  // ties to even
        EXPECT(half_from(std::nextafter(middle, here)) == half);
        EXPECT(half_from(std::nextafter(middle, next)) == half + 1);
    }
}

}  // namespace rushlight::test
