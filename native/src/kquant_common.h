// What kquant_lanes.h needs from outside, included before instruction sets are chosen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu.h"
#include "kquant.h"
#include "kquant_pack.h"
