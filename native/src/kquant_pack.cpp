// Bits into bytes, format by format.
#include "kquant_pack.h"

#include <cstring>

namespace rushlight {

namespace {

void put_half(std::uint8_t *out, std::uint16_t half) noexcept {
    out[0] = static_cast<std::uint8_t>(half & 0xFF);
    out[1] = static_cast<std::uint8_t>(half >> 8);
}

// The low `8 / n` bits of n runs of `run` codes into each byte of a run, `n_runs` times.
template <int n>
void put_runs(std::uint8_t *out, const std::uint8_t *codes, int run, int n_runs) noexcept {
    constexpr int bits = 8 / n;
    constexpr unsigned mask = (1u << bits) - 1u;
    for (int r = 0; r < n_runs; ++r, codes += n * run, out += run)
        for (int i = 0; i < run; ++i) {
            unsigned byte = 0;
            for (int k = 0; k < n; ++k) byte |= (codes[k * run + i] & mask) << (k * bits);
            out[i] = static_cast<std::uint8_t>(byte);
        }
}

// Bit `bit` of 256 codes: byte i holds those of codes i, 32 + i, 64 + i ...
void put_bits(std::uint8_t *out, const std::uint8_t *codes, int bit) noexcept {
    for (int i = 0; i < 32; ++i) {
        unsigned byte = 0;
        for (int k = 0; k < 8; ++k) byte |= ((codes[32 * k + i] >> bit) & 1u) << k;
        out[i] = static_cast<std::uint8_t>(byte);
    }
}

// Bit 4 of 32 codes: bit i of the 4 bytes is that of code i.
void put_fifth_bits(std::uint8_t *out, const std::uint8_t *codes) noexcept {
    for (int i = 0; i < 4; ++i) {
        unsigned byte = 0;
        for (int k = 0; k < 8; ++k) byte |= ((codes[8 * i + k] >> 4) & 1u) << k;
        out[i] = static_cast<std::uint8_t>(byte);
    }
}

void put_six_bits(std::uint8_t *out, const BlockFields &fields) noexcept {
    for (int j = 0; j < 4; ++j) {
        const auto scale = static_cast<unsigned>(fields.scales[j]), upper_scale = static_cast<unsigned>(fields.scales[j + 4]);
        const auto min = static_cast<unsigned>(fields.mins[j]), upper_min = static_cast<unsigned>(fields.mins[j + 4]);
        out[j] = static_cast<std::uint8_t>(scale | (upper_scale >> 4) << 6);
        out[j + 4] = static_cast<std::uint8_t>(min | (upper_min >> 4) << 6);
        out[j + 8] = static_cast<std::uint8_t>((upper_scale & 15u) | (upper_min & 15u) << 4);
    }
}

void put_q3_scales(std::uint8_t *out, const BlockFields &fields) noexcept {
    std::memset(out, 0, 12);
    for (int j = 0; j < 16; ++j) {
        const auto scale = static_cast<unsigned>(fields.scales[j] + 32);
        out[j % 8] = static_cast<std::uint8_t>(out[j % 8] | (scale & 15u) << (4 * (j / 8)));
        out[8 + j % 4] = static_cast<std::uint8_t>(out[8 + j % 4] | (scale >> 4) << (2 * (j / 4)));
    }
}

}  // namespace

void pack_block(BlockType type, const BlockFields &fields, std::uint8_t *out) noexcept {
    switch (type) {
        case BlockType::q4_0:
        case BlockType::iq4_nl:
            put_half(out, fields.d);
            put_runs<2>(out + 2, fields.codes, 16, 1);
            break;
        case BlockType::q4_1:
            put_half(out, fields.d);
            put_half(out + 2, fields.m);
            put_runs<2>(out + 4, fields.codes, 16, 1);
            break;
        case BlockType::q5_0:
            put_half(out, fields.d);
            put_fifth_bits(out + 2, fields.codes);
            put_runs<2>(out + 6, fields.codes, 16, 1);
            break;
        case BlockType::q5_1:
            put_half(out, fields.d);
            put_half(out + 2, fields.m);
            put_fifth_bits(out + 4, fields.codes);
            put_runs<2>(out + 8, fields.codes, 16, 1);
            break;
        case BlockType::q2_k:
            for (int j = 0; j < 16; ++j) out[j] = static_cast<std::uint8_t>(fields.scales[j] | fields.mins[j] << 4);
            put_runs<4>(out + 16, fields.codes, 32, 2);
            put_half(out + 80, fields.d);
            put_half(out + 82, fields.m);
            break;
        case BlockType::q3_k:
            put_bits(out, fields.codes, 2);
            put_runs<4>(out + 32, fields.codes, 32, 2);
            put_q3_scales(out + 96, fields);
            put_half(out + 108, fields.d);
            break;
        case BlockType::q4_k:
            put_half(out, fields.d);
            put_half(out + 2, fields.m);
            put_six_bits(out + 4, fields);
            put_runs<2>(out + 16, fields.codes, 32, 4);
            break;
        case BlockType::q5_k:
            put_half(out, fields.d);
            put_half(out + 2, fields.m);
            put_six_bits(out + 4, fields);
            put_bits(out + 16, fields.codes, 4);
            put_runs<2>(out + 48, fields.codes, 32, 4);
            break;
        case BlockType::q6_k: {
            std::uint8_t upper[256];
            for (int i = 0; i < 256; ++i) upper[i] = static_cast<std::uint8_t>(fields.codes[i] >> 4);
            put_runs<2>(out, fields.codes, 64, 2);
            put_runs<4>(out + 128, upper, 32, 2);
            for (int j = 0; j < 16; ++j) out[192 + j] = static_cast<std::uint8_t>(fields.scales[j]);
            put_half(out + 208, fields.d);
            break;
        }
    }
}

std::uint16_t half_from(float value) noexcept {
    std::uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    bits &= 0x7FFFFFFFu;
    if (bits >= 0x38800000u) {  // a normal float16: round away 13 bits, the exponent's bias changes by 112
        bits += 0xFFFu + ((bits >> 13) & 1u);
        return static_cast<std::uint16_t>(sign | ((bits - 0x38000000u) >> 13));
    }
    float size;  // the last bit of 0.5 is the last one of the smallest float16
    std::memcpy(&size, &bits, 4);
    size += 0.5f;
    std::memcpy(&bits, &size, 4);
    return static_cast<std::uint16_t>(sign | (bits - 0x3F000000u));
}

float float_from(std::uint16_t half) noexcept {
    const std::uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31u, fraction = half & 1023u;
    if (exponent == 0) {
        const float size = static_cast<float>(fraction) * (1.0f / 16777216.0f);
        return sign != 0 ? -size : size;
    }
    const std::uint32_t bits = sign | (exponent + 112u) << 23 | fraction << 13;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

}  // namespace rushlight
