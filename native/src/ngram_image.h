// An n-gram model as one run of bytes, to be mapped into memory: a trie over reversed n-grams, words sorted by hash.
//
//   magic u64 | order u64 | words u64 | bytes of strings u64 | n-grams of each order, 5 x u64 | 0 u64
//   hashes u64[words]          rising from the fourth on; the number of a word is its place
//   starts u64[words + 1]      of the strings
//   strings                    filled up with 0 to a multiple of 8
//   of each order but the last Node[n + 1]: the last one only ends the children of the one before
//   of the last order          Leaf[n]
//
// The first words are <unk>, <s> and </s>. Children of a node are the words before its words, rising. Little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vocabulary.h"

namespace rushlight {

constexpr std::size_t kMostOrder = 5;
constexpr std::size_t kHeaderBytes = 80;
constexpr std::uint64_t kImageMagic = 0x316D6172676E4C52u;  // "RLngram1"
constexpr std::uint64_t kNgramSeed = 0x52756C6947687421u;
constexpr std::uint32_t kUnknown = 0, kBegin = 1, kEnd = 2, kFirstWord = 3;
constexpr float kNever = -99;  // log10 of what does not occur, as in ARPA files
constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

struct Node {
    std::uint32_t word, first;  // its own word, and where its children begin in the order above
    float probability, backoff;  // log10, of the n-gram and as a context
};
struct Leaf {
    std::uint32_t word;
    float probability;
};
static_assert(sizeof(Node) == 16 && sizeof(Leaf) == 8);

struct ImageSizes {
    std::uint64_t order, n_words, n_string_bytes, n_ngrams[kMostOrder];

    // Of the whole image; 0 where it would not fit 62 bits.
    std::uint64_t total_bytes() const noexcept;
};

// Places within an image; nothing is owned. Sizes are checked when it is opened, children when they are used: whatever
// the bytes are, or become while a file is mapped, nothing outside is read.
class NgramImage {
  public:
    // False for bytes that are no whole image.
    static bool open(const std::uint8_t *bytes, std::uint64_t n_bytes, NgramImage &image) noexcept;

    const ImageSizes &sizes() const noexcept { return sizes_; }
    std::size_t order() const noexcept { return static_cast<std::size_t>(sizes_.order); }
    std::size_t n(std::size_t order) const noexcept { return static_cast<std::size_t>(sizes_.n_ngrams[order - 1]); }
    const std::uint64_t *hashes() const noexcept { return hashes_; }
    const std::uint64_t *starts() const noexcept { return starts_; }
    const std::uint8_t *strings() const noexcept { return strings_; }
    const Node *nodes(std::size_t order) const noexcept { return reinterpret_cast<const Node *>(levels_[order - 1]); }
    const Leaf *leaves() const noexcept { return reinterpret_cast<const Leaf *>(levels_[order() - 1]); }
    bool has_leaves() const noexcept { return sizes_.order > 1; }

    std::uint32_t word(const std::uint8_t *from, std::size_t n_bytes) const noexcept;
    // Where the child with `word` of node `at` lies in the order above, or kNowhere.
    std::size_t child(std::size_t order, std::size_t at, std::uint32_t word) const noexcept;
    // The children of node `at`: first and one behind the last.
    void children(std::size_t order, std::size_t at, std::size_t &first, std::size_t &last) const noexcept;

    // Whether children and strings lie one behind the other: a walk through all of it then ends.
    bool is_consistent() const noexcept;

  private:
    ImageSizes sizes_{};
    const std::uint64_t *hashes_ = nullptr;
    const std::uint64_t *starts_ = nullptr;
    const std::uint8_t *strings_ = nullptr;
    const std::uint8_t *levels_[kMostOrder] = {};
};

// Begins an image of zeros: its header and its words. NgramImage::open then finds the places for the rest.
void put_words(std::uint8_t *bytes, const ImageSizes &sizes, const SortedWords &words) noexcept;

// An image that is being written: the same places.
template <typename T>
T *writable(const T *place) noexcept {
    return const_cast<T *>(place);
}

// What ends a word: ASCII white space and every other control character, NUL too.
inline bool ends_word(std::uint8_t byte) noexcept { return byte <= 0x20; }

// Calls word(from, n) for the words of a text and end() behind each line that has any.
template <typename Word, typename End>
void each_word(const std::uint8_t *from, const std::uint8_t *end, const Word &word, const End &end_line) {
    bool has_words = false;
    while (from != end) {
        if (ends_word(*from)) {
            if (*from == '\n' && has_words) end_line(), has_words = false;
            ++from;
            continue;
        }
        const std::uint8_t *const begin = from;
        while (from != end && !ends_word(*from)) ++from;
        word(begin, static_cast<std::size_t>(from - begin));
        has_words = true;
    }
    if (has_words) end_line();
}

}  // namespace rushlight
