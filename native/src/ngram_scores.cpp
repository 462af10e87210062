// Walks down the trie once for each word: from the word to those before it, as far as the model knows them.
#include "ngram_scores.h"

#include <algorithm>

#include "sharing.h"

namespace rushlight {

void NgramWalk::begin() noexcept {
    n_history_ = 0, n_backoffs_ = 0;
    float probability;
    std::size_t n_matched;
    step(kBegin, probability, n_matched);
}

float NgramWalk::next(std::uint32_t word) noexcept {
    float before[kMostOrder];
    const std::size_t n_before = n_backoffs_;
    std::copy(backoffs_, backoffs_ + n_before, before);
    float probability;
    std::size_t n_matched;
    step(word, probability, n_matched);
    for (std::size_t length = n_matched; length <= n_before; ++length) probability += before[length - 1];
    return probability;
}

void NgramWalk::step(std::uint32_t word, float &probability, std::size_t &n_matched) noexcept {
    const std::size_t order = image_.order();
    std::size_t at = std::min<std::size_t>(word, image_.n(1) - 1);
    probability = image_.nodes(1)[at].probability;
    n_matched = 1, n_backoffs_ = 0;
    if (order > 1) backoffs_[n_backoffs_++] = image_.nodes(1)[at].backoff;
    while (n_matched < order && n_matched <= n_history_) {
        at = image_.child(n_matched, at, history_[n_matched - 1]);
        if (at == kNowhere) break;
        if (++n_matched == order) {
            probability = image_.leaves()[at].probability;
        } else {
            const Node &node = image_.nodes(n_matched)[at];
            probability = node.probability;
            backoffs_[n_backoffs_++] = node.backoff;
        }
    }
    std::copy_backward(history_, history_ + kMostOrder - 1, history_ + kMostOrder);
    history_[0] = word;
    n_history_ = std::min(n_history_ + 1, order - 1);
}

void score_texts(const NgramImage &image, const NgramTask &task, std::size_t n_threads) {
    share_out(task.texts.n, 16, n_threads, [&](std::size_t first, std::size_t last) noexcept {
        NgramWalk walk(image);
        for (std::size_t i = first; i < last; ++i) {
            double sum = 0;
            std::int64_t n = 0, n_unknown = 0;
            if (!task.texts.is_null(i)) {
                walk.begin();
                each_word(
                    task.texts.begin(i), task.texts.end(i),
                    [&](const std::uint8_t *from, std::size_t n_bytes) {
                        const std::uint32_t word = image.word(from, n_bytes);
                        sum += walk.next(word);
                        ++n, n_unknown += word == kUnknown;
                    },
                    [&] { sum += walk.next(kEnd), ++n, walk.begin(); });
            }
            task.sums[i] = sum, task.counts[i] = n, task.unknown[i] = n_unknown;
        }
    });
}

std::vector<float> score_words(const NgramImage &image, const std::uint8_t *from, const std::uint8_t *end) {
    std::vector<float> found;
    NgramWalk walk(image);
    each_word(
        from, end,
        [&](const std::uint8_t *word, std::size_t n_bytes) { found.push_back(walk.next(image.word(word, n_bytes))); },
        [&] { found.push_back(walk.next(kEnd)), walk.begin(); });
    return found;
}

}  // namespace rushlight
