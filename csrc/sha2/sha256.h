/* SHA-256 (FIPS 180-4) of short messages, by the processor's own instructions where it has them.
 *
 * The time depends on lengths alone. */
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

/* Takes whole blocks into a state. */
typedef void lv_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

/* Takes `count` blocks each into two states that have nothing to do with each other. */
typedef void lv_sha256_compress_two(uint32_t one[8], const uint8_t *ones, uint32_t other[8], const uint8_t *others,
                                    size_t count);

/* One way to do it, and what it asks of the processor: bits of lv_cpu_features, all of them. */
struct lv_sha256_way {
    const char *name;
    uint64_t needs;
    lv_sha256_compress *one;
    lv_sha256_compress_two *two;
};

extern const struct lv_sha256_way lv_sha256_portable, lv_sha256_shani, lv_sha256_armv8;

/* The best way that this processor has and that gave the known answers. */
const struct lv_sha256_way *lv_sha256_chosen(void);

/* The hash of the pieces one after another, 32 bytes at `out`. Nothing of the message stays behind. */
void lv_sha256(const struct lv_piece *pieces, size_t count, uint8_t *out);

/* The same by one way. */
void lv_sha256_by(const struct lv_sha256_way *way, const struct lv_piece *pieces, size_t count, uint8_t *out);

/* What a message begins with, ends with and comes to. `rest` has the last `held` of its `total` bytes and room for up to 72
 * more: how many blocks those are with the padding. */
void lv_sha256_begin(uint32_t state[8]);
size_t lv_sha256_pad(uint8_t *rest, size_t held, uint64_t total);
void lv_sha256_put(const uint32_t state[8], uint8_t *out);

/* FIPS 180-4 section 4.2.2. */
extern const uint32_t lv_sha256_constants[64];

#endif
