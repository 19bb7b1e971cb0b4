// What becomes of a query's scores, both ways, where attention has many queries: softmax with all that is added, dropout.

#pragma once

#include "common.h"

namespace {

constexpr int64_t BLOCK = 32;  // queries whose scores are in the cache together, and keys are taken in so many

inline int64_t even(int64_t count) { return (count + BLOCK - 1) / BLOCK * BLOCK; }

struct Norm {
    float top, sum;  // the largest score, and the sum of exp(score - top)
};

// weights = softmax(scores * scale + bias + mask), seen = dropout(weights), a query at a time. A line has even(keys) scores.
template <class T>
class Weights {
    Added<T> bias, mask;
    float scale;
    Shape shape;
    Coins coins;
    float* d_bias;  // (heads, queries, keys): gets the gradient of the bias, of all rows, if anybody wants it
    int64_t width, row = -1, head = -1;
    Line<T> one, other;  // where there is nothing more, so little is added that nobody sees it
    std::vector<uint16_t> coin;

    // scores = scores * scale + bias + mask, whose largest it returns, and coins are tossed. What is added is the same line for
    // most queries.
    float prepare(float* scores, int64_t at_row, int64_t at_head, int64_t query) {
        bool again = at_row != row || at_head != head;
        if (bias.data && (again || bias.by_query)) one.read(bias.at(at_row, at_head, query), shape.keys);
        if (mask.data && (again || mask.by_query)) other.read(mask.at(at_row, at_head, query), shape.keys);
        row = at_row, head = at_head;
        const T *b = one.data, *m = other.data;
        float top = -INFINITY;
#pragma omp simd reduction(max : top)
        for (int64_t i = 0; i < width; i++) {
            float score = scores[i] * scale + wide(b[i]) + wide(m[i]);
            scores[i] = score;
            top = score > top ? score : top;
        }
        if (!coins.all()) coins.toss((row * shape.heads + head) * shape.queries + query, coin.size(), coin.data());
        return top;
    }

  public:
    Weights(Added<T> bias, Added<T> mask, float scale, Shape shape, Coins coins, float* d_bias = nullptr)
        : bias(bias), mask(mask), scale(scale), shape(shape), coins(coins), d_bias(d_bias), width(even(shape.keys)),
          one(shape.keys, -INFINITY), other(shape.keys), coin(padded(shape.keys)) {}

    // Scores become exp(score - top); `seen` may be the same memory.
    Norm forth(float* e, int64_t row, int64_t head, int64_t query, T* seen) {
        float top = prepare(e, row, head, query), sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < width; i++) sum += e[i] = exponential(e[i] - top);
        float share = 1.0f / sum;
        const uint16_t* c = coin.data();
        if (coins.all()) {
#pragma omp simd
            for (int64_t i = 0; i < width; i++) narrow(e[i] * share, seen[i]);
        } else {
#pragma omp simd
            for (int64_t i = 0; i < width; i++) narrow(e[i] * share * coins.of(c[i]), seen[i]);
        }
        return {top, sum};
    }

    // Scores become the gradient of what is added to them; d: that of the products. g: that of the seen weights, is used up,
    // and d may be the same memory.
    void back(float* e, float* g, Norm norm, int64_t row, int64_t head, int64_t query, T* seen, T* d) {
        float share = 1.0f / norm.sum, along = 0.0f;
        prepare(e, row, head, query);
        const uint16_t* c = coin.data();
#pragma omp simd reduction(+ : along)
        for (int64_t i = 0; i < width; i++) {
            float likely = exponential(e[i] - norm.top) * share, factor = coins.of(c[i]);
            narrow(likely * factor, seen[i]);
            e[i] = likely, g[i] *= factor;
            along += g[i] * likely;
        }
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            e[i] *= g[i] - along;
            narrow(e[i] * scale, d[i]);
        }
        float* learnt = d_bias ? d_bias + (head * shape.queries + query) * shape.keys : nullptr;
        for (int64_t i = 0; d_bias && i < shape.keys; i++) learnt[i] += e[i];
    }

    // learn(row, head) of all, shared out among the threads of a region: to a bias all rows add, so that a thread then takes
    // a head of all of them.
    template <class Learn>
    void every_head(Learn learn) const {
        int64_t together = d_bias ? shape.rows : 1;
#pragma omp for schedule(dynamic) nowait
        for (int64_t task = 0; task < shape.rows * shape.heads / together; task++)
            for (int64_t one_row = 0; one_row < together; one_row++)
                learn(task / shape.heads + one_row, task % shape.heads);
    }
};

}  // namespace

// What python calls, for a kind of number whose file has defined both ways above.
#define ATTENDED_BY_MANY(T, NAME)                                                                                       \
    extern "C" void attended_by_many_##NAME(                                                                            \
        const T* q, int64_t q_row, int64_t q_head, int64_t q_place, const T* k, int64_t k_row, int64_t k_head,          \
        int64_t k_place, const T* v, int64_t v_row, int64_t v_head, int64_t v_place, const T* bias, int64_t bias_row,   \
        int64_t bias_head, int64_t bias_query, const T* mask, int64_t mask_row, int64_t mask_head, int64_t mask_query,  \
        T* y, Norm* norms, float scale, int64_t rows, int64_t heads, int64_t queries, int64_t keys, int64_t groups,     \
        int64_t deep, uint64_t seed, uint32_t kept, int threads) {                                                      \
        attended_by_many({q, q_row, q_head, q_place}, {k, k_row, k_head, k_place}, {v, v_row, v_head, v_place},         \
                         {bias, bias_row, bias_head, bias_query}, {mask, mask_row, mask_head, mask_query}, y, norms,    \
                         scale, {rows, heads, queries, keys}, groups, deep, {seed, kept}, threads);                     \
    }                                                                                                                   \
    extern "C" void attended_by_many_backward_##NAME(                                                                   \
        const T* gradient, int64_t g_row, int64_t g_head, int64_t g_place, const T* q, int64_t q_row, int64_t q_head,   \
        int64_t q_place, const T* k, int64_t k_row, int64_t k_head, int64_t k_place, const T* v, int64_t v_row,         \
        int64_t v_head, int64_t v_place, const T* bias, int64_t bias_row, int64_t bias_head, int64_t bias_query,        \
        const T* mask, int64_t mask_row, int64_t mask_head, int64_t mask_query, const Norm* norms, T* dq, T* dk, T* dv, \
        float* d_bias, float scale, int64_t rows, int64_t heads, int64_t queries, int64_t keys, int64_t deep,           \
        uint64_t seed, uint32_t kept, int threads) {                                                                    \
        attended_by_many_backward({gradient, g_row, g_head, g_place}, {q, q_row, q_head, q_place},                      \
                                  {k, k_row, k_head, k_place}, {v, v_row, v_head, v_place},                             \
                                  {bias, bias_row, bias_head, bias_query}, {mask, mask_row, mask_head, mask_query},     \
                                  norms, dq, dk, dv, d_bias, scale, {rows, heads, queries, keys}, deep, {seed, kept},   \
                                  threads);                                                                             \
    }
