/* HMAC-SHA256 of many short messages under one key: RFC 2104. */
#include "lv_core.h"
#include "sha2/sha256.h"

#include <string.h>

int lv_hmac_many(const uint8_t *key, size_t key_size, const uint8_t *data, const int64_t *offsets, size_t count, size_t size,
                 uint8_t *out)
{
    uint8_t inner[LV_SHA256_BLOCK], outer[LV_SHA256_BLOCK], hash[LV_SHA256_SIZE];
    if (key_size > LV_SHA256_BLOCK || size > LV_SHA256_SIZE) {
        return LV_TOO_LONG;
    }
    for (size_t i = 0; i < LV_SHA256_BLOCK; i++) {
        const uint8_t byte = i < key_size ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    for (size_t i = 0; i < count; i++) {
        const struct lv_piece message[2] = {{inner, sizeof inner}, {data + offsets[i], (size_t)(offsets[i + 1] - offsets[i])}};
        const struct lv_piece result[2] = {{outer, sizeof outer}, {hash, sizeof hash}};
        lv_sha256(message, 2, hash);
        lv_sha256(result, 2, hash);
        (void)memcpy(out + i * size, hash, size);
    }
    lv_wipe(inner, sizeof inner);
    lv_wipe(outer, sizeof outer);
    lv_wipe(hash, sizeof hash);
    return LV_OK;
}
