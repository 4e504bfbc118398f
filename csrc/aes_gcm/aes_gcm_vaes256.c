/* AES-GCM with VAES and VPCLMULQDQ on AVX2's registers: vectors of two blocks. */
#include "aes_gcm/aes_gcm_impl.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,aes,pclmul,vaes,vpclmulqdq"))), apply_to = function)
#else
#pragma GCC target("avx2,aes,pclmul,vaes,vpclmulqdq")
#endif

#include "aes_gcm/aes_gcm_x86.h"
#include "core/cpu.h"
#include "lv_core.h"

#define LANES 2
typedef __m256i vec;

INLINE vec v_load(const void *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }
INLINE void v_store(void *bytes, vec a) { _mm256_storeu_si256((__m256i *)bytes, a); }
INLINE vec v_zero(void) { return _mm256_setzero_si256(); }
INLINE vec v_xor(vec a, vec b) { return _mm256_xor_si256(a, b); }
INLINE vec v_swap(vec a) { return _mm256_shuffle_epi32(a, 0x4e); }
INLINE vec v_clmul_low(vec a, vec b) { return _mm256_clmulepi64_epi128(a, b, 0x00); }
INLINE vec v_clmul_high(vec a, vec b) { return _mm256_clmulepi64_epi128(a, b, 0x11); }
INLINE vec v_same(blk a) { return _mm256_broadcastsi128_si256(a); }
INLINE vec v_first(blk a) { return _mm256_inserti128_si256(_mm256_setzero_si256(), a, 0); }
INLINE blk v_fold(vec a) { return _mm_xor_si128(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)); }
INLINE vec v_begin(vec a, vec key) { return _mm256_xor_si256(a, key); }
INLINE vec v_round(vec a, vec before, vec now) { (void)before; return _mm256_aesenc_epi128(a, now); }
INLINE vec v_end(vec a, vec before, vec now) { (void)before; return _mm256_aesenclast_epi128(a, now); }

INLINE vec v_reverse(vec a)
{
    return _mm256_shuffle_epi8(a, v_same(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

/* A counter is its block's last word, little-endian until it meets AES. */
INLINE vec v_counters(blk nonce, uint32_t first)
{
    return _mm256_add_epi32(v_same(nonce), _mm256_set_epi32((int)(first + 1), 0, 0, 0, (int)first, 0, 0, 0));
}

INLINE vec v_count(vec counters, int by)
{
    return _mm256_add_epi32(counters, _mm256_set_epi32(by, 0, 0, 0, by, 0, 0, 0));
}

INLINE vec v_big_endian(vec counters)
{
    return _mm256_shuffle_epi8(counters, v_same(_mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)));
}

#include "aes_gcm/aes_gcm_body.h"

const struct lv_gcm_impl lv_gcm_vaes256 = {
    "avx2", LV_CPU_AES | LV_CPU_PCLMULQDQ | LV_CPU_AVX2 | LV_CPU_VAES | LV_CPU_VPCLMULQDQ, expand, expand_parent, derive, raise, seal, open,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_gcm_vaes256_is_empty_here;
#endif
