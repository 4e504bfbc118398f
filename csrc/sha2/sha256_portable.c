/* SHA-256 in plain C: FIPS 180-4, sections 4.1.2 and 6.2.2. */
#include "sha2/sha256.h"
#include "lv_core.h"

const uint32_t lv_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotated(uint32_t x, unsigned by)
{
    return x >> by | x << (32 - by);
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void schedule(uint32_t words[64], const uint8_t *block)
{
    for (size_t i = 0; i < 16; i++) {
        words[i] = big_endian(block + 4 * i);
    }
    for (size_t i = 16; i < 64; i++) {
        const uint32_t a = words[i - 15], b = words[i - 2];
        const uint32_t low = rotated(a, 7) ^ rotated(a, 18) ^ a >> 3, high = rotated(b, 17) ^ rotated(b, 19) ^ b >> 10;
        words[i] = words[i - 16] + low + words[i - 7] + high;
    }
}

static void compress(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    uint32_t words[64], s[8];
    for (; count > 0; count--, blocks += LV_SHA256_BLOCK) {
        schedule(words, blocks);
        for (size_t i = 0; i < 8; i++) {
            s[i] = state[i];
        }
        for (size_t i = 0; i < 64; i++) {
            const uint32_t chosen = (s[4] & s[5]) ^ (~s[4] & s[6]);
            const uint32_t major = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            const uint32_t high = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25);
            const uint32_t low = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22);
            const uint32_t first = s[7] + high + chosen + lv_sha256_constants[i] + words[i];
            for (size_t j = 7; j > 0; j--) {
                s[j] = s[j - 1];
            }
            s[4] += first;
            s[0] = first + low + major;
        }
        for (size_t i = 0; i < 8; i++) {
            state[i] += s[i];
        }
    }
    lv_wipe(words, sizeof words);
    lv_wipe(s, sizeof s);
}

static void compress_two(uint32_t one[8], const uint8_t *ones, uint32_t other[8], const uint8_t *others, size_t count)
{
    compress(one, ones, count);
    compress(other, others, count);
}

const struct lv_sha256_way lv_sha256_portable = {"portable", 0, compress, compress_two};
