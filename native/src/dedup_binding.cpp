// Checks what Python gives to the kernels of near-duplicates: columns of an Arrow table, sizes and limits.
#include "dedup_binding.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lent.h"
#include "lent_texts.h"
#include "minhash.h"
#include "near_duplicates.h"
#include "token_ids.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace rushlight {

namespace {

CpuPath (*path_of)() = nullptr;

Shingling shingling_from(nb::handle n_units, bool by_char, std::uint64_t seed) {
    return {size_from(n_units, "n_units", 1, kMostUnits, "be between 1 and 64"), by_char, seed};
}

std::size_t permutations_from(std::size_t n_values, std::size_t n_texts) {
    const std::size_t found = n_texts == 0 ? 16 : n_values / n_texts;
    if (found * n_texts != n_values && n_texts != 0) refuse("signatures must have as many numbers for every text.");
    if (found == 0 || found % 16 != 0 || found > kMostPermutations)
        refuse("signatures must have a multiple of 16 numbers for each text, and at most 1024.");
    return found;
}

bool minhash_lent(nb::handle offsets, nb::handle data, nb::handle validity, nb::handle first, nb::handle n_units,
                  bool by_char, std::uint64_t seed, nb::handle signatures, nb::handle fingerprints,
                  nb::handle n_threads) {
    const Lent out(signatures, "signatures", {'I', 'L'}, sizeof(std::uint32_t), true);
    const Lent prints(fingerprints, "fingerprints", {'Q', 'L'}, sizeof(std::uint64_t), true);
    const LentColumn column(offsets, data, validity, texts_from(first, "first"), prints.size());
    const MinhashTask task{column.texts, shingling_from(n_units, by_char, seed),
                           permutations_from(out.size(), prints.size()), out.data<std::uint32_t>(),
                           prints.data<std::uint64_t>()};
    const std::size_t threads = threads_from(n_threads);
    const CpuPath path = path_of();
    const nb::gil_scoped_release without_gil;
    minhash_texts(task, threads, path);
    return true;
}

nb::object cluster_lent(nb::list columns, nb::handle signatures, nb::handle fingerprints, nb::handle n_bands,
                        nb::handle n_units, bool by_char, std::uint64_t seed, double threshold, bool wants_pairs,
                        nb::handle stop, nb::handle labels, nb::handle n_threads) {
    const Lent rows(signatures, "signatures", {'I', 'L'}, sizeof(std::uint32_t), false);
    const Lent prints(fingerprints, "fingerprints", {'Q', 'L'}, sizeof(std::uint64_t), false);
    const Lent found(labels, "labels", {'q', 'l'}, sizeof(std::int64_t), true);
    const Lent flag(stop, "stop", {'B'}, 1, true);
    flag.expect_size("stop", 1);
    const std::size_t n = prints.size();
    found.expect_size("labels", n);
    const std::size_t n_permutations = permutations_from(rows.size(), n);
    const std::size_t bands = size_from(n_bands, "n_bands", 1, n_permutations, "be between 1 and the permutations");
    if (n_permutations % bands != 0) refuse("n_bands must divide the permutations, " + std::to_string(n_permutations) + ".");
    if (!(threshold > 0.0 && threshold <= 1.0)) refuse("threshold must be above 0 and at most 1.");
    ClusterTask task{{}, shingling_from(n_units, by_char, seed), rows.data<const std::uint32_t>(),
                     prints.data<const std::uint64_t>(), n, n_permutations, bands, threshold, wants_pairs,
                     flag.data<const std::atomic<std::uint8_t>>(), found.data<std::int64_t>()};
    const LentColumns lent(columns);
    task.columns = lent.texts;
    std::size_t n_lent = 0;
    for (const Texts &texts : lent.texts) n_lent += texts.n;
    if (n_lent != n) refuse("columns must have " + std::to_string(n) + " texts, not " + std::to_string(n_lent) + ".");
    const std::size_t threads = threads_from(n_threads);
    bool is_done = false;
    std::vector<std::int64_t> pairs;
    {
        const nb::gil_scoped_release without_gil;
        pairs = cluster_texts(task, threads, is_done);
    }
    if (!is_done) return nb::none();
    return nb::bytes(reinterpret_cast<const char *>(pairs.data()), pairs.size() * sizeof(std::int64_t));
}

}  // namespace

void bind_dedup(nb::module_ &m, CpuPath (*path_in_use)()) {
    path_of = path_in_use;
    m.def("minhash_texts", &minhash_lent, "offsets"_a, "data"_a, "validity"_a.none(), "first"_a, "n_units"_a,
          "by_char"_a, "seed"_a, "signatures"_a, "fingerprints"_a, "n_threads"_a = 1,
          "MinHash signatures of a column of texts.");
    m.def("cluster_texts", &cluster_lent, "columns"_a, "signatures"_a, "fingerprints"_a, "n_bands"_a, "n_units"_a,
          "by_char"_a, "seed"_a, "threshold"_a, "wants_pairs"_a, "stop"_a, "labels"_a, "n_threads"_a = 1,
          "Clusters of near-duplicates; the pairs as bytes of int64, or None after a stop.");
}

}  // namespace rushlight
