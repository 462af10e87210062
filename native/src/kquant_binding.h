// Gives Python the quantizer of kquant.h.
#pragma once

#include <nanobind/nanobind.h>

#include "cpu.h"

namespace rushlight {

void bind_kquant(nanobind::module_ &m, CpuPath (*path_in_use)());

}  // namespace rushlight
