// The permutations of MinHash, included once for each width: kHeld vectors of them stay in registers over all values.
namespace rushlight {
namespace {

typedef std::uint32_t Whole __attribute__((vector_size(kLanes * 4)));
constexpr int kHeld = kLanes == 16 ? 8 : 4;

RUSHLIGHT_INLINE Whole wholes_at(const std::uint32_t *from) {
    Whole result;
    std::memcpy(&result, from, sizeof result);
    return result;
}

template <int n_held>
RUSHLIGHT_INLINE void lower_held(const MinhashRow &row, std::size_t first) {
    Whole factors[n_held], addends[n_held], mins[n_held];
    for (int i = 0; i < n_held; ++i) {
        factors[i] = wholes_at(row.factors + first + i * kLanes);
        addends[i] = wholes_at(row.addends + first + i * kLanes);
        mins[i] = wholes_at(row.mins + first + i * kLanes);
    }
    for (std::size_t k = 0; k < row.n; ++k) {
        const Whole value = Whole{} + row.values[k];
        for (int i = 0; i < n_held; ++i) {
            const Whole made = value * factors[i] + addends[i];
            mins[i] = made < mins[i] ? made : mins[i];
        }
    }
    for (int i = 0; i < n_held; ++i) std::memcpy(row.mins + first + i * kLanes, &mins[i], sizeof mins[i]);
}

}  // namespace

void RUSHLIGHT_NAMED(lower_mins)(const MinhashRow &row) noexcept {
    std::size_t first = 0;
    for (; first + kHeld * kLanes <= row.n_permutations; first += kHeld * kLanes) lower_held<kHeld>(row, first);
    for (; first < row.n_permutations; first += kLanes) lower_held<1>(row, first);
}

}  // namespace rushlight
