// The comparison of two rows of logits, included once for each width. Always sixteen sums side by side, in as many
// vectors as that takes: so every width does the same operations, and the results are equal to the last bit.
//
// The rows pass by in pieces that stay in the first cache. In a piece first the largest logits are looked for; where
// one is larger than all before, what was summed up so far is scaled down to it (Milakov and Gimelshein 2018,
// arXiv:1805.02867). Then KL = sum p (a - b) - (log sum a - log sum b), with p of the base and each logit less the
// largest of its row: so nothing large is subtracted from another large number.

namespace rushlight {
namespace {

constexpr std::size_t kSums = 16;
constexpr std::size_t kParts = kSums / kLanes;
constexpr std::size_t kPiece = 1024;
constexpr std::size_t kHalf = kLanes / 2;
typedef float HalfLane __attribute__((vector_size(kHalf * 4)));
typedef double Wide __attribute__((vector_size(kHalf * 8)));

// float64 sums of one vector's lanes: KL is a small difference of large sums.
struct WideSum {
    Wide low{}, high{};
};
RUSHLIGHT_INLINE void add_to(WideSum &sum, Lane value) {
    HalfLane halves[2];
    std::memcpy(halves, &value, sizeof value);
    sum.low += __builtin_convertvector(halves[0], Wide);
    sum.high += __builtin_convertvector(halves[1], Wide);
}

// exp(x) for x <= 0: 2^n * exp(r), |r| <= log(2) / 2, by a polynomial (Moshier, Cephes). Below -87 it is 0.
RUSHLIGHT_INLINE Lane exp_of(Lane x) {
    constexpr float kRounder = 12582912.0f;  // 1.5 * 2 ** 23
    const Mask is_none = x < -87.0f;
    x = is_none ? all(-87.0f) : x;
    const Lane shifted = x * 1.44269504f + kRounder;
    const Lane n = shifted - kRounder;
    const Lane r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // log(2) in two parts
    Lane series = all(1.9875691500e-4f);
    series = series * r + 1.3981999507e-3f;
    series = series * r + 8.3334519073e-3f;
    series = series * r + 4.1665795894e-2f;
    series = series * r + 1.6666665459e-1f;
    series = series * r + 5.0000001201e-1f;
    series = (series * (r * r) + r) + 1.0f;
    Mask bits;  // the last bits of `shifted` are n: they go where a float keeps its exponent
    std::memcpy(&bits, &shifted, sizeof bits);
    Mask scale = (bits << 23) + (127 << 23);
    Lane power;
    std::memcpy(&power, &scale, sizeof power);
    return is_none ? Lane{} : series * power;
}

// The largest logits so far, the largest first; of equal ones the earlier stays before the later.
struct Top {
    float values[kMostTop] = {};
    std::size_t places[kMostTop] = {};
    std::size_t n = 0, most = 1;

    void look_at(const float *logits, std::size_t first, std::size_t length) noexcept {
        for (std::size_t i = 0; i < length; ++i) {
            if (n == most && !(logits[i] > values[n - 1])) continue;
            std::size_t place = n < most ? n++ : n - 1;
            for (; place > 0 && logits[i] > values[place - 1]; --place) {
                values[place] = values[place - 1];
                places[place] = places[place - 1];
            }
            values[place] = logits[i];
            places[place] = first + i;
        }
    }
    bool may_gain(float largest) const noexcept { return n < most || largest > values[n - 1]; }
    bool has(std::size_t place) const noexcept {
        for (std::size_t i = 0; i < n; ++i)
            if (places[i] == place) return true;
        return false;
    }
};

struct Peak {
    float largest;
    bool is_good;
};

Peak peak_of(const float *logits, std::size_t length) noexcept {  // length: a multiple of kSums
    Lane largest[kParts];
    Mask is_bad[kParts];
    for (std::size_t p = 0; p < kParts; ++p) largest[p] = all(-kLargestLogit), is_bad[p] = Mask{};
    for (std::size_t i = 0; i < length; i += kSums)
        for (std::size_t p = 0; p < kParts; ++p) {
            const Lane x = lanes_at(logits + i + p * kLanes);
            is_bad[p] |= ~((x <= kLargestLogit) & (x >= -kLargestLogit));
            largest[p] = x > largest[p] ? x : largest[p];
        }
    Peak found{-kLargestLogit, true};
    for (std::size_t p = 0; p < kParts; ++p)
        for (int lane = 0; lane < kLanes; ++lane) {
            if (largest[p][lane] > found.largest) found.largest = largest[p][lane];
            if (is_bad[p][lane] != 0) found.is_good = false;
        }
    return found;
}

double total(const WideSum *parts) noexcept {
    double sum = 0;
    for (std::size_t p = 0; p < kParts; ++p) {
        for (std::size_t lane = 0; lane < kHalf; ++lane) sum += parts[p].low[lane];
        for (std::size_t lane = 0; lane < kHalf; ++lane) sum += parts[p].high[lane];
    }
    return sum;
}

}  // namespace

void RUSHLIGHT_NAMED(score_row)(const ScoreTask &task, std::size_t row) noexcept {
    const std::size_t n = task.n_columns;
    const float *a = task.base + row * n, *b = task.other + row * n;
    Top top_a, top_b;
    top_a.most = top_b.most = task.n_top < n ? task.n_top : n;
    double sum_a = 0, sum_b = 0, dot = 0;
    bool is_good = true;
    for (std::size_t first = 0; first < n && is_good; first += kPiece) {
        const std::size_t length = n - first < kPiece ? n - first : kPiece;
        const std::size_t whole = length / kSums * kSums;
        float last_a[kSums], last_b[kSums];  // the elements beyond the last whole sixteen, filled up with what adds 0
        for (std::size_t i = 0; i < kSums; ++i) {
            const bool is_there = whole + i < length;
            last_a[i] = is_there ? a[first + whole + i] : -kLargestLogit;
            last_b[i] = is_there ? b[first + whole + i] : -kLargestLogit;
        }
        const Peak peaks[4] = {peak_of(a + first, whole), peak_of(b + first, whole), peak_of(last_a, kSums),
                               peak_of(last_b, kSums)};
        for (const Peak &peak : peaks) is_good &= peak.is_good;
        if (!is_good) break;
        const float before_a = top_a.n == 0 ? 0.0f : top_a.values[0], before_b = top_b.n == 0 ? 0.0f : top_b.values[0];
        if (top_a.may_gain(peaks[0].largest) || top_a.may_gain(peaks[2].largest)) top_a.look_at(a + first, first, length);
        if (top_b.may_gain(peaks[1].largest) || top_b.may_gain(peaks[3].largest)) top_b.look_at(b + first, first, length);
        const float peak_a = top_a.values[0], peak_b = top_b.values[0];
        if (first > 0) {
            const double step_a = static_cast<double>(before_a) - static_cast<double>(peak_a);
            const double step_b = static_cast<double>(before_b) - static_cast<double>(peak_b);
            dot = (dot + sum_a * (step_a - step_b)) * exp(step_a);
            sum_a *= exp(step_a);
            sum_b *= exp(step_b);
        }
        WideSum sums_a[kParts], sums_b[kParts], dots[kParts];
        const auto add = [&](const float *from_a, const float *from_b) __attribute__((always_inline)) {
            for (std::size_t p = 0; p < kParts; ++p) {
                const Lane x = lanes_at(from_a + p * kLanes) - peak_a, y = lanes_at(from_b + p * kLanes) - peak_b;
                const Lane weight = exp_of(x);
                add_to(sums_a[p], weight);
                add_to(sums_b[p], exp_of(y));
                add_to(dots[p], weight * (x - y));
            }
        };
        for (std::size_t i = first; i < first + whole; i += kSums) add(a + i, b + i);
        if (whole < length) add(last_a, last_b);
        sum_a += total(sums_a);
        sum_b += total(sums_b);
        dot += total(dots);
    }
    RowScore &score = task.out[row];
    if (!is_good) {
        const double none = static_cast<double>(NAN);
        score = {none, none, none, none, none, none};
        return;
    }
    const auto target = static_cast<std::size_t>(task.targets[row]);
    const double log_a = log(sum_a), log_b = log(sum_b);
    score.base_loss = log_a + (static_cast<double>(top_a.values[0]) - static_cast<double>(a[target]));
    score.other_loss = log_b + (static_cast<double>(top_b.values[0]) - static_cast<double>(b[target]));
    const double divergence = dot / sum_a - (log_a - log_b);
    score.divergence = divergence > 0 ? divergence : 0;  // less than 0 is rounding
    score.change = exp(-score.other_loss) - exp(-score.base_loss);
    score.same_top = top_a.places[0] == top_b.places[0] ? 1 : 0;
    std::size_t n_shared = 0;
    for (std::size_t i = 0; i < top_a.n; ++i) n_shared += top_b.has(top_a.places[i]) ? 1 : 0;
    score.shared_top = static_cast<double>(n_shared) / static_cast<double>(top_a.n);
}

}  // namespace rushlight
