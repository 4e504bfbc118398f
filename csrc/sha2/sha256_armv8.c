/* SHA-256 with the cryptographic extensions of 64-bit ARM: four rounds an instruction (ARM DDI 0487, SHA256H). */
#include "sha2/sha256.h"
#include "core/cpu.h"

#if defined(__aarch64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sha2"))), apply_to = function)
#else
#pragma GCC target("+crypto")
#endif

#include <arm_neon.h>

static void compress(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; count > 0; count--, blocks += LV_SHA256_BLOCK) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t words[4];
        for (size_t i = 0; i < 4; i++) {
            words[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
        }
        for (size_t i = 0; i < 16; i++) {
            const uint32x4_t now = words[i % 4], added = vaddq_u32(now, vld1q_u32(lv_sha256_constants + 4 * i));
            const uint32x4_t abcd_then = abcd;
            abcd = vsha256hq_u32(abcd, efgh, added);
            efgh = vsha256h2q_u32(efgh, abcd_then, added);
            words[i % 4] = vsha256su1q_u32(vsha256su0q_u32(now, words[(i + 1) % 4]), words[(i + 2) % 4], words[(i + 3) % 4]);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

/* Not interleaved: nobody has measured that it would be worth it. */
static void compress_two(uint32_t one[8], const uint8_t *ones, uint32_t other[8], const uint8_t *others, size_t count)
{
    compress(one, ones, count);
    compress(other, others, count);
}

const struct lv_sha256_way lv_sha256_armv8 = {"armv8", LV_CPU_ARM_SHA2, compress, compress_two};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else
typedef int lv_sha256_armv8_is_empty_here;
#endif
