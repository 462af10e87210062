// Checks what Python gives to the kernels of quantization: sizes, types, limits, and that every number is one.
#include "quant_binding.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "activations.h"
#include "divergence.h"
#include "feedback.h"
#include "lent.h"
#include "moments.h"
#include "token_ids.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace rushlight {

namespace {

using PathInUse = CpuPath (*)();
PathInUse path_of_module = nullptr;

constexpr std::size_t kMostColumns = std::size_t{1} << 40;

std::size_t threads_from(nb::handle n_threads) {
    return size_from(n_threads, "n_threads", 1, 1024, "be between 1 and 1024");
}

bool are_finite(const float *values, std::size_t n) noexcept {
    bool is_good = true;
    for (std::size_t i = 0; i < n; ++i) is_good &= std::fabs(values[i]) <= 3.402823466e38f;
    return is_good;
}

bool score_lent_logits(nb::handle base, nb::handle other, nb::handle targets, nb::handle n_columns, nb::handle n_top,
                       nb::handle out, nb::handle n_threads) {
    const std::size_t columns = size_from(n_columns, "n_columns", 1, kMostColumns, "be at least 1");
    const std::size_t top = size_from(n_top, "n_top", 1, kMostTop, "be between 1 and 64");
    const std::size_t threads = threads_from(n_threads);
    const Lent a(base, "base", {'f'}, sizeof(float), false), b(other, "other", {'f'}, sizeof(float), false);
    const Lent wanted(targets, "targets", {'q', 'l'}, sizeof(std::int64_t), false);
    const Lent to(out, "out", {'d'}, sizeof(double), true);
    if (a.size() % columns != 0)
        refuse(std::to_string(a.size()) + " logits are no rows of " + std::to_string(columns) + ".");
    const std::size_t n_rows = a.size() / columns;
    b.expect_size("other", a.size());
    wanted.expect_size("targets", n_rows);
    static_assert(sizeof(RowScore) == 6 * sizeof(double), "a row of the result");
    to.expect_size("out", 6 * n_rows);
    for (std::size_t row = 0; row < n_rows; ++row) {
        const std::int64_t target = wanted.data<const std::int64_t>()[row];
        if (target < 0 || static_cast<std::size_t>(target) >= columns)
            refuse("targets[" + std::to_string(row) + "] is " + std::to_string(target) + "; there are " +
                   std::to_string(columns) + " columns.");
    }
    const ScoreTask task{a.data<const float>(), b.data<const float>(), wanted.data<const std::int64_t>(), n_rows,
                         columns, top, to.data<RowScore>()};
    const CpuPath path = path_of_module();
    bool is_done;
    {
        const nb::gil_scoped_release without_gil;
        is_done = score_rows(task, threads, path);
    }
    for (std::size_t row = 0; is_done && row < n_rows; ++row)
        if (std::isnan(task.out[row].divergence))
            refuse("row " + std::to_string(row) + " of the logits holds what is no number within 1e30.");
    return is_done;
}

bool round_lent_columns(nb::handle work, nb::handle factor, nb::handle scales, nb::handle offsets, nb::handle levels,
                        nb::handle low, nb::handle high, nb::handle n_window, nb::handle first, nb::handle last,
                        nb::handle group, nb::handle codes, nb::handle errors, nb::handle n_threads) {
    FeedbackTask task{};
    task.n_window = size_from(n_window, "n_window", 1, kMostWindow, "be between 1 and 512");
    const std::string in_window = "be between 0 and n_window, " + std::to_string(task.n_window);
    task.last = size_from(last, "last", 0, task.n_window, in_window.c_str());
    const std::string before_last = "be between 0 and last, " + std::to_string(task.last);
    task.first = size_from(first, "first", 0, task.last, before_last.c_str());
    task.group = size_from(group, "group", 1, kMostWindow, "be between 1 and 512");
    const auto code_from = [](nb::handle value, const char *name) {
        const std::int32_t code = token_id_from(value, name);
        if (code < -32768 || code > 32767) refuse(std::string(name) + " must be a code of 16 bits.");
        return static_cast<float>(code);
    };
    task.low = code_from(low, "low");
    task.high = code_from(high, "high");
    if (task.low > task.high) refuse("low must not be above high.");
    const std::size_t threads = threads_from(n_threads);
    const Lent weights(work, "work", {'f'}, sizeof(float), true), spread(factor, "factor", {'f'}, sizeof(float), false);
    const Lent steps(scales, "scales", {'f'}, sizeof(float), false);
    const Lent found(codes, "codes", {'h'}, sizeof(std::int16_t), true);
    const Lent lost(errors, "errors", {'f'}, sizeof(float), true);
    if (weights.size() % task.n_window != 0)
        refuse(std::to_string(weights.size()) + " weights are no window of " + std::to_string(task.n_window) + " columns.");
    task.n_rows = weights.size() / task.n_window;
    const std::size_t n_columns = task.last - task.first, n_groups = (n_columns + task.group - 1) / task.group;
    spread.expect_size("factor", task.n_window * task.n_window);
    steps.expect_size("scales", n_groups * task.n_rows);
    found.expect_size("codes", n_columns * task.n_rows);
    lost.expect_size("errors", weights.size());
    task.work = weights.data<float>();
    task.factor = spread.data<const float>();
    task.scales = steps.data<const float>();
    task.codes = found.data<std::int16_t>();
    task.errors = lost.data<float>();
    std::optional<Lent> shifts, stands;
    if (!offsets.is_none()) {
        shifts.emplace(offsets, "offsets", std::initializer_list<char>{'f'}, sizeof(float), false);
        shifts->expect_size("offsets", steps.size());
        task.offsets = shifts->data<const float>();
    }
    if (!levels.is_none()) {
        stands.emplace(levels, "levels", std::initializer_list<char>{'f'}, sizeof(float), false);
        task.levels = stands->data<const float>();
        task.n_levels = stands->size();
        bool is_rising = task.n_levels >= 1 && task.n_levels <= 256 && are_finite(task.levels, task.n_levels);
        for (std::size_t i = 1; is_rising && i < task.n_levels; ++i) is_rising = task.levels[i] > task.levels[i - 1];
        if (!is_rising) refuse("levels must be 1 to 256 rising numbers.");
    }
    const CpuPath path = path_of_module();
    bool is_good, is_done = false;
    {
        const nb::gil_scoped_release without_gil;
        is_good = are_finite(task.work + task.first * task.n_rows, (task.n_window - task.first) * task.n_rows) &&
                  are_finite(task.scales, steps.size()) && are_finite(task.factor, spread.size()) &&
                  (task.offsets == nullptr || are_finite(task.offsets, steps.size()));
        for (std::size_t i = task.first; is_good && i < task.last; ++i)
            is_good = task.factor[i * task.n_window + i] > 0;
        if (is_good) is_done = round_with_feedback(task, threads, path);
    }
    if (!is_good) refuse("weights, scales, offsets and factor must be finite numbers, the factor's diagonal positive.");
    return is_done;
}

bool add_lent_moments(nb::handle inputs, nb::handle n_columns, double weight, nb::handle sums, nb::handle n_threads) {
    const std::size_t columns = size_from(n_columns, "n_columns", 1, std::size_t{1} << 24, "be between 1 and 16777216");
    const std::size_t threads = threads_from(n_threads);
    const Lent from(inputs, "inputs", {'f'}, sizeof(float), false), to(sums, "sums", {'f'}, sizeof(float), true);
    if (from.size() % columns != 0)
        refuse(std::to_string(from.size()) + " inputs are no rows of " + std::to_string(columns) + ".");
    to.expect_size("sums", columns * columns);
    const CpuPath path = path_of_module();
    const nb::gil_scoped_release without_gil;
    return add_moments({from.data<const float>(), from.size() / columns, columns, columns}, static_cast<float>(weight),
                       to.data<float>(), threads, path);
}

// ---------------------------------------------------------------------------------------------- ActivationSums
void make_sums(ActivationSums *place, nb::handle is_host_address, nb::handle n_threads) {
    const std::size_t address =
        size_from(is_host_address, "is_host_address", 0, static_cast<std::size_t>(-1), "be an address");
    new (place) ActivationSums(reinterpret_cast<ActivationSums::IsHost>(address), threads_from(n_threads),
                               path_of_module());
}

template <typename Get>
auto known(const std::string &name, const Get &get) {
    try {
        return get();
    } catch (const std::out_of_range &) {
        throw nb::key_error(("nothing was summed up for " + name).c_str());
    }
}

nb::tuple shape_of_squares(const ActivationSums &self, const std::string &name) {
    const Squares found = known(name, [&] { return self.squares_of(name); });
    return nb::make_tuple(found.n_matrices, found.n_columns);
}

void copy_squares(const ActivationSums &self, const std::string &name, nb::handle sums, nb::handle counts) {
    const Squares found = known(name, [&] { return self.squares_of(name); });
    const Lent to(sums, "sums", {'d'}, sizeof(double), true);
    const Lent seen(counts, "counts", {'q', 'l'}, sizeof(std::int64_t), true);
    to.expect_size("sums", found.sums.size());
    seen.expect_size("counts", found.counts.size());
    std::copy(found.sums.begin(), found.sums.end(), to.data<double>());
    std::copy(found.counts.begin(), found.counts.end(), seen.data<std::int64_t>());
}

void take_lent_moments(ActivationSums &self, const std::string &name, nb::handle out) {
    const std::size_t columns = known(name, [&] { return self.columns_of(name); });
    const Lent to(out, "out", {'f'}, sizeof(float), true);
    to.expect_size("out", columns * columns);
    known(name, [&] { self.take_moments(name, to.data<float>()); });
}

nb::list list_of(const std::vector<std::string> &names) {
    nb::list result;
    for (const std::string &name : names) result.append(nb::str(name.data(), name.size()));
    return result;
}


}  // namespace

void bind_quant(nb::module_ &m, CpuPath (*path_in_use)()) {
    path_of_module = path_in_use;
    m.def("score_logits", &score_lent_logits, "base"_a, "other"_a, "targets"_a, "n_columns"_a, "n_top"_a, "out"_a,
          "n_threads"_a = 1, "How far rows of logits are from others; False if this build cannot.");
    m.def("round_with_feedback", &round_lent_columns, "work"_a, "factor"_a, "scales"_a, "offsets"_a.none(),
          "levels"_a.none(), "low"_a, "high"_a, "n_window"_a, "first"_a, "last"_a, "group"_a, "codes"_a, "errors"_a,
          "n_threads"_a = 1, "Round columns and spread their errors; False if this build cannot.");
    m.def("add_moments", &add_lent_moments, "inputs"_a, "n_columns"_a, "weight"_a, "sums"_a, "n_threads"_a = 1,
          "Add the products of inputs, weighted; False if this build cannot.");
    nb::class_<ActivationSums>(m, "ActivationSums", nb::is_final(),
                               "Sums over the inputs of weights, filled by llama.cpp's evaluation callback.")
        .def("__init__", &make_sums, "is_host_address"_a = 0, "n_threads"_a = 1)
        .def("want_squares", [](ActivationSums &self, const char *name) { self.want_squares(name); }, "name"_a)
        .def("want_moments",
             [](ActivationSums &self, const char *name, double own, double mean, double first) {
                 self.want_moments(name, {static_cast<float>(own), static_cast<float>(mean), static_cast<float>(first)});
             },
             "name"_a, "own"_a = 1.0, "mean"_a = 0.0, "first"_a = 0.0)
        .def("begin_pass", [](ActivationSums &self) { self.begin_pass(); })
        .def_prop_ro("callback_address",
                     [](const ActivationSums &) { return reinterpret_cast<std::uintptr_t>(&ActivationSums::callback); })
        .def_prop_ro("data_address",
                     [](const ActivationSums &self) { return reinterpret_cast<std::uintptr_t>(&self); })
        .def_prop_ro("problem",
                     [](const ActivationSums &self) {
                         const std::string text = self.problem();
                         return nb::steal<nb::object>(
                             PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
                     })
        .def("names", [](const ActivationSums &self) { return list_of(self.names()); })
        .def("names_of_moments", [](const ActivationSums &self) { return list_of(self.names_of_moments()); })
        .def("shape", [](const ActivationSums &self, const char *name) { return shape_of_squares(self, name); },
             "name"_a)
        .def("copy_squares",
             [](const ActivationSums &self, const char *name, nb::handle sums, nb::handle counts) {
                 copy_squares(self, name, sums, counts);
             },
             "name"_a, "sums"_a, "counts"_a)
        .def("owner",
             [](const ActivationSums &self, const char *name) {
                 const std::string found = known(name, [&] { return self.owner_of(name); });
                 return nb::str(found.data(), found.size());
             },
             "name"_a)
        .def("columns",
             [](const ActivationSums &self, const char *name) {
                 return known(name, [&] { return self.columns_of(name); });
             },
             "name"_a)
        .def("take_moments",
             [](ActivationSums &self, const char *name, nb::handle out) { take_lent_moments(self, name, out); },
             "name"_a, "out"_a);
}

}  // namespace rushlight
