/* Padding, and which way this processor compresses. */
#include "sha2/sha256.h"
#include "core/cpu.h"
#include "lv_core.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
static lv_sha256_compress *const special = lv_sha256_shani;
static const uint64_t special_needs = LV_CPU_SHA | LV_CPU_SSSE3 | LV_CPU_SSE41;
#elif defined(__aarch64__)
static lv_sha256_compress *const special = lv_sha256_armv8;
static const uint64_t special_needs = LV_CPU_ARM_SHA2;
#else
static lv_sha256_compress *const special = lv_sha256_portable;
static const uint64_t special_needs = 0;
#endif

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}; /* FIPS 180-4 section 5.3.3 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static lv_sha256_compress *compress = lv_sha256_portable;

static void hash(lv_sha256_compress *by, const struct lv_piece *pieces, size_t count, uint8_t *out)
{
    uint32_t state[8];
    uint8_t rest[2 * LV_SHA256_BLOCK];
    size_t held = 0;
    uint64_t total = 0;
    (void)memcpy(state, initial, sizeof state);
    for (; count > 0; count--, pieces++) {
        const uint8_t *bytes = pieces->bytes;
        size_t size = pieces->size;
        total += size;
        while (size > 0) {
            if (held == 0 && size >= LV_SHA256_BLOCK) {
                by(state, bytes, size / LV_SHA256_BLOCK);
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
                by(state, rest, 1);
                held = 0;
            }
        }
    }
    /* A one, zeros, and the length in bits in the last 8 bytes. */
    const size_t blocks = held + 9 > LV_SHA256_BLOCK ? 2 : 1;
    (void)memset(rest + held, 0, sizeof rest - held);
    rest[held] = 0x80;
    for (size_t i = 0; i < 8; i++) {
        rest[blocks * LV_SHA256_BLOCK - 1 - i] = (uint8_t)(total * 8 >> (8 * i));
    }
    by(state, rest, blocks);
    for (size_t i = 0; i < LV_SHA256_SIZE; i++) {
        out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

/* What the processor has is used once it gives the known answer: the one for "abc", FIPS 180-4. */
static void choose(void)
{
    static const uint8_t expected[LV_SHA256_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                                     0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                                     0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    const struct lv_piece abc = {(const uint8_t *)"abc", 3};
    uint8_t answer[LV_SHA256_SIZE];
    if ((lv_cpu_features() & special_needs) != special_needs) {
        return;
    }
    hash(special, &abc, 1, answer);
    if (memcmp(answer, expected, sizeof expected) == 0) {
        compress = special;
    }
}

void lv_sha256(const struct lv_piece *pieces, size_t count, uint8_t *out)
{
    (void)pthread_once(&once, choose);
    hash(compress, pieces, count, out);
}
