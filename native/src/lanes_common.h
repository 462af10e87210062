// What the kernels that are compiled once for each width need from outside, included before instruction sets are chosen.
#pragma once

#include <math.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu.h"
#include "divergence.h"
#include "feedback.h"
#include "minhash.h"
#include "moments.h"
