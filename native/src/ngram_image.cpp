// Finds the places of an image, and searches children: by interpolation, since numbers of words are spread by hashes.
#include "ngram_image.h"

#include <algorithm>

#include "word_hash.h"

namespace rushlight {

namespace {

constexpr std::uint64_t kMostOfAny = std::uint64_t{1} << 32;  // children are counted in 32 bits

std::uint64_t filled_up(std::uint64_t n) noexcept { return (n + 7) / 8 * 8; }

// The place of `wanted` among rising values [low, high), or kNowhere. A few steps by interpolation, the rest by halves,
// so that no values make it slow.
template <typename T, typename Value>
std::size_t place_of(const T *values, std::size_t low, std::size_t high, std::uint64_t wanted,
                     const Value &value) noexcept {
    for (int n_steps = 0; high - low > 4; ++n_steps) {
        const std::uint64_t least = value(values[low]), most = value(values[high - 1]);
        if (wanted < least || wanted > most) return kNowhere;
        std::size_t middle = low + (high - low) / 2;
        if (n_steps < 6 && most > least) {
            const double share = static_cast<double>(wanted - least) / static_cast<double>(most - least);
            middle = std::min(high - 1, low + static_cast<std::size_t>(share * static_cast<double>(high - 1 - low)));
        }
        const std::uint64_t found = value(values[middle]);
        if (found == wanted) return middle;
        if (found < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < high; ++low)
        if (value(values[low]) == wanted) return low;
    return kNowhere;
}

}  // namespace

std::uint64_t ImageSizes::total_bytes() const noexcept {
    if (order < 1 || order > kMostOrder || n_words < kFirstWord || n_words >= kMostOfAny) return 0;
    if (n_string_bytes > (std::uint64_t{1} << 48) || n_ngrams[0] != n_words) return 0;
    std::uint64_t total = kHeaderBytes + 8 * n_words + 8 * (n_words + 1) + filled_up(n_string_bytes);
    for (std::size_t i = 0; i < kMostOrder; ++i) {
        if (n_ngrams[i] >= kMostOfAny - 1 || (i >= order && n_ngrams[i] != 0)) return 0;
        if (i >= order) continue;
        total += i + 1 < order || order == 1 ? sizeof(Node) * (n_ngrams[i] + 1) : sizeof(Leaf) * n_ngrams[i];
    }
    return total;
}

bool NgramImage::open(const std::uint8_t *bytes, std::uint64_t n_bytes, NgramImage &image) noexcept {
    std::uint64_t header[kHeaderBytes / 8];
    if (n_bytes < kHeaderBytes || reinterpret_cast<std::uintptr_t>(bytes) % 8 != 0) return false;
    std::memcpy(header, bytes, kHeaderBytes);
    if (header[0] != kImageMagic) return false;
    ImageSizes &sizes = image.sizes_;
    sizes.order = header[1], sizes.n_words = header[2], sizes.n_string_bytes = header[3];
    std::copy(header + 4, header + 4 + kMostOrder, sizes.n_ngrams);
    if (sizes.total_bytes() != n_bytes) return false;
    image.hashes_ = reinterpret_cast<const std::uint64_t *>(bytes + kHeaderBytes);
    image.starts_ = image.hashes_ + sizes.n_words;
    image.strings_ = reinterpret_cast<const std::uint8_t *>(image.starts_ + sizes.n_words + 1);
    const std::uint8_t *place = image.strings_ + filled_up(sizes.n_string_bytes);
    for (std::size_t i = 0; i < sizes.order; ++i) {
        image.levels_[i] = place;
        place += sizeof(Node) * (sizes.n_ngrams[i] + 1);
    }
    return true;
}

static void put_sizes(std::uint8_t *bytes, const ImageSizes &sizes) noexcept {
    std::uint64_t header[kHeaderBytes / 8] = {kImageMagic, sizes.order, sizes.n_words, sizes.n_string_bytes};
    std::copy(sizes.n_ngrams, sizes.n_ngrams + kMostOrder, header + 4);
    std::memcpy(bytes, header, kHeaderBytes);
}

bool NgramImage::is_consistent() const noexcept {
    for (std::size_t word = 0; word < sizes_.n_words; ++word)
        if (starts_[word + 1] < starts_[word] || starts_[word + 1] > sizes_.n_string_bytes) return false;
    for (std::size_t order = 1; order < this->order(); ++order) {
        const Node *const all = nodes(order);
        for (std::size_t i = 0; i < n(order); ++i)
            if (all[i + 1].first < all[i].first) return false;
        if (all[n(order)].first != n(order + 1)) return false;
    }
    return true;
}

void put_words(std::uint8_t *bytes, const ImageSizes &sizes, const SortedWords &words) noexcept {
    put_sizes(bytes, sizes);
    NgramImage image;
    NgramImage::open(bytes, sizes.total_bytes(), image);
    std::copy(words.hashes.begin(), words.hashes.end(), writable(image.hashes()));
    std::copy(words.starts.begin(), words.starts.end(), writable(image.starts()));
    std::copy(words.strings.begin(), words.strings.end(), writable(image.strings()));
}

std::uint32_t NgramImage::word(const std::uint8_t *from, std::size_t n_bytes) const noexcept {
    std::uint64_t wanted = word_hash(kNgramSeed, from, n_bytes);
    wanted += wanted == 0;
    const std::size_t at = place_of(hashes_, kFirstWord, static_cast<std::size_t>(sizes_.n_words), wanted,
                                    [](std::uint64_t hash) { return hash; });
    return at == kNowhere ? kUnknown : static_cast<std::uint32_t>(at);
}

void NgramImage::children(std::size_t order, std::size_t at, std::size_t &first, std::size_t &last) const noexcept {
    const Node *const node = nodes(order) + at;
    const std::size_t most = n(order + 1);
    first = std::min<std::size_t>(node[0].first, most);
    last = std::max(first, std::min<std::size_t>(node[1].first, most));
}

std::size_t NgramImage::child(std::size_t order, std::size_t at, std::uint32_t word) const noexcept {
    std::size_t first, last;
    children(order, at, first, last);
    const auto word_of = [](const auto &one) { return one.word; };
    if (order + 1 == this->order()) return place_of(leaves(), first, last, word, word_of);
    return place_of(nodes(order + 1), first, last, word, word_of);
}

}  // namespace rushlight
