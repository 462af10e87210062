// Writes ARPA files: every order is one walk through the trie, printed from the deepest word to the first.
#include <cmath>

#include "arpa.h"

namespace rushlight {

namespace {

class Writer {
  public:
    explicit Writer(const NgramImage &image) : image_(image) {}

    std::string write() {
        text_ = "\\data\\\n";
        for (std::size_t order = 1; order <= image_.order(); ++order)
            text_ += "ngram " + std::to_string(order) + "=" + std::to_string(image_.n(order)) + "\n";
        for (std::size_t order = 1; order <= image_.order(); ++order) {
            text_ += "\n\\" + std::to_string(order) + "-grams:\n";
            for (std::size_t word = 0; word < image_.n(1); ++word) {
                path_[0] = static_cast<std::uint32_t>(word);
                descend(1, word, order);
            }
        }
        return std::move(text_ += "\n\\end\\\n");
    }

  private:
    void descend(std::size_t length, std::size_t at, std::size_t wanted) {
        if (length == wanted) return put(length, at);
        std::size_t first, last;
        image_.children(length, at, first, last);
        for (std::size_t child = first; child < last; ++child) {
            const bool is_leaf = length + 1 == image_.order();
            path_[length] = is_leaf ? image_.leaves()[child].word : image_.nodes(length + 1)[child].word;
            descend(length + 1, child, wanted);
        }
    }

    void put(std::size_t length, std::size_t at) {
        const bool is_leaf = length == image_.order() && image_.has_leaves();
        put(is_leaf ? image_.leaves()[at].probability : image_.nodes(length)[at].probability);
        for (std::size_t i = length; i-- > 0;) {
            text_ += i + 1 == length ? '\t' : ' ';
            put_word(path_[i]);
        }
        // </s> is no context; the highest order has none.
        if (length < image_.order() && path_[0] != kEnd) {
            text_ += '\t';
            put(image_.nodes(length)[at].backoff);
        }
        text_ += '\n';
    }

    // Not by the C library, whose point may be a comma where a program has set a language.
    void put(float value) {
        if (!std::isfinite(value)) value = kNever;
        if (value < 0) text_ += '-';
        const double size = std::fmin(std::fabs(static_cast<double>(value)), 1e9);
        const auto whole = static_cast<std::uint64_t>(std::llround(size * 1e7));
        text_ += std::to_string(whole / 10'000'000);
        std::string digits = std::to_string(whole % 10'000'000);
        digits.insert(0, 7 - digits.size(), '0');
        while (!digits.empty() && digits.back() == '0') digits.pop_back();
        if (!digits.empty()) (text_ += '.') += digits;
    }

    void put_word(std::uint32_t word) {
        if (word >= image_.n(1)) word = kUnknown;
        const std::uint64_t first = image_.starts()[word], last = image_.starts()[word + 1];
        const auto *const strings = reinterpret_cast<const char *>(image_.strings());
        if (first < last && last <= image_.sizes().n_string_bytes) text_.append(strings + first, strings + last);
    }

    const NgramImage &image_;
    std::string text_;
    std::uint32_t path_[kMostOrder] = {};
};

}  // namespace

std::string arpa_of(const NgramImage &image) { return Writer(image).write(); }

}  // namespace rushlight
