// Asks the processor what it has, and RUSHLIGHT_CPU what to use.
#include "cpu.h"

#include <cstdlib>
#include <cstring>

namespace rushlight {

namespace {

constexpr CpuPath kBestFirst[] = {CpuPath::avx512, CpuPath::avx2, CpuPath::scalar};

}  // namespace

const char *name_of(CpuPath path) noexcept {
    switch (path) {
        case CpuPath::avx512:
            return "avx512";
        case CpuPath::avx2:
            return "avx2";
        case CpuPath::scalar:
            break;
    }
    return "scalar";
}

bool is_supported(CpuPath path) noexcept {
#ifdef RUSHLIGHT_X86
    // __builtin_cpu_supports asks the processor and, through XGETBV, the system.
    switch (path) {
        case CpuPath::avx512:
            return __builtin_cpu_supports("avx512f") != 0;
        case CpuPath::avx2:
            return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
        case CpuPath::scalar:
            break;
    }
#endif
    return path == CpuPath::scalar;
}

CpuPath choose_cpu_path(const char *wanted) {
    const bool any = wanted == nullptr || *wanted == '\0';
    for (CpuPath path : kBestFirst) {
        if (!any && std::strcmp(wanted, name_of(path)) != 0) continue;
        if (is_supported(path)) return path;
        if (!any)
            throw CpuPathError("RUSHLIGHT_CPU is \"" + std::string(wanted) + "\", which this processor does not have.");
    }
    throw CpuPathError("RUSHLIGHT_CPU is \"" + std::string(wanted) + "\"; it can be scalar, avx2 or avx512.");
}

CpuPath cpu_path() {
    static const CpuPath path = choose_cpu_path(std::getenv("RUSHLIGHT_CPU"));
    return path;
}

}  // namespace rushlight
