// Products of matrices in bf16 on processors whose matrix unit takes it (Intel's AMX), as they occur beside frozen weights:
// nothing is laid out twice, every line of y is the same whatever lines are beside it, and threads take blocks as they
// find time. Elsewhere python is told that there is no such unit.

#include "tiles.h"

#if HAS_TILES

namespace {

// -- few rows ---------------------------------------------------------------------------------------------------------

// What is added to a product: the same to every row, or `by_row` apart.
struct Bias {
    const bfloat16* data;
    int64_t by_row;

    const bfloat16* at(int64_t row, int64_t column) const { return data ? data + row * by_row + column : nullptr; }
};

// y = x (rows, deep) by w (columns, deep) transposed, and a bias: the work is to read w. The unit takes one factor as it
// lies, and that is w; x, the small one, is laid out in pairs. `deep` is a multiple of DEEP, `columns` of TILE.
void product_of_few(const bfloat16* x, const bfloat16* w, Bias bias, bfloat16* y, int64_t rows, int64_t columns, int64_t deep,
                    int threads) {
    static thread_local Room room, end;
    int64_t tiles = (rows + TILE - 1) / TILE;
    Paired paired{room.of(tiles * TILE * deep / 2), deep};
    const bfloat16* last = filled(x + (tiles - 1) * TILE * deep, rows - (tiles - 1) * TILE, TILE, deep, end);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static) collapse(2)
        for (int64_t tile = 0; tile < tiles; tile++)
            for (int64_t i = 0; i < deep; i += DEEP)
                pair_lines((tile + 1 < tiles ? x + tile * TILE * deep : last) + i, deep, paired.at(tile, i));
        Tiles setting;
        alignas(64) float sums[BOTH][BOTH];
#pragma omp for schedule(static)
        for (int64_t first = 0; first < columns; first += BOTH) {
            bool whole = first + TILE < columns;
            for (int64_t tile = 0; tile < tiles; tile += 2) {
                bool asks = tile == 0 && first + 2 * BOTH <= columns;
                Ahead ahead{w + (first + BOTH) * deep, asks ? BOTH : 0, nullptr, 0, 0};
                multiply(whole, tile + 1 < tiles, w + first * deep, deep, paired, tile, ahead, sums[0]);
                for (int64_t row = tile * TILE; row < std::min(rows, (tile + 2) * TILE); row++)
                    for (int half = 0; half <= whole; half++) {
                        const float* sum = sums[half * TILE] + row - tile * TILE;
                        int64_t column = first + half * TILE;
                        const bfloat16* added = bias.at(row, column);
                        bfloat16* to = y + row * columns + column;
#pragma omp simd
                        for (int64_t i = 0; i < TILE; i++)
                            narrow(added ? sum[i * BOTH] + wide(added[i]) : sum[i * BOTH], to[i]);
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

// What many rows are multiplied by: w (columns, deep) if `lines`, else (deep, columns), of which `there` numbers of a sum are
// there, and zeros behind them.
struct Factor {
    const bfloat16* data;
    bool lines;
    int64_t columns, deep, there;

    // Some strips of 16 columns, laid out in pairs in the order in which they lie.
    void pair(int64_t first, int64_t strips, Paired to, Room& room) const {
        for (int64_t n = 0; lines && n < strips; n++)
            for (int64_t i = 0; i < deep; i += DEEP) pair_lines(data + (first + n * TILE) * deep + i, deep, to.at(n, i));
        for (int64_t i = 0; !lines && i < deep; i += DEEP) {
            const bfloat16* from = filled(data + i * columns, std::min(DEEP, there - i), DEEP, columns, room);
            for (int64_t n = 0; n < strips; n++) pair_columns(from + first + n * TILE, columns, to.at(n, i));
        }
    }
};

// y = x (rows, w.deep) by w, and a bias. A thread lays a block of w out in pairs and takes x through it as it lies. The deep
// are a multiple of DEEP, the columns of TILE.
void product_of_many(const bfloat16* x, Factor w, Bias bias, bfloat16* y, int64_t rows, int threads) {
    int64_t columns = w.columns, deep = w.deep;
    int64_t most = std::min(WIDEST, std::max(BOTH, CACHED / 2 / deep / BOTH * BOTH)), each = parts(columns, threads);
    int64_t width = parts(parts(each, parts(each, most)), BOTH) * BOTH, blocks = parts(columns, width);
    int64_t height = blocks <= threads ? HIGHEST : parts(rows, BOTH) * BOTH;
#pragma omp parallel num_threads(threads)
    {
        static thread_local Room room, end;
        Paired paired{room.of(width * deep / 2), deep};
        int64_t has = -1;
        Tiles setting;
        alignas(64) float sums[BOTH][BOTH];
#pragma omp for schedule(dynamic) nowait
        for (int64_t task = 0; task < blocks * parts(rows, height); task++) {
            int64_t left = task % blocks * width, strips = std::min(width, columns - left) / TILE, sets = parts(strips, 2);
            if (has != left) {
                w.pair(left, strips, paired, end);
                has = left;
            }
            int64_t top = task / blocks * height;
            for (int64_t first = top; first < std::min(rows, top + height); first += BOTH) {
                int64_t count = std::min(BOTH, rows - first), share = parts(BOTH, sets);
                const bfloat16* a = filled(x + first * deep, count, TILE, deep, end);
                for (int64_t set = 0; set < sets; set++) {
                    bool whole = 2 * set + 1 < strips, asks = first + 2 * BOTH <= rows && (set + 1) * share <= BOTH;
                    bfloat16* out = y + first * columns + left + set * BOTH;
                    const bfloat16* next = x + (first + BOTH + set * share) * deep;
                    multiply(count > TILE, whole, a, deep, paired, 2 * set, {next, asks ? share : 0, out, columns, count}, sums[0]);
                    for (int64_t row = 0; row < count; row++)
                        for (int half = 0; half <= whole; half++) {
                            int64_t column = half * TILE;
                            put(sums[row] + column, bias.at(first + row, left + set * BOTH + column), out + row * columns + column);
                        }
                }
            }
        }
    }
}

// y (lines, columns) = x (rows, lines) transposed by w (rows, columns), which is how weights learn.
void product_of_turned(const bfloat16* x, const bfloat16* w, bfloat16* y, int64_t rows, int64_t lines, int64_t columns,
                       int threads) {
    static thread_local Room room, end;
    int64_t deep = parts(rows, DEEP) * DEEP, last = deep - DEEP;
    bfloat16* turned = room.numbers(lines * deep);
    const bfloat16* behind = filled(x + last * lines, rows - last, DEEP, lines, end);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < deep; i += DEEP)
        for (int64_t n = 0; n < lines; n += TILE)
            turn_columns((i < last ? x + i * lines : behind) + n, lines, turned + n * deep + i, deep);
    product_of_many(turned, {w, false, columns, deep, rows}, {nullptr, 0}, y, lines, threads);
}

}  // namespace

extern "C" {
int has_matrix_unit_bfloat16() { return may(); }
void product_of_few_bfloat16(const bfloat16* x, const bfloat16* w, const bfloat16* bias, int64_t bias_row, bfloat16* y,
                             int64_t rows, int64_t columns, int64_t deep, int threads) {
    product_of_few(x, w, {bias, bias_row}, y, rows, columns, deep, threads);
}
void product_of_many_bfloat16(const bfloat16* x, const bfloat16* w, const bfloat16* bias, int64_t bias_row, bfloat16* y,
                              int lines, int64_t rows, int64_t columns, int64_t deep, int threads) {
    product_of_many(x, {w, bool(lines), columns, deep, deep}, {bias, bias_row}, y, rows, threads);
}
void product_of_turned_bfloat16(const bfloat16* x, const bfloat16* w, bfloat16* y, int64_t rows, int64_t lines,
                                int64_t columns, int threads) {
    product_of_turned(x, w, y, rows, lines, columns, threads);
}
}

#else

extern "C" int has_matrix_unit_bfloat16() { return 0; }

#endif
