// Python's door to the kernels. Each kernel has a file of its own; this one only binds names.
#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>

namespace nb = nanobind;

namespace {

// ggml calls this between graph nodes while it computes; true stops the computation. A Python callback in this
// place would take the GIL hundreds of times per token, so the flag is a byte that Python only writes.
bool abort_flag_is_set(void *flag) {
    return static_cast<std::atomic<std::uint8_t> *>(flag)->load(std::memory_order_relaxed) != 0;
}

}  // namespace

NB_MODULE(_kernels, m) {
    m.doc() = "Compiled kernels of Rushlight; _kernels.pyi is the contract, _fallback.py the reference.";
    m.def("abort_callback_address",
          [] { return reinterpret_cast<std::uintptr_t>(&abort_flag_is_set); });
}
