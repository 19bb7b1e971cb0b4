// Attention of many queries in bf16 on the matrix unit, both ways. A head's scores stay in the cache, 32 queries at a time;
// for the way back only the largest score of every query and the sum below it are kept, and the scores are made again.

#include "scores.h"
#include "tiles.h"

#if HAS_TILES

namespace {

static_assert(BLOCK == BOTH, "a block of queries is two tiles high");

// Places of one row and head, `step` numbers apart.
struct Places {
    const bfloat16* data;
    int64_t step, count;

    // 32 of them from `first` on, zeros where there are no more; their step is then that of the copy.
    Places some(int64_t first, int64_t deep, Room& room) const {
        if (first + BOTH <= count) return {data + first * step, step, BOTH};
        bfloat16* to = room.numbers(BOTH * deep);
        for (int64_t n = 0; n < BOTH; n++) {
            if (first + n < count) std::memcpy(to + n * deep, data + (first + n) * step, deep * sizeof(bfloat16));
            else std::memset(to + n * deep, 0, deep * sizeof(bfloat16));
        }
        return {to, deep, BOTH};
    }
    // As the columns of a factor, to be summed along their numbers.
    Paired as_columns(int64_t deep, Room& room, Room& end) const {
        Paired to{room.of(even(count) * deep / 2), deep};
        for (int64_t first = 0; first < count; first += BOTH) {
            Places from = some(first, deep, end);
            for (int64_t n = 0; n < BOTH; n += TILE)
                for (int64_t i = 0; i < deep; i += DEEP)
                    pair_lines(from.data + n * from.step + i, from.step, to.at((first + n) / TILE, i));
        }
        return to;
    }
    // As the lines of a factor, to be summed along the places.
    Paired as_lines(int64_t deep, Room& room, Room& end) const {
        Paired to{room.of(even(count) * deep / 2), even(count)};
        for (int64_t first = 0; first < count; first += BOTH) {
            Places from = some(first, deep, end);
            for (int64_t n = 0; n < deep; n += TILE) pair_columns(from.data + n, from.step, to.at(n / TILE, first));
        }
        return to;
    }
    // (deep, places): number after number, zeros behind the last place.
    const bfloat16* turned(int64_t deep, Room& room, Room& end) const {
        bfloat16* to = room.numbers(deep * even(count));
        for (int64_t first = 0; first < count; first += BOTH) {
            Places from = some(first, deep, end);
            for (int64_t i = 0; i < deep; i += TILE)
                turn_columns(from.data + i, from.step, to + i * even(count) + first, even(count));
        }
        return to;
    }
};

inline Places places(const Kept<bfloat16>& kept, int64_t row, int64_t head, int64_t count) {
    return {kept.at(row, head), kept.by_place, count};
}

// What is made of 32 places at a time: (rows, count, heads, deep).
struct Made {
    bfloat16* data;
    int64_t count, heads, deep;

    void write(const float (*from)[BOTH], int64_t row, int64_t head, int64_t first, int64_t at) const {
        for (int64_t n = 0; n < std::min(BOTH, count - first); n++) {
            bfloat16* to = data + ((row * count + first + n) * heads + head) * deep + at;
            for (int64_t i = 0; i < BOTH; i += TILE) put(from[n] + i, nullptr, to + i);
        }
    }
};

// Blocks of 32 queries by all keys: scores in float, and what becomes of them.
struct Block {
    int64_t width;
    float* scores;
    bfloat16* numbers;

    Block(int64_t keys, Room& one, Room& other)
        : width(even(keys)), scores(one.floats(BOTH * width)), numbers(other.numbers(BOTH * width)) {}

    float* line(int64_t n) const { return scores + n * width; }
    bfloat16* shares(int64_t n) const { return numbers + n * width; }

    // scores = a by b, all strips of b.
    void multiply_by(Places a, Paired b) const {
        for (int64_t first = 0; first < width; first += BOTH)
            multiply(true, true, a.data, a.step, b, first / TILE, {}, scores + first, width);
    }
};

// y (rows, queries, heads, deep) = dropout(softmax(q.k * scale + bias + mask)).v; norms: largest score and sum of
// every line, if anybody wants them. Heads may share keys and values.
void attended_by_many(Kept<bfloat16> q, Kept<bfloat16> k, Kept<bfloat16> v, Added<bfloat16> bias, Added<bfloat16> mask,
                      bfloat16* y, Norm* norms, float scale, Shape shape, int64_t groups, int64_t deep, Coins coins,
                      int threads) {
    Made made{y, shape.queries, shape.heads, deep};
#pragma omp parallel num_threads(threads)
    {
        static thread_local Room rooms[5];
        Block block(shape.keys, rooms[0], rooms[1]);
        Weights<bfloat16> weights(bias, mask, scale, shape, coins);
        Tiles setting;
        alignas(64) float sums[BOTH][BOTH];
#pragma omp for schedule(dynamic) nowait
        for (int64_t task = 0; task < shape.rows * shape.heads; task++) {
            int64_t row = task / shape.heads, head = task % shape.heads, group = head / (shape.heads / groups);
            Paired keys = places(k, row, group, shape.keys).as_columns(deep, rooms[2], rooms[4]);
            Paired values = places(v, row, group, shape.keys).as_lines(deep, rooms[3], rooms[4]);
            Places queries = places(q, row, head, shape.queries);
            for (int64_t first = 0; first < shape.queries; first += BOTH) {
                int64_t count = std::min(BOTH, shape.queries - first);
                block.multiply_by(queries.some(first, deep, rooms[4]), keys);
                for (int64_t n = 0; n < count; n++) {
                    Norm norm = weights.forth(block.line(n), row, head, first + n, block.shares(n));
                    if (norms) norms[task * shape.queries + first + n] = norm;
                }
                for (int64_t at = 0; at < deep; at += BOTH) {
                    multiply(true, true, block.numbers, block.width, values, at / TILE, {}, sums[0]);
                    made.write(sums, row, head, first, at);
                }
            }
        }
    }
}

// Of the gradient of y: those of q, k and v, each (rows, places, heads, deep); to d_bias (heads, queries, keys), if anybody
// wants it, that of the bias is added.
void attended_by_many_backward(Kept<bfloat16> gradient, Kept<bfloat16> q, Kept<bfloat16> k, Kept<bfloat16> v,
                               Added<bfloat16> bias, Added<bfloat16> mask, const Norm* norms, bfloat16* dq, bfloat16* dk,
                               bfloat16* dv, float* d_bias, float scale, Shape shape, int64_t deep, Coins coins, int threads) {
    Made d_queries{dq, shape.queries, shape.heads, deep};
#pragma omp parallel num_threads(threads)
    {
        static thread_local Room rooms[12];
        Block block(shape.keys, rooms[0], rooms[1]), passed(shape.keys, rooms[2], rooms[3]);
        Weights<bfloat16> weights(bias, mask, scale, shape, coins, d_bias);
        Tiles setting;
        alignas(64) float sums[BOTH][BOTH], turned[BOTH][BOTH];
        Room& end = rooms[4];
        int64_t high = even(shape.queries);
        auto learn = [&](int64_t row, int64_t head) {
            Places queries = places(q, row, head, shape.queries), given = places(gradient, row, head, shape.queries);
            Places keyed = places(k, row, head, shape.keys);
            Paired keys = keyed.as_columns(deep, rooms[5], end), keys_again = keyed.as_lines(deep, rooms[6], end);
            Paired values = places(v, row, head, shape.keys).as_columns(deep, rooms[7], end);
            // Of all queries, to be summed along them: the gradient of the scores, and the weights that were seen.
            Paired d_scores{rooms[8].of(high * block.width / 2), high}, seen{rooms[9].of(high * block.width / 2), high};
            for (int64_t first = 0; first < shape.queries; first += BOTH) {
                int64_t count = std::min(BOTH, shape.queries - first);
                block.multiply_by(queries.some(first, deep, end), keys);
                passed.multiply_by(given.some(first, deep, end), values);
                for (int64_t n = 0; n < BOTH; n++) {
                    bfloat16 *d = block.shares(n), *s = passed.shares(n);
                    if (n >= count) {
                        std::memset(d, 0, block.width * sizeof(bfloat16)), std::memset(s, 0, block.width * sizeof(bfloat16));
                        continue;
                    }
                    int64_t line = (row * shape.heads + head) * shape.queries + first + n;
                    weights.back(block.line(n), passed.line(n), norms[line], row, head, first + n, s, d);
                }
                for (int64_t n = 0; n < block.width; n += TILE) {
                    pair_columns(block.numbers + n, block.width, d_scores.at(n / TILE, first));
                    pair_columns(passed.numbers + n, block.width, seen.at(n / TILE, first));
                }
                for (int64_t at = 0; at < deep; at += BOTH) {
                    multiply(true, true, block.numbers, block.width, keys_again, at / TILE, {}, sums[0]);
                    d_queries.write(sums, row, head, first, at);
                }
            }
            // (deep, keys), because one factor has to lie along the queries, and of these two the small one is turned.
            struct {
                const bfloat16* a;
                Paired b;
                Made made;
            } sides[] = {{queries.turned(deep, rooms[10], end), d_scores, {dk, shape.keys, shape.heads, deep}},
                         {given.turned(deep, rooms[11], end), seen, {dv, shape.keys, shape.heads, deep}}};
            for (auto& side : sides)
                for (int64_t first = 0; first < shape.keys; first += BOTH)
                    for (int64_t at = 0; at < deep; at += BOTH) {
                        multiply(true, true, side.a + at * high, high, side.b, first / TILE, {}, sums[0]);
                        for (int64_t one = 0; one < BOTH; one += TILE)
                            for (int64_t other = 0; other < BOTH; other += TILE)
                                turn(&sums[one][other], sizeof sums[0], reinterpret_cast<uint32_t*>(&turned[other][one]), BOTH);
                        side.made.write(turned, row, head, first, at);
                    }
        };
        weights.every_head(learn);
    }
}

}  // namespace

ATTENDED_BY_MANY(bfloat16, bfloat16)

#endif
