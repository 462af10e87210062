// Gives Python the loops of merging.h.
#pragma once

#include <nanobind/nanobind.h>

namespace rushlight {

void bind_merging(nanobind::module_ &m);

}  // namespace rushlight
