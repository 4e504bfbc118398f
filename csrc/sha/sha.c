/* What SHA-1 and SHA-256 share: FIPS 180-4, sections 5.1.1 (padding) and 6 (the loop over blocks). */
#include "sha/sha.h"
#include "lv_core.h"

#include <string.h>

static void store32(uint8_t *bytes, uint32_t word)
{
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(word >> (24 - 8 * i));
    }
}

void lv_sha_of(const struct lv_sha *sha, const uint8_t *message, size_t size, uint8_t *digest)
{
    uint32_t state[8];
    uint8_t last[2 * LV_SHA_BLOCK] = {0};
    const size_t rest = size % LV_SHA_BLOCK;
    const size_t end = rest + 9 > LV_SHA_BLOCK ? 2 * LV_SHA_BLOCK : LV_SHA_BLOCK;
    (void)memcpy(state, sha->start, sizeof state);
    for (size_t at = 0; at + LV_SHA_BLOCK <= size; at += LV_SHA_BLOCK) {
        sha->compress(state, message + at);
    }
    (void)memcpy(last, message + size - rest, rest);
    last[rest] = 0x80;
    store32(last + end - 4, (uint32_t)(8 * size));
    for (size_t at = 0; at < end; at += LV_SHA_BLOCK) {
        sha->compress(state, last + at);
    }
    for (size_t i = 0; i < sha->digest / 4; i++) {
        store32(digest + 4 * i, state[i]);
    }
    lv_wipe(state, sizeof state);
    lv_wipe(last, sizeof last);
}
