/* One block on 64-bit ARM, for every level of that family; included below a target pragma. The names are those that
 * aes_gcm_body.h asks for.
 *
 * Constant time: the architecture gives its word for AESE and AESMC only while a thread has PSTATE.DIT set (Arm Architecture
 * Reference Manual, DDI 0487, "DIT, Data Independent Timing"). Nothing here sets it, and not every processor has it: that
 * these instructions, PMULL and TBL take one time for all data rests on how processors are built. */
#ifndef LV_AES_GCM_ARM64_H
#define LV_AES_GCM_ARM64_H

#include "aes_gcm/bytes.h"

typedef uint8x16_t blk;

INLINE blk b_load(const void *bytes) { return vld1q_u8((const uint8_t *)bytes); }
INLINE void b_store(void *bytes, blk a) { vst1q_u8((uint8_t *)bytes, a); }
INLINE blk b_zero(void) { return vdupq_n_u8(0); }
INLINE blk b_of(uint64_t low, uint64_t high) { return vcombine_u8(vcreate_u8(low), vcreate_u8(high)); }
INLINE uint64_t b_low(blk a) { return vgetq_lane_u64(vreinterpretq_u64_u8(a), 0); }
INLINE uint64_t b_high(blk a) { return vgetq_lane_u64(vreinterpretq_u64_u8(a), 1); }
INLINE blk b_xor(blk a, blk b) { return veorq_u8(a, b); }
INLINE blk b_swap(blk a) { return vextq_u8(a, a, 8); }
INLINE blk b_reverse(blk a) { return b_swap(vrev64q_u8(a)); }

INLINE blk b_clmul_low(blk a, blk b)
{
    const poly64x2_t left = vreinterpretq_p64_u8(a), right = vreinterpretq_p64_u8(b);
    return vreinterpretq_u8_p128(vmull_p64((poly64_t)vget_low_p64(left), (poly64_t)vget_low_p64(right)));
}

INLINE blk b_clmul_high(blk a, blk b)
{
    return vreinterpretq_u8_p128(vmull_high_p64(vreinterpretq_p64_u8(a), vreinterpretq_p64_u8(b)));
}

/* Whether any bit differs, from the whole block at once. */
INLINE uint32_t b_differ(blk a, blk b)
{
    return (uint32_t)(vmaxvq_u8(veorq_u8(a, b)) != 0);
}

/* The AES rounds as ARM has them (FIPS 197, section 5.1, cut elsewhere): AESE adds its key first and goes on with SubBytes
 * and ShiftRows, so that a round takes the key of the one before and the last key is added at the end. */
INLINE blk b_begin(blk a, blk key) { (void)key; return a; }
INLINE blk b_round(blk a, blk before, blk now) { (void)now; return vaesmcq_u8(vaeseq_u8(a, before)); }
INLINE blk b_end(blk a, blk before, blk now) { return veorq_u8(vaeseq_u8(a, before), now); }

/* SubWord of the last word, rotated or not, in all four places: ShiftRows leaves four equal columns as they are. */
INLINE blk b_same_word(uint32_t word) { return vreinterpretq_u8_u32(vdupq_n_u32(word)); }
INLINE blk b_sub_last(blk a)
{
    return vaeseq_u8(vreinterpretq_u8_u32(vdupq_laneq_u32(vreinterpretq_u32_u8(a), 3)), b_zero());
}
INLINE blk b_sub_rotated(blk a) { return vaeseq_u8(vqtbl1q_u8(a, b_same_word(0x0c0f0e0d)), b_zero()); }

/* Each word XORed with all before it. */
INLINE blk b_prefix_xor(blk a)
{
    a = veorq_u8(a, vextq_u8(b_zero(), a, 12));
    return veorq_u8(a, vextq_u8(b_zero(), a, 8));
}

#endif
