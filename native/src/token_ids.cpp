// Reads token ids out of Python objects, and says what is wrong with those that hold none.
#include "token_ids.h"

#include <cstring>
#include <limits>
#include <string>

namespace nb = nanobind;

namespace rushlight {

namespace {

std::string type_name_of(nb::handle value) {
    const nb::object name = nb::handle(reinterpret_cast<PyObject *>(Py_TYPE(value.ptr()))).attr("__name__");
    return nb::str(name).c_str();
}

// The value as a Python int: an int itself, or what __index__ of numpy's integers gives.
nb::object integer_from(nb::handle value, const char *name) {
    if (PyLong_Check(value.ptr())) return nb::borrow(value);
    if (!PyIndex_Check(value.ptr()))
        throw nb::type_error((std::string(name) + " must be an int, not " + type_name_of(value) + ".").c_str());
    PyObject *integer = PyNumber_Index(value.ptr());
    if (integer == nullptr) throw nb::python_error();
    return nb::steal(integer);
}

// The nearest 64-bit number: whatever lies beyond is out of every range that is asked for.
long long saturated(nb::handle integer) {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
    if (overflow > 0) return std::numeric_limits<long long>::max();
    if (overflow < 0) return std::numeric_limits<long long>::min();
    if (value == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
    return value;
}

[[noreturn]] void out_of_range(nb::handle integer, const char *name, const char *limits) {
    const nb::str shown(integer);
    throw nb::value_error((std::string(name) + " is " + shown.c_str() + "; it must " + limits + ".").c_str());
}

bool is_native_int32(const Py_buffer &view) {
    if (view.itemsize != 4 || view.format == nullptr) return false;
    const char *format = view.format;
    if (*format == '@' || *format == '=') ++format;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    else if (*format == '<') ++format;
#else
    else if (*format == '>' || *format == '!') ++format;
#endif
    return (*format == 'i' || *format == 'l') && format[1] == '\0';
}

}  // namespace

std::int32_t token_id_from(nb::handle value, const char *name) {
    const nb::object integer = integer_from(value, name);
    const long long number = saturated(integer);
    if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max())
        out_of_range(integer, name, "fit in 32 bits with a sign");
    return static_cast<std::int32_t>(number);
}

std::size_t size_from(nb::handle value, const char *name, std::size_t least, std::size_t most, const char *limits) {
    const nb::object integer = integer_from(value, name);
    const long long number = saturated(integer);
    if (number < 0 || static_cast<std::size_t>(number) < least || static_cast<std::size_t>(number) > most)
        out_of_range(integer, name, limits);
    return static_cast<std::size_t>(number);
}

TokenIds::TokenIds(nb::handle source, const char *name) {
    if (PyList_Check(source.ptr()) || PyTuple_Check(source.ptr())) {
        read_sequence(source, name);
    } else if (PyObject_CheckBuffer(source.ptr()) != 0) {
        read_buffer(source, name);
    } else {
        const std::string expected = " must be a one-dimensional buffer of int32, a list or a tuple, not ";
        throw nb::type_error((name + expected + type_name_of(source) + ".").c_str());
    }
}

TokenIds::~TokenIds() {
    if (view_.obj != nullptr) PyBuffer_Release(&view_);
}

void TokenIds::read_sequence(nb::handle source, const char *name) {
    // A tuple of its own: __index__ of an element may change a list while it is read.
    const nb::object items = nb::steal(PySequence_Tuple(source.ptr()));
    if (!items.is_valid()) throw nb::python_error();
    const Py_ssize_t n = PyTuple_Size(items.ptr());
    copy_.resize(static_cast<std::size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
        PyObject *item = PyTuple_GetItem(items.ptr(), i);
        int overflow = 1;
        const long value = PyLong_CheckExact(item) ? PyLong_AsLongAndOverflow(item, &overflow) : 0;
        const auto narrow = static_cast<std::int32_t>(value);
        const bool fits = overflow == 0 && narrow == value;
        // The long way round only for what is no plain int or does not fit: it builds the name that an error needs.
        copy_[static_cast<std::size_t>(i)] =
            fits ? narrow : token_id_from(item, (std::string(name) + "[" + std::to_string(i) + "]").c_str());
    }
    data_ = copy_.data();
    size_ = copy_.size();
}

void TokenIds::read_buffer(nb::handle source, const char *name) {
    if (PyObject_GetBuffer(source.ptr(), &view_, PyBUF_FORMAT | PyBUF_STRIDES) != 0) throw nb::python_error();
    // The destructor of a half-built object does not run, so the view is let go here.
    const auto refuse = [&](const std::string &text) {
        PyBuffer_Release(&view_);
        throw nb::type_error((name + text).c_str());
    };
    if (!is_native_int32(view_))
        refuse(" must hold int32; the format of its elements is \"" + std::string(view_.format ? view_.format : "B") +
               "\", " + std::to_string(view_.itemsize) + " bytes each.");
    if (view_.ndim != 1) refuse(" must have one dimension; it has " + std::to_string(view_.ndim) + ".");
    size_ = static_cast<std::size_t>(view_.shape[0]);
    const Py_ssize_t stride = view_.strides == nullptr ? view_.itemsize : view_.strides[0];
    const auto *bytes = static_cast<const char *>(view_.buf);
    const bool aligned = reinterpret_cast<std::uintptr_t>(bytes) % alignof(std::int32_t) == 0;
    if (size_ == 0 || (stride == view_.itemsize && aligned)) {
        data_ = static_cast<const std::int32_t *>(view_.buf);
        return;
    }
    try {
        copy_.resize(size_);
    } catch (...) {
        PyBuffer_Release(&view_);
        throw;
    }
    for (std::size_t i = 0; i < size_; ++i)
        std::memcpy(&copy_[i], bytes + static_cast<Py_ssize_t>(i) * stride, sizeof(std::int32_t));
    data_ = copy_.data();
}

}  // namespace rushlight
