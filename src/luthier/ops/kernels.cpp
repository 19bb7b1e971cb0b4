// What torch does in several passes over memory, in one. The modules beside this file say what each loop computes and do
// the same in torch where there is no compiler. Plain pointers and no header of torch, so that building takes seconds.
//
// T is a number in memory, float or bfloat16; functions and sums are computed in float. Tensors are contiguous.

#include "common.h"

namespace {

// -- dropout ---------------------------------------------------------------------------------------------------------

template <class T>
void dropped(const T* x, T* y, int64_t count, Coins coins, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t chunk = 0; chunk < chunks(count); chunk++) {
        int64_t width = std::min(CHUNK, count - chunk * CHUNK);
        uint16_t coin[CHUNK];
        T line[CHUNK];
        coins.toss(chunk, CHUNK, coin);
        std::memcpy(line, x + chunk * CHUNK, width * sizeof(T));
#pragma omp simd
        for (int64_t i = 0; i < CHUNK; i++) narrow(wide(line[i]) * coins.of(coin[i]), line[i]);
        std::memcpy(y + chunk * CHUNK, line, width * sizeof(T));
    }
}

// -- attention weights -----------------------------------------------------------------------------------------------

// scores become weights = softmax(scores * scale + bias + mask); seen = dropout(weights).
template <class T>
void attention_weights(T* scores, T* seen, Added<T> bias, Added<T> mask, float scale, Shape shape, Coins coins,
                       int threads) {
    int64_t keys = shape.keys, size = padded(keys);
#pragma omp parallel num_threads(threads)
    {
        Line<T> own(keys), one(keys, -INFINITY), other(keys), out(keys);
        Line<float> likely(keys);
        std::vector<uint16_t> coin(size);
        T *s = own.data, *b = one.data, *m = other.data, *y = out.data;
        float* e = likely.data;
#pragma omp for schedule(static)
        for (int64_t line = 0; line < shape.lines(); line++) {
            int64_t query = line % shape.queries, head = line / shape.queries % shape.heads;
            int64_t row = line / shape.queries / shape.heads;
            own.read(scores + line * keys, keys);
            if (bias.data) one.read(bias.at(row, head, query), keys);
            if (mask.data) other.read(mask.at(row, head, query), keys);
            float top = -INFINITY, sum = 0.0f;
#pragma omp simd reduction(max : top)
            for (int64_t i = 0; i < size; i++) {
                float score = wide(s[i]) * scale + wide(b[i]) + wide(m[i]);
                e[i] = score;
                top = score > top ? score : top;
            }
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < size; i++) sum += e[i] = exponential(e[i] - top);
#pragma omp simd
            for (int64_t i = 0; i < size; i++) narrow(e[i] / sum, s[i]);
            own.write(scores + line * keys, keys);
            if (coins.all()) continue;
            coins.toss(line, size, coin.data());
            const uint16_t* c = coin.data();
#pragma omp simd
            for (int64_t i = 0; i < size; i++) narrow(e[i] / sum * coins.of(c[i]), y[i]);
            out.write(seen + line * keys, keys);
        }
    }
}

// gradient: of the seen weights, becomes that of the scores; seen = dropout(weights), as on the way there.
template <class T>
void attention_weights_backward(T* gradient, const T* weights, T* seen, float scale, int64_t lines, int64_t keys,
                                Coins coins, int threads) {
    int64_t size = padded(keys);
#pragma omp parallel num_threads(threads)
    {
        Line<T> own(keys), weight(keys), out(keys);
        Line<float> passed(keys);
        std::vector<uint16_t> coin(size);
        T *d = own.data, *w = weight.data, *y = out.data;
        float* g = passed.data;
#pragma omp for schedule(static)
        for (int64_t line = 0; line < lines; line++) {
            own.read(gradient + line * keys, keys);
            weight.read(weights + line * keys, keys);
            float along = 0.0f;
            if (coins.all()) {
#pragma omp simd reduction(+ : along)
                for (int64_t i = 0; i < size; i++) along += (g[i] = wide(d[i])) * wide(w[i]);
            } else {
                coins.toss(line, size, coin.data());
                const uint16_t* c = coin.data();
#pragma omp simd reduction(+ : along)
                for (int64_t i = 0; i < size; i++) {
                    float factor = coins.of(c[i]), likely = wide(w[i]);
                    narrow(likely * factor, y[i]);
                    along += (g[i] = wide(d[i]) * factor) * likely;
                }
                out.write(seen + line * keys, keys);
            }
#pragma omp simd
            for (int64_t i = 0; i < size; i++) narrow((g[i] - along) * wide(w[i]) * scale, d[i]);
            own.write(gradient + line * keys, keys);
        }
    }
}

// -- root mean square norm -------------------------------------------------------------------------------------------

// y = weight * x / rms(x), rounded before the weight too, as the model library does; inverse = 1 / rms(x) of every line.
template <class T>
void rms_norm(const T* x, const T* weight, T* y, float* inverse, float epsilon, int64_t lines, int64_t width,
              int threads) {
    int64_t size = padded(width);
#pragma omp parallel num_threads(threads)
    {
        Line<T> own(width), factor(width);
        factor.read(weight, width);
        T *v = own.data, *w = factor.data;
#pragma omp for schedule(static)
        for (int64_t line = 0; line < lines; line++) {
            own.read(x + line * width, width);
            float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
            for (int64_t i = 0; i < size; i++) squares += wide(v[i]) * wide(v[i]);
            float by = 1.0f / std::sqrt(squares / float(width) + epsilon);
            inverse[line] = by;
#pragma omp simd
            for (int64_t i = 0; i < size; i++) narrow(rounded<T>(wide(v[i]) * by) * wide(w[i]), v[i]);
            own.write(y + line * width, width);
        }
    }
}

// dx = inverse * (g * w - x * inverse^2 * mean(g * w * x)), g the gradient of y.
template <class T>
void rms_norm_backward(const T* gradient, const T* x, const T* weight, const float* inverse, T* dx, int64_t lines,
                       int64_t width, int threads) {
    int64_t size = padded(width);
#pragma omp parallel num_threads(threads)
    {
        Line<T> own(width), value(width), factor(width);
        factor.read(weight, width);
        T *d = own.data, *v = value.data, *w = factor.data;
#pragma omp for schedule(static)
        for (int64_t line = 0; line < lines; line++) {
            own.read(gradient + line * width, width);
            value.read(x + line * width, width);
            float along = 0.0f, by = inverse[line];
#pragma omp simd reduction(+ : along)
            for (int64_t i = 0; i < size; i++) along += wide(d[i]) * wide(w[i]) * wide(v[i]);
            float back = along / float(width) * by * by;
#pragma omp simd
            for (int64_t i = 0; i < size; i++) narrow(by * (wide(d[i]) * wide(w[i]) - wide(v[i]) * back), d[i]);
            own.write(dx + line * width, width);
        }
    }
}

// -- gates -----------------------------------------------------------------------------------------------------------

// Both activations are a * sigmoid(z(a)): SiLU with z = a, the tanh form of GELU with z as below.
struct Activation {
    float linear, cubic;

    float z(float a) const { return a * (linear + cubic * a * a); }
    float slope(float a) const { return linear + 3.0f * cubic * a * a; }
};

inline Activation activation(int kind) {
    return kind == 0 ? Activation{1.0f, 0.0f} : Activation{1.5957691216f, 0.0713548162726f};  // 2*sqrt(2/pi)*(1, 0.044715)
}

// A chunk of a and b; no b is a b of ones.
template <class T>
void factors(const T* a, const T* b, int64_t width, T* gate, T* up) {
    std::memcpy(gate, a, width * sizeof(T));
    if (b) std::memcpy(up, b, width * sizeof(T));
    else std::for_each(up, up + CHUNK, [](T& one) { narrow(1.0f, one); });
}

// y = dropout(activation(a) * b).
template <class T>
void gated(const T* a, const T* b, T* y, int64_t count, int kind, Coins coins, int threads) {
    Activation act = activation(kind);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t chunk = 0; chunk < chunks(count); chunk++) {
        int64_t at = chunk * CHUNK, width = std::min(CHUNK, count - at);
        uint16_t coin[CHUNK];
        T gate[CHUNK], up[CHUNK];
        factors(a + at, b ? b + at : nullptr, width, gate, up);
        coins.toss(chunk, CHUNK, coin);
#pragma omp simd
        for (int64_t i = 0; i < CHUNK; i++) {
            float x = wide(gate[i]);
            narrow(x * sigmoid(act.z(x)) * wide(up[i]) * coins.of(coin[i]), up[i]);
        }
        std::memcpy(y + at, up, width * sizeof(T));
    }
}

// da and db of the above from the gradient of y.
template <class T>
void gated_backward(const T* gradient, const T* a, const T* b, T* da, T* db, int64_t count, int kind, Coins coins,
                    int threads) {
    Activation act = activation(kind);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t chunk = 0; chunk < chunks(count); chunk++) {
        int64_t at = chunk * CHUNK, width = std::min(CHUNK, count - at);
        uint16_t coin[CHUNK];
        T gate[CHUNK], up[CHUNK], d[CHUNK];
        std::memcpy(d, gradient + at, width * sizeof(T));
        factors(a + at, b ? b + at : nullptr, width, gate, up);
        coins.toss(chunk, CHUNK, coin);
#pragma omp simd
        for (int64_t i = 0; i < CHUNK; i++) {
            float g = wide(d[i]) * coins.of(coin[i]), x = wide(gate[i]), s = sigmoid(act.z(x));
            narrow(g * wide(up[i]) * (s + x * s * (1.0f - s) * act.slope(x)), gate[i]);
            narrow(g * x * s, up[i]);
        }
        std::memcpy(da + at, gate, width * sizeof(T));
        if (b) std::memcpy(db + at, up, width * sizeof(T));
    }
}

// -- cross-entropy ---------------------------------------------------------------------------------------------------

// losses: -log softmax(logits)[label] of every line; with `learn`, logits become softmax(logits) - onehot(label).
template <class T>
void cross_entropy(T* logits, const int64_t* labels, float* losses, int64_t lines, int64_t width, int learn,
                   int threads) {
    int64_t size = padded(width);
#pragma omp parallel num_threads(threads)
    {
        Line<T> own(width, -INFINITY);
        Line<float> likely(width);
        T* l = own.data;
        float* e = likely.data;
#pragma omp for schedule(static)
        for (int64_t line = 0; line < lines; line++) {
            own.read(logits + line * width, width);
            float top = -INFINITY, sum = 0.0f;
#pragma omp simd reduction(max : top)
            for (int64_t i = 0; i < size; i++) top = wide(l[i]) > top ? wide(l[i]) : top;
            float label = wide(l[labels[line]]) - top;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < size; i++) sum += e[i] = exponential(wide(l[i]) - top);
            losses[line] = std::log(sum) - label;
            if (!learn) continue;
            e[labels[line]] -= sum;
            T* to = logits + line * width;
#pragma omp simd
            for (int64_t i = 0; i < width; i++) narrow(e[i] / sum, to[i]);
        }
    }
}

// -- attention of one query -------------------------------------------------------------------------------------------

constexpr int64_t AHEAD = 32;     // places between what is asked for and what is read
constexpr float CLOSED = -1e30f;  // less is added to a place that nobody sees

template <class T>
inline void ask(const T* place, int64_t deep) {
    for (int64_t i = 0; i < deep; i += 64 / int64_t(sizeof(T))) __builtin_prefetch(place + i);
}

// Of two vectors, the numbers at some places of both.
#ifdef __clang__
#define MIXED(A, B, ...) __builtin_shufflevector(A, B, __VA_ARGS__)
#else
#define MIXED(A, B, ...) __builtin_shuffle(A, B, decltype(A < B){__VA_ARGS__})
#endif
#if defined(__AVX512F__)
#define EVERY_SECOND(A, B, N) \
    MIXED(A, B, N, N + 2, N + 4, N + 6, N + 8, N + 10, N + 12, N + 14, N + 16, N + 18, N + 20, N + 22, N + 24, N + 26, N + 28, N + 30)
#elif defined(__AVX__)
#define EVERY_SECOND(A, B, N) MIXED(A, B, N, N + 2, N + 4, N + 6, N + 8, N + 10, N + 12, N + 14)
#else
#define EVERY_SECOND(A, B, N) MIXED(A, B, N, N + 2, N + 4, N + 6)
#endif

// Every sum of two neighbours: of 2 * LANES numbers, LANES.
inline Lanes folded(Lanes a, Lanes b) { return EVERY_SECOND(a, b, 0) + EVERY_SECOND(a, b, 1); }

// scores[n] = query . k[n] of LANES places, of which `there` are there: the last one stands for those that are not.
template <class T>
inline void look(const float* query, const T* k, int64_t by_place, int64_t deep, int64_t there, float* scores) {
    Lanes sum[LANES] = {};
    const T* at[LANES];
    for (int64_t n = 0; n < LANES; n++) at[n] = k + std::min(n, there - 1) * by_place;
    for (int64_t i = 0; i + LANES <= deep; i += LANES) {
        Lanes q = lanes_of(query + i);
#pragma GCC unroll 16
        for (int64_t n = 0; n < LANES; n++) sum[n] += q * lanes_of(at[n] + i);
    }
#pragma GCC unroll 4
    for (int64_t width = LANES / 2; width; width /= 2)
        for (int64_t n = 0; n < width; n++) sum[n] = folded(sum[2 * n], sum[2 * n + 1]);
    for (int64_t n = 0; n < there; n++) {
        scores[n] = sum[0][n];
        for (int64_t i = deep / LANES * LANES; i < deep; i++) scores[n] += query[i] * wide(at[n][i]);
    }
}

// sum = shares[n] v[n] over all places, of WIDE * LANES columns.
template <int WIDE, class T>
inline void gather(const float* shares, const T* v, int64_t by_place, int64_t places, float* sum) {
    Lanes own[WIDE] = {};
    for (int64_t n = 0; n < places; n++) {
        ask(v + (n + AHEAD) * by_place, WIDE * LANES);
#pragma GCC unroll 4
        for (int set = 0; set < WIDE; set++) own[set] += shares[n] * lanes_of(v + n * by_place + set * LANES);
    }
    std::memcpy(sum, own, sizeof(own));
}

// y (rows, heads, deep) = softmax(q.k * scale + bias + mask).v for one query q (rows, heads, deep) of every row. Only what
// lies between the first and the last place that the mask leaves open is read; heads may share keys and values.
template <class T>
void attended(const T* q, Kept<T> keys, Kept<T> values, Added<T> bias, Added<T> mask, T* y, float scale, Shape shape,
              int64_t groups, int64_t deep, int threads) {
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> query(deep), scores(shape.keys), sum(deep);
        float* e = scores.data();
#pragma omp for schedule(dynamic, 4)
        for (int64_t line = 0; line < shape.rows * shape.heads; line++) {
            int64_t row = line / shape.heads, head = line % shape.heads, group = head / (shape.heads / groups);
            const T *k = keys.at(row, group), *v = values.at(row, group);
            const T* b = bias.data ? bias.at(row, head, 0) : nullptr;
            const T* m = mask.data ? mask.at(row, head, 0) : nullptr;
            int64_t first = 0, last = shape.keys;
            while (m && first < last && wide(m[first]) < CLOSED) first++;
            while (m && first < last && wide(m[last - 1]) < CLOSED) last--;
            if (first == last) first = 0, last = shape.keys;
            for (int64_t i = 0; i < deep; i++) query[i] = wide(q[line * deep + i]) * scale;
            for (int64_t i = first; i < last; i += LANES) {
                for (int64_t n = i; n < i + LANES; n++) ask(k + (n + AHEAD) * keys.by_place, deep);
                look(query.data(), k + i * keys.by_place, keys.by_place, deep, std::min(LANES, last - i), e + i);
            }
            if (b)
                for (int64_t i = first; i < last; i++) e[i] += wide(b[i]);
            if (m)
                for (int64_t i = first; i < last; i++) e[i] += wide(m[i]);
            float top = -INFINITY, all = 0.0f;
#pragma omp simd reduction(max : top)
            for (int64_t i = first; i < last; i++) top = e[i] > top ? e[i] : top;
#pragma omp simd reduction(+ : all)
            for (int64_t i = first; i < last; i++) all += e[i] = exponential(e[i] - top);
            int64_t column = 0;
            v += first * values.by_place;
            for (; column + 4 * LANES <= deep; column += 4 * LANES)
                gather<4>(e + first, v + column, values.by_place, last - first, sum.data() + column);
            for (; column + LANES <= deep; column += LANES)
                gather<1>(e + first, v + column, values.by_place, last - first, sum.data() + column);
            for (; column < deep; column++) {
                sum[column] = 0.0f;
                for (int64_t i = first; i < last; i++) sum[column] += e[i] * wide(v[(i - first) * values.by_place + column]);
            }
            for (int64_t i = 0; i < deep; i++) narrow(sum[i] / all, y[line * deep + i]);
        }
    }
}

}  // namespace

// -- what python calls, once for each kind of number ------------------------------------------------------------------

#define FOR(T, NAME)                                                                                                    \
    void dropped_##NAME(const T* x, T* y, int64_t count, uint64_t seed, uint32_t kept, int threads) {                   \
        dropped(x, y, count, {seed, kept}, threads);                                                                    \
    }                                                                                                                   \
    void attention_weights_##NAME(T* scores, T* seen, const T* bias, int64_t bias_row, int64_t bias_head,               \
                                  int64_t bias_query, const T* mask, int64_t mask_row, int64_t mask_head,               \
                                  int64_t mask_query, float scale, int64_t rows, int64_t heads, int64_t queries,        \
                                  int64_t keys, uint64_t seed, uint32_t kept, int threads) {                            \
        attention_weights(scores, seen, {bias, bias_row, bias_head, bias_query},                                        \
                          {mask, mask_row, mask_head, mask_query}, scale, {rows, heads, queries, keys}, {seed, kept},   \
                          threads);                                                                                     \
    }                                                                                                                   \
    void attention_weights_backward_##NAME(T* gradient, const T* weights, T* seen, float scale, int64_t lines,          \
                                           int64_t keys, uint64_t seed, uint32_t kept, int threads) {                   \
        attention_weights_backward(gradient, weights, seen, scale, lines, keys, {seed, kept}, threads);                 \
    }                                                                                                                   \
    void attended_##NAME(const T* q, const T* k, int64_t k_row, int64_t k_head, int64_t k_place, const T* v,            \
                         int64_t v_row, int64_t v_head, int64_t v_place, const T* bias, int64_t bias_row,               \
                         int64_t bias_head, int64_t bias_query, const T* mask, int64_t mask_row, int64_t mask_head,     \
                         int64_t mask_query, T* y, float scale, int64_t rows, int64_t heads, int64_t keys,              \
                         int64_t groups, int64_t deep, int threads) {                                                   \
        attended(q, {k, k_row, k_head, k_place}, {v, v_row, v_head, v_place},                                           \
                 {bias, bias_row, bias_head, bias_query}, {mask, mask_row, mask_head, mask_query}, y, scale,            \
                 {rows, heads, 1, keys}, groups, deep, threads);                                                        \
    }                                                                                                                   \
    void rms_norm_##NAME(const T* x, const T* weight, T* y, float* inverse, float epsilon, int64_t lines,               \
                         int64_t width, int threads) {                                                                  \
        rms_norm(x, weight, y, inverse, epsilon, lines, width, threads);                                                \
    }                                                                                                                   \
    void rms_norm_backward_##NAME(const T* gradient, const T* x, const T* weight, const float* inverse, T* dx,          \
                                  int64_t lines, int64_t width, int threads) {                                          \
        rms_norm_backward(gradient, x, weight, inverse, dx, lines, width, threads);                                     \
    }                                                                                                                   \
    void gated_##NAME(const T* a, const T* b, T* y, int64_t count, int kind, uint64_t seed, uint32_t kept,              \
                      int threads) {                                                                                    \
        gated(a, b, y, count, kind, {seed, kept}, threads);                                                             \
    }                                                                                                                   \
    void gated_backward_##NAME(const T* gradient, const T* a, const T* b, T* da, T* db, int64_t count, int kind,        \
                               uint64_t seed, uint32_t kept, int threads) {                                             \
        gated_backward(gradient, a, b, da, db, count, kind, {seed, kept}, threads);                                     \
    }                                                                                                                   \
    void cross_entropy_##NAME(T* logits, const int64_t* labels, float* losses, int64_t lines, int64_t width, int learn, \
                              int threads) {                                                                            \
        cross_entropy(logits, labels, losses, lines, width, learn, threads);                                            \
    }

extern "C" {
FOR(float, float32)
FOR(bfloat16, bfloat16)
}
