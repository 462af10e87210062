// Comparison, error feedback, MinHash and moments with four lanes: what every processor has (SSE2, NEON, or one by one).
#define RUSHLIGHT_LANES 4
#define RUSHLIGHT_PATH scalar
#include "lanes.h"
// in this order: the last one wants other rounding
#include "divergence_lanes.h"
#include "feedback_lanes.h"
#include "minhash_lanes.h"
#include "moments_lanes.h"
