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

}  // namespace

Shingler::Shingler(const Shingling &shingling) : shingling_(shingling) {
    for (std::size_t i = 0; i < shingling.n_units; ++i) oldest_power_ *= kBase;
}

const std::vector<std::uint64_t> &Shingler::shingles(const Texts &texts, std::size_t i) {
    found_.clear();
    rolling_ = 0, n_added_ = 0, place_ = 0;
    if (texts.is_null(i)) return found_;
    if (shingling_.by_char)
        characters(texts.begin(i), texts.end(i));
    else
        words(texts.begin(i), texts.end(i));
    if (n_added_ > 0 && n_added_ < shingling_.n_units) found_.push_back(mixed(rolling_ + n_added_));
    return found_;
}

void Shingler::words(const std::uint8_t *from, const std::uint8_t *end) {
    std::size_t n = 0;  // bytes of the word so far; at least eight places behind them are free
    if (word_.empty()) word_.resize(256);
    std::uint8_t *word = word_.data();
    while (from != end) {
        const std::uint8_t made = kAscii[*from];
        if (made == kSpace) {
            ++from;
            end_word(n), n = 0;
            continue;
        }
        if (made != kOther) {
            word[n++] = made;
            ++from;
        } else {
            const std::uint32_t code = read_code(from, end);
            if (is_space(code)) {
                end_word(n), n = 0;
                continue;
            }
            n += put_code(word + n, lower_case(code));
        }
        if (n + 8 > word_.size()) {
            word_.resize(2 * word_.size());
            word = word_.data();
        }
    }
    end_word(n);
}

void Shingler::end_word(std::size_t n) {
    if (n == 0) return;
    std::uint64_t hash = shingling_.seed ^ n * kWordFactor;
    const std::uint8_t *from = word_.data();
    for (std::size_t left = n; left > 0;) {
        const std::size_t taken = left < 8 ? left : 8;
        hash = (hash ^ first_bytes(from, taken)) * kWordFactor;
        hash ^= hash >> 32;
        from += taken, left -= taken;
    }
    add(hash);
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
            is_apart = n_added_ > 0;
            continue;
        }
        if (is_apart) add_code(0x20);
        is_apart = false;
        add_code(lower_case(code));
    }
}

void Shingler::add(std::uint64_t unit) {
    const std::size_t n_units = shingling_.n_units;
    rolling_ = rolling_ * kBase + unit;
    if (n_added_ >= n_units) rolling_ -= last_[place_] * oldest_power_;
    last_[place_] = unit;
    place_ = place_ + 1 == n_units ? 0 : place_ + 1;
    ++n_added_;
    if (n_added_ >= n_units) found_.push_back(mixed(rolling_ + n_units));
}

}  // namespace rushlight
