// Vectors of RUSHLIGHT_LANES floats, included once for each width, before the kernels that use them.
#include "lanes_common.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif
#define RUSHLIGHT_INLINE static inline __attribute__((always_inline))
#define RUSHLIGHT_JOIN(name, path) name##_##path
#define RUSHLIGHT_JOINED(name, path) RUSHLIGHT_JOIN(name, path)
#define RUSHLIGHT_NAMED(name) RUSHLIGHT_JOINED(name, RUSHLIGHT_PATH)

namespace rushlight {
namespace {

constexpr int kLanes = RUSHLIGHT_LANES;
typedef float Lane __attribute__((vector_size(kLanes * 4)));
typedef std::int32_t Mask __attribute__((vector_size(kLanes * 4)));

RUSHLIGHT_INLINE Lane all(float value) { return Lane{} + value; }
RUSHLIGHT_INLINE Lane lanes_at(const float *from) {
    Lane result;
    std::memcpy(&result, from, sizeof result);
    return result;
}
RUSHLIGHT_INLINE void put_lanes(float *to, Lane value) { std::memcpy(to, &value, sizeof value); }

}  // namespace
}  // namespace rushlight
