// Gives Python the kernels of quantization: comparing logits, error feedback, sums over activations.
#pragma once

#include <nanobind/nanobind.h>

#include "cpu.h"

namespace rushlight {

void bind_quant(nanobind::module_ &m, CpuPath (*path_in_use)());

}  // namespace rushlight
