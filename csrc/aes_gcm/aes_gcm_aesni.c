/* AES-GCM with AES-NI and PCLMULQDQ: vectors of one block. */
#include "aes_gcm/aes_gcm_impl.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("aes,pclmul,ssse3,sse4.1"))), apply_to = function)
#else
#pragma GCC target("aes,pclmul,ssse3,sse4.1")
#endif

#include "aes_gcm/aes_gcm_x86.h"
#include "core/cpu.h"
#include "lv_core.h"

#define LANES 1
#include "aes_gcm/aes_gcm_single.h"

/* A block and a number: the counter is its last word, little-endian until it meets AES. */
INLINE vec v_counters(blk nonce, uint32_t first)
{
    return _mm_insert_epi32(nonce, (int)first, 3);
}

INLINE vec v_count(vec counters, int by)
{
    return _mm_add_epi32(counters, _mm_set_epi32(by, 0, 0, 0));
}

INLINE vec v_big_endian(vec counters)
{
    return _mm_shuffle_epi8(counters, _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

#include "aes_gcm/aes_gcm_body.h"

const struct lv_gcm_impl lv_gcm_aesni = {
    "aesni", LV_CPU_AES | LV_CPU_PCLMULQDQ | LV_CPU_SSSE3 | LV_CPU_SSE41, expand, expand_parent, derive, raise, seal, open,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_gcm_aesni_is_empty_here;
#endif
