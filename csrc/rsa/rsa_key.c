/* RSA keys from bytes: shape checked, cut into limbs, with the constants that Montgomery's multiplication needs.
 *
 * The arithmetic here is plain C on one number, constant in time like the rest: it runs once a key. */
#include "lv_core.h"
#include "rsa/rsa_key.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What an lv_rsa_new was given. */
struct given {
    const uint8_t *n, *p, *q, *dp, *dq, *qinv;
    size_t size; /* bytes of n */
};

static atomic_uint_fast64_t last_id;

static uint64_t load64(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++) {
        word = word << 8 | bytes[i];
    }
    return word;
}

void lv_rsa_read(uint64_t *limbs, size_t stride, size_t count, const uint8_t *bytes, size_t size)
{
    const size_t words = size / 8;
    for (size_t i = 0; i < count; i++) {
        const size_t word = i * LV_RSA_LIMB_BITS / 64, shift = i * LV_RSA_LIMB_BITS % 64;
        uint64_t limb = word < words ? load64(bytes + size - 8 * (word + 1)) >> shift : 0;
        if (shift > 64 - LV_RSA_LIMB_BITS && word + 1 < words) {
            limb |= load64(bytes + size - 8 * (word + 2)) << (64 - shift);
        }
        limbs[i * stride] = limb & LV_RSA_LIMB_MASK;
    }
}

void lv_rsa_write(uint8_t *bytes, size_t size, const uint64_t *limbs, size_t stride, size_t count)
{
    uint64_t waiting = 0;
    size_t bits = 0, left = size;
    for (size_t i = 0; i < count; i++) {
        waiting |= limbs[i * stride] << bits; /* behind fewer than 8 bits */
        for (bits += LV_RSA_LIMB_BITS; bits >= 8 && left > 0; bits -= 8) {
            bytes[--left] = (uint8_t)waiting;
            waiting >>= 8;
        }
    }
}

/* 1 if a < b, for numbers of one length; in a time that depends on that alone. */
static int is_below(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint32_t borrow = 0;
    for (size_t i = size; i > 0; i--) {
        borrow = ((uint32_t)a[i - 1] - b[i - 1] - borrow) >> 31;
    }
    return (int)borrow;
}

/* The limbs and exponents here were made for odd numbers of exactly the full length. */
static int is_full_and_odd(const uint8_t *number, size_t size)
{
    return (number[0] & 0x80) != 0 && (number[size - 1] & 1) != 0;
}

static int has_shape(const struct given *given, uint64_t e)
{
    const size_t half = given->size / 2;
    if (given->size != 256 && given->size != 384 && given->size != 512) {
        return 0;
    }
    if (!is_full_and_odd(given->n, given->size) || e < 3 || (e & 1) == 0) {
        return 0;
    }
    if (given->p == NULL) {
        return 1;
    }
    return given->q != NULL && given->dp != NULL && given->dq != NULL && given->qinv != NULL &&
           is_full_and_odd(given->p, half) && is_full_and_odd(given->q, half) &&
           is_below(given->dp, given->p, half) && is_below(given->dq, given->q, half) &&
           is_below(given->qinv, given->p, half);
}

/* -1/m mod 2^52 by Newton's iteration: m is its own inverse modulo 8, and each step doubles the bits that are right. */
static uint64_t minus_inverse(uint64_t m)
{
    uint64_t inverse = m;
    for (int right = 3; right < 64; right *= 2) {
        inverse *= 2 - m * inverse;
    }
    return (0 - inverse) & LV_RSA_LIMB_MASK;
}

/* v = 2 v mod m, for v < m; `less` is scratch. The subtraction is always made and chosen by mask. */
static void double_modulo(uint64_t *v, const uint64_t *m, size_t limbs, uint64_t *less)
{
    uint64_t carried = 0, borrow = 0;
    for (size_t i = 0; i < limbs; i++) {
        const uint64_t twice = v[i] << 1 | carried;
        carried = twice >> LV_RSA_LIMB_BITS;
        v[i] = twice & LV_RSA_LIMB_MASK;
        const uint64_t difference = v[i] - m[i] - borrow;
        borrow = difference >> 63;
        less[i] = difference & LV_RSA_LIMB_MASK;
    }
    const uint64_t keep = 0 - borrow;
    for (size_t i = 0; i < limbs; i++) {
        v[i] = (v[i] & keep) | (less[i] & ~keep);
    }
}

/* R^2 mod m, R = 2^(52 limbs): from 2^(bits - 1), which is below m, doubled as often as it takes. */
static void set_r2(uint64_t *r2, const uint64_t *m, size_t limbs, size_t bits)
{
    uint64_t less[LV_RSA_FULL_LIMBS];
    for (size_t i = 0; i < limbs; i++) {
        r2[i] = 0;
    }
    r2[(bits - 1) / LV_RSA_LIMB_BITS] = UINT64_C(1) << (bits - 1) % LV_RSA_LIMB_BITS;
    for (size_t exponent = bits - 1; exponent < 2 * LV_RSA_LIMB_BITS * limbs; exponent++) {
        double_modulo(r2, m, limbs, less);
    }
    lv_wipe(less, sizeof less);
}

static void set_words(uint64_t *words, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size / 8; i++) {
        words[i] = load64(bytes + size - 8 * (i + 1));
    }
}

/* words = prime - 1 - exponent: its negative, as the order of the group is prime - 1. It is not negative. */
static void set_negative(uint64_t *words, const uint8_t *prime, const uint8_t *exponent, size_t size)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < size / 8; i++) {
        const uint64_t a = load64(prime + size - 8 * (i + 1)) - (i == 0 ? 1 : 0); /* it is odd */
        const uint64_t b = load64(exponent + size - 8 * (i + 1));
        words[i] = a - b - borrow;
        borrow = ((~a & b) | (~(a ^ b) & words[i])) >> 63; /* Hacker's Delight, 2-13 */
    }
}

static void set_private(struct lv_rsa_numbers *key, const struct given *given)
{
    const size_t half = given->size / 2, limbs = key->limbs, words = lv_rsa_prime_words(limbs);
    uint64_t *at = key->words, *exponents = at + LV_RSA_EXPONENTS * limbs;
    lv_rsa_read(at + LV_RSA_P * limbs, 1, limbs, given->p, half);
    lv_rsa_read(at + LV_RSA_Q * limbs, 1, limbs, given->q, half);
    lv_rsa_read(at + LV_RSA_QINV * limbs, 1, limbs, given->qinv, half);
    set_r2(at + LV_RSA_P_R2 * limbs, at + LV_RSA_P * limbs, limbs, 8 * half);
    set_r2(at + LV_RSA_Q_R2 * limbs, at + LV_RSA_Q * limbs, limbs, 8 * half);
    key->k0[1] = minus_inverse(at[LV_RSA_P * limbs]);
    key->k0[2] = minus_inverse(at[LV_RSA_Q * limbs]);
    set_words(exponents + LV_RSA_DP * words, given->dp, half);
    set_words(exponents + LV_RSA_DQ * words, given->dq, half);
    set_negative(exponents + LV_RSA_MINUS_DP * words, given->p, given->dp, half);
    set_negative(exponents + LV_RSA_MINUS_DQ * words, given->q, given->dq, half);
}

static void set_numbers(struct lv_rsa_numbers *key, const struct given *given, uint64_t e)
{
    const size_t full = 2 * (size_t)key->limbs;
    key->id = atomic_fetch_add(&last_id, 1) + 1;
    key->e = e;
    lv_rsa_read(key->words, 1, full, given->n, given->size);
    set_r2(key->words + full, key->words, full, 8 * given->size);
    key->k0[0] = minus_inverse(key->words[0]);
    key->is_private = given->p != NULL;
    if (key->is_private) {
        set_private(key, given);
    }
}

/* Bytes of a struct lv_rsa_numbers; those of a private key of 2048 bits share locked pages with small handles. */
static size_t memory_for(size_t limbs, int is_private)
{
    const size_t words = is_private ? LV_RSA_EXPONENTS * limbs + LV_RSA_EXPONENTS_END * lv_rsa_prime_words(limbs)
                                    : LV_RSA_PUBLIC_END * limbs;
    return sizeof(struct lv_rsa_numbers) + 8 * words;
}

_Static_assert(sizeof(struct lv_rsa_numbers) + 8 * (LV_RSA_EXPONENTS * 20 + 4 * 16) <= LV_SMALL_MAX, "a small handle");

int lv_rsa_new(size_t size, const uint8_t *n, uint64_t e, const uint8_t *p, const uint8_t *q, const uint8_t *dp,
               const uint8_t *dq, const uint8_t *qinv, lv_rsa **key)
{
    const struct given given = {n, p, q, dp, dq, qinv, size};
    if (!has_shape(&given, e)) {
        return LV_UNSUITABLE;
    }
    struct lv_rsa *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return LV_NO_MEMORY;
    }
    const size_t limbs = (size * 4 + LV_RSA_LIMB_BITS - 1) / LV_RSA_LIMB_BITS;
    const int status = lv_locked_new(memory_for(limbs, p != NULL), &fresh->memory);
    if (status != LV_OK) {
        free(fresh);
        return status;
    }
    fresh->size = size;
    fresh->numbers = (struct lv_rsa_numbers *)(void *)lv_locked_bytes(fresh->memory);
    fresh->numbers->limbs = (uint32_t)limbs;
    set_numbers(fresh->numbers, &given, e);
    *key = fresh;
    return LV_OK;
}

void lv_rsa_free(lv_rsa *key)
{
    if (key == NULL) {
        return;
    }
    lv_locked_free(key->memory);
    free(key);
}
