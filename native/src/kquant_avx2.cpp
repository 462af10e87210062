// The search of block scales with eight lanes. What is included before the pragma stays plain: inline functions of the
// standard library must not be compiled for AVX2 here, since the linker may keep these for everyone.
#include "kquant_common.h"

#ifdef RUSHLIGHT_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define RUSHLIGHT_LANES 8
#define RUSHLIGHT_QUANTIZE quantize_blocks_avx2
#include "kquant_lanes.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
