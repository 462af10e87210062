// Checks what Python gives to the merging loops: sizes and types.
#include "merging_binding.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "lent.h"
#include "merging.h"
#include "token_ids.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace rushlight {

namespace {

bool count_lent_sizes(nb::handle base, nb::handle model, nb::handle upper, nb::handle counts) {
    const Lent from(base, "base", {'f'}, sizeof(float), false), to(model, "model", {'f'}, sizeof(float), false);
    const Lent found(counts, "counts", {'q', 'l'}, sizeof(std::int64_t), true);
    to.expect_size("model", from.size());
    found.expect_size("counts", kSizeBins);
    const std::int32_t half = token_id_from(upper, "upper");
    if (half < -1 || half > 0x7FFF) refuse("upper must be between -1 and 32767.");
    const nb::gil_scoped_release without_gil;
    return count_sizes(from.data<const float>(), to.data<const float>(), from.size(), half,
                       found.data<std::int64_t>());
}

bool merge_lent_tensors(nb::handle base, nb::list models, nb::handle cuts, nb::handle n_equal, nb::handle weights,
                        float scale, bool normalize, nb::handle out) {
    const Lent from(base, "base", {'f'}, sizeof(float), false), to(out, "out", {'f'}, sizeof(float), true);
    const Lent limits(cuts, "cuts", {'q', 'l'}, sizeof(std::int64_t), false);
    const Lent ties(n_equal, "n_equal", {'q', 'l'}, sizeof(std::int64_t), true);
    const Lent parts(weights, "weights", {'f'}, sizeof(float), false);
    const std::size_t n_models = nb::len(models);
    if (n_models > kMostModels) refuse("models must be at most " + std::to_string(kMostModels) + ".");
    to.expect_size("out", from.size());
    limits.expect_size("cuts", n_models);
    ties.expect_size("n_equal", n_models);
    parts.expect_size("weights", n_models);
    std::list<Lent> lent;  // a buffer that is lent does not move
    std::vector<const float *> pointers;
    for (const nb::handle one : models) {
        lent.emplace_back(one, "models", std::initializer_list<char>{'f'}, sizeof(float), false);
        lent.back().expect_size("models", from.size());
        pointers.push_back(lent.back().data<const float>());
    }
    for (std::size_t i = 0; i < n_models; ++i) {
        const std::int64_t cut = limits.data<const std::int64_t>()[i];
        if (cut < -1 || cut > (std::int64_t{1} << 31)) refuse("cuts must be between -1 and 2147483648.");
    }
    const MergeTask task{from.data<const float>(),  pointers.data(), limits.data<const std::int64_t>(),
                         ties.data<std::int64_t>(), parts.data<const float>(), n_models,
                         from.size(),               scale,           normalize,
                         to.data<float>()};
    const nb::gil_scoped_release without_gil;
    merge_trimmed(task);
    return true;
}

}  // namespace

void bind_merging(nb::module_ &m) {
    m.def("count_sizes", &count_lent_sizes, "base"_a, "model"_a, "upper"_a, "counts"_a,
          "Count the sizes of changes by their bits; False for what is no finite number.");
    m.def("merge_trimmed", &merge_lent_tensors, "base"_a, "models"_a, "cuts"_a, "n_equal"_a, "weights"_a, "scale"_a,
          "normalize"_a, "out"_a, "Merge what is kept of the changes and agrees with the elected sign.");
}

}  // namespace rushlight
