/* Blocks of bytes and numbers, and GHASH over them: part of aes_gcm_body.h. */

INLINE blk b_load_part(const uint8_t *bytes, size_t size)
{
    if (size >= 8) {
        return b_of(load_64(bytes), size == 8 ? 0 : load_64(bytes + size - 8) >> (8 * (16 - size)));
    }
    return b_of(load_below_8(bytes, size), 0);
}

INLINE void b_store_part(uint8_t *bytes, blk a, size_t size)
{
    if (size > 8) {
        store_64(bytes, b_low(a));
        store_below_8(bytes + 8, b_high(a), size - 8);
    } else if (size == 8) {
        store_64(bytes, b_low(a));
    } else {
        store_below_8(bytes, b_low(a), size);
    }
}

/* A nonce, its counter still 0. */
INLINE blk b_nonce(const uint8_t *nonce)
{
    return b_of(load_64(nonce), load_32(nonce + 8));
}

/* The block of lengths in bits, byte-reversed as all that is hashed. */
INLINE blk b_lengths(size_t aad_size, size_t size)
{
    return b_of((uint64_t)size * 8, (uint64_t)aad_size * 8);
}

/* XAES-256-GCM's message that half of a derived key is made from: 00 number 'X' 00, and 12 bytes of nonce. */
INLINE blk b_message(const uint8_t *nonce, uint32_t number)
{
    return b_of((uint64_t)load_32(nonce) << 32 | (uint64_t)'X' << 16 | number << 8, load_64(nonce + 4));
}

/* The upper half of the reversed polynomial, where a low half is multiplied. */
INLINE blk b_polynomial(void)
{
    return b_of((uint64_t)0xc2 << 56, 0);
}

/* Times x modulo the reversed polynomial: a shift by one, and what falls out comes back as 1 and 0xc2 << 120. */
INLINE blk b_times_x(blk a)
{
    const uint64_t low = b_low(a), high = b_high(a), out = high >> 63;
    return b_of(low << 1 | out, (high << 1 | low >> 63) ^ ((0 - out) & (uint64_t)0xc2 << 56));
}

INLINE uint32_t b_sub_word(uint32_t word)
{
    return (uint32_t)b_low(b_sub_last(b_same_word(word)));
}

INLINE vec v_round_key(const uint8_t *key)
{
    return v_same(b_load(key));
}


/* Sums of products before reduction: low, middle and high, the middle one with the other two still in it. */
struct sums {
    vec low, middle, high;
};
struct sum {
    blk low, middle, high;
};

INLINE struct sums no_sums(void)
{
    return (struct sums){v_zero(), v_zero(), v_zero()};
}

INLINE void add_products_of(struct sums *sums, vec data, vec power, vec folded)
{
    sums->low = v_xor(sums->low, v_clmul_low(data, power));
    sums->high = v_xor(sums->high, v_clmul_high(data, power));
    sums->middle = v_xor(sums->middle, v_clmul_low(v_xor(data, v_swap(data)), folded));
}

INLINE void add_products(struct sums *sums, vec data, const uint8_t *powers, const uint8_t *folded)
{
    add_products_of(sums, data, v_load(powers), v_load(folded));
}

INLINE void add_product(struct sum *sum, blk data, const uint8_t *power_bytes, const uint8_t *folded)
{
    const blk power = b_load(power_bytes);
    sum->low = b_xor(sum->low, b_clmul_low(data, power));
    sum->high = b_xor(sum->high, b_clmul_high(data, power));
    sum->middle = b_xor(sum->middle, b_clmul_low(b_xor(data, b_swap(data)), b_load(folded)));
}

INLINE struct sum fold(const struct sums *sums)
{
    return (struct sum){v_fold(sums->low), v_fold(sums->middle), v_fold(sums->high)};
}

/* Modulo x^128 + x^127 + x^126 + x^121 + 1, which is GCM's polynomial with its bits reversed: twice 64 bits are folded up
 * by the polynomial's upper half. */
INLINE blk reduce(struct sum sum)
{
    const blk polynomial = b_polynomial();
    blk middle = b_xor(sum.middle, b_xor(sum.low, sum.high));
    middle = b_xor(middle, b_xor(b_swap(sum.low), b_clmul_low(sum.low, polynomial)));
    return b_xor(sum.high, b_xor(b_swap(middle), b_clmul_low(middle, polynomial)));
}

INLINE vec v_reduce(struct sums sums)
{
    const vec polynomial = v_same(b_polynomial());
    vec middle = v_xor(sums.middle, v_xor(sums.low, sums.high));
    middle = v_xor(middle, v_xor(v_swap(sums.low), v_clmul_low(sums.low, polynomial)));
    return v_xor(sums.high, v_xor(v_swap(middle), v_clmul_low(middle, polynomial)));
}

/* Where the tables hold the powers that `blocks` blocks are multiplied with. */
INLINE size_t powers_for(size_t blocks)
{
    return LV_POWERS - blocks;
}

/* Takes associated data of any size into the hash. */
static blk absorb(const struct lv_gcm_key *key, const uint8_t *data, size_t size)
{
    blk hash = b_zero();
    while (size > 0) {
        const size_t part = size < LV_POWERS * LV_BLOCK ? size : LV_POWERS * LV_BLOCK;
        size_t at = powers_for((part + LV_BLOCK - 1) / LV_BLOCK);
        size_t left = part;
        vec first = v_first(hash);
        struct sums sums = no_sums();
        for (; left >= VECTOR_BYTES; left -= VECTOR_BYTES, data += VECTOR_BYTES, at += LANES) {
            add_products(&sums, v_xor(v_reverse(v_load(data)), first), key->power[at], key->folded[at]);
            first = v_zero();
        }
        struct sum sum = fold(&sums);
        blk pending = v_fold(first);
        for (; left >= LV_BLOCK; left -= LV_BLOCK, data += LV_BLOCK, at++) {
            add_product(&sum, b_xor(b_reverse(b_load(data)), pending), key->power[at], key->folded[at]);
            pending = b_zero();
        }
        if (left > 0) {
            add_product(&sum, b_xor(b_reverse(b_load_part(data, left)), pending), key->power[at], key->folded[at]);
            data += left;
        }
        hash = reduce(sum);
        size -= part;
    }
    return hash;
}
