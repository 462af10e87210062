// Checks what Python gives to the quantizer: sizes, types, and that every number is one.
#include "kquant_binding.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kquant.h"
#include "lent.h"
#include "token_ids.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace rushlight {

namespace {

constexpr float kLargestValue = 65504.0f;  // of a float16; larger ones would overflow the scales of some types
constexpr float kLargestImportance = 1e8f;
constexpr float kSmallestImportance = 1e-8f;

bool are_values(const float *values, std::size_t n) noexcept {
    bool is_good = true;
    for (std::size_t i = 0; i < n; ++i) is_good &= std::fabs(values[i]) <= kLargestValue;  // false for what is no number
    return is_good;
}

bool are_importances(const float *values, std::size_t n) noexcept {
    bool is_good = true;
    for (std::size_t i = 0; i < n; ++i) is_good &= values[i] >= kSmallestImportance && values[i] <= kLargestImportance;
    return is_good;
}

using PathInUse = CpuPath (*)();
PathInUse path_of_module = nullptr;

bool quantize_lent_rows(nb::handle values, nb::handle n_columns, const char *type_name, nb::handle importance,
                        nb::handle out, nb::handle n_threads) {
    BlockType type;
    if (!block_type_from(type_name, type)) return false;
    const BlockShape shape = shape_of(type);
    const std::size_t columns = size_from(n_columns, "n_columns", 1, std::size_t{1} << 40, "be at least 1");
    const std::size_t threads = size_from(n_threads, "n_threads", 1, 1024, "be between 1 and 1024");
    const Lent from(values, "values", {'f'}, sizeof(float), false);
    const Lent to(out, "out", {'B'}, 1, true);
    if (columns % shape.n_elements != 0)
        refuse("n_columns is " + std::to_string(columns) + "; a block of " + type_name + " has " +
               std::to_string(shape.n_elements) + ".");
    if (from.size() % columns != 0)
        refuse(std::to_string(from.size()) + " values are no rows of " + std::to_string(columns) + ".");
    const std::size_t n_bytes = from.size() / shape.n_elements * shape.n_bytes;
    if (to.size() != n_bytes)
        refuse("out must have " + std::to_string(n_bytes) + " bytes, not " + std::to_string(to.size()) + ".");
    QuantizeTask task{type, from.data<const float>(), from.size() / columns, columns, nullptr,
                      to.data<std::uint8_t>()};
    const CpuPath path = path_of_module();
    const auto run = [&] {
        bool is_good, is_done;
        {
            const nb::gil_scoped_release without_gil;
            is_good = are_values(task.values, from.size());
            is_done = is_good && quantize_rows(task, threads, path);
        }
        if (!is_good) refuse("every value must be a number within 65,504.");
        return is_done;
    };
    if (importance.is_none()) return run();
    const Lent weights(importance, "importance", {'f'}, sizeof(float), false);
    task.importance = weights.data<const float>();
    if (weights.size() != columns)
        refuse("importance must have " + std::to_string(columns) + " numbers, not " + std::to_string(weights.size()) +
               ".");
    if (!are_importances(task.importance, columns)) refuse("every importance must be a number from 1e-8 to 1e8.");
    return run();
}

}  // namespace

void bind_kquant(nb::module_ &m, CpuPath (*path_in_use)()) {
    path_of_module = path_in_use;
    m.def("quantize_rows", &quantize_lent_rows, "values"_a, "n_columns"_a, "type_name"_a, "importance"_a.none(),
          "out"_a, "n_threads"_a = 1, "Search the blocks of rows of weights; False if this build cannot.");
}

}  // namespace rushlight
