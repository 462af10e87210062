// The 64-bit hash of a word: eight bytes at a time, its length in the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rushlight {

constexpr std::uint64_t kWordFactor = 0xD6E8FEB86659FD93u;

// The first `n` <= 8 of eight bytes that may all be read, as a little-endian number: the kernels know no other machine.
inline std::uint64_t first_bytes(const std::uint8_t *from, std::size_t n) noexcept {
    std::uint64_t value;
    std::memcpy(&value, from, 8);
    return n < 8 ? value & ((std::uint64_t{1} << 8 * n) - 1) : value;
}

// Of a word behind which nothing may be read.
inline std::uint64_t word_hash(std::uint64_t seed, const std::uint8_t *from, std::size_t n) noexcept {
    std::uint64_t hash = seed ^ n * kWordFactor;
    std::size_t left = n;
    for (; left >= 8; from += 8, left -= 8) {
        hash = (hash ^ first_bytes(from, 8)) * kWordFactor;
        hash ^= hash >> 32;
    }
    if (left > 0) {
        std::uint64_t value = 0;
        std::memcpy(&value, from, left);
        hash = (hash ^ value) * kWordFactor;
        hash ^= hash >> 32;
    }
    return hash;
}

}  // namespace rushlight
