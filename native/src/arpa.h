// N-gram models as ARPA files, both ways: the text form that every toolkit reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ngram_image.h"

namespace rushlight {

// The image as an ARPA file, seven digits behind the point.
std::string arpa_of(const NgramImage &image);

// The image of an ARPA file. N-grams whose end the file leaves out are given what it says of them by backing off.
// Throws std::invalid_argument with the line for what is no ARPA file; may throw std::bad_alloc.
std::vector<std::uint8_t> image_of_arpa(const char *from, const char *end);

}  // namespace rushlight
