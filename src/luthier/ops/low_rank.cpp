// A low-rank change in fp32 of what answers: of few rows or many, in one pass over them.

#include "floats.h"

namespace {

inline int64_t lanes(int64_t columns) { return (columns + LANES - 1) / LANES * LANES; }

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
        std::vector<float> seen(TALL * deep), low(TALL * ranks), change(TALL * wide_out);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < rows; first += TALL) {
            int64_t count = std::min(TALL, rows - first);
            for (int64_t i = 0; i < count * deep; i++) seen[i] = wide(x[first * deep + i]);
            multiply({seen.data(), deep, 1}, TALL, a_turned.data(), ranks, ranks, deep, false, low.data(), ranks);
            multiply({low.data(), ranks, 1}, TALL, b_turned.data(), wide_out, wide_out, rank, false, change.data(), wide_out);
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
