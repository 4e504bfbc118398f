/* AES-GCM and XAES-256-GCM in the plain words of their specifications, a byte at a time: slow, portable, and sharing
 * nothing with csrc/. Its lookups depend on the key: it is for tests. */
#ifndef LV_TEST_REFERENCE_H
#define LV_TEST_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

struct reference {
    uint8_t round_key[15][16];
    unsigned rounds;
    uint8_t h[16], first[16]; /* AES(0), AES(nonce | 1) */
    uint8_t nonce[12];
    uint32_t counter;
    uint8_t stream[16];  /* of the block that is being enciphered */
    uint8_t hash[16];    /* of all whole blocks; the rest is in, too, but not yet multiplied */
    uint64_t aad_size, size;
};

/* AES of one block, FIPS 197, with a key of 16, 24 or 32 bytes. */
void reference_aes(const uint8_t *key, size_t key_size, const uint8_t in[16], uint8_t out[16]);

/* NIST SP 800-38D, section 7.1, up to where the plaintext begins. */
void reference_begin(struct reference *made, const uint8_t *key, size_t key_size, const uint8_t nonce[12],
                     const uint8_t *aad, size_t aad_size);

/* The next byte of ciphertext. */
uint8_t reference_next(struct reference *reference, uint8_t plain);

/* The tag if no more came; what is given goes on afterwards. */
void reference_tag(const struct reference *reference, uint8_t tag[16]);

/* Ciphertext and tag to `out`. */
void reference_seal(const uint8_t *key, size_t key_size, const uint8_t nonce[12], const uint8_t *aad, size_t aad_size,
                    const uint8_t *in, size_t size, uint8_t *out);

/* c2sp.org/XAES-256-GCM: the derived key, and a whole message. */
void reference_derive(const uint8_t key[32], const uint8_t nonce[12], uint8_t derived[32]);
void reference_xaes_seal(const uint8_t key[32], const uint8_t nonce[24], const uint8_t *aad, size_t aad_size,
                         const uint8_t *in, size_t size, uint8_t *out);

#endif
