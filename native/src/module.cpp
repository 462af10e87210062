// Python's door to the kernels. Each kernel has a file of its own; this one only binds names.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "common_prefix.h"
#include "cpu.h"
#include "dedup_binding.h"
#include "kquant_binding.h"
#include "language_model_binding.h"
#include "merging_binding.h"
#include "ngram_index.h"
#include "quant_binding.h"
#include "token_ids.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace rushlight {
namespace {

// ggml calls this between graph nodes while it computes; true stops the computation. A Python callback in this
// place would take the GIL hundreds of times per token, so the flag is a byte that Python only writes.
bool abort_flag_is_set(void *flag) {
    return static_cast<std::atomic<std::uint8_t> *>(flag)->load(std::memory_order_relaxed) != 0;
}

// Work on this many tokens takes long enough (some 0.1 ms) to be worth giving up the GIL.
constexpr std::size_t kLongExtend = 1024;
constexpr std::size_t kLongCompare = 256 * 1024;

constexpr std::size_t kAnySize = std::numeric_limits<std::size_t>::max();

// An index that several threads may call. The lock is only waited for without the GIL, and whoever holds it without
// the GIL never waits for the GIL before giving it back: so the two cannot wait for each other.
class SharedIndex {
  public:
    SharedIndex(std::size_t max_ngram, std::size_t min_ngram, std::size_t max_tokens)
        : index_(max_ngram, min_ngram, max_tokens, process_seed()) {}

    // Runs `work(index)`, which must not touch Python.
    template <typename Work>
    auto run(bool is_long, Work work) {
        if (!is_long) {
            const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
            if (lock.owns_lock()) return work(index_);
        }
        const nb::gil_scoped_release without_gil;
        const std::lock_guard<std::mutex> lock(mutex_);
        return work(index_);
    }

    const NgramIndex &constants() const noexcept { return index_; }  // only what the constructor fixed

  private:
    static std::uint64_t process_seed() {
        static const std::uint64_t seed = [] {
            std::random_device device;
            return (static_cast<std::uint64_t>(device()) << 32) | device();
        }();
        return seed;
    }

    NgramIndex index_;
    std::mutex mutex_;
};

void make_index(SharedIndex *place, nb::handle max_ngram, nb::handle min_ngram, nb::handle max_tokens) {
    const std::size_t largest = size_from(max_ngram, "max_ngram", 1, NgramIndex::kLargestNgram, "be between 1 and 16");
    const std::string smallest_limits = "be between 1 and max_ngram, " + std::to_string(largest);
    const std::size_t smallest = size_from(min_ngram, "min_ngram", 1, largest, smallest_limits.c_str());
    const std::size_t capacity =
        size_from(max_tokens, "max_tokens", 1, NgramIndex::kMostTokens, "be between 1 and 1073741824");
    new (place) SharedIndex(largest, smallest, capacity);
}

void add(SharedIndex &self, const std::int32_t *token_ids, std::size_t n) {
    self.run(n >= kLongExtend, [&](NgramIndex &index) {
        if (n > index.max_tokens() - index.size())
            throw nb::value_error(("The index holds at most " + std::to_string(index.max_tokens()) + " tokens, not " +
                                   std::to_string(index.size() + n) + ": build it with a larger max_tokens.")
                                      .c_str());
        index.extend(token_ids, n);
    });
}

void extend(SharedIndex &self, nb::handle token_ids) {
    const TokenIds ids(token_ids, "token_ids");
    add(self, ids.data(), ids.size());
}

void append(SharedIndex &self, nb::handle token_id) {
    const std::int32_t id = token_id_from(token_id, "token_id");
    add(self, &id, 1);
}

std::size_t length(SharedIndex &self) {
    return self.run(false, [](const NgramIndex &index) { return index.size(); });
}

void shorten(SharedIndex &self, nb::handle n_tokens) {
    const std::size_t held = length(self);
    const std::string limits = "be between 0 and " + std::to_string(held) + ", the tokens held";
    const std::size_t n = size_from(n_tokens, "n_tokens", 0, held, limits.c_str());
    // Another thread may have shortened the index since; then there is nothing left to do.
    self.run(held - n >= kLongExtend, [n](NgramIndex &index) { index.truncate(std::min(n, index.size())); });
}

nb::list propose(SharedIndex &self, nb::handle n_draft) {
    const std::size_t n = size_from(n_draft, "n_draft", 0, kAnySize, "be at least 0");
    const auto draft = self.run(false, [n](const NgramIndex &index) {
        const NgramIndex::Draft found = index.propose(n);
        return std::vector<std::int32_t>(found.token_ids, found.token_ids + found.n);
    });
    nb::list result;
    for (const std::int32_t id : draft) result.append(id);
    return result;
}

// The path in use; a wrong RUSHLIGHT_CPU is the user's turn, so it becomes the error for people.
CpuPath path_in_use() {
    try {
        return cpu_path();
    } catch (const CpuPathError &problem) {
        const nb::object type = nb::module_::import_("rushlight").attr("Error");
        const nb::object error = type(problem.what(), "hint"_a = "Unset RUSHLIGHT_CPU: the best path is then chosen.",
                                      "kind"_a = "bad-setting");
        PyErr_SetObject(type.ptr(), error.ptr());
        throw nb::python_error();
    }
}

std::size_t shared_length(nb::handle a, nb::handle b) {
    const TokenIds left(a, "a");
    const TokenIds right(b, "b");
    const CpuPath path = path_in_use();
    const std::size_t n = std::min(left.size(), right.size());
    if (n < kLongCompare) return common_prefix_length(left.data(), right.data(), n, path);
    const nb::gil_scoped_release without_gil;
    return common_prefix_length(left.data(), right.data(), n, path);
}

}  // namespace
}  // namespace rushlight

NB_MODULE(_kernels, m) {
    using namespace rushlight;
    // Arguments are plain objects, None included: token_ids.cpp refuses what is wrong, and names it.
    m.doc() = "Compiled kernels of Rushlight; _kernels.pyi is the contract, _fallback.py the reference.";
    m.def("abort_callback_address", [] { return reinterpret_cast<std::uintptr_t>(&abort_flag_is_set); });
    m.def("common_prefix_length", &shared_length, "a"_a.none(), "b"_a.none(),
          "How many leading token ids the two have in common.");
    m.def("cpu_path", [] { return name_of(path_in_use()); }, "The instruction set in use: scalar, avx2 or avx512.");
    bind_kquant(m, &path_in_use);
    bind_quant(m, &path_in_use);
    bind_merging(m);
    bind_dedup(m, &path_in_use);
    bind_language_models(m);

    nb::class_<SharedIndex>(m, "NgramIndex", nb::is_final(),
                            "Proposes draft tokens: what followed the latest earlier occurrence of the last tokens.")
        .def("__init__", &make_index, "max_ngram"_a.none() = 4, "min_ngram"_a.none() = 1,
             "max_tokens"_a.none() = 262144)
        .def("extend", &extend, "token_ids"_a.none(), "Add tokens at the end: all of them, or none and an exception.")
        .def("append", &append, "token_id"_a.none(), "Add one token at the end.")
        .def("truncate", &shorten, "n_tokens"_a.none(), "Keep the first `n_tokens` tokens.")
        .def("propose", &propose, "n_draft"_a.none(), "At most `n_draft` tokens that may come next, or [].")
        .def("clear", [](SharedIndex &self) { self.run(false, [](NgramIndex &index) { index.clear(); }); },
             "Forget every token and give the memory back.")
        .def("__len__", &length)
        .def_prop_ro("max_ngram", [](const SharedIndex &self) { return self.constants().max_ngram(); })
        .def_prop_ro("min_ngram", [](const SharedIndex &self) { return self.constants().min_ngram(); })
        .def_prop_ro("max_tokens", [](const SharedIndex &self) { return self.constants().max_tokens(); })
        .def_prop_ro("size_bytes", [](SharedIndex &self) {
            return self.run(false, [](const NgramIndex &index) { return index.size_bytes(); });
        });
}
