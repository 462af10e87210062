// Reads UTF-8, cuts it into units, and rolls a polynomial hash over them.
#include "shingles.h"

#include <array>
#include <cstring>

#include "lower_case.h"
#include "word_hash.h"

namespace rushlight {

namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15u;  // of the polynomial; odd
constexpr std::uint8_t kSpace = 0, kOther = 0xFF;

// Each byte's lower case; 0 for white space; 0xFF where it is no ASCII, and for 0 itself.
constexpr std::array<std::uint8_t, 256> make_ascii() {
    std::array<std::uint8_t, 256> table{};
    for (int byte = 0; byte < 256; ++byte) {
        std::uint8_t made = static_cast<std::uint8_t>(byte);
        if (byte >= 'A' && byte <= 'Z') made = static_cast<std::uint8_t>(byte + 32);
        if (byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) || (byte >= 0x1C && byte <= 0x1F)) made = kSpace;
        if (byte >= 0x80 || byte == 0) made = kOther;
        table[static_cast<std::size_t>(byte)] = made;
    }
    return table;
}
constexpr std::array<std::uint8_t, 256> kAscii = make_ascii();

// The code point at `from`, which moves behind it. Of wrong bytes, as many as could have begun one become U+FFFD.
std::uint32_t read_code(const std::uint8_t *&from, const std::uint8_t *end) noexcept {
    const std::uint8_t lead = *from++;
    if (lead < 0x80) return lead;
    int n_more = 0;
    std::uint8_t low = 0x80, high = 0xBF;
    std::uint32_t code = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        n_more = 1, code = lead & 0x1Fu;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        n_more = 2, code = lead & 0x0Fu;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        n_more = 3, code = lead & 0x07u;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    } else {
        return 0xFFFD;
    }
    for (; n_more > 0; --n_more, low = 0x80, high = 0xBF) {
        if (from == end || *from < low || *from > high) return 0xFFFD;
        code = code << 6 | (*from++ & 0x3Fu);
    }
    return code;
}

// How many bytes the code point took.
std::size_t put_code(std::uint8_t *to, std::uint32_t code) noexcept {
    std::size_t n = 0;
    const auto put = [&](std::uint32_t byte) { to[n++] = static_cast<std::uint8_t>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
    return n;
}

constexpr std::uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;

// The high bit of bytes that may end a word or are no ASCII: up to 0x20, and from 0x80 on. The lowest one is right;
// above it there may be wrong ones.
inline std::uint64_t stops(std::uint64_t bytes) noexcept {
    return (((bytes - 0x21 * kOnes) & ~bytes) | bytes) & kHighs;
}

// Eight ASCII characters in lower case.
inline std::uint64_t lowered(std::uint64_t bytes) noexcept {
    const std::uint64_t from_a = bytes + (0x80 - 'A') * kOnes, behind_z = bytes + (0x80 - 'Z' - 1) * kOnes;
    return bytes | ((from_a & ~behind_z & kHighs) >> 2);
}

inline std::uint64_t first_of(std::uint64_t bytes, std::size_t n) noexcept {
    return n < 8 ? bytes & ((std::uint64_t{1} << 8 * n) - 1) : bytes;
}

inline std::size_t n_before(std::uint64_t stop) noexcept {  // bytes below the lowest mark
#if defined(__GNUC__) || defined(__clang__)
    return static_cast<std::size_t>(__builtin_ctzll(stop)) / 8;
#else
    std::size_t n = 0;
    for (; (stop & 0xFF) == 0; stop >>= 8) ++n;
    return n;
#endif
}

}  // namespace

Shingler::Shingler(const Shingling &shingling) : shingling_(shingling), word_(256), units_(1024) {
    for (std::size_t i = 1; i < shingling.n_units; ++i) oldest_power_ *= kBase;
}

const std::vector<std::uint64_t> &Shingler::shingles(const Texts &texts, std::size_t i) {
    n_ = 0;
    if (!texts.is_null(i)) {
        if (shingling_.by_char)
            characters(texts.begin(i), texts.end(i));
        else
            words(texts.begin(i), texts.end(i));
    }
    roll();
    return found_;
}

void Shingler::grow() { units_.resize(2 * units_.size()); }

// Words of at most sixteen ASCII characters are read as two numbers; others byte by byte.
void Shingler::words(const std::uint8_t *from, const std::uint8_t *end) {
    const std::uint64_t seed = shingling_.seed;
    while (end - from >= 16) {
        std::uint64_t low, high;
        std::memcpy(&low, from, 8);
        std::memcpy(&high, from + 8, 8);
        const std::uint64_t stop_low = stops(low), stop_high = stops(high);
        const std::size_t n = stop_low != 0 ? n_before(stop_low) : 8 + n_before(stop_high | std::uint64_t{1} << 63);
        if ((stop_low | stop_high) == 0 || kAscii[from[n]] != kSpace) {
            from = plain_word(from, end);
            continue;
        }
        from += n + 1;
        if (n == 0) continue;
        std::uint64_t hash = seed ^ n * kWordFactor;
        hash = (hash ^ lowered(first_of(low, n))) * kWordFactor;
        hash ^= hash >> 32;
        std::uint64_t longer = (hash ^ lowered(first_of(high, n < 8 ? 0 : n - 8))) * kWordFactor;
        longer ^= longer >> 32;
        add(n > 8 ? longer : hash);
    }
    while (from != end) from = plain_word(from, end);
}

// Behind the next word, or at the end.
const std::uint8_t *Shingler::plain_word(const std::uint8_t *from, const std::uint8_t *end) {
    std::size_t n = 0;  // bytes of the word so far; at least eight places behind them are free
    while (from != end) {
        const std::uint8_t made = kAscii[*from];
        if (made == kSpace) {
            ++from;
            break;
        }
        if (made != kOther) {
            word_[n++] = made;
            ++from;
        } else {
            const std::uint32_t code = read_code(from, end);
            if (is_space(code)) break;
            n += put_code(word_.data() + n, lower_case(code));
        }
        if (n + 8 > word_.size()) word_.resize(2 * word_.size());
    }
    if (n > 0) add(word_hash(shingling_.seed, word_.data(), n));
    return from;
}

void Shingler::characters(const std::uint8_t *from, const std::uint8_t *end) {
    const auto add_code = [this](std::uint32_t code) {
        const std::uint64_t hash = (shingling_.seed ^ code) * kWordFactor;
        add(hash ^ hash >> 32);
    };
    bool is_apart = false;
    while (from != end) {
        const std::uint32_t code = read_code(from, end);
        if (is_space(code)) {
            is_apart = n_ > 0;
            continue;
        }
        if (is_apart) add_code(0x20);
        is_apart = false;
        add_code(lower_case(code));
    }
}

// A polynomial of every run of units, the oldest one taken out again.
void Shingler::roll() {
    const std::size_t n_units = shingling_.n_units;
    const std::uint64_t *const units = units_.data();
    std::uint64_t rolling = 0;
    if (n_ < n_units) {
        for (std::size_t i = 0; i < n_; ++i) rolling = rolling * kBase + units[i];
        found_.assign(n_ > 0, mixed(rolling + n_));
        return;
    }
    found_.resize(n_ - n_units + 1);
    std::uint64_t *const found = found_.data();
    for (std::size_t i = 0; i + 1 < n_units; ++i) rolling = rolling * kBase + units[i];
    const std::uint64_t oldest_power = oldest_power_;
    for (std::size_t i = 0; i + n_units <= n_; ++i) {
        rolling = rolling * kBase + units[i + n_units - 1];
        found[i] = mixed(rolling + n_units);
        rolling -= units[i] * oldest_power;
    }
}

}  // namespace rushlight
