// What an n-gram model says of texts: the probability of every word after those before it in its line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ngram_image.h"
#include "shingles.h"

namespace rushlight {

// Goes through a line word by word. Knows the last words, and what it costs to leave each of their contexts.
class NgramWalk {
  public:
    explicit NgramWalk(const NgramImage &image) noexcept : image_(image) { begin(); }

    void begin() noexcept;
    float next(std::uint32_t word) noexcept;  // log10

  private:
    void step(std::uint32_t word, float &probability, std::size_t &n_matched) noexcept;

    const NgramImage &image_;
    std::uint32_t history_[kMostOrder] = {};  // the latest first
    std::size_t n_history_ = 0;
    float backoffs_[kMostOrder] = {};  // of the contexts of 1, 2 ... words that the model knows
    std::size_t n_backoffs_ = 0;
};

struct NgramTask {
    Texts texts;
    double *sums;             // log10, over all words and ends of lines of a text
    std::int64_t *counts;     // of words and ends of lines
    std::int64_t *unknown;    // of words that the model does not know
};

void score_texts(const NgramImage &image, const NgramTask &task, std::size_t n_threads);

// log10 of each word and end of line of one text.
std::vector<float> score_words(const NgramImage &image, const std::uint8_t *from, const std::uint8_t *end);

}  // namespace rushlight
