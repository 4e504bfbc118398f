/* Products, squares and Montgomery reductions of eight numbers at a time, for every level; included by rsa_<level>.c below
 * the definitions of `vec` and of
 *     V_LO(s, a, b), V_HI(s, a, b)   s + the low, the high 52 bits of the product of a's and b's low 52 bits
 *     V_ADD, V_SUB, V_AND, V_OR, V_XOR, V_SHR (by 52), V_SAR (by 52, with the sign), V_ZERO, V_SET(u)
 *     V_EQ(a, b)                     the lanes that are equal, as a set of bits
 *     V_PICK(s, set, a)              a in the lanes of the set, s in the others
 *
 * "Almost Montgomery": with R = 2^(52 limbs) > 4 m, the product of two numbers below 2 m, reduced, is below
 * (4 m^2 + R m) / R < 2 m again, so nothing is ever subtracted in a loop (Gueron, "Efficient software implementations of
 * modular exponentiation", 2012, section 3). The primes leave 16, 24 and 32 spare bits, n twice as many.
 *
 * Columns are 64 bits wide and not carried until a reduction ends. At most 320 terms of 52 bits come together in one (80
 * limbs: 160 of a product, 160 of its reduction), so they stay below 2^61.
 *
 * No branch and no address depends on anything but the number of limbs, a multiple of 10. */

/* One limb y of the second factor against the ten rows a0..a9; c0 is the column that then is complete, and comes back as
 * the one ten further on. */
#define STEP(k, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9)                                                                \
    do {                                                                                                               \
        const vec y = b[k];                                                                                            \
        c0 = V_LO(c0, a0, y), c1 = V_LO(c1, a1, y), c2 = V_LO(c2, a2, y), c3 = V_LO(c3, a3, y);                        \
        c4 = V_LO(c4, a4, y), c5 = V_LO(c5, a5, y), c6 = V_LO(c6, a6, y), c7 = V_LO(c7, a7, y);                        \
        c8 = V_LO(c8, a8, y), c9 = V_LO(c9, a9, y);                                                                    \
        t[k] = c0, c0 = t[(k) + 10];                                                                                   \
        c1 = V_HI(c1, a0, y), c2 = V_HI(c2, a1, y), c3 = V_HI(c3, a2, y), c4 = V_HI(c4, a3, y);                        \
        c5 = V_HI(c5, a4, y), c6 = V_HI(c6, a5, y), c7 = V_HI(c7, a6, y), c8 = V_HI(c8, a7, y);                        \
        c9 = V_HI(c9, a8, y), c0 = V_HI(c0, a9, y);                                                                    \
    } while (0)

/* t += a b for ten limbs of a and `limbs` of b: 20 multiplications, a load and a store a limb, rows and columns in
 * twenty registers. */
static void multiply_rows(vec *t, const vec *a, const vec *b, size_t limbs)
{
    const vec a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4];
    const vec a5 = a[5], a6 = a[6], a7 = a[7], a8 = a[8], a9 = a[9];
    vec c0 = t[0], c1 = t[1], c2 = t[2], c3 = t[3], c4 = t[4];
    vec c5 = t[5], c6 = t[6], c7 = t[7], c8 = t[8], c9 = t[9];
    for (size_t k = 0; k < limbs; k += 10) {
        STEP(k, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9);
        STEP(k + 1, c1, c2, c3, c4, c5, c6, c7, c8, c9, c0);
        STEP(k + 2, c2, c3, c4, c5, c6, c7, c8, c9, c0, c1);
        STEP(k + 3, c3, c4, c5, c6, c7, c8, c9, c0, c1, c2);
        STEP(k + 4, c4, c5, c6, c7, c8, c9, c0, c1, c2, c3);
        STEP(k + 5, c5, c6, c7, c8, c9, c0, c1, c2, c3, c4);
        STEP(k + 6, c6, c7, c8, c9, c0, c1, c2, c3, c4, c5);
        STEP(k + 7, c7, c8, c9, c0, c1, c2, c3, c4, c5, c6);
        STEP(k + 8, c8, c9, c0, c1, c2, c3, c4, c5, c6, c7);
        STEP(k + 9, c9, c0, c1, c2, c3, c4, c5, c6, c7, c8);
    }
    t += limbs;
    t[0] = c0, t[1] = c1, t[2] = c2, t[3] = c3, t[4] = c4;
    t[5] = c5, t[6] = c6, t[7] = c7, t[8] = c8, t[9] = c9;
}

static void clear(vec *limbs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        limbs[i] = V_ZERO;
    }
}

static void copy(vec *to, const vec *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

/* t = a b, in 2 `limbs` columns. */
static void product(vec *t, const vec *a, const vec *b, size_t limbs)
{
    clear(t, 2 * limbs);
    for (size_t i = 0; i < limbs; i += 10) {
        multiply_rows(t + i, a + i, b, limbs);
    }
}

#define PAIR(i, j, low, high) c##low = V_LO(c##low, a##i, a##j), c##high = V_HI(c##high, a##i, a##j)

/* t += the products of ten limbs with each other, every pair once, none with itself. */
static void multiply_pairs(vec *t, const vec *a)
{
    const vec a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4];
    const vec a5 = a[5], a6 = a[6], a7 = a[7], a8 = a[8], a9 = a[9];
    vec c1 = t[1], c2 = t[2], c3 = t[3], c4 = t[4], c5 = t[5], c6 = t[6], c7 = t[7], c8 = t[8], c9 = t[9];
    PAIR(0, 1, 1, 2), PAIR(0, 2, 2, 3), PAIR(0, 3, 3, 4), PAIR(0, 4, 4, 5), PAIR(0, 5, 5, 6), PAIR(0, 6, 6, 7);
    vec c10 = t[10], c11 = t[11], c12 = t[12], c13 = t[13];
    PAIR(0, 7, 7, 8), PAIR(0, 8, 8, 9), PAIR(0, 9, 9, 10);
    PAIR(1, 2, 3, 4), PAIR(1, 3, 4, 5), PAIR(1, 4, 5, 6), PAIR(1, 5, 6, 7), PAIR(1, 6, 7, 8), PAIR(1, 7, 8, 9);
    PAIR(1, 8, 9, 10), PAIR(1, 9, 10, 11);
    t[1] = c1, t[2] = c2;
    PAIR(2, 3, 5, 6), PAIR(2, 4, 6, 7), PAIR(2, 5, 7, 8), PAIR(2, 6, 8, 9), PAIR(2, 7, 9, 10), PAIR(2, 8, 10, 11);
    PAIR(2, 9, 11, 12);
    t[3] = c3, t[4] = c4;
    vec c14 = t[14], c15 = t[15], c16 = t[16], c17 = t[17], c18 = t[18];
    PAIR(3, 4, 7, 8), PAIR(3, 5, 8, 9), PAIR(3, 6, 9, 10), PAIR(3, 7, 10, 11), PAIR(3, 8, 11, 12), PAIR(3, 9, 12, 13);
    t[5] = c5, t[6] = c6;
    PAIR(4, 5, 9, 10), PAIR(4, 6, 10, 11), PAIR(4, 7, 11, 12), PAIR(4, 8, 12, 13), PAIR(4, 9, 13, 14);
    PAIR(5, 6, 11, 12), PAIR(5, 7, 12, 13), PAIR(5, 8, 13, 14), PAIR(5, 9, 14, 15);
    t[7] = c7, t[8] = c8, t[9] = c9, t[10] = c10;
    PAIR(6, 7, 13, 14), PAIR(6, 8, 14, 15), PAIR(6, 9, 15, 16);
    PAIR(7, 8, 15, 16), PAIR(7, 9, 16, 17);
    PAIR(8, 9, 17, 18);
    t[11] = c11, t[12] = c12, t[13] = c13, t[14] = c14, t[15] = c15, t[16] = c16, t[17] = c17, t[18] = c18;
}

/* t = a a: each pair of limbs once, doubled, then each limb with itself. A little over half the work of a product. */
static void square(vec *t, const vec *a, size_t limbs)
{
    clear(t, 2 * limbs);
    for (size_t i = 0; i < limbs; i += 10) {
        multiply_pairs(t + 2 * i, a + i);
        if (i + 10 < limbs) {
            multiply_rows(t + 2 * i + 10, a + i, a + i + 10, limbs - i - 10);
        }
    }
    for (size_t i = 0; i < limbs; i++) {
        t[2 * i] = V_LO(V_ADD(t[2 * i], t[2 * i]), a[i], a[i]);
        t[2 * i + 1] = V_HI(V_ADD(t[2 * i + 1], t[2 * i + 1]), a[i], a[i]);
    }
}

/* A reading of the table of powers, one limb at a time: see pick_limb. */
struct reading {
    const vec *row; /* the entries' next limb */
    const uint16_t *chosen;
    vec *out;
};

/* The next limb of the entry that each lane wants. All 32 are read, in the same order whatever is wanted; what is wanted
 * is only in the masks, so neither a branch nor an address tells it. */
static inline void pick_limb(struct reading *reading)
{
    vec found = V_ZERO;
    for (size_t i = 0; i < LV_RSA_ENTRIES; i++) {
        found = V_PICK(found, reading->chosen[i], reading->row[i]);
    }
    reading->row += LV_RSA_ENTRIES;
    *reading->out++ = found;
}

/* out = the columns, carried: limbs of 52 bits. What is left over at the end is zero by the bounds above. */
static void carry(vec *out, const vec *columns, size_t limbs)
{
    const vec mask = V_SET(LV_RSA_LIMB_MASK);
    vec rest = V_ZERO;
    for (size_t i = 0; i < limbs; i++) {
        const vec column = V_ADD(columns[i], rest);
        out[i] = V_AND(column, mask);
        rest = V_SHR(column);
    }
}

/* One column of the reduction by five rows: q0..q4 are the modulus' limbs below that of the column, the nearest first;
 * the column's own takes the place of the last. */
#define COLUMN(j, q0, q1, q2, q3, q4)                                                                                  \
    do {                                                                                                               \
        high = V_HI(V_HI(V_HI(V_HI(V_HI(V_ZERO, m0, q0), m1, q1), m2, q2), m3, q3), m4, q4);                           \
        q4 = p[j];                                                                                                     \
        low = V_LO(V_LO(V_LO(V_LO(V_LO(c[j], m0, q4), m1, q0), m2, q1), m3, q2), m4, q3);                              \
        c[j] = V_ADD(low, high);                                                                                       \
    } while (0)

/* The factor that makes the column a multiple of 2^52 (its low bits), and what the column then carries on. */
#define FACTOR(m, column)                                                                                              \
    do {                                                                                                               \
        const vec sum = column;                                                                                        \
        m = V_LO(V_ZERO, sum, k0);                                                                                     \
        rest = V_SHR(V_LO(sum, m, p0));                                                                                \
    } while (0)

/* out = t / R modulo `modulus`: below (t + R m) / R. Five rows at a time; t is used up. With a `reading`, every five rows
 * also read one limb of the table: five reductions read it all, and the loads hide behind the multiplications. */
static void reduce(vec *out, vec *t, const struct lv_rsa_modulus *modulus, struct reading *reading)
{
    const size_t limbs = modulus->limbs;
    const vec *p = (const vec *)modulus->number;
    const vec k0 = *(const vec *)&modulus->k0;
    for (size_t i = 0; i < limbs; i += 5) {
        vec *c = t + i;
        vec p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3], p4 = p[4];
        vec m0, m1, m2, m3, m4, rest, low, high;
        FACTOR(m0, c[0]);
        high = V_HI(V_ZERO, m0, p0);
        low = V_LO(c[1], m0, p1);
        FACTOR(m1, V_ADD(V_ADD(low, high), rest));
        high = V_HI(V_HI(V_ZERO, m0, p1), m1, p0);
        low = V_LO(V_LO(c[2], m0, p2), m1, p1);
        FACTOR(m2, V_ADD(V_ADD(low, high), rest));
        high = V_HI(V_HI(V_HI(V_ZERO, m0, p2), m1, p1), m2, p0);
        low = V_LO(V_LO(V_LO(c[3], m0, p3), m1, p2), m2, p1);
        FACTOR(m3, V_ADD(V_ADD(low, high), rest));
        high = V_HI(V_HI(V_HI(V_HI(V_ZERO, m0, p3), m1, p2), m2, p1), m3, p0);
        low = V_LO(V_LO(V_LO(V_LO(c[4], m0, p4), m1, p3), m2, p2), m3, p1);
        FACTOR(m4, V_ADD(V_ADD(low, high), rest));
        c[5] = V_ADD(c[5], rest);
        if (reading != NULL) {
            pick_limb(reading);
        }
        for (size_t j = 5; j < limbs; j += 5) {
            COLUMN(j, p4, p3, p2, p1, p0);
            COLUMN(j + 1, p0, p4, p3, p2, p1);
            COLUMN(j + 2, p1, p0, p4, p3, p2);
            COLUMN(j + 3, p2, p1, p0, p4, p3);
            COLUMN(j + 4, p3, p2, p1, p0, p4);
        }
        /* Beyond the modulus' last limb, p4, the rows end one after the other. */
        c += limbs;
        high = V_HI(V_HI(V_HI(V_HI(V_HI(V_ZERO, m0, p4), m1, p3), m2, p2), m3, p1), m4, p0);
        low = V_LO(V_LO(V_LO(V_LO(c[0], m1, p4), m2, p3), m3, p2), m4, p1);
        c[0] = V_ADD(low, high);
        high = V_HI(V_HI(V_HI(V_HI(V_ZERO, m1, p4), m2, p3), m3, p2), m4, p1);
        low = V_LO(V_LO(V_LO(c[1], m2, p4), m3, p3), m4, p2);
        c[1] = V_ADD(low, high);
        c[2] = V_LO(V_LO(V_HI(V_HI(V_HI(c[2], m2, p4), m3, p3), m4, p2), m3, p4), m4, p3);
        c[3] = V_LO(V_HI(V_HI(c[3], m3, p4), m4, p3), m4, p4);
        c[4] = V_HI(c[4], m4, p4);
    }
    carry(out, t + limbs, limbs);
}

#undef STEP
#undef PAIR
#undef COLUMN
#undef FACTOR
