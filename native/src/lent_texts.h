// Columns of an Arrow table lent by Python: offsets, data and validity that fit one another, or an error with a name.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "lent.h"
#include "shingles.h"
#include "token_ids.h"

namespace rushlight {

// Offsets of 32 or 64 bits, whichever they are.
class Offsets {
  public:
    explicit Offsets(nanobind::handle source) : is_wide_(width(source) == 8) {
        if (is_wide_)
            lent_.emplace_back(source, "offsets", std::initializer_list<char>{'q', 'l'}, std::size_t{8}, false);
        else
            lent_.emplace_back(source, "offsets", std::initializer_list<char>{'i', 'l'}, std::size_t{4}, false);
    }
    bool is_wide() const noexcept { return is_wide_; }
    const void *data() const noexcept { return lent_.front().data<const void>(); }
    std::size_t size() const noexcept { return lent_.front().size(); }

  private:
    static Py_ssize_t width(nanobind::handle source) {
        Py_buffer view;
        if (PyObject_GetBuffer(source.ptr(), &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0)
            throw nanobind::python_error();
        const Py_ssize_t found = view.itemsize;
        PyBuffer_Release(&view);
        return found;
    }

    bool is_wide_;
    std::list<Lent> lent_;
};

// A column of texts whose offsets all lie within its data. Keeps what was lent.
class LentColumn {
  public:
    LentColumn(nanobind::handle offsets, nanobind::handle data, nanobind::handle validity, std::size_t first,
               std::size_t n)
        : offsets_(offsets), data_(data, "data", {'B', 'b', 'c'}, 1, false) {
        if (!validity.is_none())
            validity_.emplace_back(validity, "validity", std::initializer_list<char>{'B', 'b', 'c'}, std::size_t{1},
                                   false);
        texts = {offsets_.data(), offsets_.is_wide(), data_.data<const std::uint8_t>(), nullptr, first, n};
        if (first >= offsets_.size() || n > offsets_.size() - first - 1)
            refuse("offsets must have first + n + 1 elements or more, not " + std::to_string(offsets_.size()) + ".");
        if (!validity_.empty()) {
            if ((first + n + 7) / 8 > validity_.front().size()) refuse("validity must have a bit for every text.");
            texts.validity = validity_.front().data<const std::uint8_t>();
        }
        std::int64_t before = texts.offset(first);
        bool is_right = before >= 0;
        for (std::size_t i = 1; i <= n; ++i) {
            const std::int64_t here = texts.offset(first + i);
            is_right = is_right && here >= before;
            before = here;
        }
        if (!is_right || static_cast<std::uint64_t>(before) > data_.size())
            refuse("offsets must not fall, and must lie within data.");
    }
    Texts texts;

  private:
    Offsets offsets_;
    Lent data_;
    std::list<Lent> validity_;
};

inline std::size_t threads_from(nanobind::handle n_threads) {
    return size_from(n_threads, "n_threads", 1, 1024, "be between 1 and 1024");
}

inline std::size_t texts_from(nanobind::handle source, const char *name) {
    return size_from(source, name, 0, std::size_t{1} << 40, "be between 0 and 1099511627776");
}

// A list of tuples of offsets, data, validity, first and n.
class LentColumns {
  public:
    explicit LentColumns(nanobind::list columns) {
        for (const nanobind::handle one : columns) {
            const auto parts = nanobind::cast<nanobind::tuple>(one);
            if (nanobind::len(parts) != 5) refuse("columns must be tuples of offsets, data, validity, first and n.");
            lent_.emplace_back(parts[0], parts[1], parts[2], texts_from(parts[3], "first"), texts_from(parts[4], "n"));
            texts.push_back(lent_.back().texts);
        }
    }
    std::vector<Texts> texts;

  private:
    std::list<LentColumn> lent_;
};

}  // namespace rushlight
