#include "reference.h"

#include <string.h>

/* Masks and products instead of branches: only because chance would mislead the processor's guesses. */

/* ---- AES, FIPS 197 ---------------------------------------------------------------------------------------------- */

/* Section 4.2.1: times x modulo x^8 + x^4 + x^3 + x + 1. */
static uint8_t times_x(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a >> 7) * 0x1b);
}

static uint8_t times(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (; b != 0; b >>= 1, a = times_x(a)) {
        product ^= b & 1 ? a : 0;
    }
    return product;
}

/* Section 5.1.1: the inverse, which is the 254th power, and an affine map. */
static uint8_t sub_byte_of(uint8_t a)
{
    uint8_t inverse = 1;
    for (int i = 0; i < 254; i++) {
        inverse = times(inverse, a);
    }
    uint8_t made = 0x63;
    for (int shift = 0; shift < 5; shift++) {
        made ^= (uint8_t)(inverse << shift | inverse >> (8 - shift));
    }
    return made;
}

static uint8_t sub_byte[256];

/* Before main, so that threads find it made. */
__attribute__((constructor)) static void make_sub_bytes(void)
{
    for (unsigned a = 0; a < 256; a++) {
        sub_byte[a] = sub_byte_of((uint8_t)a);
    }
}

/* Section 5.2. */
static unsigned expand(uint8_t round_key[15][16], const uint8_t *key, size_t key_size)
{
    const size_t in_key = key_size / 4, words = 4 * (in_key + 7);
    uint8_t(*word)[4] = (uint8_t(*)[4])round_key;
    uint8_t constant = 1;
    (void)memcpy(word, key, key_size);
    for (size_t i = in_key; i < words; i++) {
        uint8_t last[4];
        (void)memcpy(last, word[i - 1], 4);
        if (i % in_key == 0) {
            const uint8_t first = last[0];
            last[0] = sub_byte[last[1]] ^ constant;
            last[1] = sub_byte[last[2]];
            last[2] = sub_byte[last[3]];
            last[3] = sub_byte[first];
            constant = times_x(constant);
        } else if (in_key > 6 && i % in_key == 4) {
            for (int k = 0; k < 4; k++) {
                last[k] = sub_byte[last[k]];
            }
        }
        for (int k = 0; k < 4; k++) {
            word[i][k] = word[i - in_key][k] ^ last[k];
        }
    }
    return (unsigned)in_key + 6;
}

static void add(uint8_t *to, const uint8_t *bytes)
{
    for (int i = 0; i < 16; i++) {
        to[i] ^= bytes[i];
    }
}

/* Sections 5.1.1 and 5.1.2. */
static void sub_bytes_and_shift_rows(uint8_t *state)
{
    uint8_t before[16];
    (void)memcpy(before, state, 16);
    for (int i = 0; i < 16; i++) {
        state[i] = sub_byte[before[(i + 4 * (i % 4)) % 16]];
    }
}

/* Section 5.1.3. */
static void mix_columns(uint8_t *state)
{
    for (uint8_t *column = state; column < state + 16; column += 4) {
        const uint8_t all = column[0] ^ column[1] ^ column[2] ^ column[3], first = column[0];
        for (int i = 0; i < 4; i++) {
            const uint8_t next = i < 3 ? column[i + 1] : first;
            column[i] ^= all ^ times_x(column[i] ^ next);
        }
    }
}

static void encrypt(const uint8_t round_key[15][16], unsigned rounds, const uint8_t *in, uint8_t *out)
{
    (void)memmove(out, in, 16);
    add(out, round_key[0]);
    for (unsigned round = 1; round < rounds; round++) {
        sub_bytes_and_shift_rows(out);
        mix_columns(out);
        add(out, round_key[round]);
    }
    sub_bytes_and_shift_rows(out);
    add(out, round_key[rounds]);
}

void reference_aes(const uint8_t *key, size_t key_size, const uint8_t in[16], uint8_t out[16])
{
    uint8_t round_key[15][16];
    const unsigned rounds = expand(round_key, key, key_size);
    encrypt((const uint8_t(*)[16])round_key, rounds, in, out);
}

/* ---- GCM, NIST SP 800-38D --------------------------------------------------------------------------------------- */

static uint64_t big_endian(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static void put_big_endian(uint8_t *bytes, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8) {
        bytes[i] = (uint8_t)number;
    }
}

/* Section 6.3, algorithm 1; bit 0 of a block is the highest of its first byte. */
static void multiply(uint8_t *x, const uint8_t *h)
{
    const uint64_t bits[2] = {big_endian(x), big_endian(x + 8)};
    uint64_t high = big_endian(h), low = big_endian(h + 8), sum_high = 0, sum_low = 0;
    for (int i = 0; i < 128; i++) {
        const uint64_t taken = 0 - (bits[i / 64] >> (63 - i % 64) & 1), carry = 0 - (low & 1);
        sum_high ^= high & taken;
        sum_low ^= low & taken;
        low = low >> 1 | high << 63;
        high = high >> 1 ^ (carry & UINT64_C(0xe1) << 56);
    }
    put_big_endian(x, sum_high);
    put_big_endian(x + 8, sum_low);
}

static void encrypt_counter(const struct reference *reference, uint32_t counter, uint8_t *out)
{
    uint8_t block[16];
    (void)memcpy(block, reference->nonce, 12);
    for (int i = 0; i < 4; i++) {
        block[12 + i] = (uint8_t)(counter >> (24 - 8 * i));
    }
    encrypt((const uint8_t(*)[16])reference->round_key, reference->rounds, block, out);
}

void reference_begin(struct reference *made, const uint8_t *key, size_t key_size, const uint8_t nonce[12],
                     const uint8_t *aad, size_t aad_size)
{
    (void)memset(made, 0, sizeof *made);
    made->rounds = expand(made->round_key, key, key_size);
    encrypt((const uint8_t(*)[16])made->round_key, made->rounds, made->h, made->h);
    (void)memcpy(made->nonce, nonce, 12);
    made->counter = 1;
    encrypt_counter(made, 1, made->first);
    for (size_t i = 0; i < aad_size; i++) {
        made->hash[i % 16] ^= aad[i];
        if (i % 16 == 15 || i + 1 == aad_size) {
            multiply(made->hash, made->h);
        }
    }
    made->aad_size = aad_size;
}

uint8_t reference_next(struct reference *reference, uint8_t plain)
{
    const size_t at = (size_t)(reference->size++ % 16);
    if (at == 0) {
        encrypt_counter(reference, ++reference->counter, reference->stream);
    }
    const uint8_t made = plain ^ reference->stream[at];
    reference->hash[at] ^= made;
    if (at == 15) {
        multiply(reference->hash, reference->h);
    }
    return made;
}

void reference_tag(const struct reference *reference, uint8_t tag[16])
{
    uint8_t lengths[16];
    (void)memcpy(tag, reference->hash, 16);
    if (reference->size % 16 != 0) {
        multiply(tag, reference->h);
    }
    put_big_endian(lengths, reference->aad_size * 8);
    put_big_endian(lengths + 8, reference->size * 8);
    add(tag, lengths);
    multiply(tag, reference->h);
    add(tag, reference->first);
}

void reference_seal(const uint8_t *key, size_t key_size, const uint8_t nonce[12], const uint8_t *aad, size_t aad_size,
                    const uint8_t *in, size_t size, uint8_t *out)
{
    struct reference reference;
    reference_begin(&reference, key, key_size, nonce, aad, aad_size);
    for (size_t i = 0; i < size; i++) {
        out[i] = reference_next(&reference, in[i]);
    }
    reference_tag(&reference, out + size);
}

/* ---- XAES-256-GCM, c2sp.org/XAES-256-GCM ------------------------------------------------------------------------ */

void reference_derive(const uint8_t key[32], const uint8_t nonce[12], uint8_t derived[32])
{
    uint8_t subkey[17] = {0}, message[16] = {0, 0, 'X', 0};
    reference_aes(key, 32, subkey, subkey);
    const uint8_t last = subkey[0] & 0x80 ? 0x87 : 0;
    for (int i = 0; i < 16; i++) {
        subkey[i] = (uint8_t)(subkey[i] << 1 | subkey[i + 1] >> 7);
    }
    subkey[15] ^= last;
    (void)memcpy(message + 4, nonce, 12);
    for (uint8_t half = 0; half < 2; half++) {
        message[1] = half + 1;
        uint8_t *block = derived + 16 * half;
        (void)memcpy(block, message, 16);
        add(block, subkey);
        reference_aes(key, 32, block, block);
    }
}

void reference_xaes_seal(const uint8_t key[32], const uint8_t nonce[24], const uint8_t *aad, size_t aad_size,
                         const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t derived[32];
    reference_derive(key, nonce, derived);
    reference_seal(derived, 32, nonce + 12, aad, aad_size, in, size, out);
}
