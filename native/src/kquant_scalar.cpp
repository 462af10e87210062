// The search of block scales with four lanes: what every processor has (SSE2, NEON, or four numbers one by one).
#define RUSHLIGHT_LANES 4
#define RUSHLIGHT_QUANTIZE quantize_blocks_scalar
#include "kquant_lanes.h"
