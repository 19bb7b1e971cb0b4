// The kinds of number that the loops take, and how they turn into float and back.

#pragma once

#include <cstdint>
#include <cstring>

namespace {

struct bfloat16 {
    uint16_t bits;
};

inline uint32_t bits_of(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return bits;
}

inline float from_bits(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
}

inline float wide(float x) { return x; }
inline float wide(bfloat16 x) { return from_bits(uint32_t(x.bits) << 16); }

inline void narrow(float x, float& y) { y = x; }
// To nearest, ties to even. NaN stays NaN: those that arithmetic makes, or that were bfloat16, leave room to round up.
inline void narrow(float x, bfloat16& y) {
    uint32_t bits = bits_of(x);
    y.bits = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class T>
inline float rounded(float x) {
    T y;
    narrow(x, y);
    return wide(y);
}

}  // namespace
