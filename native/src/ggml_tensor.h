// ggml's tensor as ggml 0.25 has it (llama-cpp-python 0.3.36). quant/ggml.py checks the version, and that a product made
// by ggml itself reads as it should, before any address comes here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rushlight {

struct GgmlTensor {
    std::int32_t type;
    void *buffer;
    std::int64_t ne[4];  // elements, the innermost dimension first
    std::size_t nb[4];   // bytes from one to the next
    std::int32_t op;
    std::int32_t op_params[16];
    std::int32_t flags;
    GgmlTensor *src[10];
    GgmlTensor *view_src;
    std::size_t view_offs;
    void *data;
    char name[64];
    void *extra;
    char padding[8];
};
static_assert(sizeof(void *) != 8 || sizeof(GgmlTensor) == 336, "the structure has no other holes than ggml's");

constexpr std::int32_t kGgmlF32 = 0;
constexpr std::int32_t kGgmlI32 = 26;
constexpr std::int32_t kGgmlMulMat = 29;
constexpr std::int32_t kGgmlMulMatId = 30;

}  // namespace rushlight
