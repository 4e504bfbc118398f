/* The RSA operations of eight keys at a time, on top of rsa_kernel.h; included by rsa_<level>.c after it.
 *
 * A private operation is: blind, raise modulo p and modulo q, put together, unblind, verify. Nothing in it depends on a
 * secret but the values themselves: windows have fixed places, the table of powers is read whole, no number is compared
 * but by masks. What remains to an attacker are faults, met by the verification, and effects of the values on the
 * processor itself (power, frequency), met by the blinding.
 *
 * Blinding (Kocher, "Timing attacks on implementations of Diffie-Hellman, RSA, DSS, and other systems", CRYPTO 1996,
 * section 10): x is multiplied by a random a and the result by b = a^-d, so that what is raised to d has nothing to do
 * with x. The usual way draws r, takes a = r^e and inverts r; an inversion leaks unless it is itself made constant in time.
 * Here a is drawn and b is the same private operation with the exponents -dp mod p-1 and -dq mod q-1: no inversion, no
 * code of its own, and as a is uniform nothing needs to blind it. As x to x^e is a permutation, r = a^d is uniform as well.
 *
 * A pair serves LV_RSA_BLIND_USES groups and is squared before each, as Kocher proposes: b a^d = 1 stays true. Each lane
 * has a pair of its own, so no pair ever serves two messages. Whoever learns one pair would know the later ones of its
 * lane; hence the bound, which is OpenSSL's (BN_BLINDING_COUNTER) and makes fresh pairs cost 3 %. */

static vec *rows(lv_rsa_limb *limbs)
{
    return (vec *)limbs;
}

/* out = a b / R: below 2 m if a b < m R. `out` may be a or b. */
static void times(vec *out, const vec *a, const vec *b, const struct lv_rsa_modulus *m, struct lv_rsa_work *work)
{
    product(rows(work->columns), a, b, m->limbs);
    reduce(out, rows(work->columns), m, NULL);
}

static void squared(vec *out, const vec *a, const struct lv_rsa_modulus *m, struct lv_rsa_work *work,
                    struct reading *reading)
{
    square(rows(work->columns), a, m->limbs);
    reduce(out, rows(work->columns), m, reading);
}

/* out = a / R modulo m, at most m if a (of `limbs` limbs) is below m + 2^(52 limbs - 1). */
static void without_r(vec *out, const vec *a, const struct lv_rsa_modulus *m, struct lv_rsa_work *work)
{
    copy(rows(work->columns), a, m->limbs);
    clear(rows(work->columns) + m->limbs, m->limbs);
    reduce(out, rows(work->columns), m, NULL);
}

/* The lanes' window of five bits at a public place of their exponents, as sets of lanes for each entry of the table. */
static void choose(struct lv_rsa_work *work, enum lv_rsa_exponent which, size_t place)
{
    lv_rsa_limb window;
    const size_t words = lv_rsa_prime_words(work->p.limbs), word = place / 64, shift = place % 64;
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        const uint64_t *exponent = lv_rsa_exponent(work->keys[lane], which);
        uint64_t bits = exponent[word] >> shift;
        if (shift > 64 - LV_RSA_WINDOW && word + 1 < words) {
            bits |= exponent[word + 1] << (64 - shift);
        }
        window.lane[lane] = bits & (LV_RSA_ENTRIES - 1);
    }
    const vec wanted = *rows(&window);
    for (size_t entry = 0; entry < LV_RSA_ENTRIES; entry++) {
        work->chosen[entry] = V_EQ(wanted, V_SET(entry));
    }
    lv_wipe(&window, sizeof window);
}

/* Entry by entry base^0 ... base^31, times R; the same limb of all entries side by side. */
static void fill_table(const vec *base, const struct lv_rsa_modulus *m, struct lv_rsa_work *work)
{
    vec *power = rows(work->entry), *table = rows(work->table);
    without_r(power, (const vec *)m->r2, m, work);
    for (size_t entry = 0; entry < LV_RSA_ENTRIES; entry++) {
        if (entry > 0) {
            times(power, power, base, m, work);
        }
        for (size_t i = 0; i < m->limbs; i++) {
            table[i * LV_RSA_ENTRIES + entry] = power[i];
        }
    }
}

static struct reading reading_of(struct lv_rsa_work *work, vec *out)
{
    struct reading reading = {rows(work->table), work->chosen, out};
    return reading;
}

/* out = base^exponent, both times R. The windows lie at the multiples of five from the top of a full-length exponent
 * down, whatever its value. */
static void raise_prime(vec *out, const vec *base, const struct lv_rsa_modulus *m, enum lv_rsa_exponent which,
                        struct lv_rsa_work *work)
{
    const size_t bits = 64 * lv_rsa_prime_words(m->limbs);
    size_t place = (bits - 1) / LV_RSA_WINDOW * LV_RSA_WINDOW;
    fill_table(base, m, work);
    choose(work, which, place);
    struct reading first = reading_of(work, out);
    for (size_t i = 0; i < m->limbs; i++) {
        pick_limb(&first);
    }
    while (place > 0) {
        place -= LV_RSA_WINDOW;
        choose(work, which, place);
        struct reading next = reading_of(work, rows(work->entry));
        for (size_t i = 0; i < LV_RSA_WINDOW; i++) {
            squared(out, out, m, work, &next);
        }
        times(out, out, rows(work->entry), m, work);
    }
}

/* out = in^exponent modulo one prime, times R. `in` has the limbs of the modulus and is below 2 n, which is below R times
 * the prime: its first reduction is a division by R, which two multiplications by R^2 make good. */
static void raise_half(vec *out, const vec *in, const struct lv_rsa_modulus *prime, enum lv_rsa_exponent which,
                       struct lv_rsa_work *work)
{
    vec *base = rows(work->power);
    copy(rows(work->columns), in, 2 * prime->limbs);
    reduce(base, rows(work->columns), prime, NULL);
    times(base, base, (const vec *)prime->r2, prime, work);
    times(base, base, (const vec *)prime->r2, prime, work);
    raise_prime(out, base, prime, which, work);
}

/* out = a + 2 m - b, for both below 2 m: below 4 m, and never negative. */
static void subtract(vec *out, const vec *a, const vec *b, const struct lv_rsa_modulus *m)
{
    const vec mask = V_SET(LV_RSA_LIMB_MASK);
    const vec *number = (const vec *)m->number;
    vec rest = V_ZERO;
    for (size_t i = 0; i < m->limbs; i++) {
        const vec twice = V_ADD(number[i], number[i]);
        const vec column = V_ADD(V_SUB(V_ADD(a[i], twice), b[i]), rest);
        out[i] = V_AND(column, mask);
        rest = V_SAR(column);
    }
}

/* out = in^d modulo n, below 2 n + 2 q, by Garner's formula: m = mq + q ((mp - mq) / q mod p). It holds for p < q too, as
 * mq, below R, is reduced modulo p by a multiplication like any other number. `in` is below 2 n. */
static void raise_by_primes(vec *out, const vec *in, enum lv_rsa_exponent p_exponent, enum lv_rsa_exponent q_exponent,
                            struct lv_rsa_work *work)
{
    const size_t limbs = work->p.limbs;
    vec *mp = rows(work->half[0]), *mq = rows(work->half[1]), *t = rows(work->columns), *h = rows(work->power);
    raise_half(mp, in, &work->p, p_exponent, work);
    raise_half(mq, in, &work->q, q_exponent, work);
    without_r(mq, mq, &work->q, work);
    times(h, mq, rows(work->p.r2), &work->p, work);
    subtract(h, mp, h, &work->p);
    /* h has its R, 1/q has none, so the product has none either. */
    times(h, h, rows(work->qinv), &work->p, work);
    product(t, h, rows(work->q.number), limbs);
    for (size_t i = 0; i < limbs; i++) {
        t[i] = V_ADD(t[i], mq[i]);
    }
    carry(out, t, 2 * limbs);
}

/* out = a modulo m for a < 2 m, by a subtraction always made and a choice by mask. */
static void settle(vec *out, const vec *a, const struct lv_rsa_modulus *m, struct lv_rsa_work *work)
{
    const vec mask = V_SET(LV_RSA_LIMB_MASK);
    const vec *number = (const vec *)m->number;
    vec *less = rows(work->columns), rest = V_ZERO;
    for (size_t i = 0; i < m->limbs; i++) {
        const vec column = V_ADD(V_SUB(a[i], number[i]), rest);
        less[i] = V_AND(column, mask);
        rest = V_SAR(column);
    }
    const uint16_t not_below = V_EQ(rest, V_ZERO);
    for (size_t i = 0; i < m->limbs; i++) {
        out[i] = V_PICK(a[i], not_below, less[i]);
    }
}

static uint16_t lanes_with_bit(const struct lv_rsa_work *work, uint32_t bit)
{
    uint32_t set = 0;
    for (uint32_t lane = 0; lane < LV_RSA_LANES; lane++) {
        set |= (uint32_t)(work->e[lane] >> bit & 1u) << lane;
    }
    return (uint16_t)set;
}

static uint32_t highest_bit(const struct lv_rsa_work *work)
{
    uint32_t bit = 63;
    while (bit > 0 && lanes_with_bit(work, bit) == 0) {
        bit--;
    }
    return bit;
}

/* out = in^e mod n, square and multiply: e is public and may be branched on. 17 multiplications for 65537. */
static void raise_to_e(vec *out, const vec *in, struct lv_rsa_work *work)
{
    const struct lv_rsa_modulus *n = &work->n;
    const size_t limbs = n->limbs;
    vec *base = rows(work->base), *power = rows(work->power), *product_of = rows(work->check);
    uint32_t bit = highest_bit(work);
    times(base, in, (const vec *)n->r2, n, work);
    without_r(power, (const vec *)n->r2, n, work);
    for (size_t i = 0; i < limbs; i++) {
        power[i] = V_PICK(power[i], lanes_with_bit(work, bit), base[i]);
    }
    while (bit > 0) {
        bit--;
        squared(power, power, n, work, NULL);
        const uint16_t lanes = lanes_with_bit(work, bit);
        if (lanes == 0) {
            continue;
        }
        times(product_of, power, base, n, work);
        for (size_t i = 0; i < limbs; i++) {
            power[i] = V_PICK(power[i], lanes, product_of[i]);
        }
    }
    without_r(power, power, n, work);
    settle(out, power, n, work);
}

/* The lanes in which two numbers are the same. */
static uint16_t same(const vec *a, const vec *b, size_t limbs)
{
    vec difference = V_ZERO;
    for (size_t i = 0; i < limbs; i++) {
        difference = V_OR(difference, V_XOR(a[i], b[i]));
    }
    return V_EQ(difference, V_ZERO);
}

/* A pair from the random limbs in blinding.in, or the next one. Both parts stand times R, as their squares then do.
 * The random number is any below R; times R^2 / R modulo n it is uniform but for 2^-32, and below 2 n. */
static void next_pair(struct lv_rsa_work *work, int is_fresh)
{
    const struct lv_rsa_modulus *n = &work->n;
    vec *in = rows(work->blinding.in), *out = rows(work->blinding.out), *r2 = rows(work->n.r2);
    if (!is_fresh) {
        squared(in, in, n, work, NULL);
        squared(out, out, n, work, NULL);
        return;
    }
    times(in, in, r2, n, work);
    raise_by_primes(out, in, LV_RSA_MINUS_DP, LV_RSA_MINUS_DQ, work);
    times(in, in, r2, n, work);
    times(out, out, r2, n, work);
}

static void raise(struct lv_rsa_work *work)
{
    raise_to_e(rows(work->y), rows(work->x), work);
}

static uint32_t apply(struct lv_rsa_work *work, int is_fresh)
{
    const struct lv_rsa_modulus *n = &work->n;
    vec *x = rows(work->x), *y = rows(work->y);
    next_pair(work, is_fresh);
    times(y, x, rows(work->blinding.in), n, work);
    raise_by_primes(y, y, LV_RSA_DP, LV_RSA_DQ, work);
    times(y, y, rows(work->blinding.out), n, work);
    settle(y, y, n, work);
    /* A fault in one of the halves would give the other prime away: gcd(y^e - x, n) (Boneh, DeMillo, Lipton, "On the
     * importance of checking cryptographic protocols for faults", EUROCRYPT 1997). The check sees the unblinded result,
     * so it covers the blinding and a damaged key as well. */
    raise_to_e(rows(work->check), y, work);
    return same(rows(work->check), x, n->limbs);
}
