// Quantizes rows of weights into the block formats of GGUF by searching scales. The numpy version, equal to the last
// bit, is quant/blocks/search.py: what is searched is told there, the bytes of each format in quant/blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu.h"

namespace rushlight {

enum class BlockType { q4_0, q4_1, q5_0, q5_1, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl };

struct BlockShape {
    std::size_t n_elements;
    std::size_t n_bytes;
};
BlockShape shape_of(BlockType type) noexcept;

// Whether `name` is one of the types; the type is then in `type`.
bool block_type_from(const char *name, BlockType &type) noexcept;

// Rows of `n_columns` weights, one after the other; `importance` has one positive weight per column, or is null. All
// numbers must be finite and `n_columns` a multiple of the block. `out` gets the blocks, row by row.
struct QuantizeTask {
    BlockType type;
    const float *values;
    std::size_t n_rows;
    std::size_t n_columns;
    const float *importance;
    std::uint8_t *out;
};

// False where this compiler has no vectors: nothing is written then. Throws std::system_error if no thread starts.
bool quantize_rows(const QuantizeTask &task, std::size_t n_threads, CpuPath path);

// The same for some of the blocks, counted through all rows; one version for each width.
void quantize_blocks_scalar(const QuantizeTask &task, std::size_t first, std::size_t last) noexcept;
void quantize_blocks_avx2(const QuantizeTask &task, std::size_t first, std::size_t last) noexcept;
void quantize_blocks_avx512(const QuantizeTask &task, std::size_t first, std::size_t last) noexcept;

}  // namespace rushlight
