// The incremental n-gram index of prompt lookup decoding. Knows token ids only: no Python, no model.
//
// For every n-gram size there is an open-addressed table: n-gram -> the end of its latest occurrence. Beside the
// tokens stands, for every position and size, the end of the occurrence before that one. The latter answers
// propose() without any search, and lets truncate() put the tables back exactly as they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rushlight {

class NgramIndex {
  public:
    static constexpr std::size_t kLargestNgram = 16;
    static constexpr std::size_t kMostTokens = std::size_t{1} << 30;  // ends and hashes are 32 bits wide

    // Sizes min_ngram..max_ngram are indexed. `seed` decides where n-grams land, never what is found: texts are
    // hostile, and whoever cannot guess the seed cannot pile them up in one place. `fixed_bits` is for tests: bits that
    // are 1 in every hash, so that n-grams collide at the end of a table and wrap around. Throws std::invalid_argument.
    NgramIndex(std::size_t max_ngram, std::size_t min_ngram, std::size_t max_tokens, std::uint64_t seed,
               std::uint32_t fixed_bits = 0);

    // Adds `n` tokens at the end. All or nothing: std::length_error over max_tokens, std::bad_alloc.
    void extend(const std::int32_t *token_ids, std::size_t n);

    // Keeps the first `n` tokens and becomes the index that had seen only these. std::out_of_range over size().
    void truncate(std::size_t n);

    // Forgets everything and gives the memory back.
    void clear() noexcept;

    struct Draft {
        const std::int32_t *token_ids;  // into this index: valid until it changes
        std::size_t n;
    };
    Draft propose(std::size_t n_draft) const noexcept;

    std::size_t size() const noexcept { return tokens_.size(); }
    std::size_t size_bytes() const noexcept;
    std::size_t max_ngram() const noexcept { return max_ngram_; }
    std::size_t min_ngram() const noexcept { return min_ngram_; }
    std::size_t max_tokens() const noexcept { return max_tokens_; }

  private:
    struct Slot {
        std::uint32_t end;   // one past the last token of the latest occurrence; 0 = empty
        std::uint32_t hash;  // spares most comparisons, and every re-hash when the table grows
    };
    using Table = std::vector<Slot>;
    using Hashes = std::uint32_t[kLargestNgram];

    void reserve(std::size_t n_tokens);
    void hash_suffixes(std::size_t end, Hashes &hashes) const noexcept;
    void index_end(std::size_t end) noexcept;
    void forget_end(std::size_t end) noexcept;
    std::size_t n_sizes() const noexcept { return max_ngram_ - min_ngram_ + 1; }

    std::size_t max_ngram_;
    std::size_t min_ngram_;
    std::size_t max_tokens_;
    std::uint64_t start_;       // both made from the seed
    std::uint64_t multiplier_;  // odd
    std::uint32_t fixed_bits_;
    std::vector<std::int32_t> tokens_;
    std::vector<std::uint32_t> previous_;  // [position][size]: end of the earlier occurrence, 0 = none
    std::vector<Table> tables_;            // one per size; as large as a power of two, at least twice the tokens
};

}  // namespace rushlight
