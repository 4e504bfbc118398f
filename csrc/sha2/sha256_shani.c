/* SHA-256 with the SHA extensions of x86-64: two rounds an instruction (Intel SDM volume 2, SHA256RNDS2). */
#include "sha2/sha256.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sha,sse4.1,ssse3"))), apply_to = function)
#else
#pragma GCC target("sha,sse4.1,ssse3")
#endif

#include <immintrin.h>

static __m128i load(const void *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

/* The next four words of the message schedule from the sixteen before them. */
static __m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

void lv_sha256_shani(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    /* The instructions want the state as ABEF and CDGH. */
    const __m128i dcba = load(state), hgfe = load(state + 4);
    const __m128i badc = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, efgh, 8), cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
    for (; count > 0; count--, blocks += LV_SHA256_BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i words[4];
        for (size_t i = 0; i < 4; i++) {
            words[i] = _mm_shuffle_epi8(load(blocks + 16 * i), big_endian);
        }
        for (size_t i = 0; i < 16; i++) {
            const __m128i now = words[i % 4];
            const __m128i added = _mm_add_epi32(now, load(lv_sha256_constants + 4 * i));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
            words[i % 4] = next_words(now, words[(i + 1) % 4], words[(i + 2) % 4], words[(i + 3) % 4]);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_sha256_shani_is_empty_here;
#endif
