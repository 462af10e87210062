// The longest common prefix of two token id arrays, with one version per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu.h"

namespace rushlight {

// How many leading elements of the two arrays of length `n` are equal. No alignment is needed; nothing beyond `n`
// is read. `path` must be supported (see cpu.h).
std::size_t common_prefix_length(const std::int32_t *a, const std::int32_t *b, std::size_t n, CpuPath path) noexcept;

}  // namespace rushlight
