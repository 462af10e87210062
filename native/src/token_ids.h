// Python values as C++ numbers: token ids from buffers, lists and tuples, with errors that name the argument.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rushlight {

// Token ids lent by a Python object. A contiguous buffer of int32 is read where it lies; everything else is copied.
// Throws nanobind::type_error and nanobind::value_error, whose texts _fallback.py has word for word.
class TokenIds {
  public:
    TokenIds(nanobind::handle source, const char *name);
    ~TokenIds();
    TokenIds(const TokenIds &) = delete;
    TokenIds &operator=(const TokenIds &) = delete;

    const std::int32_t *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

  private:
    void read_sequence(nanobind::handle source, const char *name);
    void read_buffer(nanobind::handle source, const char *name);

    Py_buffer view_{};  // view_.obj is null unless a buffer is held
    std::vector<std::int32_t> copy_;
    const std::int32_t *data_ = nullptr;
    std::size_t size_ = 0;
};

// One token id. `name` is what errors call it.
std::int32_t token_id_from(nanobind::handle value, const char *name);

// An int between `least` and `most`; `limits` ends the sentence "it must be ...".
std::size_t size_from(nanobind::handle value, const char *name, std::size_t least, std::size_t most,
                      const char *limits);

}  // namespace rushlight
