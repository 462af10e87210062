// The common prefix of token ids in plain C++, AVX2 and AVX-512.
#include "common_prefix.h"

#ifdef RUSHLIGHT_X86
#include <immintrin.h>
#endif

namespace rushlight {

namespace {

std::size_t prefix_scalar(const std::int32_t *a, const std::int32_t *b, std::size_t n) noexcept {
    std::size_t i = 0;
    while (i < n && a[i] == b[i]) ++i;
    return i;
}

#ifdef RUSHLIGHT_X86

// The attribute, and not a compiler flag for the file, keeps these instructions out of everything else.
__attribute__((target("avx2"))) std::size_t prefix_avx2(const std::int32_t *a, const std::int32_t *b,
                                                        std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(a + i));
        const __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(b + i));
        const auto equal = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi32(left, right)));
        if (equal != 0xFFFFFFFFu) return i + static_cast<std::size_t>(__builtin_ctz(~equal)) / 4;  // 4 bits a token
    }
    return i + prefix_scalar(a + i, b + i, n - i);
}

__attribute__((target("avx512f"))) std::size_t prefix_avx512(const std::int32_t *a, const std::int32_t *b,
                                                             std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __mmask16 differ = _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i));
        if (differ != 0) return i + static_cast<std::size_t>(__builtin_ctz(differ));
    }
    if (i < n) {
        // A masked load neither reads nor faults where its mask is 0.
        const auto rest = static_cast<__mmask16>((1u << (n - i)) - 1u);
        const __m512i left = _mm512_maskz_loadu_epi32(rest, a + i);
        const __m512i right = _mm512_maskz_loadu_epi32(rest, b + i);
        const __mmask16 differ = _mm512_cmpneq_epi32_mask(left, right);
        if (differ != 0) return i + static_cast<std::size_t>(__builtin_ctz(differ));
    }
    return n;
}

#endif

}  // namespace

std::size_t common_prefix_length(const std::int32_t *a, const std::int32_t *b, std::size_t n, CpuPath path) noexcept {
#ifdef RUSHLIGHT_X86
    switch (path) {
        case CpuPath::avx512:
            return prefix_avx512(a, b, n);
        case CpuPath::avx2:
            return prefix_avx2(a, b, n);
        case CpuPath::scalar:
            break;
    }
#else
    static_cast<void>(path);
#endif
    return prefix_scalar(a, b, n);
}

}  // namespace rushlight
