// The search itself, included once for each width: RUSHLIGHT_LANES blocks side by side, one in each lane.
//
// Reads like quant/blocks/search.py, and does the same operations in the same order, so that the results are equal to
// the last bit whatever the width. No fused multiply-add: it rounds once where numpy rounds twice. No include guard:
// each including file has functions of its own.
#include "kquant_common.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

namespace rushlight {
namespace {

constexpr int kLanes = RUSHLIGHT_LANES;
typedef float Lane __attribute__((vector_size(kLanes * 4)));
typedef std::int32_t Mask __attribute__((vector_size(kLanes * 4)));
#define RUSHLIGHT_INLINE static inline __attribute__((always_inline))

constexpr float kTiny = 1e-20f;
constexpr float kFlat = 1e-6f;
constexpr float kHalfMax = 65504.0f;
constexpr float kRounder = 12582912.0f;  // 1.5 * 2 ** 23
constexpr int kLloyd = 2;
constexpr int kRefine = 2;

RUSHLIGHT_INLINE Lane all(float value) { return Lane{} + value; }
RUSHLIGHT_INLINE Lane pick(Mask where, Lane yes, Lane no) { return where ? yes : no; }
RUSHLIGHT_INLINE Lane size_of(Lane a) { return pick(a < 0.0f, -a, a); }
RUSHLIGHT_INLINE Lane divided(Lane numerator, Lane denominator) {
    const Mask usable = size_of(denominator) > kTiny;
    return pick(usable, numerator / pick(usable, denominator, all(1.0f)), Lane{});
}
RUSHLIGHT_INLINE Lane between(Lane a, float low, float high) {
    a = pick(a < low, all(low), a);
    return pick(a > high, all(high), a);
}
RUSHLIGHT_INLINE Lane rounded(Lane a, float low, float high) { return (between(a, low, high) + kRounder) - kRounder; }
RUSHLIGHT_INLINE Lane half(Lane a) {
    a = between(a, -kHalfMax, kHalfMax);
    Lane result;
    for (int lane = 0; lane < kLanes; ++lane) result[lane] = float_from(half_from(a[lane]));
    return result + 0.0f;
}

// What x / scale becomes: a whole number within limits ...
template <int low, int high>
struct Whole {
    static constexpr int kLow = low;
    RUSHLIGHT_INLINE Lane level(Lane a) { return rounded(a, low, high); }
    RUSHLIGHT_INLINE Lane code(Lane a) { return rounded(a, low, high) - static_cast<float>(low); }
};

// ... or a level of IQ4_NL.
struct Table {
    static constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    RUSHLIGHT_INLINE Lane level(Lane a) {
        Lane result = all(kLevels[0]);
        for (int i = 1; i < 16; ++i)
            result += pick(a >= (kLevels[i - 1] + kLevels[i]) / 2, all(kLevels[i] - kLevels[i - 1]), Lane{});
        return result;
    }
    RUSHLIGHT_INLINE Lane code(Lane a) {
        Lane result{};
        for (int i = 1; i < 16; ++i)
            result += pick(a >= (kLevels[i - 1] + kLevels[i]) / 2, all(1.0f), Lane{});
        return result;
    }
};

struct Steps {
    double first, last;
    int count;
    RUSHLIGHT_INLINE float at(const Steps &steps, int i) {
        return static_cast<float>(steps.first + (steps.last - steps.first) * i / (steps.count - 1));
    }
};

struct Batch {
    alignas(64) Lane x[256];
    alignas(64) Lane w[256];
};

// A large weight counts for more than its importance: `emphasized` of search.py.
template <int n, int n_groups>
void emphasize(Batch &batch, float share) {
    Lane sum{};
    for (int g = 0; g < n_groups; ++g) {
        Lane group_sum{};
        for (int e = n * g; e < n * g + n; ++e) group_sum += batch.x[e] * batch.x[e];
        sum += group_sum;
    }
    const Lane inverse = divided(all(1.0f), sum * (1.0f / (n * n_groups)));
    for (int e = 0; e < n * n_groups; ++e) batch.w[e] *= batch.x[e] * batch.x[e] * inverse + share;
}

// ---------------------------------------------------------------------------------------------- one group alone
template <typename Nearest, int n>
RUSHLIGHT_INLINE void attempt_symmetric(const Lane *x, const Lane *w, Lane inverse, Lane &best, Lane &scale) {
    Lane xq{}, qq{};
    for (int e = 0; e < n; ++e) {
        const Lane level = Nearest::level(x[e] * inverse);
        const Lane wq = w[e] * level;
        xq += wq * x[e];
        qq += wq * level;
    }
    const Lane found = divided(xq, qq);
    const Lane gain = found * xq;
    const Mask better = gain > best;
    best = pick(better, gain, best);
    scale = pick(better, found, scale);
}

template <typename Nearest, int n>
RUSHLIGHT_INLINE Lane search_symmetric(const Lane *x, const Lane *w, const Steps &down, const Steps &up) {
    Lane peak{};
    for (int e = 0; e < n; ++e) peak = pick(size_of(x[e]) > size_of(peak), x[e], peak);
    const Lane inverse_peak = divided(all(1.0f), peak);
    Lane best{}, scale{};
    for (int i = 0; i < down.count; ++i)
        attempt_symmetric<Nearest, n>(x, w, Steps::at(down, i) * inverse_peak, best, scale);
    for (int i = 0; i < up.count; ++i)
        attempt_symmetric<Nearest, n>(x, w, Steps::at(up, i) * inverse_peak, best, scale);
    for (int i = 0; i < kLloyd; ++i)
        attempt_symmetric<Nearest, n>(x, w, divided(all(1.0f), scale), best, scale);
    return scale;
}

struct Affine {
    Lane best, scale, offset, sw, sx;
};

template <int n, int high, bool is_free>
RUSHLIGHT_INLINE void attempt_affine(const Lane *x, const Lane *w, Lane start, Lane inverse, Affine &found) {
    Lane sl{}, sll{}, sxl{};
    for (int e = 0; e < n; ++e) {
        const Lane code = rounded((x[e] - start) * inverse, 0.0f, high);
        const Lane wq = w[e] * code;
        sl += wq;
        sll += wq * code;
        sxl += wq * x[e];
    }
    const Lane determinant = found.sw * sll - sl * sl;
    const Mask is_firm = determinant > found.sw * sll * kFlat;
    Lane scale = divided(found.sw * sxl - found.sx * sl, determinant);
    Lane offset = divided(sll * found.sx - sl * sxl, determinant);
    if (!is_free) {
        const Mask is_above = (offset > 0.0f) | ~is_firm;
        scale = pick(is_above, divided(sxl, sll), scale);
        offset = pick(is_above, Lane{}, offset);
    }
    const Lane gain = scale * sxl + offset * found.sx;
    Mask better = (gain > found.best) & (scale > 0.0f);
    if (is_free) better &= is_firm;
    found.best = pick(better, gain, found.best);
    found.scale = pick(better, scale, found.scale);
    found.offset = pick(better, offset, found.offset);
}

template <int n, int high, bool is_free>
RUSHLIGHT_INLINE Affine search_affine(const Lane *x, const Lane *w, const Steps &steps) {
    Affine found{};
    Lane lo = x[0], hi = x[0];
    for (int e = 0; e < n; ++e) {
        lo = pick(x[e] < lo, x[e], lo);
        hi = pick(x[e] > hi, x[e], hi);
        found.sw += w[e];
        found.sx += w[e] * x[e];
    }
    if (!is_free) lo = pick(lo > 0.0f, Lane{}, lo);
    found.offset = divided(found.sx, found.sw);
    if (!is_free) found.offset = pick(found.offset > 0.0f, Lane{}, found.offset);
    found.best = found.offset * found.sx;
    const Lane inverse_span = divided(all(1.0f), hi - lo);
    for (int i = 0; i < steps.count; ++i)
        attempt_affine<n, high, is_free>(x, w, lo, Steps::at(steps, i) * inverse_span, found);
    for (int i = 0; i < kLloyd; ++i)
        attempt_affine<n, high, is_free>(x, w, found.offset, divided(all(1.0f), found.scale), found);
    return found;
}

// ---------------------------------------------------------------------------------------------- a block of groups
void put_halves(BlockFields *fields, Lane d, Lane m) {
    for (int lane = 0; lane < kLanes; ++lane) {
        fields[lane].d = half_from(d[lane]);
        fields[lane].m = half_from(m[lane]);
    }
}

RUSHLIGHT_INLINE void put_codes(BlockFields *fields, int element, Lane codes) {
    const Mask numbers = __builtin_convertvector(codes, Mask);
    for (int lane = 0; lane < kLanes; ++lane) fields[lane].codes[element] = static_cast<std::uint8_t>(numbers[lane]);
}

void put_integers(BlockFields *fields, int group, Lane scales, Lane mins) {
    for (int lane = 0; lane < kLanes; ++lane) {
        fields[lane].scales[group] = static_cast<std::int16_t>(scales[lane]);
        fields[lane].mins[group] = static_cast<std::int16_t>(mins[lane]);
    }
}

template <typename Nearest>
void fit_one_scale(const Batch &batch, const Steps &down, const Steps &up, BlockFields *fields) {
    const Lane d = half(search_symmetric<Nearest, 32>(batch.x, batch.w, down, up));
    const Lane inverse = divided(all(1.0f), d);
    put_halves(fields, d, Lane{});
    for (int e = 0; e < 32; ++e) put_codes(fields, e, Nearest::code(batch.x[e] * inverse));
}

template <int high>
void fit_scale_and_offset(const Batch &batch, const Steps &steps, BlockFields *fields) {
    const Affine found = search_affine<32, high, true>(batch.x, batch.w, steps);
    const Lane d = half(found.scale), m = half(found.offset);
    const Lane inverse = divided(all(1.0f), d);
    put_halves(fields, d, m);
    for (int e = 0; e < 32; ++e) put_codes(fields, e, rounded((batch.x[e] - m) * inverse, 0.0f, high));
}

template <int low, int high>
RUSHLIGHT_INLINE Lane symmetric_error(const Lane *x, const Lane *w, Lane scale) {
    const Lane inverse = divided(all(1.0f), scale);
    Lane error{};
    for (int e = 0; e < 16; ++e) {
        const Lane difference = x[e] - scale * rounded(x[e] * inverse, low, high);
        error += w[e] * difference * difference;
    }
    return error;
}

template <int low, int high, int least, int most>
void fit_symmetric_block(const Batch &batch, const Steps &down, const Steps &up, BlockFields *fields) {
    Lane scales[16], errors[16], tried_errors[16], peak{};
    for (int g = 0; g < 16; ++g) {
        scales[g] = search_symmetric<Whole<low, high>, 16>(batch.x + 16 * g, batch.w + 16 * g, down, up);
        peak = pick(size_of(scales[g]) > size_of(peak), scales[g], peak);
    }
    Lane d = half(peak * static_cast<float>(1.0 / least));
    const Lane inverse_d = divided(all(1.0f), d);
    for (int g = 0; g < 16; ++g) {
        scales[g] = rounded(scales[g] * inverse_d, least, most);
        errors[g] = symmetric_error<low, high>(batch.x + 16 * g, batch.w + 16 * g, d * scales[g]);
    }
    for (int round = 0; round < kRefine; ++round) {
        for (int g = 0; g < 16; ++g)
            for (const float change : {-1.0f, 1.0f}) {
                const Lane tried = between(scales[g] + change, least, most);
                const Lane error = symmetric_error<low, high>(batch.x + 16 * g, batch.w + 16 * g, d * tried);
                const Mask better = error < errors[g];
                scales[g] = pick(better, tried, scales[g]);
                errors[g] = pick(better, error, errors[g]);
            }
        Lane xs{}, ss{};
        for (int g = 0; g < 16; ++g) {
            const Lane *x = batch.x + 16 * g, *w = batch.w + 16 * g;
            const Lane scale = d * scales[g], inverse = divided(all(1.0f), scale);
            Lane group_xs{}, group_ss{};
            for (int e = 0; e < 16; ++e) {
                const Lane stands = scales[g] * rounded(x[e] * inverse, low, high);
                const Lane ws = w[e] * stands;
                group_xs += ws * x[e];
                group_ss += ws * stands;
            }
            xs += group_xs;
            ss += group_ss;
        }
        const Lane tried_d = half(divided(xs, ss));
        Lane error{}, tried_error{};
        for (int g = 0; g < 16; ++g) {
            tried_errors[g] = symmetric_error<low, high>(batch.x + 16 * g, batch.w + 16 * g, tried_d * scales[g]);
            error += errors[g];
            tried_error += tried_errors[g];
        }
        const Mask better = tried_error < error;
        d = pick(better, tried_d, d);
        for (int g = 0; g < 16; ++g) errors[g] = pick(better, tried_errors[g], errors[g]);
    }
    put_halves(fields, d, Lane{});
    for (int g = 0; g < 16; ++g) {
        const Lane inverse = divided(all(1.0f), d * scales[g]);
        put_integers(fields, g, scales[g], Lane{});
        for (int e = 16 * g; e < 16 * g + 16; ++e)
            put_codes(fields, e, Whole<low, high>::code(batch.x[e] * inverse));
    }
}

template <int n, int high>
RUSHLIGHT_INLINE Lane affine_error(const Lane *x, const Lane *w, Lane scale, Lane offset) {
    const Lane inverse = divided(all(1.0f), scale);
    Lane error{};
    for (int e = 0; e < n; ++e) {
        const Lane code = rounded((x[e] + offset) * inverse, 0.0f, high);
        const Lane difference = x[e] - (scale * code - offset);
        error += w[e] * difference * difference;
    }
    return error;
}

template <int n, int high, int limit>
void fit_affine_block(const Batch &batch, const Steps &steps, BlockFields *fields) {
    constexpr int n_groups = 256 / n;
    Lane scales[n_groups], mins[n_groups], sw[n_groups], sx[n_groups], errors[n_groups], tried_errors[n_groups];
    Lane largest{}, lowest{};
    for (int g = 0; g < n_groups; ++g) {
        const Affine found = search_affine<n, high, false>(batch.x + n * g, batch.w + n * g, steps);
        scales[g] = found.scale;
        mins[g] = -found.offset;
        sw[g] = found.sw;
        sx[g] = found.sx;
        largest = pick(scales[g] > largest, scales[g], largest);
        lowest = pick(mins[g] > lowest, mins[g], lowest);
    }
    Lane d = half(largest * static_cast<float>(1.0 / limit)), m = half(lowest * static_cast<float>(1.0 / limit));
    const Lane first_inverse_d = divided(all(1.0f), d), first_inverse_m = divided(all(1.0f), m);
    for (int g = 0; g < n_groups; ++g) {
        scales[g] = rounded(scales[g] * first_inverse_d, 0.0f, limit);
        mins[g] = rounded(mins[g] * first_inverse_m, 0.0f, limit);
        errors[g] = affine_error<n, high>(batch.x + n * g, batch.w + n * g, d * scales[g], m * mins[g]);
    }
    for (int round = 0; round < kRefine; ++round) {
        const Lane inverse_m = divided(all(1.0f), m);
        for (int g = 0; g < n_groups; ++g) {
            const Lane *x = batch.x + n * g, *w = batch.w + n * g;
            const Lane base = scales[g];
            for (const float change : {0.0f, -1.0f, 1.0f}) {
                const Lane tried = between(base + change, 0.0f, limit);
                const Lane scale = d * tried, offset = m * mins[g], inverse = divided(all(1.0f), scale);
                Lane sl{};
                for (int e = 0; e < n; ++e) sl += w[e] * rounded((x[e] + offset) * inverse, 0.0f, high);
                const Lane tried_min = rounded(divided(scale * sl - sx[g], sw[g]) * inverse_m, 0.0f, limit);
                const Lane error = affine_error<n, high>(x, w, scale, m * tried_min);
                const Mask better = error < errors[g];
                scales[g] = pick(better, tried, scales[g]);
                mins[g] = pick(better, tried_min, mins[g]);
                errors[g] = pick(better, error, errors[g]);
            }
        }
        Lane a{}, b{}, c{}, p{}, q{};
        for (int g = 0; g < n_groups; ++g) {
            const Lane *x = batch.x + n * g, *w = batch.w + n * g;
            const Lane offset = m * mins[g], inverse = divided(all(1.0f), d * scales[g]);
            Lane sl{}, sll{}, sxl{};
            for (int e = 0; e < n; ++e) {
                const Lane code = rounded((x[e] + offset) * inverse, 0.0f, high);
                const Lane wq = w[e] * code;
                sl += wq;
                sll += wq * code;
                sxl += wq * x[e];
            }
            a += scales[g] * scales[g] * sll;
            b += scales[g] * mins[g] * sl;
            c += mins[g] * mins[g] * sw[g];
            p += scales[g] * sxl;
            q += mins[g] * sx[g];
        }
        const Lane determinant = a * c - b * b;
        const Mask is_firm = determinant > a * c * kFlat;
        const Lane tried_d = half(pick(is_firm, divided(p * c - q * b, determinant), divided(p, a)));
        const Lane tried_m = half(pick(is_firm, divided(p * b - q * a, determinant), Lane{}));
        Lane error{}, tried_error{};
        for (int g = 0; g < n_groups; ++g) {
            tried_errors[g] =
                affine_error<n, high>(batch.x + n * g, batch.w + n * g, tried_d * scales[g], tried_m * mins[g]);
            error += errors[g];
            tried_error += tried_errors[g];
        }
        const Mask better = (tried_error < error) & (tried_d > 0.0f) & (tried_m >= 0.0f);
        d = pick(better, tried_d, d);
        m = pick(better, tried_m, m);
        for (int g = 0; g < n_groups; ++g) errors[g] = pick(better, tried_errors[g], errors[g]);
    }
    put_halves(fields, d, m);
    for (int g = 0; g < n_groups; ++g) {
        const Lane offset = m * mins[g], inverse = divided(all(1.0f), d * scales[g]);
        put_integers(fields, g, scales[g], mins[g]);
        for (int e = n * g; e < n * g + n; ++e)
            put_codes(fields, e, rounded((batch.x[e] + offset) * inverse, 0.0f, high));
    }
}

// The shares stand beside the formats in k_quants.py.
void emphasize(BlockType type, Batch &batch) {
    switch (type) {
        case BlockType::q2_k:
            return emphasize<16, 16>(batch, 1.0f);
        case BlockType::q3_k:
            return emphasize<16, 16>(batch, 0.3f);
        case BlockType::q6_k:
            return emphasize<16, 16>(batch, 6.0f);
        default:  // importance alone lost less
            return;
    }
}

void fit(BlockType type, const Batch &batch, BlockFields *fields) {
    switch (type) {
        case BlockType::q4_0:
            return fit_one_scale<Whole<-8, 7>>(batch, {-11, -6.8, 26}, {6.2, 9, 12}, fields);
        case BlockType::q5_0:
            return fit_one_scale<Whole<-16, 15>>(batch, {-18, -14.5, 24}, {14.2, 16.5, 10}, fields);
        case BlockType::iq4_nl:
            return fit_one_scale<Table>(batch, {-165, -110, 28}, {96, 140, 14}, fields);
        case BlockType::q4_1:
            return fit_scale_and_offset<15>(batch, {14.1, 17, 28}, fields);
        case BlockType::q5_1:
            return fit_scale_and_offset<31>(batch, {30, 33, 28}, fields);
        case BlockType::q3_k:
            return fit_symmetric_block<-4, 3, -32, 31>(batch, {-6.5, -2.8, 22}, {2.6, 4.5, 8}, fields);
        case BlockType::q6_k:
            return fit_symmetric_block<-32, 31, -128, 127>(batch, {-33, -30.5, 16}, {30, 32, 6}, fields);
        case BlockType::q2_k:
            return fit_affine_block<16, 3, 15>(batch, {2.1, 4.6, 24}, fields);
        case BlockType::q4_k:
            return fit_affine_block<32, 15, 63>(batch, {14.1, 17, 22}, fields);
        case BlockType::q5_k:
            return fit_affine_block<32, 31, 63>(batch, {30, 33, 22}, fields);
    }
}

}  // namespace

void RUSHLIGHT_QUANTIZE(const QuantizeTask &task, std::size_t first, std::size_t last) noexcept {
    const BlockShape shape = shape_of(task.type);
    const std::size_t blocks_in_row = task.n_columns / shape.n_elements;
    Batch batch;
    BlockFields fields[kLanes];
    for (std::size_t block = first; block < last; block += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const bool is_there = block + lane < last;
            const std::size_t place = is_there ? block + lane : block;  // a lane too many repeats the first one
            const float *x = task.values + place * shape.n_elements;
            for (std::size_t e = 0; e < shape.n_elements; ++e) batch.x[e][lane] = x[e];
            if (task.importance == nullptr) {
                for (std::size_t e = 0; e < shape.n_elements; ++e) batch.w[e][lane] = 1.0f;
                continue;
            }
            const float *w = task.importance + place % blocks_in_row * shape.n_elements;
            for (std::size_t e = 0; e < shape.n_elements; ++e) batch.w[e][lane] = w[e];
        }
        emphasize(task.type, batch);
        fit(task.type, batch, fields);
        for (std::size_t lane = 0; lane < kLanes && block + lane < last; ++lane)
            pack_block(task.type, fields[lane], task.out + (block + lane) * shape.n_bytes);
    }
}

}  // namespace rushlight
#undef RUSHLIGHT_INLINE
