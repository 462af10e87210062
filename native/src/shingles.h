// Texts into hashed shingles: lower case, words or characters, a rolling hash over every run of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rushlight {

constexpr std::size_t kMostUnits = 64;

// What a shingle is. Words are what lies between white space; characters are those of the words with one space
// between two of them. A text with fewer units than `n_units` is one shingle; one without any has none.
struct Shingling {
    std::size_t n_units;  // 1 to kMostUnits
    bool by_char;
    std::uint64_t seed;
};

// A column of an Arrow table: text `i` lies from offset `first + i` to the next. Bits of `validity`: 0 is null.
struct Texts {
    const void *offsets;
    bool is_wide;  // offsets of 64 bits, not 32
    const std::uint8_t *data;
    const std::uint8_t *validity;  // or nullptr
    std::size_t first;
    std::size_t n;

    std::int64_t offset(std::size_t i) const noexcept {
        return is_wide ? static_cast<const std::int64_t *>(offsets)[i] : static_cast<const std::int32_t *>(offsets)[i];
    }
    bool is_null(std::size_t i) const noexcept {
        return validity != nullptr && (validity[(first + i) / 8] >> ((first + i) % 8) & 1) == 0;
    }
    const std::uint8_t *begin(std::size_t i) const noexcept { return data + offset(first + i); }
    const std::uint8_t *end(std::size_t i) const noexcept { return data + offset(first + i + 1); }
};

inline std::uint64_t mixed(std::uint64_t value) noexcept {  // splitmix64's finish (Steele, Lea, Flood 2014)
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

// Hashes texts; keeps its memory from one to the next. Bytes that are no UTF-8 count as U+FFFD, as in Python's "replace".
class Shingler {
  public:
    explicit Shingler(const Shingling &shingling);

    // The shingles of text `i` in order, repeated ones as often as they occur. Valid until the next call. May throw
    // std::bad_alloc.
    const std::vector<std::uint64_t> &shingles(const Texts &texts, std::size_t i);

  private:
    void words(const std::uint8_t *from, const std::uint8_t *end);
    const std::uint8_t *plain_word(const std::uint8_t *from, const std::uint8_t *end);
    void characters(const std::uint8_t *from, const std::uint8_t *end);
    void roll();
    void grow();
    void add(std::uint64_t unit) {
        if (n_ == units_.size()) grow();
        units_[n_++] = unit;
    }

    Shingling shingling_;
    std::uint64_t oldest_power_ = 1;  // what the oldest unit of a shingle has been multiplied by
    std::vector<std::uint8_t> word_;
    std::vector<std::uint64_t> units_;  // the first n_ of them
    std::size_t n_ = 0;
    std::vector<std::uint64_t> found_;
};

}  // namespace rushlight
