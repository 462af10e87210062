// The n-gram tables: adding, undoing exactly, proposing.
#include "ngram_index.h"

#include <algorithm>
#include <stdexcept>

namespace rushlight {

namespace {

constexpr std::size_t kFirstCapacity = 64;

// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): spreads a seed over all 64 bits.
std::uint64_t spread(std::uint64_t x) noexcept {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

// Smallest power of two that is at least twice `n_tokens`: at most half of a table is ever in use.
std::size_t table_capacity(std::size_t n_tokens) noexcept {
    std::size_t capacity = kFirstCapacity;
    while (capacity < 2 * n_tokens) capacity *= 2;
    return capacity;
}

}  // namespace

NgramIndex::NgramIndex(std::size_t max_ngram, std::size_t min_ngram, std::size_t max_tokens, std::uint64_t seed,
                       std::uint32_t fixed_bits)
    : max_ngram_(max_ngram),
      min_ngram_(min_ngram),
      max_tokens_(max_tokens),
      start_(spread(seed)),
      multiplier_(spread(seed + 1) | 1u),
      fixed_bits_(fixed_bits) {
    if (min_ngram < 1 || max_ngram < min_ngram || max_ngram > kLargestNgram)
        throw std::invalid_argument("1 <= min_ngram <= max_ngram <= 16");
    if (max_tokens < 1 || max_tokens > kMostTokens) throw std::invalid_argument("1 <= max_tokens <= 2**30");
    tables_.resize(n_sizes());
}

void NgramIndex::extend(const std::int32_t *token_ids, std::size_t n) {
    if (n == 0) return;
    if (n > max_tokens_ - size()) throw std::length_error("more than max_tokens");
    reserve(size() + n);
    // From here on nothing allocates, so nothing can fail half way.
    std::size_t end = size();
    tokens_.insert(tokens_.end(), token_ids, token_ids + n);
    previous_.resize(tokens_.size() * n_sizes(), 0);
    while (end < tokens_.size()) index_end(++end);
}

void NgramIndex::truncate(std::size_t n) {
    if (n > size()) throw std::out_of_range("truncate beyond the end");
    while (size() > n) {
        forget_end(size());
        tokens_.pop_back();
        previous_.resize(tokens_.size() * n_sizes());
    }
}

void NgramIndex::clear() noexcept {
    // swap: clear() of a vector keeps its memory.
    std::vector<std::int32_t>().swap(tokens_);
    std::vector<std::uint32_t>().swap(previous_);
    for (Table &table : tables_) Table().swap(table);
}

NgramIndex::Draft NgramIndex::propose(std::size_t n_draft) const noexcept {
    if (size() == 0 || n_draft == 0) return {nullptr, 0};
    const std::uint32_t *ends = previous_.data() + (size() - 1) * n_sizes();
    for (std::size_t k = n_sizes(); k-- > 0;) {
        if (ends[k] != 0) return {tokens_.data() + ends[k], std::min(n_draft, size() - ends[k])};
    }
    return {nullptr, 0};
}

std::size_t NgramIndex::size_bytes() const noexcept {
    std::size_t n_slots = 0;
    for (const Table &table : tables_) n_slots += table.capacity();
    return tokens_.capacity() * sizeof(std::int32_t) + previous_.capacity() * sizeof(std::uint32_t) +
           n_slots * sizeof(Slot);
}

void NgramIndex::reserve(std::size_t n_tokens) {
    if (n_tokens > tokens_.capacity()) {
        // Doubling keeps an append cheap; the cap keeps the promise about memory.
        const std::size_t wished = std::max({n_tokens, 2 * tokens_.capacity(), kFirstCapacity});
        const std::size_t capacity = std::min(max_tokens_, wished);
        previous_.reserve(capacity * n_sizes());
        tokens_.reserve(capacity);
    }
    const std::size_t capacity = table_capacity(n_tokens);
    for (Table &table : tables_) {
        if (table.size() >= capacity) continue;
        Table larger(capacity, Slot{0, 0});
        const std::size_t mask = capacity - 1;
        for (const Slot &slot : table) {
            if (slot.end == 0) continue;
            std::size_t at = slot.hash & mask;
            while (larger[at].end != 0) at = (at + 1) & mask;
            larger[at] = slot;
        }
        table.swap(larger);
    }
}

// Hashes of the n-grams of every size that end at `end`, hashes[n - 1] for size n. Walking backwards makes each the
// continuation of the one before. Sizes longer than the text are left alone.
void NgramIndex::hash_suffixes(std::size_t end, Hashes &hashes) const noexcept {
    std::uint64_t state = start_;
    const std::size_t longest = std::min(max_ngram_, end);
    for (std::size_t n = 1; n <= longest; ++n) {
        state = (state ^ static_cast<std::uint32_t>(tokens_[end - n])) * multiplier_;
        state ^= state >> 32;
        hashes[n - 1] = static_cast<std::uint32_t>(state) | fixed_bits_;
    }
}

void NgramIndex::index_end(std::size_t end) noexcept {
    Hashes hashes;
    hash_suffixes(end, hashes);
    std::uint32_t *ends = previous_.data() + (end - 1) * n_sizes();
    const std::size_t longest = std::min(max_ngram_, end);
    for (std::size_t n = min_ngram_; n <= longest; ++n) {
        Table &table = tables_[n - min_ngram_];
        const std::size_t mask = table.size() - 1;
        const std::uint32_t hash = hashes[n - 1];
        const std::int32_t *wanted = tokens_.data() + (end - n);
        std::size_t at = hash & mask;
        while (true) {
            Slot &slot = table[at];
            if (slot.end == 0) {
                slot = Slot{static_cast<std::uint32_t>(end), hash};
                break;
            }
            // Equal hashes are only a hint: the tokens themselves decide.
            if (slot.hash == hash && std::equal(wanted, wanted + n, tokens_.data() + (slot.end - n))) {
                ends[n - min_ngram_] = slot.end;
                slot.end = static_cast<std::uint32_t>(end);
                break;
            }
            at = (at + 1) & mask;
        }
    }
}

// Takes back index_end(end); `end` is the end of the text, so every slot that it touched still says `end`.
void NgramIndex::forget_end(std::size_t end) noexcept {
    Hashes hashes;
    hash_suffixes(end, hashes);
    const std::uint32_t *ends = previous_.data() + (end - 1) * n_sizes();
    const std::size_t longest = std::min(max_ngram_, end);
    for (std::size_t n = min_ngram_; n <= longest; ++n) {
        Table &table = tables_[n - min_ngram_];
        const std::size_t mask = table.size() - 1;
        std::size_t at = hashes[n - 1] & mask;
        while (table[at].end != end) at = (at + 1) & mask;
        if (ends[n - min_ngram_] != 0) {
            table[at].end = ends[n - min_ngram_];
            continue;
        }
        // The n-gram is gone. An empty slot would cut the probe sequences that lead over it, so whatever may stand
        // here moves up (Knuth, TAOCP 3, 6.4, algorithm R).
        std::size_t hole = at;
        for (std::size_t next = (hole + 1) & mask; table[next].end != 0; next = (next + 1) & mask) {
            const std::size_t home = table[next].hash & mask;
            if (((next - home) & mask) >= ((next - hole) & mask)) {
                table[hole] = table[next];
                hole = next;
            }
        }
        table[hole] = Slot{0, 0};
    }
}

}  // namespace rushlight
