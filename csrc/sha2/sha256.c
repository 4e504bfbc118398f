/* Padding, and which way this processor compresses. */
#include "sha2/sha256.h"
#include "core/cpu.h"
#include "lv_core.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
static const struct lv_sha256_way *const special = &lv_sha256_shani;
#elif defined(__aarch64__)
static const struct lv_sha256_way *const special = &lv_sha256_armv8;
#else
static const struct lv_sha256_way *const special = &lv_sha256_portable;
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct lv_sha256_way *chosen = &lv_sha256_portable;

void lv_sha256_begin(uint32_t state[8])
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}; /* FIPS 180-4 section 5.3.3 */
    (void)memcpy(state, initial, sizeof initial);
}

/* Big-endian; compilers make one instruction of it. */
static void put_word(uint8_t *out, uint32_t word)
{
    out[0] = (uint8_t)(word >> 24);
    out[1] = (uint8_t)(word >> 16);
    out[2] = (uint8_t)(word >> 8);
    out[3] = (uint8_t)word;
}

/* A one, zeros, and the length in bits in the last 8 bytes: FIPS 180-4 section 5.1.1. */
size_t lv_sha256_pad(uint8_t *rest, size_t held, uint64_t total)
{
    const size_t blocks = (held + 9 + LV_SHA256_BLOCK - 1) / LV_SHA256_BLOCK;
    (void)memset(rest + held, 0, blocks * LV_SHA256_BLOCK - held);
    rest[held] = 0x80;
    uint8_t *const end = rest + blocks * LV_SHA256_BLOCK;
    put_word(end - 8, (uint32_t)(total >> 29));
    put_word(end - 4, (uint32_t)(total << 3));
    return blocks;
}

void lv_sha256_put(const uint32_t state[8], uint8_t *out)
{
    for (size_t i = 0; i < LV_SHA256_SIZE / 4; i++) {
        put_word(out + 4 * i, state[i]);
    }
}

void lv_sha256_by(const struct lv_sha256_way *way, const struct lv_piece *pieces, size_t count, uint8_t *out)
{
    uint32_t state[8];
    uint8_t rest[2 * LV_SHA256_BLOCK];
    size_t held = 0;
    uint64_t total = 0;
    lv_sha256_begin(state);
    for (; count > 0; count--, pieces++) {
        const uint8_t *bytes = pieces->bytes;
        size_t size = pieces->size;
        total += size;
        while (size > 0) {
            if (held == 0 && size >= LV_SHA256_BLOCK) {
                way->one(state, bytes, size / LV_SHA256_BLOCK);
                bytes += size - size % LV_SHA256_BLOCK;
                size %= LV_SHA256_BLOCK;
                continue;
            }
            const size_t part = size < LV_SHA256_BLOCK - held ? size : LV_SHA256_BLOCK - held;
            (void)memcpy(rest + held, bytes, part);
            bytes += part;
            size -= part;
            held += part;
            if (held == LV_SHA256_BLOCK) {
                way->one(state, rest, 1);
                held = 0;
            }
        }
    }
    way->one(state, rest, lv_sha256_pad(rest, held, total));
    lv_sha256_put(state, out);
    lv_wipe(rest, sizeof rest);
}

/* What the processor has is used once it gives the known answers: for "abc" and, beside it, for nothing, FIPS 180-4. */
static void choose(void)
{
    static const uint8_t of_abc[LV_SHA256_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                                   0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                                   0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const uint8_t of_nothing[LV_SHA256_SIZE] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
                                                       0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
                                                       0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    const struct lv_piece abc = {(const uint8_t *)"abc", 3};
    uint8_t alone[LV_SHA256_SIZE], left[LV_SHA256_SIZE], right[LV_SHA256_SIZE];
    if ((lv_cpu_features() & special->needs) != special->needs) {
        return;
    }
    lv_sha256_by(special, &abc, 1, alone);
    uint8_t block[LV_SHA256_BLOCK] = "abc", empty[LV_SHA256_BLOCK];
    uint32_t one[8], other[8];
    lv_sha256_begin(one);
    lv_sha256_begin(other);
    (void)lv_sha256_pad(block, 3, 3);
    (void)lv_sha256_pad(empty, 0, 0);
    special->two(one, block, other, empty, 1);
    lv_sha256_put(one, left);
    lv_sha256_put(other, right);
    if (memcmp(alone, of_abc, sizeof of_abc) == 0 && memcmp(left, of_abc, sizeof of_abc) == 0 &&
        memcmp(right, of_nothing, sizeof of_nothing) == 0) {
        chosen = special;
    }
}

const struct lv_sha256_way *lv_sha256_chosen(void)
{
    (void)pthread_once(&once, choose);
    return chosen;
}

void lv_sha256(const struct lv_piece *pieces, size_t count, uint8_t *out)
{
    lv_sha256_by(lv_sha256_chosen(), pieces, count, out);
}
