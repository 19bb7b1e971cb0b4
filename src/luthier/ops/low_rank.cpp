// A low-rank change in fp32 of what answers: of few rows or many, in one pass over them.

#include "common.h"

namespace {

constexpr int64_t TALL = 8;  // rows at a time: their sums of 2 * LANES columns stay in registers

inline int64_t lanes(int64_t columns) { return (columns + LANES - 1) / LANES * LANES; }

// Sums over `deep` of TALL lines of x (deep) and of SETS * LANES columns of m (deep, columns): `to` (TALL, columns). Of a row,
// always in one order.
template <int SETS>
inline void sums(const float* x, int64_t deep, const float* m, int64_t columns, float* to) {
    Lanes sum[SETS][TALL] = {};
    for (int64_t i = 0; i < deep; i++)
        for (int set = 0; set < SETS; set++) {
            Lanes factor = lanes_of(m + i * columns + set * LANES);
#pragma GCC unroll 8
            for (int64_t row = 0; row < TALL; row++) sum[set][row] += x[row * deep + i] * factor;
        }
    for (int set = 0; set < SETS; set++)
        for (int64_t row = 0; row < TALL; row++) std::memcpy(to + row * columns + set * LANES, &sum[set][row], sizeof(Lanes));
}

void small_product(const float* x, int64_t deep, const float* m, int64_t columns, float* to) {
    int64_t first = 0;
    for (; first + 2 * LANES <= columns; first += 2 * LANES) sums<2>(x, deep, m + first, columns, to + first);
    if (first < columns) sums<1>(x, deep, m + first, columns, to + first);
}

// (lines, columns) becomes (columns, whole lanes of lines), times `scale`; what is behind the lines stays as it is.
void turned(const float* from, int64_t lines, int64_t columns, float scale, float* to) {
    int64_t width = lanes(lines);
#pragma omp for schedule(static) collapse(2)
    for (int64_t top = 0; top < lines; top += LANES)
        for (int64_t left = 0; left < columns; left += LANES)
            for (int64_t i = left; i < std::min(columns, left + LANES); i++)
                for (int64_t n = top; n < std::min(lines, top + LANES); n++) to[i * width + n] = from[n * columns + i] * scale;
}

// out (rows, width) = y + scale * (x (rows, deep) by a (rank, deep) transposed) by b (width, rank) transposed.
template <class T>
void low_rank(const T* x, const T* y, const float* a, const float* b, T* out, float scale, int64_t rows, int64_t deep,
              int64_t width, int64_t rank, int threads) {
    int64_t ranks = lanes(rank), wide_out = lanes(width);
    std::vector<float> a_turned(deep * ranks), b_turned(rank * wide_out);
#pragma omp parallel num_threads(threads)
    {
        turned(a, rank, deep, scale, a_turned.data());
        turned(b, width, rank, 1.0f, b_turned.data());
        std::vector<float> seen(TALL * deep), low(TALL * ranks), close(TALL * rank), change(TALL * wide_out);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < rows; first += TALL) {
            int64_t count = std::min(TALL, rows - first);
            for (int64_t i = 0; i < count * deep; i++) seen[i] = wide(x[first * deep + i]);
            small_product(seen.data(), deep, a_turned.data(), ranks, low.data());
            for (int64_t row = 0; row < TALL; row++)
                std::memcpy(close.data() + row * rank, low.data() + row * ranks, rank * sizeof(float));
            small_product(close.data(), rank, b_turned.data(), wide_out, change.data());
            for (int64_t row = 0; row < count; row++) {
                const T* from = y + (first + row) * width;
                T* to = out + (first + row) * width;
                for (int64_t i = 0; i < width; i++) narrow(wide(from[i]) + change[row * wide_out + i], to[i]);
            }
        }
    }
}

}  // namespace

extern "C" {
void low_rank_float32(const float* x, const float* y, const float* a, const float* b, float* out, float scale, int64_t rows,
                      int64_t deep, int64_t width, int64_t rank, int threads) {
    low_rank(x, y, a, b, out, scale, rows, deep, width, rank, threads);
}
void low_rank_bfloat16(const bfloat16* x, const bfloat16* y, const float* a, const float* b, bfloat16* out, float scale,
                       int64_t rows, int64_t deep, int64_t width, int64_t rank, int threads) {
    low_rank(x, y, a, b, out, scale, rows, deep, width, rank, threads);
}
}
