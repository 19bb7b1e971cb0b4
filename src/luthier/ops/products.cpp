// Products of matrices in bf16 on processors whose matrix unit takes it (Intel's AMX), as they occur beside frozen weights:
// nothing is laid out twice, every line of y is the same whatever lines are beside it, and threads take blocks as they
// find time. Elsewhere python is told that there is no such unit.

#include <algorithm>
#include <vector>

#include "numbers.h"

#if defined(__AMX_BF16__) && defined(__linux__)

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

// Memory that is kept for the next product, on a whole line of the cache.
class Room {
    std::vector<uint32_t> kept;

  public:
    uint32_t* of(int64_t count) {
        if (int64_t(kept.size()) < count + TILE) kept = std::vector<uint32_t>(count + TILE);
        return kept.data() + (-(reinterpret_cast<uintptr_t>(kept.data()) / 4) & (TILE - 1));
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

// Columns are lines in memory, `step` apart: 16 of them, DEEP numbers of each.
inline void pair_lines(const bfloat16* from, int64_t step, uint32_t* to) {
    __m512i a[TILE], b[TILE];
    for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_si512(from + i * step);
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
        _mm512_store_si512(to + i * TILE, _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
        _mm512_store_si512(to + (i + 8) * TILE, _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd));
    }
}

// Columns are neighbours in memory, DEEP lines of them, `step` apart.
inline void pair_columns(const bfloat16* from, int64_t step, uint32_t* to) {
    for (int64_t pair = 0; pair < DEEP / 2; pair++) {
        const bfloat16 *one = from + 2 * pair * step, *other = one + step;
#pragma omp simd
        for (int64_t i = 0; i < TILE; i++) to[pair * TILE + i] = one[i].bits | uint32_t(other[i].bits) << 16;
    }
}

// What is asked for while tiles are multiplied, because the unit alone asks too late: `each` lines of the cache at a step of
// what is read next, and the lines that are written behind it.
struct Ahead {
    const bfloat16* next;
    int64_t each;
    bfloat16* out;
    int64_t step, lines;
};

// sums[tile of columns][tile of lines]: (16 lines, 16 columns), of one or two tiles of each.
template <bool LINES, bool COLUMNS>
void multiply(const bfloat16* a, Paired b, int64_t strip, Ahead ahead, float (*sums)[2][TILE * TILE]) {
    const uint32_t* columns = b.at(strip);
    int64_t more = (ahead.lines * DEEP + b.deep - 1) / b.deep, asked = 0;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < b.deep; i += DEEP) {
        for (int64_t n = 0; n < ahead.each; n++) __builtin_prefetch(ahead.next + i * ahead.each + n * DEEP, 0, 2);
        for (int64_t n = 0; n < more && asked < ahead.lines; n++) __builtin_prefetch(ahead.out + asked++ * ahead.step, 1);
        _tile_loadd(4, a + i, b.deep * 2);
        _tile_loadd(6, columns + i / 2 * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (LINES) {
            _tile_loadd(5, a + TILE * b.deep + i, b.deep * 2);
            _tile_dpbf16ps(1, 5, 6);
        }
        if (COLUMNS) {
            _tile_loadd(7, columns + b.step() + i / 2 * TILE, 64);
            _tile_dpbf16ps(2, 4, 7);
            if (LINES) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums[0][0], 64);
    _tile_stored(1, sums[0][1], 64);
    _tile_stored(2, sums[1][0], 64);
    _tile_stored(3, sums[1][1], 64);
}

inline void multiply(bool lines, bool columns, const bfloat16* a, Paired b, int64_t strip, Ahead ahead,
                     float (*sums)[2][TILE * TILE]) {
    auto multiplied = lines ? (columns ? multiply<true, true> : multiply<true, false>)
                            : (columns ? multiply<false, true> : multiply<false, false>);
    multiplied(a, b, strip, ahead, sums);
}

// Up to BOTH lines of x at the end, where less than a tile would be read beyond its last: with zeros behind them.
inline const bfloat16* filled(const bfloat16* x, int64_t lines, int64_t deep, Room& room) {
    if (lines % TILE == 0) return x;
    bfloat16* to = reinterpret_cast<bfloat16*>(room.of(BOTH * deep / 2));
    std::memcpy(to, x, lines * deep * sizeof(bfloat16));
    std::memset(to + lines * deep, 0, (BOTH - lines) * deep * sizeof(bfloat16));
    return to;
}

// -- few rows ---------------------------------------------------------------------------------------------------------

// y = x (rows, deep) by w (columns, deep) transposed, and a bias: the work is to read w. The unit takes one factor as it
// lies, and that is w; x, the small one, is laid out in pairs. `deep` is a multiple of DEEP, `columns` of TILE.
void product_of_few(const bfloat16* x, const bfloat16* w, const bfloat16* bias, bfloat16* y, int64_t rows, int64_t columns,
                    int64_t deep, int threads) {
    static thread_local Room room, end;
    int64_t tiles = (rows + TILE - 1) / TILE;
    Paired paired{room.of(tiles * TILE * deep / 2), deep};
    const bfloat16* last = filled(x + (tiles - 1) * TILE * deep, rows - (tiles - 1) * TILE, deep, end);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static) collapse(2)
        for (int64_t tile = 0; tile < tiles; tile++)
            for (int64_t i = 0; i < deep; i += DEEP)
                pair_lines((tile + 1 < tiles ? x + tile * TILE * deep : last) + i, deep, paired.at(tile, i));
        Tiles setting;
        alignas(64) float sums[2][2][TILE * TILE];
#pragma omp for schedule(static)
        for (int64_t first = 0; first < columns; first += BOTH) {
            bool whole = first + TILE < columns;
            for (int64_t tile = 0; tile < tiles; tile += 2) {
                bool asks = tile == 0 && first + 2 * BOTH <= columns;
                Ahead ahead{w + (first + BOTH) * deep, asks ? BOTH : 0, nullptr, 0, 0};
                multiply(whole, tile + 1 < tiles, w + first * deep, paired, tile, ahead, sums);
                for (int64_t row = tile * TILE; row < std::min(rows, (tile + 2) * TILE); row++)
                    for (int half = 0; half <= whole; half++) {
                        const float* sum = sums[row / TILE - tile][half] + row % TILE;
                        int64_t column = first + half * TILE;
                        bfloat16* to = y + row * columns + column;
#pragma omp simd
                        for (int64_t i = 0; i < TILE; i++)
                            narrow(bias ? sum[i * TILE] + wide(bias[column + i]) : sum[i * TILE], to[i]);
                    }
            }
        }
    }
}

// -- many rows --------------------------------------------------------------------------------------------------------

constexpr int64_t CACHED = 768 << 10;  // bytes of w that stay in a core's second cache beside x and y
constexpr int64_t WIDEST = 384;        // columns that a thread takes at a time
constexpr int64_t HIGHEST = 256;       // lines, where there are fewer blocks of columns than threads

inline int64_t parts(int64_t whole, int64_t size) { return (whole + size - 1) / size; }

// y = x (rows, deep) by w, and a bias. w is (columns, deep) if `lines`, else (deep, columns). A thread lays a block of
// w out in pairs and takes x through it as it lies. `deep` is a multiple of DEEP, `columns` of TILE.
void product_of_many(const bfloat16* x, const bfloat16* w, bool lines, const bfloat16* bias, bfloat16* y, int64_t rows,
                     int64_t columns, int64_t deep, int threads) {
    int64_t most = std::min(WIDEST, std::max(BOTH, CACHED / 2 / deep / BOTH * BOTH)), each = parts(columns, threads);
    int64_t width = parts(parts(each, parts(each, most)), BOTH) * BOTH, blocks = parts(columns, width);
    int64_t height = blocks <= threads ? HIGHEST : parts(rows, BOTH) * BOTH;
#pragma omp parallel num_threads(threads)
    {
        static thread_local Room room, end;
        Paired paired{room.of(width * deep / 2), deep};
        int64_t has = -1;
        Tiles setting;
        alignas(64) float sums[2][2][TILE * TILE];
#pragma omp for schedule(dynamic) nowait
        for (int64_t task = 0; task < blocks * parts(rows, height); task++) {
            int64_t left = task % blocks * width, strips = std::min(width, columns - left) / TILE, sets = parts(strips, 2);
            if (has != left) {
                // In the order in which w lies.
                for (int64_t n = 0; lines && n < strips; n++)
                    for (int64_t i = 0; i < deep; i += DEEP) pair_lines(w + (left + n * TILE) * deep + i, deep, paired.at(n, i));
                for (int64_t i = 0; !lines && i < deep; i += DEEP)
                    for (int64_t n = 0; n < strips; n++)
                        pair_columns(w + i * columns + left + n * TILE, columns, paired.at(n, i));
                has = left;
            }
            int64_t top = task / blocks * height;
            for (int64_t first = top; first < std::min(rows, top + height); first += BOTH) {
                int64_t count = std::min(BOTH, rows - first), share = parts(BOTH, sets);
                const bfloat16* a = filled(x + first * deep, count, deep, end);
                for (int64_t set = 0; set < sets; set++) {
                    bool whole = 2 * set + 1 < strips, asks = first + 2 * BOTH <= rows && (set + 1) * share <= BOTH;
                    bfloat16* out = y + first * columns + left + set * BOTH;
                    const bfloat16* next = x + (first + BOTH + set * share) * deep;
                    multiply(count > TILE, whole, a, paired, 2 * set, {next, asks ? share : 0, out, columns, count}, sums);
                    for (int64_t row = 0; row < count; row++)
                        for (int half = 0; half <= whole; half++) {
                            const float* sum = sums[half][row / TILE] + row % TILE * TILE;
                            const bfloat16* added = bias ? bias + left + (2 * set + half) * TILE : nullptr;
                            bfloat16* to = out + row * columns + half * TILE;
#pragma omp simd
                            for (int64_t i = 0; i < TILE; i++) narrow(added ? sum[i] + wide(added[i]) : sum[i], to[i]);
                        }
                }
            }
        }
    }
}

}  // namespace

extern "C" {
int has_matrix_unit_bfloat16() { return may(); }
void product_of_few_bfloat16(const bfloat16* x, const bfloat16* w, const bfloat16* bias, bfloat16* y, int64_t rows,
                             int64_t columns, int64_t deep, int threads) {
    product_of_few(x, w, bias, y, rows, columns, deep, threads);
}
void product_of_many_bfloat16(const bfloat16* x, const bfloat16* w, const bfloat16* bias, bfloat16* y, int lines,
                              int64_t rows, int64_t columns, int64_t deep, int threads) {
    product_of_many(x, w, lines, bias, y, rows, columns, deep, threads);
}
}

#else

extern "C" {
int has_matrix_unit_bfloat16() { return 0; }
void product_of_few_bfloat16() {}
void product_of_many_bfloat16() {}
}

#endif
