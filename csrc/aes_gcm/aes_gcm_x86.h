/* One block on x86-64, for every level of that family; included below a target pragma. The names are those that
 * aes_gcm_body.h asks for. */
#ifndef LV_AES_GCM_X86_H
#define LV_AES_GCM_X86_H

#include "aes_gcm/bytes.h"

#include <immintrin.h>

typedef __m128i blk;

INLINE blk b_load(const void *bytes) { return _mm_loadu_si128((const __m128i *)bytes); }
INLINE void b_store(void *bytes, blk a) { _mm_storeu_si128((__m128i *)bytes, a); }
INLINE blk b_zero(void) { return _mm_setzero_si128(); }
INLINE blk b_of(uint64_t low, uint64_t high) { return _mm_set_epi64x((long long)high, (long long)low); }
INLINE uint64_t b_low(blk a) { return (uint64_t)_mm_cvtsi128_si64(a); }
INLINE uint64_t b_high(blk a) { return (uint64_t)_mm_extract_epi64(a, 1); }
INLINE blk b_xor(blk a, blk b) { return _mm_xor_si128(a, b); }
INLINE blk b_swap(blk a) { return _mm_shuffle_epi32(a, 0x4e); }
INLINE blk b_clmul_low(blk a, blk b) { return _mm_clmulepi64_si128(a, b, 0x00); }
INLINE blk b_clmul_high(blk a, blk b) { return _mm_clmulepi64_si128(a, b, 0x11); }

INLINE blk b_reverse(blk a)
{
    return _mm_shuffle_epi8(a, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/* Whether any bit differs, from the whole block at once. */
INLINE uint32_t b_differ(blk a, blk b)
{
    return (uint32_t)(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) != 0xffff);
}

/* The AES rounds as x86 has them: a round adds its own key at its end. */
INLINE blk b_begin(blk a, blk key) { return _mm_xor_si128(a, key); }
INLINE blk b_round(blk a, blk before, blk now) { (void)before; return _mm_aesenc_si128(a, now); }
INLINE blk b_end(blk a, blk before, blk now) { (void)before; return _mm_aesenclast_si128(a, now); }

/* SubWord of the last word, rotated or not, in all four places: ShiftRows leaves four equal columns as they are. */
INLINE blk b_sub_last(blk a) { return _mm_aesenclast_si128(_mm_shuffle_epi32(a, 0xff), _mm_setzero_si128()); }
INLINE blk b_sub_rotated(blk a)
{
    return _mm_aesenclast_si128(_mm_shuffle_epi8(a, _mm_set1_epi32(0x0c0f0e0d)), _mm_setzero_si128());
}
INLINE blk b_same_word(uint32_t word) { return _mm_set1_epi32((int)word); }

/* Each word XORed with all before it. */
INLINE blk b_prefix_xor(blk a)
{
    a = _mm_xor_si128(a, _mm_slli_si128(a, 4));
    return _mm_xor_si128(a, _mm_slli_si128(a, 8));
}

#endif
