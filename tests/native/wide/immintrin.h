/* Stands before the compiler's header of this name when aes_gcm_vaes512.c is compiled for a processor without AVX-512: what
 * that file asks of 512-bit registers is done here on four of 128 bits, as Intel's Software Developer's Manual describes
 * each instruction. So the level's own text is tested on every x86-64 machine; the instructions themselves are not. Whoever
 * compiles takes avx512 out of the file's target first, so that the compiler uses none of it on its own. */
#ifndef LV_WIDE_IMMINTRIN_H
#define LV_WIDE_IMMINTRIN_H

#pragma GCC system_header

#include_next <immintrin.h>

struct wide {
    __m128i lane[4];
};

#define WIDE static __attribute__((noinline, unused)) struct wide
#define WIDE_EACH for (int i = 0; i < 4; i++)

WIDE wide_load(const void *bytes)
{
    struct wide made;
    WIDE_EACH made.lane[i] = _mm_loadu_si128((const __m128i *)bytes + i);
    return made;
}

static __attribute__((noinline, unused)) void wide_store(void *bytes, struct wide a)
{
    WIDE_EACH _mm_storeu_si128((__m128i *)bytes + i, a.lane[i]);
}

WIDE wide_same(__m128i a)
{
    return (struct wide){{a, a, a, a}};
}

WIDE wide_xor(struct wide a, struct wide b)
{
    WIDE_EACH a.lane[i] = _mm_xor_si128(a.lane[i], b.lane[i]);
    return a;
}

WIDE wide_add_32(struct wide a, struct wide b)
{
    WIDE_EACH a.lane[i] = _mm_add_epi32(a.lane[i], b.lane[i]);
    return a;
}

WIDE wide_shuffle_8(struct wide a, struct wide order)
{
    WIDE_EACH a.lane[i] = _mm_shuffle_epi8(a.lane[i], order.lane[i]);
    return a;
}

WIDE wide_clmul(struct wide a, struct wide b, int halves)
{
    WIDE_EACH a.lane[i] = halves == 0 ? _mm_clmulepi64_si128(a.lane[i], b.lane[i], 0x00)
                                      : _mm_clmulepi64_si128(a.lane[i], b.lane[i], 0x11);
    return a;
}

WIDE wide_aesenc(struct wide a, struct wide key)
{
    WIDE_EACH a.lane[i] = _mm_aesenc_si128(a.lane[i], key.lane[i]);
    return a;
}

WIDE wide_aesenclast(struct wide a, struct wide key)
{
    WIDE_EACH a.lane[i] = _mm_aesenclast_si128(a.lane[i], key.lane[i]);
    return a;
}

WIDE wide_insert(struct wide a, __m128i lane, int at)
{
    a.lane[at] = lane;
    return a;
}

/* Only the swap of a lane's halves is ever asked for: BADC, which is 0x4e. */
WIDE wide_shuffle_32(struct wide a, int order)
{
    WIDE_EACH a.lane[i] = order == 0x4e ? _mm_shuffle_epi32(a.lane[i], 0x4e) : _mm_setzero_si128();
    return a;
}

#define __m512i struct wide
#define _mm512_loadu_si512 wide_load
#define _mm512_storeu_si512 wide_store
#define _mm512_setzero_si512() wide_same(_mm_setzero_si128())
#define _mm512_xor_si512 wide_xor
#define _mm512_add_epi32 wide_add_32
#define _mm512_shuffle_epi8 wide_shuffle_8
#define _mm512_shuffle_epi32(a, order) wide_shuffle_32(a, (int)(order))
#define _mm512_clmulepi64_epi128 wide_clmul
#define _mm512_broadcast_i32x4 wide_same
#define _mm512_inserti32x4 wide_insert
#define _mm512_aesenc_epi128 wide_aesenc
#define _mm512_aesenclast_epi128 wide_aesenclast
#define _mm512_castsi512_si256(a) _mm256_set_m128i((a).lane[1], (a).lane[0])
#define _mm512_extracti64x4_epi64(a, half) _mm256_set_m128i((a).lane[2 * (half) + 1], (a).lane[2 * (half)])
#define _mm512_set_epi32(p, o, n, m, l, k, j, i, h, g, f, e, d, c, b, a)                                               \
    ((struct wide){{_mm_set_epi32(d, c, b, a), _mm_set_epi32(h, g, f, e), _mm_set_epi32(l, k, j, i),                   \
                    _mm_set_epi32(p, o, n, m)}})

#endif
