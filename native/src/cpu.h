// Which instruction set the kernels use, decided once at run time: a wheel must run on every processor.
#pragma once

#include <stdexcept>
#include <string>

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define RUSHLIGHT_X86 1
#endif

namespace rushlight {

enum class CpuPath { scalar, avx2, avx512 };

// RUSHLIGHT_CPU names a path that is unknown, or that this processor does not have.
class CpuPathError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

const char *name_of(CpuPath path) noexcept;

// Whether the processor has the instructions and the system saves their registers.
bool is_supported(CpuPath path) noexcept;

// The path called `wanted`, or the best supported one for nullptr and "". Throws CpuPathError.
CpuPath choose_cpu_path(const char *wanted);

// What the environment variable RUSHLIGHT_CPU says, read at the first call; the same answer ever after.
CpuPath cpu_path();

}  // namespace rushlight
