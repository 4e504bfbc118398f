/* SHA-1 and SHA-256 (FIPS 180-4) of short secret messages, in portable C: no table, no branch and no address depends on
 * what is hashed, and nothing of it is left behind. For MGF1 within RSAES-OAEP; bulk hashing is not its business. */
#ifndef LV_SHA_H
#define LV_SHA_H

#include <stddef.h>
#include <stdint.h>

#define LV_SHA_BLOCK 64
#define LV_SHA_DIGEST_MAX 32

struct lv_sha {
    size_t digest; /* bytes */
    uint32_t start[8];
    void (*compress)(uint32_t state[8], const uint8_t block[LV_SHA_BLOCK]);
};

extern const struct lv_sha lv_sha_1, lv_sha_256;

/* The digest of `size` bytes (below 2^29), in digest[sha->digest]. Time depends on `size` alone. */
void lv_sha_of(const struct lv_sha *sha, const uint8_t *message, size_t size, uint8_t *digest);

#endif
