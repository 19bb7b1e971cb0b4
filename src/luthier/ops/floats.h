// Products of small matrices in fp32, whose sums stay in the registers.

#pragma once

#include "common.h"

namespace {

// Of a factor: where its numbers lie, `by_line` apart from line to line and `by_deep` along what is summed.
struct Factor {
    const float* data;
    int64_t by_line, by_deep;
};

// to (HIGH, WIDE vectors) = a (HIGH, deep) by b (deep, WIDE vectors), or that more.
template <int64_t HIGH, int64_t WIDE>
inline void block(Factor a, const float* b, int64_t b_step, int64_t deep, bool more, float* to, int64_t to_step) {
    Lanes sum[HIGH][WIDE] = {};
    for (int64_t line = 0; more && line < HIGH; line++)
        for (int64_t set = 0; set < WIDE; set++) sum[line][set] = lanes_of(to + line * to_step + set * LANES);
    for (int64_t i = 0; i < deep; i++) {
        Lanes factor[WIDE];
        for (int64_t set = 0; set < WIDE; set++) factor[set] = lanes_of(b + i * b_step + set * LANES);
#pragma GCC unroll 8
        for (int64_t line = 0; line < HIGH; line++)
#pragma GCC unroll 4
            for (int64_t set = 0; set < WIDE; set++) sum[line][set] += a.data[line * a.by_line + i * a.by_deep] * factor[set];
    }
    for (int64_t line = 0; line < HIGH; line++)
        for (int64_t set = 0; set < WIDE; set++) std::memcpy(to + line * to_step + set * LANES, &sum[line][set], sizeof(Lanes));
}

template <int64_t HIGH>
inline void lines(Factor a, const float* b, int64_t b_step, int64_t columns, int64_t deep, bool more, float* to,
                  int64_t to_step) {
    int64_t first = 0;
    for (; first + SETS * LANES <= columns; first += SETS * LANES)
        block<HIGH, SETS>(a, b + first, b_step, deep, more, to + first, to_step);
    for (; first < columns; first += LANES) block<HIGH, 1>(a, b + first, b_step, deep, more, to + first, to_step);
}

// to (count, columns) = a (count, deep) by b (deep, columns), or that more; columns are whole vectors, lines of b and of `to`
// are their steps apart. Sums of a line are always taken in one order.
inline void multiply(Factor a, int64_t count, const float* b, int64_t b_step, int64_t columns, int64_t deep, bool more,
                     float* to, int64_t to_step) {
    int64_t line = 0;
    for (; line + TALL <= count; line += TALL, a.data += TALL * a.by_line, to += TALL * to_step)
        lines<TALL>(a, b, b_step, columns, deep, more, to, to_step);
    for (; line < count; line++, a.data += a.by_line, to += to_step)
        lines<1>(a, b, b_step, columns, deep, more, to, to_step);
}

}  // namespace
