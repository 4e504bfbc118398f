/* Taking the padding off an RSAES-OAEP message without telling where it is wrong: RFC 8017, section 7.1.2.
 *
 * Manger ("A chosen ciphertext attack on RSA optimal asymmetric encryption padding", CRYPTO 2001) needs no more than to
 * learn whether the first byte is zero. So every step is made whatever the one before found, and all findings end in one
 * bit. Only for a good message does anything depend on where it begins. */
#include "lv_core.h"
#include "sha/sha.h"

#include <string.h>

enum { SIZE_MAX_HERE = 512 };

/* All ones if the byte is zero, else all zeros. */
static uint32_t if_zero(uint32_t byte)
{
    return 0 - ((byte - 1) >> 31);
}

/* out ^= MGF1(seed): RFC 8017, appendix B.2.1. `seed_size` leaves room for the counter. */
static void mask(const struct lv_sha *sha, uint8_t *out, size_t size, const uint8_t *seed, size_t seed_size)
{
    uint8_t input[SIZE_MAX_HERE + 4], digest[LV_SHA_DIGEST_MAX];
    (void)memcpy(input, seed, seed_size);
    for (size_t at = 0, counter = 0; at < size; at += sha->digest, counter++) {
        const uint8_t end[4] = {0, 0, 0, (uint8_t)counter};
        (void)memcpy(input + seed_size, end, sizeof end);
        lv_sha_of(sha, input, seed_size + sizeof end, digest);
        for (size_t i = 0; i < sha->digest && at + i < size; i++) {
            out[at + i] ^= digest[i];
        }
    }
    lv_wipe(input, sizeof input);
    lv_wipe(digest, sizeof digest);
}

/* Where, in a block of hash, zeros, 1 and message, the message begins; 0 if it is not such a block (without a 1,
 * nothing is found). */
static size_t find_message(const struct lv_sha *sha, const uint8_t *block, size_t size, uint32_t first_byte)
{
    uint8_t label_hash[LV_SHA_DIGEST_MAX];
    const uint8_t none = 0;
    uint32_t wrong = first_byte, searching = UINT32_MAX;
    size_t found = 0;
    lv_sha_of(sha, &none, 0, label_hash);
    for (size_t i = 0; i < sha->digest; i++) {
        wrong |= (uint32_t)(block[i] ^ label_hash[i]);
    }
    for (size_t i = sha->digest; i < size; i++) {
        const uint32_t is_one = if_zero(block[i] ^ 1u), is_zero = if_zero(block[i]);
        found |= (i + 1) & (0 - (size_t)(searching & is_one & 1u));
        wrong |= searching & ~is_one & ~is_zero;
        searching &= ~is_one;
        /* Hides the value from the optimiser, which could otherwise leave the loop once it is known. */
        __asm__ __volatile__("" : "+r"(searching));
    }
    __asm__ __volatile__("" : "+r"(wrong));
    const size_t keep = 0 - (size_t)(((wrong | (0 - wrong)) >> 31) ^ 1u);
    return found & keep;
}

int lv_rsa_oaep(uint8_t *encoded, size_t size, size_t digest, size_t *start)
{
    const struct lv_sha *sha = digest == lv_sha_1.digest ? &lv_sha_1 : &lv_sha_256;
    if (digest != sha->digest || size > SIZE_MAX_HERE || size < 2 * digest + 2) {
        return LV_UNSUITABLE;
    }
    uint8_t *seed = encoded + 1, *block = seed + digest;
    const size_t block_size = size - 1 - digest;
    mask(sha, seed, digest, block, block_size);
    mask(sha, block, block_size, seed, digest);
    const size_t found = find_message(sha, block, block_size, encoded[0]);
    if (found == 0) {
        lv_wipe(encoded, size);
        return LV_WRONG;
    }
    *start = 1 + digest + found;
    return LV_OK;
}
