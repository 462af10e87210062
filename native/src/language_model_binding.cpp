// Checks what Python gives to the kernels of n-gram models: columns of texts, images, sizes.
#include "language_model_binding.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "arpa.h"
#include "kneser_ney.h"
#include "lent.h"
#include "lent_texts.h"
#include "ngram_scores.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace rushlight {

namespace {

// An n-gram model lent by Python.
class LentImage {
  public:
    explicit LentImage(nb::handle source) : lent_(source, "image", {'B', 'b', 'c'}, 1, false) {
        if (!NgramImage::open(lent_.data<const std::uint8_t>(), lent_.size(), image))
            refuse("image is no n-gram model, or not a whole one.");
    }
    NgramImage image;

  private:
    Lent lent_;
};

nb::object estimate_lent(nb::list columns, nb::handle order, nb::handle stop, nb::handle n_threads) {
    const LentColumns lent(columns);
    const Lent flag(stop, "stop", {'B'}, 1, true);
    flag.expect_size("stop", 1);
    const std::size_t wanted = size_from(order, "order", 1, kMostOrder, "be between 1 and 5");
    const std::size_t threads = threads_from(n_threads);
    std::unique_ptr<Estimate> estimate;
    {
        const nb::gil_scoped_release without_gil;
        const auto &is_stopped = *flag.data<const std::atomic<std::uint8_t>>();
        estimate = std::make_unique<Estimate>(lent.texts, wanted, is_stopped, threads);
    }
    if (estimate->is_stopped()) return nb::none();
    if (estimate->is_empty()) refuse("columns must have a word.");
    const std::uint64_t n_bytes = estimate->sizes().total_bytes();
    if (n_bytes == 0) refuse("columns have too many n-grams for one model.");
    nb::object made = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(n_bytes)));
    if (!made.is_valid()) throw nb::python_error();
    auto *const bytes = reinterpret_cast<std::uint8_t *>(PyBytes_AsString(made.ptr()));
    bool is_done = false;
    {
        const nb::gil_scoped_release without_gil;
        std::memset(bytes, 0, static_cast<std::size_t>(n_bytes));
        is_done = estimate->write(bytes);
        estimate.reset();
    }
    return is_done ? made : nb::none();
}

bool score_lent(nb::handle image, nb::handle offsets, nb::handle data, nb::handle validity, nb::handle first,
                nb::handle sums, nb::handle counts, nb::handle unknown, nb::handle n_threads) {
    const LentImage model(image);
    const Lent found(sums, "sums", {'d'}, sizeof(double), true);
    const Lent numbers(counts, "counts", {'q', 'l'}, sizeof(std::int64_t), true);
    const Lent strange(unknown, "unknown", {'q', 'l'}, sizeof(std::int64_t), true);
    numbers.expect_size("counts", found.size());
    strange.expect_size("unknown", found.size());
    const LentColumn column(offsets, data, validity, texts_from(first, "first"), found.size());
    const NgramTask task{column.texts, found.data<double>(), numbers.data<std::int64_t>(),
                         strange.data<std::int64_t>()};
    const std::size_t threads = threads_from(n_threads);
    const nb::gil_scoped_release without_gil;
    score_texts(model.image, task, threads);
    return true;
}

nb::bytes score_lent_words(nb::handle image, nb::handle text) {
    const LentImage model(image);
    const Lent lent(text, "text", {'B', 'b', 'c'}, 1, false);
    const auto *const from = lent.data<const std::uint8_t>();
    const std::vector<float> found = score_words(model.image, from, from + lent.size());
    return nb::bytes(reinterpret_cast<const char *>(found.data()), found.size() * sizeof(float));
}

nb::bytes arpa_from_lent(nb::handle image) {
    const LentImage model(image);
    std::string made;
    {
        const nb::gil_scoped_release without_gil;
        if (model.image.is_consistent()) made = arpa_of(model.image);
    }
    if (made.empty()) refuse("image is a damaged n-gram model.");
    return nb::bytes(made.data(), made.size());
}

nb::bytes image_from_lent(nb::handle arpa) {
    const Lent lent(arpa, "arpa", {'B', 'b', 'c'}, 1, false);
    const auto *const from = lent.data<const char>();
    std::vector<std::uint8_t> made;
    std::string problem;
    {
        const nb::gil_scoped_release without_gil;
        try {
            made = image_of_arpa(from, from + lent.size());
        } catch (const std::invalid_argument &error) {
            problem = error.what();
        }
    }
    if (!problem.empty()) refuse(problem);
    return nb::bytes(reinterpret_cast<const char *>(made.data()), made.size());
}

}  // namespace

void bind_language_models(nb::module_ &m) {
    m.def("estimate_ngrams", &estimate_lent, "columns"_a, "order"_a, "stop"_a, "n_threads"_a = 1,
          "The image of an n-gram model of texts; None after a stop.");
    m.def("score_ngrams", &score_lent, "image"_a, "offsets"_a, "data"_a, "validity"_a.none(), "first"_a, "sums"_a,
          "counts"_a, "unknown"_a, "n_threads"_a = 1, "The logarithms of the probabilities of a column of texts.");
    m.def("score_words", &score_lent_words, "image"_a, "text"_a, "float32 of every word and end of line, as bytes.");
    m.def("ngrams_to_arpa", &arpa_from_lent, "image"_a, "The ARPA file of a model.");
    m.def("ngrams_from_arpa", &image_from_lent, "arpa"_a, "The image of an ARPA file.");
}

}  // namespace rushlight
