// Comparison, error feedback, MinHash and moments with eight lanes. Before the pragma all stays plain: see kquant_avx2.
#include "lanes_common.h"

#ifdef RUSHLIGHT_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define RUSHLIGHT_LANES 8
#define RUSHLIGHT_PATH avx2
#include "lanes.h"
// in this order: the last one wants other rounding
#include "divergence_lanes.h"
#include "feedback_lanes.h"
#include "minhash_lanes.h"
#include "moments_lanes.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
