// The processor's matrix unit (Intel's AMX), where there is one: tiles of bf16 numbers, and products of them.

#pragma once

#include "common.h"

#if defined(__AMX_BF16__) && defined(__linux__)
#define HAS_TILES 1

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr int64_t TILE = 16;  // lines of a tile
constexpr int64_t DEEP = 32;  // numbers in a line of it
constexpr int64_t BOTH = 32;  // lines of two tiles: of each factor the unit holds two, so that each is loaded for two products

// The kernel lets a process use the unit once it has asked (arch_prctl: ARCH_REQ_XCOMP_PERM for XFEATURE_XTILEDATA).
bool may() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

// The unit's setting, within its life eight tiles of 16 lines of 64 bytes. What torch set before comes back behind it.
class Tiles {
    struct alignas(64) Setting {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t lines[16];
    } before;

  public:
    Tiles() {
        _tile_storeconfig(&before);
        load({1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}});
    }
    ~Tiles() { load(before); }

  private:
    static void load(const Setting& setting) {
        asm volatile("" : : "r"(&setting) : "memory");  // the intrinsic tells the compiler of its first 8 bytes only
        _tile_loadconfig(&setting);
    }
};

// The factor whose numbers are in pairs: for every strip of 16 columns, for every pair of numbers that are added one after
// the other, that pair of all 16 columns.
struct Paired {
    uint32_t* data;
    int64_t deep;

    int64_t step() const { return deep / 2 * TILE; }
    uint32_t* at(int64_t strip, int64_t i = 0) const { return data + strip * step() + i / 2 * TILE; }
};

// 16 lines of 16 pairs of numbers, or of floats, `step` bytes apart: line n becomes column n.
inline void turn(const void* from, int64_t step, uint32_t* to, int64_t to_step = TILE) {
    __m512i a[TILE], b[TILE];
    for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_si512(static_cast<const char*>(from) + i * step);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int n = 0; n < 2; n++) {
            a[i + 2 * n] = _mm512_unpacklo_epi64(b[i + n], b[i + n + 2]);
            a[i + 2 * n + 1] = _mm512_unpackhi_epi64(b[i + n], b[i + n + 2]);
        }
    for (int i = 0; i < 4; i++)
        for (int n = 0; n < 2; n++) {
            b[i + 8 * n] = _mm512_shuffle_i32x4(a[i + 8 * n], a[i + 8 * n + 4], 0x88);
            b[i + 8 * n + 4] = _mm512_shuffle_i32x4(a[i + 8 * n], a[i + 8 * n + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        _mm512_storeu_si512(to + i * to_step, _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
        _mm512_storeu_si512(to + (i + 8) * to_step, _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd));
    }
}

// Columns are lines in memory, `step` apart: 16 of them, DEEP numbers of each.
inline void pair_lines(const bfloat16* from, int64_t step, uint32_t* to) { turn(from, step * sizeof(bfloat16), to); }

// Columns are neighbours in memory, DEEP lines of them, `step` apart.
inline void pair_columns(const bfloat16* from, int64_t step, uint32_t* to) {
    for (int64_t pair = 0; pair < DEEP / 2; pair++) {
        const bfloat16 *one = from + 2 * pair * step, *other = one + step;
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) to[pair * TILE + i] = one[i].bits | uint32_t(other[i].bits) << 16;
    }
}

// (deep, lines) becomes (lines, even): DEEP places of TILE lines, `step` apart, as TILE lines of DEEP numbers.
inline void turn_columns(const bfloat16* from, int64_t step, bfloat16* to, int64_t to_step) {
    alignas(64) uint32_t pairs[TILE * TILE];
    pair_columns(from, step, pairs);
    turn(pairs, TILE * sizeof(uint32_t), reinterpret_cast<uint32_t*>(to), to_step / 2);
}

// What is asked for while tiles are multiplied, because the unit alone asks too late: `each` lines of the cache at a step of
// what is read next, and the lines that are written behind it.
struct Ahead {
    const bfloat16* next;
    int64_t each;
    bfloat16* out;
    int64_t step, lines;
};

// to (16 or 32 lines, 16 or 32 columns), lines `to_step` apart: as many lines of a, `step` apart, by strips of b. What is
// there of a second tile that nobody asked for is zero.
template <bool LINES, bool COLUMNS>
void multiply(const bfloat16* a, int64_t step, Paired b, int64_t strip, Ahead ahead, float* to, int64_t to_step) {
    const uint32_t* columns = b.at(strip);
    int64_t more = (ahead.lines * DEEP + b.deep - 1) / b.deep, asked = 0;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < b.deep; i += DEEP) {
        for (int64_t n = 0; n < ahead.each; n++) __builtin_prefetch(ahead.next + i * ahead.each + n * DEEP, 0, 2);
        for (int64_t n = 0; n < more && asked < ahead.lines; n++) __builtin_prefetch(ahead.out + asked++ * ahead.step, 1);
        _tile_loadd(4, a + i, step * 2);
        _tile_loadd(6, columns + i / 2 * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (LINES) {
            _tile_loadd(5, a + TILE * step + i, step * 2);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (COLUMNS) {
            _tile_loadd(7, columns + b.step() + i / 2 * TILE, 64);
            _tile_dpbf16ps(1, 4, 7);
            if (LINES) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, to, to_step * 4);
    _tile_stored(1, to + TILE, to_step * 4);
    _tile_stored(2, to + TILE * to_step, to_step * 4);
    _tile_stored(3, to + TILE * to_step + TILE, to_step * 4);
}

inline void multiply(bool lines, bool columns, const bfloat16* a, int64_t step, Paired b, int64_t strip, Ahead ahead,
                     float* to, int64_t to_step = BOTH) {
    auto multiplied = lines ? (columns ? multiply<true, true> : multiply<true, false>)
                            : (columns ? multiply<false, true> : multiply<false, false>);
    multiplied(a, step, b, strip, ahead, to, to_step);
}

// TILE sums, what is added to them, if anything is, and one rounding to nearest, ties to even.
inline void put(const float* sum, const bfloat16* added, bfloat16* to) {
#ifdef __AVX512BF16__
    __m512 whole = _mm512_loadu_ps(sum);
    if (added) {
        __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(added)));
        whole = _mm512_add_ps(whole, _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(whole)));
#else
#pragma omp simd
    for (int64_t i = 0; i < TILE; i++) narrow(added ? sum[i] + wide(added[i]) : sum[i], to[i]);
#endif
}

// Up to BOTH lines of x at its end, which are read `whole` at a time: with zeros behind them where they are no such number.
inline const bfloat16* filled(const bfloat16* x, int64_t lines, int64_t whole, int64_t deep, Room& room) {
    if (lines % whole == 0) return x;
    bfloat16* to = room.numbers(BOTH * deep);
    std::memcpy(to, x, lines * deep * sizeof(bfloat16));
    std::memset(to + lines * deep, 0, (BOTH - lines) * deep * sizeof(bfloat16));
    return to;
}

}  // namespace

#endif
