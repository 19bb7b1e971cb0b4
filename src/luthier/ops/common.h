// What the loops share: kinds of number, functions, lines in the cache, dropout masks, and what is added to scores.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

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

// Floats of one of the processor's vectors; of as many lines as TALL, SETS vectors of sums stay in its registers.
#if defined(__AVX512F__)
constexpr int64_t LANES = 16, TALL = 8, SETS = 2;
#elif defined(__AVX__)
constexpr int64_t LANES = 8, TALL = 4, SETS = 2;
#else
constexpr int64_t LANES = 4, TALL = 4, SETS = 4;
#endif
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));

inline Lanes lanes_of(const float* x) {
    Lanes found;
    std::memcpy(&found, x, sizeof(found));
    return found;
}
inline Lanes lanes_of(const bfloat16* x) {
    typedef uint16_t Halves __attribute__((vector_size(LANES * sizeof(uint16_t))));
    typedef uint32_t Words __attribute__((vector_size(LANES * sizeof(uint32_t))));
    Halves found;
    std::memcpy(&found, x, sizeof(found));
    return reinterpret_cast<Lanes>(__builtin_convertvector(found, Words) << 16);
}

template <class T>
inline float rounded(float x) {
    T y;
    narrow(x, y);
    return wide(y);
}

// -- functions -------------------------------------------------------------------------------------------------------

// For x <= 0. Cephes' polynomial, within two units in the last place; below -87 zero.
inline float exponential(float x) {
    float inside = -87.0f > x ? -87.0f : x;
    float n = std::nearbyint(inside * 1.44269504f);
    float r = inside - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    float power = from_bits(uint32_t(int32_t(n) + 127) << 23);
    return inside == -87.0f ? 0.0f : p * power;
}

inline float sigmoid(float z) {
    float e = exponential(z > 0.0f ? -z : z);
    return (z > 0.0f ? 1.0f : e) / (1.0f + e);
}

// -- lines -----------------------------------------------------------------------------------------------------------

constexpr int64_t STEP = 64;     // inner loops run over whole steps, so that nothing is left for a slow end
constexpr int64_t CHUNK = 1024;  // elements at a time where lines mean nothing

inline int64_t padded(int64_t width) { return (width + STEP - 1) / STEP * STEP; }
inline int64_t chunks(int64_t count) { return (count + CHUNK - 1) / CHUNK; }

// A line of a tensor in the cache, with room to the next whole step; the room holds `end` whenever a line was read, so
// that what a line that is no number left there does not reach the next.
template <class T>
struct Line {
    std::vector<T> room;
    T *data, end;

    explicit Line(int64_t width, float after = 0.0f) : room(padded(width)), data(room.data()) {
        narrow(after, end);
        std::fill(room.begin() + width, room.end(), end);
    }
    void read(const T* from, int64_t width) {
        std::memcpy(data, from, width * sizeof(T));
        std::fill(room.begin() + width, room.end(), end);
    }
    void write(T* to, int64_t width) const { std::memcpy(to, data, width * sizeof(T)); }
};

// Memory that is kept for the next call, on a whole line of the cache.
class Room {
    static constexpr int64_t CACHED = 16;  // numbers in such a line
    std::vector<uint32_t> kept;

  public:
    uint32_t* of(int64_t count) {
        if (int64_t(kept.size()) < count + CACHED) kept = std::vector<uint32_t>(count + CACHED);
        return kept.data() + (-(reinterpret_cast<uintptr_t>(kept.data()) / 4) & (CACHED - 1));
    }
    float* floats(int64_t count) { return reinterpret_cast<float*>(of(count)); }
    bfloat16* numbers(int64_t count) { return reinterpret_cast<bfloat16*>(of((count + 1) / 2)); }
};

// -- dropout ---------------------------------------------------------------------------------------------------------

// An element is kept where its 16 random bits are below `kept`. They are a hash of seed and place: no mask is stored, the
// way back draws it again, and threads do not matter. SplitMix64 (Steele et al. 2014, OOPSLA, section 5).
struct Coins {
    uint64_t seed;
    uint32_t kept;  // of 65536, which keeps everything

    bool all() const { return kept == 65536; }
    float scale() const { return 65536.0f / float(kept); }
    float of(uint16_t coin) const { return coin < kept ? scale() : 0.0f; }

    // `width` coins, a multiple of 4, of one of the lines of that width.
    void toss(int64_t line, int64_t width, uint16_t* coins) const {
        uint64_t start = seed + uint64_t(line * (width / 4)) * 0x9e3779b97f4a7c15u;
        for (int64_t i = 0; i < width / 4; i++) {
            uint64_t z = start + uint64_t(i + 1) * 0x9e3779b97f4a7c15u;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            z ^= z >> 31;
            std::memcpy(coins + 4 * i, &z, 8);
        }
    }
};

// -- scores -----------------------------------------------------------------------------------------------------------

// Added to scores of (rows, heads, queries, keys); a step of 0 repeats it.
template <class T>
struct Added {
    const T* data;
    int64_t by_row, by_head, by_query;

    const T* at(int64_t row, int64_t head, int64_t query) const {
        return data + row * by_row + head * by_head + query * by_query;
    }
};

struct Shape {
    int64_t rows, heads, queries, keys;

    int64_t lines() const { return rows * heads * queries; }
};

// Queries, keys or values where they lie: (rows, heads, places, deep); the numbers of a place are neighbours.
template <class T>
struct Kept {
    const T* data;
    int64_t by_row, by_head, by_place;

    const T* at(int64_t row, int64_t head) const { return data + row * by_row + head * by_head; }
};

}  // namespace
