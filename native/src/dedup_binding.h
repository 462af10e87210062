// Gives Python the kernels of near-duplicates: MinHash signatures and clusters.
#pragma once

#include <nanobind/nanobind.h>

#include "cpu.h"

namespace rushlight {

void bind_dedup(nanobind::module_ &m, CpuPath (*path_in_use)());

}  // namespace rushlight
