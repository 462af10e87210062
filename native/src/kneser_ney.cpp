// Sorts the places of a text by their words read backwards: every n-gram is then a run, and counts are lengths of runs.
#include "kneser_ney.h"

#include <algorithm>
#include <cmath>

#include "sharing.h"

namespace rushlight {

namespace {

// A place to be sorted: the four words before it, 0 behind the beginning of its line, and where it is.
struct Keyed {
    std::uint64_t near, far;
    std::uint32_t place;

    bool operator<(const Keyed &other) const noexcept {
        return near != other.near ? near < other.near : far != other.far ? far < other.far : place < other.place;
    }
    // How many of the four are not 0.
    std::size_t n_before() const noexcept {
        return near == 0 ? 0u : (near & 0xFFFFFFFFu) == 0 ? 1u : far == 0 ? 2u : (far & 0xFFFFFFFFu) == 0 ? 3u : 4u;
    }
    std::size_t n_shared(const Keyed &other) const noexcept {
        if (near != other.near) return near >> 32 == other.near >> 32;
        if (far != other.far) return 2u + (far >> 32 == other.far >> 32);
        return 4;
    }
};

Keyed key_of(const std::vector<std::uint32_t> &ids, std::size_t place, std::size_t order) noexcept {
    std::uint64_t words[4] = {};
    std::size_t at = place;
    for (std::size_t i = 0; i + 1 < order && ids[at] != kBegin; ++i) words[i] = ids[--at] + std::uint64_t{1};
    return {words[0] << 32 | words[1], words[2] << 32 | words[3], static_cast<std::uint32_t>(place)};
}

// Of what follows a context: the sum of the counts, and how many there are of one, of two, and of more.
struct Following {
    std::uint64_t sum = 0;
    std::uint32_t n[3] = {};

    void add(std::uint64_t count) noexcept { sum += count, ++n[count < 3 ? count - 1 : 2]; }
    // The share that is left for the order below.
    double left(const Discounts &discounts) const noexcept {
        return (discounts.of[1] * n[0] + discounts.of[2] * n[1] + discounts.of[3] * n[2]) / static_cast<double>(sum);
    }
};

float logarithm(double share) noexcept { return static_cast<float>(std::log10(share)); }

}  // namespace

Discounts discounts_of(const std::uint64_t n_with[5]) noexcept {
    const auto n = [&](int i) { return static_cast<double>(n_with[i]); };
    const Discounts usual{{0.0, 0.5, 1.0, 1.5}};
    Discounts found{};
    for (int i = 1; i <= 4; ++i)
        if (n_with[i] == 0) return usual;
    for (int i = 1; i <= 3; ++i) {
        found.of[i] = i - (i + 1) * n(1) / (n(1) + 2 * n(2)) * n(i + 1) / n(i);
        if (!(found.of[i] > 0.0 && found.of[i] <= i)) return usual;
    }
    return found;
}

Estimate::Estimate(const std::vector<Texts> &columns, std::size_t order, const std::atomic<std::uint8_t> &stop,
                   std::size_t n_threads)
    : order_(order), stop_(stop), row_(read_words(columns, stop)) {
    if (is_stopped()) return;
    sort(n_threads);
    if (!is_stopped()) count();
}

void Estimate::sort(std::size_t n_threads) {
    const std::size_t n = row_.ids.size(), n_words = row_.words.hashes.size();
    std::vector<std::size_t> ends(n_words + 1);
    for (const std::uint32_t id : row_.ids) ++ends[id + 1];
    for (std::size_t i = 0; i < n_words; ++i) ends[i + 1] += ends[i];
    const std::vector<std::size_t> firsts = ends;
    places_.resize(n), lengths_.resize(n), shared_.resize(n);
    for (std::size_t place = 0; place < n; ++place)
        places_[ends[row_.ids[place]]++] = static_cast<std::uint32_t>(place);
    std::atomic<bool> is_out_of_memory{false};
    share_out(n_words, 16, n_threads, [&](std::size_t from, std::size_t to) noexcept {
        try {
            std::vector<Keyed> keys;
            for (std::size_t word = from; word < to && !is_stopped(); ++word) {
                const std::size_t first = firsts[word], n_here = firsts[word + 1] - first;
                keys.clear();
                for (std::size_t j = 0; j < n_here; ++j) keys.push_back(key_of(row_.ids, places_[first + j], order_));
                std::sort(keys.begin(), keys.end());
                for (std::size_t j = 0; j < n_here; ++j) {
                    const std::size_t length = 1 + keys[j].n_before();
                    places_[first + j] = keys[j].place;
                    lengths_[first + j] = static_cast<std::uint8_t>(length);
                    shared_[first + j] = static_cast<std::uint8_t>(j == 0 ? 0 : 1 + keys[j].n_shared(keys[j - 1]));
                }
            }
        } catch (const std::bad_alloc &) {
            is_out_of_memory = true;
        }
    });
    if (is_out_of_memory) throw std::bad_alloc();
}

void Estimate::count() {
    sizes_.order = order_, sizes_.n_words = row_.words.hashes.size(), sizes_.n_string_bytes = row_.words.strings.size();
    sizes_.n_ngrams[0] = sizes_.n_words;
    for (std::size_t j = 0; j < places_.size(); ++j)
        for (std::size_t length = std::max<std::size_t>(2, shared_[j] + 1u); length <= lengths_[j]; ++length)
            ++sizes_.n_ngrams[length - 1];
}

// One order: its n-grams by number, each with its count, its context and the n-gram without its first word.
struct Estimate::Order {
    std::size_t length;
    std::vector<std::uint32_t> counts, contexts, parents;
    Node *nodes;
    Leaf *leaves;  // one of the two is nullptr
};

// Goes through the runs of `length` words. `ending` says which n-gram one word shorter ends at each place; afterwards,
// which one of this length.
void Estimate::gather(Order &order, std::vector<std::uint32_t> &ending) const {
    const std::size_t length = order.length, n = order.counts.size();
    const bool is_highest = length == order_;
    std::vector<std::uint32_t> now_ending(is_highest ? 0 : row_.ids.size());
    std::size_t next = 0, at = 0, n_children = 0;
    const auto begin_nodes = [&](std::size_t last) {
        for (; next <= last; ++next)
            if (order.nodes != nullptr) order.nodes[next].first = static_cast<std::uint32_t>(n_children);
    };
    bool counts_places = false;  // else the different words before it
    for (std::size_t j = 0; j < places_.size(); ++j) {
        const std::size_t place = places_[j];
        if (lengths_[j] < length) continue;
        if (shared_[j] < length) {
            const std::uint32_t word = row_.ids[place - (length - 1)];
            at = length == 1 ? word : next;
            begin_nodes(at);
            counts_places = is_highest || word == kBegin;
            order.contexts[at] = length == 1 ? 0 : ending[place - 1];
            order.parents[at] = length == 1 ? 0 : ending[place];
            if (order.nodes != nullptr)
                order.nodes[at].word = word;
            else
                order.leaves[at].word = word;
        }
        const bool starts_longer = lengths_[j] > length && shared_[j] <= length;
        n_children += starts_longer;
        order.counts[at] += counts_places || starts_longer;
        if (!is_highest) now_ending[place] = static_cast<std::uint32_t>(at);
    }
    begin_nodes(n);
    if (length == 1) order.counts[kBegin] = 0;  // nothing leads to it
    ending.swap(now_ending);
}

// Order by order: each needs only what the one below has left, the probabilities of its n-grams.
bool Estimate::write(std::uint8_t *bytes) const {
    put_words(bytes, sizes_, row_.words);
    NgramImage image;
    NgramImage::open(bytes, sizes_.total_bytes(), image);
    std::vector<std::uint32_t> ending;
    std::vector<double> below(1, 1.0 / static_cast<double>(sizes_.n_words - 1)), here;
    for (std::size_t length = 1; length <= order_; ++length) {
        if (is_stopped()) return false;
        const std::size_t n = image.n(length);
        const bool is_leaf = length == order_ && image.has_leaves();
        Order order{length, std::vector<std::uint32_t>(n), std::vector<std::uint32_t>(n), std::vector<std::uint32_t>(n),
                    is_leaf ? nullptr : writable(image.nodes(length)), is_leaf ? writable(image.leaves()) : nullptr};
        gather(order, ending);
        std::uint64_t n_with[5] = {};
        std::vector<Following> following(below.size());
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint32_t count = order.counts[i];
            if (count == 0) continue;
            following[order.contexts[i]].add(count);
            if (count <= 4) ++n_with[count];
        }
        const Discounts discounts = discounts_of(n_with);
        here.assign(n, 0.0);
        for (std::size_t i = 0; i < n; ++i) {
            const Following &all = following[order.contexts[i]];
            const std::uint32_t count = order.counts[i];
            const double own = (count - discounts.of[std::min<std::uint32_t>(count, 3)]) / static_cast<double>(all.sum);
            here[i] = own + all.left(discounts) * below[order.parents[i]];
            const float probability = length == 1 && i == kBegin ? kNever : logarithm(here[i]);
            (is_leaf ? order.leaves[i].probability : order.nodes[i].probability) = probability;
        }
        if (length > 1)
            for (std::size_t i = 0; i < following.size(); ++i)
                if (following[i].sum > 0)
                    writable(image.nodes(length - 1))[i].backoff = logarithm(following[i].left(discounts));
        below.swap(here);
    }
    return true;
}

}  // namespace rushlight
