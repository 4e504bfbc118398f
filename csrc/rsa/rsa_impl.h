/* What the eight lanes of bulk RSA work on: the numbers of one key, the workspace of one group, a table of functions.
 *
 * Numbers are cut into limbs of 52 bits, lowest first. A prime has LIMBS of them (20, 30 or 40 for keys of 2048, 3072 and
 * 4096 bits), the modulus twice as many. rsa_kernel.h and rsa_body.h have the arithmetic once; each rsa_<level>.c compiles it
 * for one instruction set. */
#ifndef LV_RSA_IMPL_H
#define LV_RSA_IMPL_H

#include <stddef.h>
#include <stdint.h>

#define LV_RSA_LANES 8
#define LV_RSA_LIMB_BITS 52
#define LV_RSA_LIMB_MASK ((UINT64_C(1) << LV_RSA_LIMB_BITS) - 1)
#define LV_RSA_PRIME_LIMBS 40 /* of a prime of 2048 bits */
#define LV_RSA_FULL_LIMBS 80  /* of a modulus of 4096 bits */
#define LV_RSA_WINDOW 5       /* bits of the exponent at a time */
#define LV_RSA_ENTRIES 32     /* of the table of powers */

/* A pair of blinding factors serves this many groups, squared before each (see rsa_body.h). */
#define LV_RSA_BLIND_USES 32

/* One key, laid out in locked memory. With L limbs and W words of 64 bits a prime, `words` holds in this order
 *     n (2L), R^2 mod n (2L), p, R^2 mod p, q, R^2 mod q, 1/q mod p (L each), dp, dq, -dp mod p-1, -dq mod q-1 (W each)
 * where R is 2^(52 L) for the primes and 2^(104 L) for n; a public key ends after the second. */
struct lv_rsa_numbers {
    uint64_t id; /* no two keys of a process have the same; 0 is none */
    uint64_t e;
    uint64_t k0[3]; /* -1/n, -1/p, -1/q mod 2^52 */
    uint32_t limbs; /* of a prime */
    uint32_t is_private;
    uint64_t words[];
};

/* Where the parts begin, in units of a prime's limbs, but the exponents: in words of 64 bits behind those. */
enum { LV_RSA_N = 0, LV_RSA_N_R2 = 2, LV_RSA_PUBLIC_END = 4 };
enum { LV_RSA_P = 4, LV_RSA_P_R2, LV_RSA_Q, LV_RSA_Q_R2, LV_RSA_QINV, LV_RSA_EXPONENTS };
enum lv_rsa_exponent { LV_RSA_DP, LV_RSA_DQ, LV_RSA_MINUS_DP, LV_RSA_MINUS_DQ, LV_RSA_EXPONENTS_END };

/* Words of 64 bits that a prime of `limbs` limbs fills: 16, 24 or 32. */
static inline size_t lv_rsa_prime_words(size_t limbs)
{
    return limbs * LV_RSA_LIMB_BITS / 64;
}

static inline const uint64_t *lv_rsa_exponent(const struct lv_rsa_numbers *key, enum lv_rsa_exponent which)
{
    return key->words + LV_RSA_EXPONENTS * key->limbs + (size_t)which * lv_rsa_prime_words(key->limbs);
}

/* The same limb of eight numbers. */
typedef struct {
    _Alignas(64) uint64_t lane[LV_RSA_LANES];
} lv_rsa_limb;

struct lv_rsa_modulus {
    lv_rsa_limb number[LV_RSA_FULL_LIMBS];
    lv_rsa_limb r2[LV_RSA_FULL_LIMBS];
    lv_rsa_limb k0;
    size_t limbs;
};

/* All that one group of eight needs, in locked memory and wiped after each call but for `blinding`. */
struct lv_rsa_work {
    /* Kept from call to call: what eight messages are multiplied by, and their results, both times R mod n. */
    struct {
        lv_rsa_limb in[LV_RSA_FULL_LIMBS];
        lv_rsa_limb out[LV_RSA_FULL_LIMBS];
        uint64_t ids[LV_RSA_LANES]; /* of the keys they belong to */
        uint32_t uses;              /* groups they have served; LV_RSA_BLIND_USES: to be made anew */
    } blinding;

    /* From here on: filled by the caller, who also wipes. */
    struct lv_rsa_modulus n, p, q;
    lv_rsa_limb qinv[LV_RSA_PRIME_LIMBS];
    uint64_t e[LV_RSA_LANES];
    const struct lv_rsa_numbers *keys[LV_RSA_LANES];
    lv_rsa_limb x[LV_RSA_FULL_LIMBS]; /* the input, below n */
    lv_rsa_limb y[LV_RSA_FULL_LIMBS]; /* the result, below n */

    /* The arithmetic's own. */
    lv_rsa_limb columns[2 * LV_RSA_FULL_LIMBS];
    lv_rsa_limb base[LV_RSA_FULL_LIMBS];
    lv_rsa_limb power[LV_RSA_FULL_LIMBS];
    lv_rsa_limb check[LV_RSA_FULL_LIMBS];
    lv_rsa_limb entry[LV_RSA_PRIME_LIMBS];
    lv_rsa_limb half[2][LV_RSA_PRIME_LIMBS];
    lv_rsa_limb table[LV_RSA_PRIME_LIMBS * LV_RSA_ENTRIES];
    uint16_t chosen[LV_RSA_ENTRIES]; /* for each entry of the table, the lanes that want it */
};

struct lv_rsa_impl {
    const char *name;
    uint64_t needs; /* bits of lv_cpu_features, all of them */

    /* y = x^e mod n in every lane. Public: time depends on e and on the size. */
    void (*raise)(struct lv_rsa_work *work);

    /* y = x^d mod n in every lane, blinded. The lanes whose result, raised to e, gives x again, as a set of bits; what
     * stands in the others is of no use to anybody and must not be released. If `is_fresh`, `blinding.in` holds
     * random limbs of which a pair is made first. Time depends on the size, e and `is_fresh` alone. */
    uint32_t (*apply)(struct lv_rsa_work *work, int is_fresh);
};

/* NULL where this build has no such level. */
extern const struct lv_rsa_impl *const lv_rsa_ifma;

/* ---- rsa_key.c ---- */

/* A number of `size` bytes (a multiple of 8), big-endian, into as many limbs as are there, and back; `stride` is the
 * distance from one limb to the next. */
void lv_rsa_read(uint64_t *limbs, size_t stride, size_t count, const uint8_t *bytes, size_t size);
void lv_rsa_write(uint8_t *bytes, size_t size, const uint64_t *limbs, size_t stride, size_t count);

#endif
