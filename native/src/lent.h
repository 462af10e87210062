// A buffer lent by Python: contiguous, aligned, and of one element type, or an error that names the argument.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace rushlight {

[[noreturn]] inline void refuse(const std::string &text) { throw nanobind::value_error(text.c_str()); }

class Lent {
  public:
    // `letters`: the formats that are taken, as Python's struct module names them ('f', 'd', 'B' ...).
    Lent(nanobind::handle source, const char *name, std::initializer_list<char> letters, std::size_t item_bytes,
         bool is_written) {
        const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (is_written ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(source.ptr(), &view_, flags) != 0) throw nanobind::python_error();
        if (reinterpret_cast<std::uintptr_t>(view_.buf) % item_bytes != 0 && view_.len != 0) {
            PyBuffer_Release(&view_);  // the destructor of a half-built object does not run
            refuse(std::string(name) + " must lie at a multiple of its element size.");
        }
        const char *format = view_.format == nullptr ? "B" : view_.format;
        if (*format == '@' || *format == '=' || *format == '<') ++format;
        for (const char letter : letters)
            if (*format == letter && format[1] == '\0' && static_cast<std::size_t>(view_.itemsize) == item_bytes)
                return;
        const std::string found(format), wanted(1, *letters.begin());
        PyBuffer_Release(&view_);
        throw nanobind::type_error(
            (std::string(name) + " must hold elements of the format \"" + wanted + "\", not \"" + found + "\".")
                .c_str());
    }
    ~Lent() { PyBuffer_Release(&view_); }
    Lent(const Lent &) = delete;
    Lent &operator=(const Lent &) = delete;

    template <typename T>
    T *data() const noexcept {
        return static_cast<T *>(view_.buf);
    }
    std::size_t size() const noexcept {
        return static_cast<std::size_t>(view_.len) / static_cast<std::size_t>(view_.itemsize);
    }
    void expect_size(const char *name, std::size_t wanted) const {
        if (size() != wanted)
            refuse(std::string(name) + " must have " + std::to_string(wanted) + " elements, not " +
                   std::to_string(size()) + ".");
    }

  private:
    Py_buffer view_{};
};

}  // namespace rushlight
