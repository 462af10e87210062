// Estimates an n-gram model from texts: interpolated modified Kneser-Ney (Chen & Goodman 1999; Heafield et al. 2013).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ngram_image.h"
#include "shingles.h"
#include "word_row.h"

namespace rushlight {

// What is taken from counts of one, two, and three or more.
struct Discounts {
    double of[4];  // of[0] is 0
};

// The discounts for `n_with`, how many n-grams have the counts 1 to 4; 0.5, 1 and 1.5 where these give none that make
// sense, as with very little text.
Discounts discounts_of(const std::uint64_t n_with[5]) noexcept;

class Estimate {
  public:
    // Reads and sorts. Nothing is written where `stop` becomes other than 0. May throw std::bad_alloc, and
    // std::length_error for more than 2^32 - 16 words.
    Estimate(const std::vector<Texts> &columns, std::size_t order, const std::atomic<std::uint8_t> &stop,
             std::size_t n_threads);

    bool is_stopped() const noexcept { return stop_.load(std::memory_order_relaxed) != 0; }
    bool is_empty() const noexcept { return row_.ids.empty(); }
    const ImageSizes &sizes() const noexcept { return sizes_; }
    // Writes the image into as many bytes of 0 as sizes().total_bytes() says. False after a stop.
    bool write(std::uint8_t *bytes) const;

  private:
    struct Order;

    void sort(std::size_t n_threads);
    void count();
    void gather(Order &order, std::vector<std::uint32_t> &ending) const;

    std::size_t order_;
    const std::atomic<std::uint8_t> &stop_;
    WordRow row_;
    std::vector<std::uint32_t> places_;        // in the row, sorted by the word there, the one before it ...
    std::vector<std::uint8_t> lengths_;        // of the longest n-gram that ends there: at most to its <s>
    std::vector<std::uint8_t> shared_;         // how many of these words are those of the place sorted before it
    ImageSizes sizes_{};
};

}  // namespace rushlight
