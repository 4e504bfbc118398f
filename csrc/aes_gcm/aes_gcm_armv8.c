/* AES-GCM with the cryptographic extensions of ARMv8: vectors of one block. */
#include "aes_gcm/aes_gcm_impl.h"

/* Little-endian only, as aes_gcm_body.h is. */
#if defined(__AARCH64EL__)

/* Before version 16, clang's header has these intrinsics only if the whole build is for processors with AES. Its functions
 * are inlined into those below, which are. */
#if defined(__clang__) && !defined(__ARM_FEATURE_AES)
#define __ARM_FEATURE_AES 1
#endif
#include <arm_neon.h>

/* gcc's header wants both halves of the extension, AES and SHA, for either; no instruction of SHA is used here. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("aes"))), apply_to = function)
#else
#pragma GCC target("+crypto")
#endif

#include "aes_gcm/aes_gcm_arm64.h"
#include "core/cpu.h"
#include "lv_core.h"

#define LANES 1
#include "aes_gcm/aes_gcm_single.h"

/* A block and a number: the counter is its last word, little-endian until it meets AES. */
INLINE vec v_counters(blk nonce, uint32_t first)
{
    return vreinterpretq_u8_u32(vsetq_lane_u32(first, vreinterpretq_u32_u8(nonce), 3));
}

INLINE vec v_count(vec counters, int by)
{
    const uint32x4_t step = vsetq_lane_u32((uint32_t)by, vdupq_n_u32(0), 3);
    return vreinterpretq_u8_u32(vaddq_u32(vreinterpretq_u32_u8(counters), step));
}

INLINE vec v_big_endian(vec counters)
{
    return vqtbl1q_u8(counters, b_of(UINT64_C(0x0706050403020100), UINT64_C(0x0c0d0e0f0b0a0908)));
}

#include "aes_gcm/aes_gcm_body.h"

const struct lv_gcm_impl lv_gcm_armv8 = {
    "arm64", LV_CPU_ARM_AES | LV_CPU_ARM_PMULL, expand, expand_parent, derive, raise, seal, open,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_gcm_armv8_is_empty_here;
#endif
