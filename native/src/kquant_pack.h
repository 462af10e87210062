// What the search found for one block, and how it becomes bytes. The formats are drawn in quant/blocks.
#pragma once

#include <cstdint>

#include "kquant.h"

namespace rushlight {

struct BlockFields {
    std::uint16_t d;  // float16
    std::uint16_t m;
    std::int16_t scales[16];
    std::int16_t mins[16];
    std::uint8_t codes[256];  // from 0, also where the format is symmetric
};

void pack_block(BlockType type, const BlockFields &fields, std::uint8_t *out) noexcept;

std::uint16_t half_from(float value) noexcept;  // nearest, ties to even; for finite numbers of at most 65504
float float_from(std::uint16_t half) noexcept;

}  // namespace rushlight
