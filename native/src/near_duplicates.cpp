// Groups what is equal in a band, compares it, and unites what is alike (union by lowest number, path halving).
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

constexpr std::size_t kMostKept = std::size_t{1} << 25;  // shingles held for comparing: 256 MiB
constexpr std::size_t kBandsAtOnce = 8;  // neighbours in a signature: read together

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

// Values by open addressing, half full at most, 0 where nothing is. Values are hashes already.
class Table {
  public:
    // Forgets what it holds. Gives the different ones of `shingles`, 0 being 1.
    std::vector<std::uint64_t> fill(const std::vector<std::uint64_t> &shingles) {
        std::size_t size = 2;
        while (size < 2 * shingles.size()) size *= 2;
        slots_.assign(size, 0);
        std::vector<std::uint64_t> different;
        different.reserve(shingles.size());
        for (const std::uint64_t one : shingles) {
            const std::uint64_t value = one == 0 ? 1 : one;
            std::uint64_t &slot = slots_[place(value)];
            if (slot == 0) different.push_back(value);
            slot = value;
        }
        return different;
    }
    bool has(std::uint64_t value) const noexcept { return slots_[place(value)] == value; }

  private:
    std::size_t place(std::uint64_t value) const noexcept {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = value & mask;
        while (slots_[at] != 0 && slots_[at] != value) at = (at + 1) & mask;
        return at;
    }

    std::vector<std::uint64_t> slots_;
};

// Sets of shingles, made when asked for and forgotten when they become too many; one of them lies in a table.
class Sets {
  public:
    explicit Sets(const ClusterTask &task) : task_(task), shingler_(task.shingling) {
        std::size_t first = 0;
        for (const Texts &column : task.columns) starts_.push_back(first), first += column.n;
    }
    bool are_alike(std::size_t a, std::size_t b) {
        if (n_kept_ > kMostKept) kept_.clear(), n_kept_ = 0;
        const std::vector<std::uint64_t> &left = set(a), &right = set(b);  // a map's values stay where they are
        const auto fewer = static_cast<double>(std::min(left.size(), right.size()));
        const auto more = static_cast<double>(std::max(left.size(), right.size()));
        if (fewer < task_.threshold * more) return false;
        if (in_table_ != a && in_table_ != b) table_.fill(left), in_table_ = a;
        std::size_t n_shared = 0;
        for (const std::uint64_t value : in_table_ == a ? right : left) n_shared += table_.has(value);
        return static_cast<double>(n_shared) / (fewer + more - static_cast<double>(n_shared)) >= task_.threshold;
    }

  private:
    const std::vector<std::uint64_t> &set(std::size_t i) {
        std::vector<std::uint64_t> &kept = kept_[i];
        if (kept.empty()) {
            const auto column = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), i) -
                                                         starts_.begin() - 1);
            kept = table_.fill(shingler_.shingles(task_.columns[column], i - starts_[column]));
            in_table_ = i;
            n_kept_ += kept.size();
        }
        return kept;
    }

    const ClusterTask &task_;
    Shingler shingler_;
    std::vector<std::size_t> starts_;
    std::unordered_map<std::size_t, std::vector<std::uint64_t>> kept_;
    std::size_t n_kept_ = 0;
    Table table_;
    std::size_t in_table_ = static_cast<std::size_t>(-1);
};

// Texts whose keys are equal, where there are several: all of them in one row, each group ending where `ends` says.
struct Groups {
    std::vector<std::uint64_t> keys;
    std::vector<std::size_t> texts, ends;

    // `numbers` are those of the texts, in the order of the keys. In the order of their first text, rising in each.
    void find(const std::vector<std::size_t> &numbers) {
        std::size_t size = 2;
        while (size < 2 * keys.size()) size *= 2;
        texts.clear(), ends.clear();
        slots_.assign(size, kNone);
        next_.assign(keys.size(), kNone), last_.resize(keys.size());
        for (std::size_t k = 0; k < keys.size(); ++k) {
            std::size_t at = keys[k] & (size - 1);
            while (slots_[at] != kNone && keys[slots_[at]] != keys[k]) at = (at + 1) & (size - 1);
            const std::size_t first = slots_[at];
            last_[k] = first == kNone ? k : kNone;
            if (first == kNone)
                slots_[at] = k;
            else
                next_[last_[first]] = k, last_[first] = k;
        }
        for (std::size_t k = 0; k < keys.size(); ++k) {
            if (last_[k] == kNone || last_[k] == k) continue;
            for (std::size_t one = k; one != kNone; one = next_[one]) texts.push_back(numbers[one]);
            ends.push_back(texts.size());
        }
    }

  private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    std::vector<std::size_t> slots_, next_, last_;  // last_: of the group whose first this is; kNone for the others
};

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
        const std::vector<std::size_t> texts = firsts_of_equal();
        n_threads = std::max<std::size_t>(n_threads, 1);
        std::vector<Groups> bands(std::min(std::max(n_threads, kBandsAtOnce), task_.n_bands));
        for (Groups &band : bands) band.keys.resize(texts.size());
        std::atomic<bool> is_out_of_memory{false};
        for (std::size_t first = 0; first < task_.n_bands; first += bands.size()) {
            const std::size_t n_here = std::min(bands.size(), task_.n_bands - first);
            share_out(texts.size(), 256, n_threads, [&](std::size_t from, std::size_t to) noexcept {
                for (std::size_t k = from; k < to; ++k)
                    for (std::size_t i = 0; i < n_here; ++i) bands[i].keys[k] = key(texts[k], first + i);
            });
            share_out(n_here, 1, n_threads, [&](std::size_t i, std::size_t) noexcept {
                try {
                    bands[i].find(texts);
                } catch (const std::bad_alloc &) {
                    is_out_of_memory = true;
                }
            });
            if (is_out_of_memory) throw std::bad_alloc();
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
    bool look_at(const Groups &band, std::size_t number) {
        std::size_t first = 0;
        for (const std::size_t last : band.ends) {
            const std::size_t *const texts = band.texts.data() + first;
            const bool is_done = task_.wants_pairs ? pair_up(texts, last - first, number)
                                                   : bring_together(texts, last - first, number);
            if (!is_done) return false;
            first = last;
        }
        return !is_stopped();
    }

    bool pair_up(const std::size_t *texts, std::size_t n, std::size_t number) {
        for (std::size_t i = 0; i < n; ++i) {
            if (is_stopped()) return false;
            for (std::size_t j = 0; j < i; ++j) {
                const std::size_t a = texts[j], b = texts[i];
                if (!are_alike(a, b, number)) continue;
                clusters_.unite(a, b);
                pairs.push_back(static_cast<std::int64_t>(a));
                pairs.push_back(static_cast<std::int64_t>(b));
            }
        }
        return true;
    }

    // Texts of one cluster are not compared with each other again: the work grows with what is new.
    bool bring_together(const std::size_t *texts, std::size_t n, std::size_t number) {
        std::vector<std::vector<std::size_t>> groups;  // the texts so far, by cluster
        for (std::size_t i = 0; i < n; ++i) {
            if (is_stopped()) return false;
            const std::size_t text = texts[i];
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
