// Plays operations read from bytes on the kernels and on slow, obvious versions, and aborts where they differ.
//
// The random test (check.cpp) and the fuzzer (fuzz.cpp) feed it. Every array is a heap block of exactly its size, so
// that the address sanitizer sees one element too many.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "../common_prefix.h"
#include "../cpu.h"
#include "../ngram_index.h"

#define EXPECT(condition)                                                                     \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition);     \
            std::abort();                                                                     \
        }                                                                                     \
    } while (false)

namespace rushlight::test {

// Bytes as decisions; after the end every decision is 0.
class Choices {
  public:
    Choices(const std::uint8_t *data, std::size_t size) : at_(data), end_(data + size) {}
    bool is_empty() const { return at_ == end_; }
    std::uint32_t byte() { return at_ == end_ ? 0 : *at_++; }
    std::uint32_t word() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8 | byte();
        return value;
    }

  private:
    const std::uint8_t *at_;
    const std::uint8_t *end_;
};

// What NgramIndex promises, by looking at everything.
struct NaiveIndex {
    std::size_t max_ngram, min_ngram;
    std::vector<std::int32_t> tokens;

    std::vector<std::int32_t> propose(std::size_t n_draft) const {
        const std::size_t length = tokens.size();
        const std::int32_t *first = tokens.data();
        for (std::size_t n = std::min(max_ngram, length); n >= min_ngram && n > 0; --n) {
            for (std::size_t end = length - 1; end >= n; --end) {
                if (std::equal(first + length - n, first + length, first + end - n))
                    return {first + end, first + end + std::min(n_draft, length - end)};
            }
        }
        return {};
    }
};

inline void expect_same_draft(const NgramIndex &index, const NaiveIndex &naive, std::size_t n_draft) {
    const NgramIndex::Draft draft = index.propose(n_draft);
    const std::vector<std::int32_t> wanted = naive.propose(n_draft);
    EXPECT(draft.n == wanted.size());
    EXPECT(std::equal(wanted.begin(), wanted.end(), draft.token_ids));
}

inline void play_index(Choices choices) {
    const std::size_t max_ngram = 1 + choices.byte() % 6;
    const std::size_t min_ngram = 1 + choices.byte() % max_ngram;
    const std::size_t max_tokens = 1 + choices.byte() * 3;
    // Few free bits make every look-up a collision; all hashes then point at the end of the table, which wraps around.
    const std::uint32_t free_bits[] = {0u, 1u, 7u, 0xFFu, 0xFFFFFFFFu};
    const std::uint32_t fixed_bits = ~free_bits[choices.byte() % 5];
    const std::uint32_t alphabet = 1 + choices.byte() % 9;
    NgramIndex index(max_ngram, min_ngram, max_tokens, choices.word(), fixed_bits);
    NaiveIndex naive{max_ngram, min_ngram, {}};
    const auto token = [&] { return static_cast<std::int32_t>((choices.byte() % alphabet) * 0x3FFFFFFFu - 5u); };

    while (!choices.is_empty()) {
        switch (choices.byte() % 8) {
            case 0:
            case 1:
            case 2: {
                const std::int32_t id = token();
                if (naive.tokens.size() < max_tokens) {
                    index.extend(&id, 1);
                    naive.tokens.push_back(id);
                }
                break;
            }
            case 3: {
                const std::size_t n = choices.byte() % 40;
                const std::unique_ptr<std::int32_t[]> ids(new std::int32_t[n]);
                for (std::size_t i = 0; i < n; ++i) ids[i] = token();
                bool is_refused = false;
                try {
                    index.extend(ids.get(), n);
                } catch (const std::length_error &) {
                    is_refused = true;
                }
                EXPECT(is_refused == (naive.tokens.size() + n > max_tokens));
                if (!is_refused) naive.tokens.insert(naive.tokens.end(), ids.get(), ids.get() + n);
                break;
            }
            case 4: {
                const std::size_t n = choices.byte() % (naive.tokens.size() + 1);
                index.truncate(n);
                naive.tokens.resize(n);
                break;
            }
            case 5: {
                const std::size_t n_removed = choices.byte() % 4;
                const std::size_t n = naive.tokens.size() - std::min(naive.tokens.size(), n_removed);
                index.truncate(n);
                naive.tokens.resize(n);
                break;
            }
            case 6:
                if (choices.byte() % 16 == 0) {
                    index.clear();
                    naive.tokens.clear();
                    EXPECT(index.size_bytes() == 0);
                }
                break;
            case 7: {
                bool is_refused = false;
                try {
                    index.truncate(index.size() + 1 + choices.byte());
                } catch (const std::out_of_range &) {
                    is_refused = true;
                }
                EXPECT(is_refused);
                break;
            }
        }
        EXPECT(index.size() == naive.tokens.size());
        const std::size_t n_sizes = max_ngram - min_ngram + 1;
        EXPECT(index.size_bytes() <= max_tokens * (4 + 36 * n_sizes) + 512 * n_sizes);
        const std::size_t n_drafts[] = {0, 1, 3, 10, static_cast<std::size_t>(-1)};
        expect_same_draft(index, naive, n_drafts[choices.byte() % 5]);
    }
    // What was undone must have left no trace: down to nothing, one by one.
    while (!naive.tokens.empty()) {
        naive.tokens.pop_back();
        index.truncate(naive.tokens.size());
        expect_same_draft(index, naive, 7);
    }
}

// Memory whose last byte is followed by a page that must not be touched. The address sanitizer does not see loads
// that are vector instructions; the processor does.
class GuardedArray {
  public:
    GuardedArray(std::size_t n_bytes, std::size_t n_free) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t n_pages = (n_bytes + n_free + page - 1) / page;
        mapped_ = (n_pages + 1) * page;
        void *const mapping = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT(mapping != MAP_FAILED);
        start_ = static_cast<char *>(mapping);
        EXPECT(mprotect(start_ + n_pages * page, page, PROT_NONE) == 0);
        data_ = reinterpret_cast<std::int32_t *>(start_ + n_pages * page - n_free - n_bytes);
    }
    ~GuardedArray() { munmap(start_, mapped_); }
    GuardedArray(const GuardedArray &) = delete;
    GuardedArray &operator=(const GuardedArray &) = delete;
    std::int32_t *data() const { return data_; }

  private:
    std::size_t mapped_;
    char *start_;
    std::int32_t *data_;
};

// Two arrays of `n` ids that first differ at `difference` (no difference if that is n), with `n_free` readable
// elements behind them: 0 for the very end of memory, others for every alignment.
inline void play_prefix(std::size_t n, std::size_t difference, std::size_t n_free, std::uint32_t seed) {
    const GuardedArray left(4 * n, 4 * n_free);
    const GuardedArray right(4 * n, 0);
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t id = seed + static_cast<std::uint32_t>(i) * 2654435761u;
        // Beyond the first difference every other element is equal again: only the first may count.
        const std::uint32_t odd = i % 2;
        const std::uint32_t other = i == difference ? id ^ (1u << seed % 32) : i > difference ? id + odd : id;
        left.data()[i] = static_cast<std::int32_t>(id);
        right.data()[i] = static_cast<std::int32_t>(other);
    }
    for (CpuPath path : {CpuPath::scalar, CpuPath::avx2, CpuPath::avx512}) {
        if (is_supported(path))
            EXPECT(common_prefix_length(left.data(), right.data(), n, path) == std::min(difference, n));
    }
}

}  // namespace rushlight::test
