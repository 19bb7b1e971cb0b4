// Attention of many queries in fp32, both ways. A head's scores stay in the cache, BLOCK queries at a time; for the way back
// only the largest score of every query and the sum below it are kept, and the scores are made again.

#include "floats.h"
#include "scores.h"

namespace {

// Keys or values of a row and head, `count` places `step` apart.
struct Places {
    const float* data;
    int64_t step, count, deep;

    Places(const Kept<float>& kept, int64_t row, int64_t head, int64_t count, int64_t deep)
        : data(kept.at(row, head)), step(kept.by_place), count(count), deep(deep) {}
    Factor from(int64_t first) const { return {data + first * step, step, 1}; }
    // (deep, even(count)), zeros behind the last place.
    const float* turned(Room& room) const {
        float* to = room.floats(deep * even(count));
        for (int64_t first = 0; first < even(count); first += LANES)
            for (int64_t i = 0; i < deep; i++)
                for (int64_t n = 0; n < LANES; n++)
                    to[i * even(count) + first + n] = first + n < count ? data[(first + n) * step + i] : 0.0f;
        return to;
    }
};

// y (rows, queries, heads, deep) = dropout(softmax(q.k * scale + bias + mask)).v; norms: of every line, if anybody wants
// them. Heads may share keys and values.
void attended_by_many(Kept<float> q, Kept<float> k, Kept<float> v, Added<float> bias, Added<float> mask, float* y,
                      Norm* norms, float scale, Shape shape, int64_t groups, int64_t deep, Coins coins, int threads) {
#pragma omp parallel num_threads(threads)
    {
        static thread_local Room rooms[2];
        Weights<float> weights(bias, mask, scale, shape, coins);
        int64_t width = even(shape.keys), by_query = shape.heads * deep;
        float* scores = rooms[0].floats(BLOCK * width);
#pragma omp for schedule(dynamic) nowait
        for (int64_t task = 0; task < shape.rows * shape.heads; task++) {
            int64_t row = task / shape.heads, head = task % shape.heads, group = head / (shape.heads / groups);
            Places queries(q, row, head, shape.queries, deep), values(v, row, group, shape.keys, deep);
            const float* keys = Places(k, row, group, shape.keys, deep).turned(rooms[1]);
            for (int64_t first = 0; first < shape.queries; first += BLOCK) {
                int64_t count = std::min(BLOCK, shape.queries - first);
                multiply(queries.from(first), count, keys, width, width, deep, false, scores, width);
                for (int64_t n = 0; n < count; n++) {
                    float* e = scores + n * width;
                    Norm norm = weights.forth(e, row, head, first + n, e);
                    if (norms) norms[task * shape.queries + first + n] = norm;
                }
                float* to = y + (row * shape.queries + first) * by_query + head * deep;
                multiply({scores, width, 1}, count, values.data, values.step, deep, shape.keys, false, to, by_query);
            }
        }
    }
}

// Of the gradient of y: those of q, k and v, each (rows, places, heads, deep); to d_bias (heads, queries, keys), if anybody
// wants it, that of the bias is added.
void attended_by_many_backward(Kept<float> gradient, Kept<float> q, Kept<float> k, Kept<float> v, Added<float> bias,
                               Added<float> mask, const Norm* norms, float* dq, float* dk, float* dv, float* d_bias,
                               float scale, Shape shape, int64_t deep, Coins coins, int threads) {
#pragma omp parallel num_threads(threads)
    {
        static thread_local Room rooms[7];
        Weights<float> weights(bias, mask, scale, shape, coins, d_bias);
        int64_t width = even(shape.keys), by_place = shape.heads * deep;
        float *scores = rooms[0].floats(BLOCK * width), *passed = rooms[1].floats(BLOCK * width);
        float *seen = rooms[2].floats(BLOCK * width);
        float *d_keys = rooms[3].floats(shape.keys * deep), *d_values = rooms[4].floats(shape.keys * deep);
        auto learn = [&](int64_t row, int64_t head) {
            Places queries(q, row, head, shape.queries, deep), given(gradient, row, head, shape.queries, deep);
            Places keys(k, row, head, shape.keys, deep), values(v, row, head, shape.keys, deep);
            const float *keys_turned = keys.turned(rooms[5]), *values_turned = values.turned(rooms[6]);
            for (int64_t first = 0; first < shape.queries; first += BLOCK) {
                int64_t count = std::min(BLOCK, shape.queries - first), line = (row * shape.heads + head) * shape.queries;
                multiply(queries.from(first), count, keys_turned, width, width, deep, false, scores, width);
                multiply(given.from(first), count, values_turned, width, width, deep, false, passed, width);
                for (int64_t n = 0; n < count; n++) {
                    float* g = passed + n * width;
                    weights.back(scores + n * width, g, norms[line + first + n], row, head, first + n, seen + n * width, g);
                }
                float* to = dq + (row * shape.queries + first) * by_place + head * deep;
                multiply({passed, width, 1}, count, keys.data, keys.step, deep, shape.keys, false, to, by_place);
                const float *of_queries = queries.from(first).data, *of_given = given.from(first).data;
                multiply({passed, 1, width}, shape.keys, of_queries, queries.step, deep, count, first, d_keys, deep);
                multiply({seen, 1, width}, shape.keys, of_given, given.step, deep, count, first, d_values, deep);
            }
            for (int64_t n = 0; n < shape.keys; n++) {
                int64_t at = (row * shape.keys + n) * by_place + head * deep;
                std::memcpy(dk + at, d_keys + n * deep, deep * sizeof(float));
                std::memcpy(dv + at, d_values + n * deep, deep * sizeof(float));
            }
        };
        weights.every_head(learn);
    }
}

}  // namespace

ATTENDED_BY_MANY(float, float32)

extern "C" int has_wide_vectors() { return LANES >= 16; }
