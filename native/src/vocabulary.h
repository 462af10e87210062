// Words and their numbers: in the order they are met first, then by the order of their hashes. A word is its hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rushlight {

// The words as an image of a model keeps them, the marks <unk>, <s> and </s> first.
struct SortedWords {
    std::vector<std::uint64_t> hashes, starts;
    std::vector<std::uint8_t> strings;
};

class Vocabulary {
  public:
    Vocabulary() : slots_(std::size_t{1} << 12) {}

    // The number of a word, from kFirstWord on, or of a mark. May throw std::bad_alloc.
    std::uint32_t number(const std::uint8_t *from, std::size_t n);
    // The same, or kUnknown for a word that was not met.
    std::uint32_t known(const std::uint8_t *from, std::size_t n) const noexcept;

    // The words by their hashes; `changed` gets the new number of every old one.
    SortedWords sorted(std::vector<std::uint32_t> &changed) const;

  private:
    struct Slot {
        std::uint64_t hash = 0;
        std::uint32_t number = 0;
    };

    std::size_t place(std::uint64_t hash) const noexcept;  // where it is, or would be
    void grow();

    std::vector<Slot> slots_;  // open addressing, half full at most
    std::vector<std::uint64_t> hashes_, starts_{0};
    std::vector<std::uint8_t> strings_;
};

}  // namespace rushlight
