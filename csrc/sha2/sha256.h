/* SHA-256 (FIPS 180-4) of short messages, by the processor's own instructions where it has them.
 *
 * For what is not secret in length; the time depends on lengths alone. */
#ifndef LV_SHA256_H
#define LV_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define LV_SHA256_SIZE 32
#define LV_SHA256_BLOCK 64

/* A piece of a message. */
struct lv_piece {
    const uint8_t *bytes;
    size_t size;
};

/* The hash of the pieces one after another, 32 bytes at `out`. */
void lv_sha256(const struct lv_piece *pieces, size_t count, uint8_t *out);

/* One way to take whole blocks into a state. */
typedef void lv_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

lv_sha256_compress lv_sha256_portable, lv_sha256_shani, lv_sha256_armv8;

/* FIPS 180-4 section 4.2.2. */
extern const uint32_t lv_sha256_constants[64];

#endif
