// Random bytes as texts: models of them are equal with any number of threads, their probabilities sum to one, come back
// from ARPA files, and damaged images read nothing outside.
#pragma once

#include <atomic>
#include <cmath>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "../arpa.h"
#include "../kneser_ney.h"
#include "../ngram_scores.h"
#include "operations.h"

namespace rushlight::test {

inline std::vector<std::uint8_t> image_of(const Texts &texts, std::size_t order, std::size_t n_threads) {
    const std::atomic<std::uint8_t> stop{0};
    const Estimate estimate({texts}, order, stop, n_threads);
    if (estimate.is_empty()) return {};
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(estimate.sizes().total_bytes()));
    EXPECT(estimate.write(bytes.data()));
    return bytes;
}

// What may follow the words of `history`, <s> before them, sums to one.
inline void expect_sum(const NgramImage &image, const std::vector<std::uint32_t> &history) {
    double total = 0;
    for (std::uint32_t word = 0; word < image.n(1); ++word) {
        if (word == kBegin) continue;
        NgramWalk walk(image);
        for (const std::uint32_t one : history) walk.next(one);
        total += std::pow(10.0, static_cast<double>(walk.next(word)));
    }
    EXPECT(std::fabs(total - 1) < 1e-4);
}

inline void play_ngrams(std::mt19937_64 &random) {
    const std::size_t size = random() % 1500, order = 1 + random() % kMostOrder;
    const auto data = std::make_unique<std::uint8_t[]>(size);  // exactly its size: a byte too many is seen
    const char *letters = "ab ab \n\xC3 <";
    for (std::size_t i = 0; i < size; ++i) {
        const auto letter = static_cast<std::uint64_t>(letters[random() % 10]);
        data[i] = static_cast<std::uint8_t>(random() % 16 == 0 ? random() : letter);
    }
    const std::size_t middle = random() % (size + 1);
    const std::int64_t offsets[] = {0, static_cast<std::int64_t>(middle), static_cast<std::int64_t>(size)};
    const Texts texts{offsets, true, data.get(), nullptr, 0, 2};
    std::vector<std::uint8_t> bytes = image_of(texts, order, 1);
    if (bytes.empty()) return;
    EXPECT(bytes == image_of(texts, order, 3));
    NgramImage image;
    EXPECT(NgramImage::open(bytes.data(), bytes.size(), image) && image.is_consistent());
    EXPECT(!NgramImage::open(bytes.data(), bytes.size() - 1, image));
    NgramImage::open(bytes.data(), bytes.size(), image);
    std::vector<std::uint32_t> history;
    for (std::size_t i = 0; i < 4; ++i) {
        expect_sum(image, history);
        history.push_back(static_cast<std::uint32_t>(random() % image.n(1)));
        if (history.back() == kBegin) history.back() = kUnknown;
    }
    const std::string arpa = arpa_of(image);
    const std::vector<std::uint8_t> again = image_of_arpa(arpa.data(), arpa.data() + arpa.size());
    NgramImage other;
    EXPECT(NgramImage::open(again.data(), again.size(), other) && again.size() == bytes.size());
    const std::vector<float> left = score_words(image, data.get(), data.get() + size);
    const std::vector<float> right = score_words(other, data.get(), data.get() + size);
    EXPECT(left.size() == right.size());
    double total = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        EXPECT(std::fabs(left[i] - right[i]) < 1e-4f);
        total += static_cast<double>(left[i]);
    }
    double sums[2];
    std::int64_t counts[2], unknown[2];
    score_texts(image, {texts, sums, counts, unknown}, 1 + random() % 2);
    const bool is_split = middle > 0 && middle < size && data[middle - 1] != '\n';  // a line or a word was cut
    if (!is_split) EXPECT(std::fabs(sums[0] + sums[1] - total) < 1e-6 * std::fabs(total) + 1e-6);
    for (std::size_t i = 0; i < 20; ++i)
        bytes[kHeaderBytes + random() % (bytes.size() - kHeaderBytes)] = static_cast<std::uint8_t>(random());
    score_words(image, data.get(), data.get() + size);
    if (image.is_consistent()) EXPECT(!arpa_of(image).empty());
    std::string wrong = arpa;
    for (std::size_t i = random() % 4; i-- > 0;) wrong[random() % wrong.size()] = static_cast<char>(random());
    wrong.resize(random() % 3 ? wrong.size() : random() % wrong.size());
    try {
        image_of_arpa(wrong.data(), wrong.data() + wrong.size());
    } catch (const std::invalid_argument &) {
    }
}

}  // namespace rushlight::test
