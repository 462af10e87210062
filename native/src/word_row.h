// Words and lines of texts as one row of numbers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "shingles.h"
#include "vocabulary.h"

namespace rushlight {

struct WordRow {
    std::vector<std::uint32_t> ids;  // <s> w w w </s> <s> ...
    SortedWords words;
};

// Breaks off, with what there is, where `stop` becomes other than 0. May throw std::bad_alloc, and std::length_error
// for too many words. Words that are written like marks of the model count as unknown.
WordRow read_words(const std::vector<Texts> &columns, const std::atomic<std::uint8_t> &stop);

}  // namespace rushlight
