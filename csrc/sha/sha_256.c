/* SHA-256 for `lv_sha_of`: the portable compression, which wipes what it has worked with. */
#include "sha/sha.h"
#include "sha2/sha256.h"

static void compress(uint32_t state[8], const uint8_t block[LV_SHA_BLOCK])
{
    lv_sha256_portable.one(state, block, 1);
}

const struct lv_sha lv_sha_256 = {
    32,
    {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
    compress,
};
