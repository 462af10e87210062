// Reads ARPA files: the n-grams of each order are sorted by their words read backwards, as the trie wants them.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "arpa.h"
#include "vocabulary.h"

namespace rushlight {

namespace {

constexpr std::uint64_t kMostNgrams = 0xFFFFFFF0u;

// The n-grams of one order; word i of n-gram k is words[k * length + i], the last word of a text first.
struct Grams {
    std::size_t length = 0;
    std::vector<std::uint32_t> words;
    std::vector<float> probabilities, backoffs;  // not-a-number: the file has none

    std::size_t size() const noexcept { return probabilities.size(); }
    const std::uint32_t *at(std::size_t k) const noexcept { return words.data() + k * length; }
    void add(const std::uint32_t *from, float probability, float backoff) {
        words.insert(words.end(), from, from + length);
        probabilities.push_back(probability), backoffs.push_back(backoff);
    }
    // False where an n-gram is there twice.
    bool sort() {
        std::vector<std::uint32_t> order(size());
        std::iota(order.begin(), order.end(), 0u);
        const auto is_before = [this](std::uint32_t a, std::uint32_t b) {
            return std::lexicographical_compare(at(a), at(a) + length, at(b), at(b) + length);
        };
        std::sort(order.begin(), order.end(), is_before);
        Grams sorted;
        sorted.length = length;
        for (const std::uint32_t k : order) sorted.add(at(k), probabilities[k], backoffs[k]);
        *this = std::move(sorted);
        for (std::size_t k = 1; k < size(); ++k)
            if (std::equal(at(k - 1), at(k - 1) + length, at(k))) return false;
        return true;
    }
};

class Reader {
  public:
    Reader(const char *from, const char *end) : from_(from), end_(end) {}

    std::vector<std::uint8_t> read() {
        while (next_line() != "\\data\\")
            if (!line_.empty() && line_[0] == '\\') fail("expected \\data\\");
        std::vector<std::uint64_t> counts;
        while (next_line().substr(0, 5) == "ngram") counts.push_back(count(counts.size() + 1));
        if (counts.empty()) fail("expected \"ngram 1=\" and the number of words");
        grams_.resize(counts.size());
        for (std::size_t i = 0; i < counts.size(); ++i) section(i + 1, counts[i]);
        if (line_ != "\\end\\") fail("expected \\end\\");
        renumber();
        close();
        return image();
    }

  private:
    [[noreturn]] void fail(const std::string &what) const {
        throw std::invalid_argument("line " + std::to_string(n_lines_) + ": " + what + ".");
    }

    // The next line that is not empty, without what surrounds it.
    const std::string &next_line() {
        do {
            if (from_ == end_) {
                line_.clear();
                fail("the file ends too early");
            }
            const char *first = from_, *last = std::find(from_, end_, '\n');
            from_ = last == end_ ? end_ : last + 1, ++n_lines_;
            while (first != last && is_blank(*first)) ++first;
            while (first != last && is_blank(last[-1])) --last;
            line_.assign(first, last);
        } while (line_.empty());
        at_ = 0;
        return line_;
    }
    static bool is_blank(char one) noexcept { return ends_word(static_cast<std::uint8_t>(one)); }

    // The next piece of the line; empty at its end.
    std::string piece() {
        while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
        const std::size_t first = at_;
        while (at_ < line_.size() && !is_blank(line_[at_])) ++at_;
        return line_.substr(first, at_ - first);
    }

    // How many n-grams of an order there are: "ngram 2=17", which some write with more blanks.
    std::uint64_t count(std::size_t order) {
        const std::string begin = "ngram" + std::to_string(order) + "=";
        std::string packed;
        for (std::string part = piece(); !part.empty(); part = piece()) packed += part;
        const std::string digits = packed.substr(std::min(begin.size(), packed.size()));
        if (order > kMostOrder) fail("the order is above " + std::to_string(kMostOrder));
        if (packed.substr(0, begin.size()) != begin || digits.empty() || digits.size() > 10 ||
            digits.find_first_not_of("0123456789") != std::string::npos || std::stoull(digits) > kMostNgrams)
            fail("expected \"ngram " + std::to_string(order) + "=\" and a number");
        return std::stoull(digits);
    }

    // Not by the C library, whose point may be a comma.
    float number(const std::string &text) const {
        if (text == "-inf" || text == "-Inf" || text == "-INF") return kNever;
        std::size_t i = text[0] == '-' || text[0] == '+';
        double value = 0, unit = 1;
        std::size_t n_digits = 0;
        for (bool is_behind = false; i < text.size(); ++i) {
            if (text[i] == '.' && !is_behind) {
                is_behind = true;
            } else if (text[i] >= '0' && text[i] <= '9') {
                ++n_digits;
                if (is_behind)
                    value += (unit /= 10) * (text[i] - '0');
                else
                    value = 10 * value + (text[i] - '0');
            } else {
                break;
            }
        }
        if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
            const bool is_negative = ++i < text.size() && text[i] == '-';
            i += i < text.size() && (text[i] == '-' || text[i] == '+');
            int power = 0;
            if (i == text.size()) n_digits = 0;
            for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
                power = std::min(10 * power + (text[i] - '0'), 999);
            value *= std::pow(10.0, is_negative ? -power : power);
        }
        if (n_digits == 0 || i != text.size() || !(value <= 1e6)) fail("\"" + text.substr(0, 40) + "\" is no number");
        return static_cast<float>(text[0] == '-' ? -value : value);
    }

    void section(std::size_t length, std::uint64_t n) {
        const std::string n_words = std::to_string(length), head = "\\" + n_words + "-grams:";
        if (line_ != head) fail("expected " + head);
        Grams &grams = grams_[length - 1];
        grams.length = length;
        std::uint32_t words[kMostOrder];
        for (; !next_line().empty() && line_[0] != '\\';) {
            const std::string first = piece();
            const float probability = number(first);
            if (probability > 0) fail("the logarithm of a probability is above 0");
            for (std::size_t i = length; i-- > 0;) {
                const std::string word = piece();
                const auto *const bytes = reinterpret_cast<const std::uint8_t *>(word.data());
                if (word.empty()) fail("expected " + n_words + " words");
                words[i] = length == 1 ? vocabulary_.number(bytes, word.size()) : vocabulary_.known(bytes, word.size());
                if (words[i] == kUnknown && word != "<unk>")
                    fail("\"" + word.substr(0, 40) + "\" is not among the 1-grams");
            }
            const std::string backoff = piece();
            if (!piece().empty()) fail("expected " + n_words + " words and at most one number behind them");
            grams.add(words, probability, backoff.empty() ? 0.0f : number(backoff));
        }
        if (grams.size() != n)
            fail(std::to_string(grams.size()) + " " + n_words + "-grams, where " + std::to_string(n) +
                 " were promised");
    }

    void renumber() {
        std::vector<std::uint32_t> changed;
        words_ = vocabulary_.sorted(changed);
        for (Grams &grams : grams_) {
            for (std::uint32_t &word : grams.words) word = changed[word];
            if (!grams.sort()) fail("one of the " + std::to_string(grams.length) + "-grams is there twice");
        }
        std::vector<float> probabilities(words_.hashes.size(), kNever), backoffs(words_.hashes.size(), 0.0f);
        for (std::size_t k = 0; k < grams_[0].size(); ++k) {
            probabilities[grams_[0].words[k]] = grams_[0].probabilities[k];
            backoffs[grams_[0].words[k]] = grams_[0].backoffs[k];
        }
        grams_[0].probabilities = probabilities, grams_[0].backoffs = backoffs;
        grams_[0].words.resize(probabilities.size());
        std::iota(grams_[0].words.begin(), grams_[0].words.end(), 0u);
    }

    // Adds the ends of n-grams that are missing below them; their probabilities come when all else is there.
    void close() {
        for (std::size_t length = grams_.size(); length > 2; --length) {
            const Grams &above = grams_[length - 1];
            Grams &below = grams_[length - 2], missing;
            missing.length = length - 1;
            const auto is_before = [&](const std::uint32_t *a, const std::uint32_t *b) {
                return std::lexicographical_compare(a, a + length - 1, b, b + length - 1);
            };
            std::size_t at = 0;
            for (std::size_t k = 0; k < above.size(); ++k) {
                const std::uint32_t *const end = above.at(k);
                while (at < below.size() && is_before(below.at(at), end)) ++at;
                if (at < below.size() && std::equal(end, end + length - 1, below.at(at))) continue;
                if (missing.size() > 0 && std::equal(end, end + length - 1, missing.at(missing.size() - 1))) continue;
                missing.add(end, NAN, 0.0f);
            }
            for (std::size_t k = 0; k < missing.size(); ++k) below.add(missing.at(k), NAN, 0.0f);
            if (missing.size() > 0) below.sort();
        }
    }

    std::vector<std::uint8_t> image() const {
        ImageSizes sizes{grams_.size(), words_.hashes.size(), words_.strings.size(), {}};
        for (const Grams &grams : grams_) sizes.n_ngrams[grams.length - 1] = grams.size();
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(sizes.total_bytes()));
        if (bytes.empty()) fail("the model is too large");
        put_words(bytes.data(), sizes, words_);
        NgramImage image;
        NgramImage::open(bytes.data(), bytes.size(), image);
        for (const Grams &grams : grams_) {
            const std::size_t length = grams.length;
            const bool is_leaf = length == image.order() && image.has_leaves();
            std::size_t child = 0;
            for (std::size_t k = 0; k < grams.size(); ++k) {
                const std::uint32_t word = grams.at(k)[length - 1];
                if (is_leaf) {
                    writable(image.leaves())[k] = {word, grams.probabilities[k]};
                    continue;
                }
                Node *const node = writable(image.nodes(length)) + k;
                *node = {word, static_cast<std::uint32_t>(child), grams.probabilities[k], grams.backoffs[k]};
                if (length < grams_.size())
                    for (const Grams &above = grams_[length];
                         child < above.size() && std::equal(grams.at(k), grams.at(k) + length, above.at(child));)
                        ++child;
                node[1].first = static_cast<std::uint32_t>(child);
            }
            if (length > 1 && !is_leaf) fill(grams, image);
        }
        return bytes;
    }

    static void fill(const Grams &grams, const NgramImage &image) {
        const std::size_t length = grams.length;
        Node *const nodes = writable(image.nodes(length));
        for (std::size_t k = 0; k < grams.size(); ++k) {
            if (!std::isnan(grams.probabilities[k])) continue;
            std::size_t end = grams.at(k)[0], context = grams.at(k)[1];
            for (std::size_t i = 1; i + 1 < length; ++i) {
                end = image.child(i, end, grams.at(k)[i]);
                if (context != kNowhere) context = image.child(i, context, grams.at(k)[i + 1]);
            }
            nodes[k].probability = image.nodes(length - 1)[end].probability;
            if (context != kNowhere) nodes[k].probability += image.nodes(length - 1)[context].backoff;
        }
    }

    const char *from_, *end_;
    std::string line_;
    std::size_t at_ = 0, n_lines_ = 0;
    Vocabulary vocabulary_;
    SortedWords words_;
    std::vector<Grams> grams_;
};

}  // namespace

std::vector<std::uint8_t> image_of_arpa(const char *from, const char *end) { return Reader(from, end).read(); }

}  // namespace rushlight
