/* SHA-256 with the SHA extensions of x86-64: two rounds an instruction (Intel SDM volume 2, SHA256RNDS2). */
#include "sha2/sha256.h"

#if defined(__x86_64__)

#include "core/cpu.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sha,sse4.1,ssse3"))), apply_to = function)
#else
#pragma GCC target("sha,sse4.1,ssse3")
#endif

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* The state as the instructions want it. */
struct halves {
    __m128i abef;
    __m128i cdgh;
};

INLINE __m128i load(const void *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

INLINE struct halves load_state(const uint32_t state[8])
{
    const __m128i dcba = load(state), hgfe = load(state + 4);
    const __m128i badc = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    return (struct halves){_mm_alignr_epi8(badc, efgh, 8), _mm_blend_epi16(efgh, badc, 0xf0)};
}

INLINE void store_state(uint32_t state[8], struct halves now)
{
    const __m128i feba = _mm_shuffle_epi32(now.abef, 0x1b), dchg = _mm_shuffle_epi32(now.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

INLINE void load_words(__m128i words[4], const uint8_t *block)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (size_t i = 0; i < 4; i++) {
        words[i] = _mm_shuffle_epi8(load(block + 16 * i), big_endian);
    }
}

/* The next four words of the message schedule from the sixteen before them. */
INLINE __m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

/* Four rounds with four words of the schedule, the `i`-th of sixteen times. */
INLINE void rounds_4(struct halves *now, __m128i words, size_t i)
{
    const __m128i added = _mm_add_epi32(words, load(lv_sha256_constants + 4 * i));
    now->cdgh = _mm_sha256rnds2_epu32(now->cdgh, now->abef, added);
    now->abef = _mm_sha256rnds2_epu32(now->abef, now->cdgh, _mm_shuffle_epi32(added, 0x0e));
}

/* The same with words[turn], which become those for four times later. With a constant `turn` all words stay in registers. */
INLINE void step(struct halves *now, __m128i words[4], size_t turn, size_t i)
{
    rounds_4(now, words[turn], i + turn);
    words[turn] = next_words(words[turn], words[(turn + 1) % 4], words[(turn + 2) % 4], words[(turn + 3) % 4]);
}

INLINE struct halves sum(struct halves a, struct halves b)
{
    return (struct halves){_mm_add_epi32(a.abef, b.abef), _mm_add_epi32(a.cdgh, b.cdgh)};
}

static void compress(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    struct halves now = load_state(state);
    for (; count > 0; count--, blocks += LV_SHA256_BLOCK) {
        const struct halves before = now;
        __m128i words[4];
        load_words(words, blocks);
        for (size_t i = 0; i < 12; i += 4) {
            step(&now, words, 0, i);
            step(&now, words, 1, i);
            step(&now, words, 2, i);
            step(&now, words, 3, i);
        }
        for (size_t i = 0; i < 4; i++) {
            rounds_4(&now, words[i], i + 12);
        }
        now = sum(now, before);
    }
    store_state(state, now);
}

INLINE void step_two(struct halves *left, __m128i left_words[4], struct halves *right, __m128i right_words[4], size_t turn,
                     size_t i)
{
    step(left, left_words, turn, i);
    step(right, right_words, turn, i);
}

static void compress_two(uint32_t one[8], const uint8_t *ones, uint32_t other[8], const uint8_t *others, size_t count)
{
    struct halves left = load_state(one), right = load_state(other);
    for (; count > 0; count--, ones += LV_SHA256_BLOCK, others += LV_SHA256_BLOCK) {
        const struct halves left_before = left, right_before = right;
        __m128i left_words[4], right_words[4];
        load_words(left_words, ones);
        load_words(right_words, others);
        for (size_t i = 0; i < 12; i += 4) {
            step_two(&left, left_words, &right, right_words, 0, i);
            step_two(&left, left_words, &right, right_words, 1, i);
            step_two(&left, left_words, &right, right_words, 2, i);
            step_two(&left, left_words, &right, right_words, 3, i);
        }
        for (size_t i = 0; i < 4; i++) {
            rounds_4(&left, left_words[i], i + 12);
            rounds_4(&right, right_words[i], i + 12);
        }
        left = sum(left, left_before);
        right = sum(right, right_before);
    }
    store_state(one, left);
    store_state(other, right);
}

const struct lv_sha256_way lv_sha256_shani = {"shani", LV_CPU_SHA | LV_CPU_SSSE3 | LV_CPU_SSE41, compress, compress_two};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_sha256_shani_is_empty_here;
#endif
