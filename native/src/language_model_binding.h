// Gives Python the kernels of n-gram models: estimating, scoring, and ARPA files both ways.
#pragma once

#include <nanobind/nanobind.h>

namespace rushlight {

void bind_language_models(nanobind::module_ &m);

}  // namespace rushlight
