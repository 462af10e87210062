// Names and sizes of the block types, and the sharing out of blocks among threads.
#include "kquant.h"

#include <cstring>

#include "sharing.h"

namespace rushlight {

namespace {

struct Named {
    const char *name;
    BlockType type;
    BlockShape shape;
};

constexpr Named kTypes[] = {
    {"Q4_0", BlockType::q4_0, {32, 18}},   {"Q4_1", BlockType::q4_1, {32, 20}},   {"Q5_0", BlockType::q5_0, {32, 22}},
    {"Q5_1", BlockType::q5_1, {32, 24}},   {"Q2_K", BlockType::q2_k, {256, 84}},  {"Q3_K", BlockType::q3_k, {256, 110}},
    {"Q4_K", BlockType::q4_k, {256, 144}}, {"Q5_K", BlockType::q5_k, {256, 176}}, {"Q6_K", BlockType::q6_k, {256, 210}},
    {"IQ4_NL", BlockType::iq4_nl, {32, 18}},
};

constexpr std::size_t kShare = 256;  // blocks a thread takes at once: a multiple of every number of lanes

void quantize_some(const QuantizeTask &task, std::size_t first, std::size_t last, CpuPath path) noexcept {
#ifdef RUSHLIGHT_X86
    if (path == CpuPath::avx512) return quantize_blocks_avx512(task, first, last);
    if (path == CpuPath::avx2) return quantize_blocks_avx2(task, first, last);
#else
    static_cast<void>(path);
#endif
    quantize_blocks_scalar(task, first, last);
}

}  // namespace

BlockShape shape_of(BlockType type) noexcept {
    for (const Named &known : kTypes)
        if (known.type == type) return known.shape;
    return {1, 0};
}

bool block_type_from(const char *name, BlockType &type) noexcept {
    for (const Named &known : kTypes) {
        if (std::strcmp(known.name, name) != 0) continue;
        type = known.type;
        return true;
    }
    return false;
}

bool quantize_rows(const QuantizeTask &task, std::size_t n_threads, CpuPath path) {
#if defined(__GNUC__) || defined(__clang__)
    const std::size_t n_blocks = task.n_rows * (task.n_columns / shape_of(task.type).n_elements);
    share_out(n_blocks, kShare, n_threads, [&](std::size_t first, std::size_t last) noexcept {
        quantize_some(task, first, last, path);
    });
    return true;
#else
    static_cast<void>(task), static_cast<void>(n_threads), static_cast<void>(path);
    return false;
#endif
}

}  // namespace rushlight
