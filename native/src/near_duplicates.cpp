// Sorts the bands, compares what falls together, and unites what is alike (union by lowest number, path halving).
#include "near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "sharing.h"

namespace rushlight {

namespace {

constexpr std::size_t kMostKept = std::size_t{1} << 25;  // slots held for comparing: 256 MiB

class Clusters {
  public:
    explicit Clusters(std::int64_t *labels, std::size_t n) : parents_(labels) {
        std::iota(labels, labels + n, std::int64_t{0});
    }
    std::int64_t root(std::size_t i) noexcept {
        auto at = static_cast<std::int64_t>(i);
        while (parents_[at] != at) {
            parents_[at] = parents_[parents_[at]];
            at = parents_[at];
        }
        return at;
    }
    void unite(std::size_t a, std::size_t b) noexcept {
        const std::int64_t left = root(a), right = root(b);
        parents_[std::max(left, right)] = std::min(left, right);
    }

  private:
    std::int64_t *parents_;
};

// The shingles of a text as a table of open addressing: at most half full, 0 where nothing is.
struct Set {
    std::vector<std::uint64_t> slots;
    std::size_t n = 0;

    void fill(const std::vector<std::uint64_t> &shingles) {
        std::size_t size = 2;
        while (size < 2 * shingles.size()) size *= 2;
        slots.assign(size, 0);
        for (const std::uint64_t one : shingles) {
            const std::uint64_t value = one == 0 ? 1 : one;
            std::uint64_t &slot = slots[place(value)];
            n += slot == 0;
            slot = value;
        }
    }
    bool has(std::uint64_t value) const noexcept { return slots[place(value)] == value; }

  private:
    // Where the value is, or would be: shingles are hashes already.
    std::size_t place(std::uint64_t value) const noexcept {
        const std::size_t mask = slots.size() - 1;
        std::size_t at = value & mask;
        while (slots[at] != 0 && slots[at] != value) at = (at + 1) & mask;
        return at;
    }
};

// Sets of shingles, made when asked for and forgotten when they become too many.
class Sets {
  public:
    explicit Sets(const ClusterTask &task) : task_(task), shingler_(task.shingling) {
        std::size_t first = 0;
        for (const Texts &column : task.columns) starts_.push_back(first), first += column.n;
    }
    bool are_alike(std::size_t a, std::size_t b) {
        if (n_kept_ > kMostKept) kept_.clear(), n_kept_ = 0;
        const Set &left = set(a), &right = set(b);  // a map's values stay where they are
        const Set &small = left.n < right.n ? left : right, &large = left.n < right.n ? right : left;
        if (static_cast<double>(small.n) < task_.threshold * static_cast<double>(large.n)) return false;
        std::size_t n_shared = 0;
        for (const std::uint64_t value : small.slots) n_shared += value != 0 && large.has(value);
        const auto n_all = static_cast<double>(small.n + large.n - n_shared);
        return static_cast<double>(n_shared) / n_all >= task_.threshold;
    }

  private:
    const Set &set(std::size_t i) {
        Set &kept = kept_[i];
        if (kept.slots.empty()) {
            const auto column = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), i) -
                                                         starts_.begin() - 1);
            kept.fill(shingler_.shingles(task_.columns[column], i - starts_[column]));
            n_kept_ += kept.slots.size();
        }
        return kept;
    }

    const ClusterTask &task_;
    Shingler shingler_;
    std::vector<std::size_t> starts_;
    std::unordered_map<std::size_t, Set> kept_;
    std::size_t n_kept_ = 0;
};

using Bucket = std::pair<std::uint64_t, std::size_t>;  // the hash of a band, and a text

class Clustering {
  public:
    explicit Clustering(const ClusterTask &task)
        : task_(task), n_rows_(task.n_permutations / task.n_bands), clusters_(task.labels, task.n), sets_(task) {
        // Only what lies within four standard deviations of the threshold is looked at closely.
        const auto n = static_cast<double>(task.n_permutations);
        const double wide = 4 * std::sqrt(n * task.threshold * (1 - task.threshold));
        least_equal_ = static_cast<std::size_t>(std::max(0.0, n * task.threshold - wide));
        plainly_equal_ = static_cast<std::size_t>(n * task.threshold + wide) + 1;
    }

    bool run(std::size_t n_threads) {
        std::vector<std::size_t> texts = firsts_of_equal();
        n_threads = std::max<std::size_t>(n_threads, 1);
        std::vector<std::vector<Bucket>> bands(std::min(n_threads, task_.n_bands));
        for (std::vector<Bucket> &band : bands) band.resize(texts.size());
        for (std::size_t first = 0; first < task_.n_bands; first += bands.size()) {
            const std::size_t n_here = std::min(bands.size(), task_.n_bands - first);
            share_out(n_here, 1, n_threads, [&](std::size_t i, std::size_t) noexcept {
                for (std::size_t k = 0; k < texts.size(); ++k) bands[i][k] = {key(texts[k], first + i), texts[k]};
                std::sort(bands[i].begin(), bands[i].end());
            });
            for (std::size_t i = 0; i < n_here; ++i)
                if (!look_at(bands[i], first + i)) return false;
        }
        for (std::size_t i = 0; i < task_.n; ++i) task_.labels[i] = clusters_.root(i);
        return true;
    }

    std::vector<std::int64_t> pairs;

  private:
    const std::uint32_t *signature(std::size_t i) const { return task_.signatures + i * task_.n_permutations; }
    bool is_stopped() const { return task_.stop->load(std::memory_order_relaxed) != 0; }

    std::uint64_t key(std::size_t i, std::size_t band) const noexcept {
        std::uint64_t hash = band;
        for (std::size_t row = 0; row < n_rows_; ++row) hash = mixed(hash ^ signature(i)[band * n_rows_ + row]) + row;
        return hash;
    }

    // The texts that have shingles; of those with the same ones only the first, unless pairs are wanted.
    std::vector<std::size_t> firsts_of_equal() {
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < task_.n; ++i)
            if (task_.fingerprints[i] != 0) order.push_back(i);
        if (task_.wants_pairs) return order;
        std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
            return task_.fingerprints[a] < task_.fingerprints[b];
        });
        std::vector<std::size_t> firsts;
        for (const std::size_t i : order) {
            if (!firsts.empty() && task_.fingerprints[i] == task_.fingerprints[firsts.back()] &&
                std::memcmp(signature(i), signature(firsts.back()), task_.n_permutations * sizeof(std::uint32_t)) == 0)
                clusters_.unite(i, firsts.back());
            else
                firsts.push_back(i);
        }
        std::sort(firsts.begin(), firsts.end());
        return firsts;
    }

    bool are_alike(std::size_t a, std::size_t b, std::size_t band) {
        const std::uint32_t *left = signature(a), *right = signature(b);
        for (std::size_t earlier = 0; earlier < band; ++earlier)
            if (std::equal(left + earlier * n_rows_, left + (earlier + 1) * n_rows_, right + earlier * n_rows_))
                return false;  // looked at there
        std::size_t n_equal = 0;
        for (std::size_t j = 0; j < task_.n_permutations; ++j) n_equal += left[j] == right[j];
        return n_equal >= plainly_equal_ || (n_equal >= least_equal_ && sets_.are_alike(a, b));
    }

    // False after a stop.
    bool look_at(const std::vector<Bucket> &band, std::size_t number) {
        for (std::size_t first = 0, last = 0; first < band.size(); first = last) {
            for (last = first; last < band.size() && band[last].first == band[first].first;) ++last;
            if (last - first > 1 && !(task_.wants_pairs ? pair_up(band, first, last, number)
                                                        : bring_together(band, first, last, number)))
                return false;
        }
        return !is_stopped();
    }

    bool pair_up(const std::vector<Bucket> &band, std::size_t first, std::size_t last, std::size_t number) {
        for (std::size_t i = first; i < last; ++i) {
            if (is_stopped()) return false;
            for (std::size_t j = first; j < i; ++j) {
                const std::size_t a = band[j].second, b = band[i].second;
                if (!are_alike(a, b, number)) continue;
                clusters_.unite(a, b);
                pairs.push_back(static_cast<std::int64_t>(a));
                pairs.push_back(static_cast<std::int64_t>(b));
            }
        }
        return true;
    }

    // Texts of one cluster are not compared with each other again: the work grows with what is new.
    bool bring_together(const std::vector<Bucket> &band, std::size_t first, std::size_t last, std::size_t number) {
        std::vector<std::vector<std::size_t>> groups;  // the texts so far, by cluster
        for (std::size_t i = first; i < last; ++i) {
            if (is_stopped()) return false;
            const std::size_t text = band[i].second;
            std::size_t home = groups.size();
            for (std::size_t g = 0; g < groups.size() && home == groups.size(); ++g)
                if (clusters_.root(groups[g].front()) == clusters_.root(text)) home = g;
            if (home == groups.size()) groups.emplace_back();
            groups[home].push_back(text);
            for (std::size_t g = 0; g < groups.size();) {
                const bool joins = g != home && std::any_of(groups[g].begin(), groups[g].end(), [&](std::size_t other) {
                    return are_alike(other, text, number);
                });
                if (!joins) {
                    ++g;
                    continue;
                }
                clusters_.unite(groups[g].front(), text);
                groups[home].insert(groups[home].end(), groups[g].begin(), groups[g].end());
                std::swap(groups[g], groups.back());
                if (home == groups.size() - 1) home = g;
                groups.pop_back();
            }
        }
        return true;
    }

    const ClusterTask &task_;
    std::size_t n_rows_;
    std::size_t least_equal_;
    std::size_t plainly_equal_;
    Clusters clusters_;
    Sets sets_;
};

}  // namespace

std::vector<std::int64_t> cluster_texts(const ClusterTask &task, std::size_t n_threads, bool &is_done) {
    Clustering clustering(task);
    is_done = clustering.run(n_threads);
    return std::move(clustering.pairs);
}

}  // namespace rushlight
