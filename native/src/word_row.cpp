// Reads texts line by line; words get their final numbers once all are known.
#include "word_row.h"

#include <stdexcept>

#include "ngram_image.h"

namespace rushlight {

namespace {

constexpr std::size_t kMostWords = 0xFFFFFFF0u;

}  // namespace

WordRow read_words(const std::vector<Texts> &columns, const std::atomic<std::uint8_t> &stop) {
    Vocabulary vocabulary;
    WordRow row;
    bool is_open = false;
    const auto add = [&](const std::uint8_t *from, std::size_t n) {
        if (!is_open) row.ids.push_back(kBegin), is_open = true;
        const std::uint32_t id = vocabulary.number(from, n);
        row.ids.push_back(id < kFirstWord ? kUnknown : id);
    };
    const auto end_line = [&] { row.ids.push_back(kEnd), is_open = false; };
    for (const Texts &texts : columns)
        for (std::size_t i = 0; i < texts.n; ++i) {
            if (stop.load(std::memory_order_relaxed) != 0) return row;
            if (!texts.is_null(i)) each_word(texts.begin(i), texts.end(i), add, end_line);
            if (row.ids.size() > kMostWords) throw std::length_error("The texts have more than 4,294,967,280 words.");
        }
    std::vector<std::uint32_t> changed;
    row.words = vocabulary.sorted(changed);
    for (std::uint32_t &id : row.ids) id = changed[id];
    return row;
}

}  // namespace rushlight
