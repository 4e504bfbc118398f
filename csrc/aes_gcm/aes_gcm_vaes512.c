/* AES-GCM with VAES and VPCLMULQDQ on AVX-512's registers: vectors of four blocks. */
#include "aes_gcm/aes_gcm_impl.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx2,aes,pclmul,vaes,vpclmulqdq"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx2,aes,pclmul,vaes,vpclmulqdq")
#endif

#include "aes_gcm/aes_gcm_x86.h"
#include "core/cpu.h"
#include "lv_core.h"

#define LANES 4
typedef __m512i vec;

INLINE vec v_load(const void *bytes) { return _mm512_loadu_si512(bytes); }
INLINE void v_store(void *bytes, vec a) { _mm512_storeu_si512(bytes, a); }
INLINE vec v_zero(void) { return _mm512_setzero_si512(); }
INLINE vec v_xor(vec a, vec b) { return _mm512_xor_si512(a, b); }
INLINE vec v_swap(vec a) { return _mm512_shuffle_epi32(a, _MM_PERM_BADC); }
INLINE vec v_clmul_low(vec a, vec b) { return _mm512_clmulepi64_epi128(a, b, 0x00); }
INLINE vec v_clmul_high(vec a, vec b) { return _mm512_clmulepi64_epi128(a, b, 0x11); }
INLINE vec v_same(blk a) { return _mm512_broadcast_i32x4(a); }
INLINE vec v_first(blk a) { return _mm512_inserti32x4(_mm512_setzero_si512(), a, 0); }
INLINE vec v_begin(vec a, vec key) { return _mm512_xor_si512(a, key); }
INLINE vec v_round(vec a, vec before, vec now) { (void)before; return _mm512_aesenc_epi128(a, now); }
INLINE vec v_end(vec a, vec before, vec now) { (void)before; return _mm512_aesenclast_epi128(a, now); }

INLINE blk v_fold(vec a)
{
    const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

INLINE vec v_reverse(vec a)
{
    return _mm512_shuffle_epi8(a, v_same(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

/* A counter is its block's last word, little-endian until it meets AES. */
INLINE vec v_counters(blk nonce, uint32_t first)
{
    const vec counts = _mm512_set_epi32((int)(first + 3), 0, 0, 0, (int)(first + 2), 0, 0, 0, (int)(first + 1), 0, 0, 0,
                                        (int)first, 0, 0, 0);
    return _mm512_add_epi32(v_same(nonce), counts);
}

INLINE vec v_count(vec counters, int by)
{
    return _mm512_add_epi32(counters, v_same(_mm_set_epi32(by, 0, 0, 0)));
}

INLINE vec v_big_endian(vec counters)
{
    return _mm512_shuffle_epi8(counters, v_same(_mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)));
}

#include "aes_gcm/aes_gcm_body.h"

const struct lv_gcm_impl lv_gcm_vaes512 = {
    "avx512",
    LV_CPU_AES | LV_CPU_PCLMULQDQ | LV_CPU_VAES | LV_CPU_VPCLMULQDQ | LV_CPU_AVX512F | LV_CPU_AVX512BW | LV_CPU_AVX512VL,
    expand, expand_parent, derive, raise, seal, open,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_gcm_vaes512_is_empty_here;
#endif
