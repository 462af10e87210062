// Lower case of single characters, as Unicode 14 has it: what Python says of every character whose lower case is one.
#pragma once

#include <cstdint>

namespace rushlight {

// The lower case of a code point; itself where it has none, or where it would become several characters.
std::uint32_t lower_case(std::uint32_t code) noexcept;

// What Python's str.split() takes for white space.
inline bool is_space(std::uint32_t code) noexcept {
    if (code <= 0x20) return code == 0x20 || (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x1F);
    if (code < 0x1680) return code == 0x85 || code == 0xA0;
    return code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
           code == 0x202F || code == 0x205F || code == 0x3000;
}

}  // namespace rushlight
