/* AES-GCM (NIST SP 800-38D) once, for vectors of LANES blocks. A level's file includes this after it has defined
 *
 *   LANES, blk (one block), vec (LANES blocks), and on both: load, store, xor, zero, clmul (low halves, high halves,
 *   low by high), swap (of a block's halves), reverse (of a block's bytes), and the AES rounds;
 *   vectors from blocks: v_same (a block in every lane), v_first (a block in lane 0, zeros beside it), v_fold (XOR of all
 *   lanes); counters: v_counters, v_count, v_big_endian.
 *
 * Constant time: branches and addresses depend on lengths and counts alone. Data meet only AES, carry-less multiplication,
 * XOR and byte shuffles, none of which takes a time of its own for any value.
 *
 * GHASH works on byte-reversed blocks, in which bit 0 of the polynomial stands highest. A product of two such numbers comes
 * out one bit short, so the powers of H are kept times x (Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction
 * and its Usage for Computing the GCM Mode", 2014). */

#define STEP_VECTORS 8
#define STEP_BLOCKS (STEP_VECTORS * LANES)
#define STEP_BYTES (STEP_BLOCKS * LV_BLOCK)
#define VECTOR_BYTES (LANES * LV_BLOCK)
/* A record of no more blocks is made from key stream that was computed together with others'. */
#define SMALL_BLOCKS (LV_POWERS - 1)
#define EACH_VECTOR(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define EACH_OF_HALF(DO) DO(0) DO(1) DO(2) DO(3)
#define EACH_ROUND(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8)

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

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

/* ---- GHASH ------------------------------------------------------------------------------------------------------ */

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

/* ---- AES in counter mode ---------------------------------------------------------------------------------------- */

INLINE void encrypt_vectors(const struct lv_gcm_key *key, vec *state)
{
    vec before = v_round_key(key->round_key.of[0]), now = before;
#define BEGIN(i) state[i] = v_begin(state[i], now);
#define ROUND(i) state[i] = v_round(state[i], before, now);
#define END(i) state[i] = v_end(state[i], before, now);
    EACH_VECTOR(BEGIN)
    for (uint32_t round = 1; round < key->rounds; round++) {
        before = now;
        now = v_round_key(key->round_key.of[round]);
        EACH_VECTOR(ROUND)
    }
    before = now;
    now = v_round_key(key->round_key.of[key->rounds]);
    EACH_VECTOR(END)
}

INLINE blk encrypt_one(const struct lv_gcm_key *key, blk state)
{
    blk before = b_load(key->round_key.of[0]), now = before;
    state = b_begin(state, now);
    for (uint32_t round = 1; round < key->rounds; round++) {
        before = now;
        now = b_load(key->round_key.of[round]);
        state = b_round(state, before, now);
    }
    return b_end(state, now, b_load(key->round_key.of[key->rounds]));
}

/* Half a step's, for a lone short record. */
INLINE void encrypt_half(const struct lv_gcm_key *key, uint8_t *blocks)
{
    vec before = v_round_key(key->round_key.of[0]), now = before;
    vec state[STEP_VECTORS / 2];
#define TAKE_AND_BEGIN(i) state[i] = v_begin(v_load(blocks + (i) * VECTOR_BYTES), now);
#define END_AND_GIVE(i) v_store(blocks + (i) * VECTOR_BYTES, v_end(state[i], before, now));
    EACH_OF_HALF(TAKE_AND_BEGIN)
    for (uint32_t round = 1; round < key->rounds; round++) {
        before = now;
        now = v_round_key(key->round_key.of[round]);
        EACH_OF_HALF(ROUND)
    }
    before = now;
    now = v_round_key(key->round_key.of[key->rounds]);
    EACH_OF_HALF(END_AND_GIVE)
}

/* Turns a step's counters into key stream, where they stand. */
INLINE void encrypt_step(const struct lv_gcm_key *key, uint8_t *blocks)
{
    vec state[STEP_VECTORS];
#define TAKE(i) state[i] = v_load(blocks + (i) * VECTOR_BYTES);
#define GIVE(i) v_store(blocks + (i) * VECTOR_BYTES, state[i]);
    EACH_VECTOR(TAKE)
    encrypt_vectors(key, state);
    EACH_VECTOR(GIVE)
}

/* Enciphers a step and, between the rounds, takes the step at `hashed` into the hash: AES and multiplication have units of
 * their own. The vector that the hash so far is added to comes last, so that nothing waits for its reduction. */
INLINE vec crypt_and_hash(const struct lv_gcm_key *key, vec counters, const uint8_t *in, uint8_t *out, const uint8_t *hashed,
                          blk *hash)
{
    const size_t at = powers_for(STEP_BLOCKS);
    struct sums sums = no_sums();
    vec state[STEP_VECTORS];
    vec before = v_round_key(key->round_key.of[0]), now = before;
#define COUNTER(i)                                   \
    state[i] = v_begin(v_big_endian(counters), now); \
    counters = v_count(counters, LANES);
#define HASH(i, added)                                                            \
    add_products(&sums, v_xor(v_reverse(v_load(hashed + (i) * VECTOR_BYTES)), added), \
                 key->power[at + (i) * LANES], key->folded[at + (i) * LANES]);
#define ROUND_AND_HASH(round)                     \
    before = now;                                 \
    now = v_round_key(key->round_key.of[round]);    \
    EACH_VECTOR(ROUND)                            \
    HASH((round) % STEP_VECTORS, (round) % STEP_VECTORS == 0 ? v_first(*hash) : v_zero())
    EACH_VECTOR(COUNTER)
    EACH_ROUND(ROUND_AND_HASH)
    *hash = reduce(fold(&sums));
    for (uint32_t round = STEP_VECTORS + 1; round < key->rounds; round++) {
        before = now;
        now = v_round_key(key->round_key.of[round]);
        EACH_VECTOR(ROUND)
    }
    before = now;
    now = v_round_key(key->round_key.of[key->rounds]);
    EACH_VECTOR(END)
#define COMBINE(i) v_store(out + (i) * VECTOR_BYTES, v_xor(v_load(in + (i) * VECTOR_BYTES), state[i]));
    EACH_VECTOR(COMBINE)
    return counters;
}

INLINE vec crypt_step(const struct lv_gcm_key *key, vec counters, const uint8_t *in, uint8_t *out)
{
    vec state[STEP_VECTORS];
#define BARE_COUNTER(i)                 \
    state[i] = v_big_endian(counters); \
    counters = v_count(counters, LANES);
    EACH_VECTOR(BARE_COUNTER)
    encrypt_vectors(key, state);
    EACH_VECTOR(COMBINE)
    return counters;
}

INLINE blk hash_step(const struct lv_gcm_key *key, const uint8_t *hashed, blk hash)
{
    const size_t at = powers_for(STEP_BLOCKS);
    struct sums sums = no_sums();
#define HASH_ONE(i) HASH(i, (i) == 0 ? v_first(hash) : v_zero())
    EACH_VECTOR(HASH_ONE)
    return reduce(fold(&sums));
}

/* ---- a record --------------------------------------------------------------------------------------------------- */

/* What a run of records has in common, so that it is computed once. */
struct run {
    const uint8_t *aad;
    size_t aad_size;
    blk aad_hash;
    size_t size;
    struct sum lengths; /* the block of lengths times H */
};

INLINE void follow(struct run *run, const struct lv_gcm_key *key, const struct lv_gcm_item *item)
{
    if (item->aad != run->aad || item->aad_size != run->aad_size) {
        run->aad_hash = absorb(key, item->aad, item->aad_size);
    } else if (item->size == run->size) {
        return;
    }
    run->aad = item->aad;
    run->aad_size = item->aad_size;
    run->size = item->size;
    run->lengths = (struct sum){b_zero(), b_zero(), b_zero()};
    add_product(&run->lengths, b_lengths(item->aad_size, item->size), key->power[LV_POWERS - 1],
                key->folded[LV_POWERS - 1]);
}

/* Bytes of a record that whole steps take; the rest, less than a step, comes from prepared key stream. */
INLINE size_t in_steps(size_t size)
{
    return size > SMALL_BLOCKS * LV_BLOCK ? size / STEP_BYTES * STEP_BYTES : 0;
}

/* Blocks of prepared key stream: one for the tag, then the rest of the data. */
INLINE size_t prepared_blocks(size_t size)
{
    return 1 + (size - in_steps(size) + LV_BLOCK - 1) / LV_BLOCK;
}

/* Writes the counters a record needs prepared; up to a vector more. */
INLINE void prepare(const struct lv_gcm_item *item, uint8_t *blocks, size_t count)
{
    const blk nonce = b_nonce(item->nonce);
    const uint32_t skipped = (uint32_t)(in_steps(item->size) / LV_BLOCK);
    vec counters = v_counters(nonce, 1);
    v_store(blocks, v_big_endian(counters));
    /* The tag's counter is 1 and the data's begin with 2: without steps in between they are one row. */
    counters = skipped == 0 ? v_count(counters, LANES) : v_counters(nonce, 2 + skipped);
    for (size_t i = skipped == 0 ? LANES : 1; i < count; i += LANES) {
        v_store(blocks + i * LV_BLOCK, v_big_endian(counters));
        counters = v_count(counters, LANES);
    }
}

INLINE blk steps(const struct lv_gcm_key *key, const struct lv_gcm_item *item, size_t size, blk hash, int opening)
{
    vec counters = v_counters(b_nonce(item->nonce), 2);
    size_t done = 0;
    if (opening) {
        for (; done < size; done += STEP_BYTES) {
            counters = crypt_and_hash(key, counters, item->in + done, item->out + done, item->in + done, &hash);
        }
        return hash;
    }
    counters = crypt_step(key, counters, item->in, item->out);
    for (done = STEP_BYTES; done < size; done += STEP_BYTES) {
        counters = crypt_and_hash(key, counters, item->in + done, item->out + done, item->out + done - STEP_BYTES, &hash);
    }
    return hash_step(key, item->out + done - STEP_BYTES, hash);
}

/* The record's tag; its data are enciphered or deciphered on the way. `blocks` is its prepared key stream. */
INLINE blk crypt(const struct lv_gcm_key *key, const struct run *run, const struct lv_gcm_item *item, const uint8_t *blocks,
                 int opening)
{
    const size_t begin = in_steps(item->size);
    const uint8_t *in = item->in + begin, *stream = blocks + LV_BLOCK;
    uint8_t *out = item->out + begin;
    size_t left = item->size - begin, at = powers_for(1 + (left + LV_BLOCK - 1) / LV_BLOCK);
    const blk hash = begin > 0 ? steps(key, item, begin, run->aad_hash, opening) : run->aad_hash;
    vec first = v_first(hash);
    struct sums sums = no_sums();
    for (; left >= VECTOR_BYTES; left -= VECTOR_BYTES, at += LANES) {
        const vec data = v_load(in), made = v_xor(data, v_load(stream));
        v_store(out, made);
        add_products(&sums, v_xor(v_reverse(opening ? data : made), first), key->power[at], key->folded[at]);
        first = v_zero();
        in += VECTOR_BYTES;
        out += VECTOR_BYTES;
        stream += VECTOR_BYTES;
    }
    struct sum sum = fold(&sums);
    blk pending = v_fold(first);
    for (; left >= LV_BLOCK; left -= LV_BLOCK, at++) {
        const blk data = b_load(in), made = b_xor(data, b_load(stream));
        b_store(out, made);
        add_product(&sum, b_xor(b_reverse(opening ? data : made), pending), key->power[at], key->folded[at]);
        pending = b_zero();
        in += LV_BLOCK;
        out += LV_BLOCK;
        stream += LV_BLOCK;
    }
    if (left > 0) {
        const blk data = b_load_part(in, left), made = b_xor(data, b_load_part(stream, left));
        b_store_part(out, made, left);
        add_product(&sum, b_xor(b_reverse(opening ? data : made), pending), key->power[at], key->folded[at]);
    } else if (item->size == begin) {
        /* No data here to take the hash so far along. */
        add_product(&sum, pending, key->power[LV_POWERS - 1], key->folded[LV_POWERS - 1]);
    }
    sum.low = b_xor(sum.low, run->lengths.low);
    sum.middle = b_xor(sum.middle, run->lengths.middle);
    sum.high = b_xor(sum.high, run->lengths.high);
    return b_xor(b_reverse(reduce(sum)), b_load(blocks));
}

/* Key stream is made a step at a time, each just before the first record that needs it: the processor then works on the
 * next step while it still multiplies for the records before. */
INLINE void crypt_all(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream,
                      int opening)
{
    struct run run = {.aad_size = SIZE_MAX};
    size_t touched = 0;
    while (count > 0) {
        size_t prepared = 0, group = 0, ready = 0, at = 0;
        for (; group < count; group++) {
            const size_t blocks = prepared_blocks(items[group].size);
            if (prepared + blocks > LV_STREAM_BLOCKS) {
                break;
            }
            prepare(&items[group], stream->block[prepared], blocks);
            prepared += blocks;
        }
        for (size_t i = 0; i < group; i++) {
            struct lv_gcm_item *item = &items[i];
            const size_t end = at + prepared_blocks(item->size);
            for (; ready < end; ready += STEP_BLOCKS) {
                if (prepared - ready > STEP_BLOCKS / 2) {
                    encrypt_step(key, stream->block[ready]);
                } else {
                    encrypt_half(key, stream->block[ready]);
                }
            }
            follow(&run, key, item);
            const blk tag = crypt(key, &run, item, stream->block[at], opening);
            if (!opening) {
                b_store(item->tag, tag);
            } else if ((item->failed = b_differ(tag, b_load(item->tag))) != 0) {
                /* Whether a tag is right is told to the caller anyway, so this branch gives nothing away. */
                lv_wipe(item->out, item->size);
            }
            at = end;
        }
        touched = ready + LANES > touched ? ready + LANES : touched;
        items += group;
        count -= group;
    }
    lv_wipe(stream, touched * LV_BLOCK);
}

static void seal(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    crypt_all(key, items, count, stream, 0);
}

static void open(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    crypt_all(key, items, count, stream, 1);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

INLINE void put_power(struct lv_gcm_key *key, size_t exponent, blk power)
{
    b_store(key->power[LV_POWERS - exponent], power);
    b_store(key->folded[LV_POWERS - exponent], b_xor(power, b_swap(power)));
}

static void raise(struct lv_gcm_key *key, size_t blocks)
{
    const size_t wanted = blocks < LV_POWERS ? blocks : LV_POWERS;
    for (; key->powers < wanted && key->powers < LANES; key->powers++) {
        struct sum sum = {b_zero(), b_zero(), b_zero()};
        add_product(&sum, b_load(key->power[LV_POWERS - key->powers]), key->power[LV_POWERS - 1],
                    key->folded[LV_POWERS - 1]);
        put_power(key, key->powers + 1, reduce(sum));
    }
    if (key->powers >= wanted) {
        return;
    }
    const uint8_t *top = key->power[LV_POWERS - LANES], *top_folded = key->folded[LV_POWERS - LANES];
    for (; key->powers < wanted; key->powers += LANES) {
        struct sums sums = no_sums();
        const size_t to = LV_POWERS - key->powers - LANES;
        add_products_of(&sums, v_load(key->power[to + LANES]), v_same(b_load(top)), v_same(b_load(top_folded)));
        const vec powers = v_reduce(sums);
        v_store(key->power[to], powers);
        v_store(key->folded[to], v_xor(powers, v_swap(powers)));
    }
}

/* Round constants, FIPS 197 section 5.2. */
static const uint8_t round_constants[10] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};

/* FIPS 197, section 5.2. The S-box is the cipher's own instruction, so that no table is looked up by key bytes. */
static void expand_words(struct lv_round_keys *round_key, const uint8_t *bytes, size_t size)
{
    const size_t in_key = size / 4, words = 4 * (in_key + 7);
    uint8_t(*word)[4] = (uint8_t(*)[4])round_key->of;
    (void)memcpy(word, bytes, size);
    for (size_t i = in_key; i < words; i++) {
        uint32_t last;
        (void)memcpy(&last, word[i - 1], sizeof last);
        if (i % in_key == 0) {
            last = b_sub_word(last);
            last = (last >> 8 | last << 24) ^ round_constants[i / in_key - 1];
        } else if (in_key > 6 && i % in_key == 4) {
            last = b_sub_word(last);
        }
        uint32_t before;
        (void)memcpy(&before, word[i - in_key], sizeof before);
        last ^= before;
        (void)memcpy(word[i], &last, sizeof last);
    }
}

static void expand(struct lv_gcm_key *key, const uint8_t *bytes, size_t size)
{
    expand_words(&key->round_key, bytes, size);
    key->rounds = (uint32_t)(size / 4 + 6);
    put_power(key, 1, b_times_x(b_reverse(encrypt_one(key, b_zero()))));
    key->powers = 1;
    raise(key, LV_POWERS);
}

/* AES-256's key expansion for several keys side by side, since one alone is a single long chain. */
INLINE void expand_beside(struct lv_gcm_key *keys, size_t beside, blk (*halves)[2])
{
#define EACH_KEY(i) for (size_t i = 0; i < beside; i++)
    EACH_KEY(i) {
        b_store(keys[i].round_key.of[0], halves[i][0]);
        b_store(keys[i].round_key.of[1], halves[i][1]);
    }
    for (size_t round = 2; round < LV_ROUND_KEYS; round += 2) {
        const blk constant = b_same_word(round_constants[round / 2 - 1]);
        EACH_KEY(i) {
            halves[i][0] = b_xor(b_prefix_xor(halves[i][0]), b_xor(b_sub_rotated(halves[i][1]), constant));
            b_store(keys[i].round_key.of[round], halves[i][0]);
        }
        if (round + 1 < LV_ROUND_KEYS) {
            EACH_KEY(i) {
                halves[i][1] = b_xor(b_prefix_xor(halves[i][1]), b_sub_last(halves[i][0]));
                b_store(keys[i].round_key.of[round + 1], halves[i][1]);
            }
        }
    }
}

/* c2sp.org/XAES-256-GCM: messages are single whole blocks, so CMAC is AES of the message XORed with K1, which is AES(0)
 * times x (NIST SP 800-38B section 6.1); CMAC's polynomial has its bits the other way round than GHASH's. */
static void expand_parent(struct lv_round_keys *round_key, uint8_t *subkey, const uint8_t *bytes)
{
    expand_words(round_key, bytes, 32);
    blk zero = b_begin(b_zero(), b_load(round_key->of[0]));
    for (size_t round = 1; round + 1 < LV_ROUND_KEYS; round++) {
        zero = b_round(zero, b_load(round_key->of[round - 1]), b_load(round_key->of[round]));
    }
    const blk number = b_reverse(b_end(zero, b_load(round_key->of[LV_ROUND_KEYS - 2]), b_load(round_key->of[LV_ROUND_KEYS - 1])));
    const uint64_t low = b_low(number), high = b_high(number);
    b_store(subkey, b_reverse(b_of(low << 1 ^ ((0 - (high >> 63)) & 0x87), high << 1 | low >> 63)));
}

/* The derived key is AES(K, K1 ^ 00 01 'X' 00 N) and AES(K, K1 ^ 00 02 'X' 00 N), N the nonce's first 12 bytes. */
INLINE void derive_beside(const struct lv_round_keys *parent, const uint8_t *subkey, const uint8_t *const *nonces, size_t count,
                          size_t beside, struct lv_gcm_key *derived)
{
    const blk mask = b_load(subkey);
    blk halves[LV_DERIVED_AT_ONCE][2], hash[LV_DERIVED_AT_ONCE];
    blk before = b_load(parent->of[0]), now = before;
    EACH_KEY(i) {
        const uint8_t *nonce = nonces[i < count ? i : 0];
        halves[i][0] = b_begin(b_xor(mask, b_message(nonce, 1)), now);
        halves[i][1] = b_begin(b_xor(mask, b_message(nonce, 2)), now);
    }
    for (size_t round = 1; round + 1 < LV_ROUND_KEYS; round++) {
        before = now;
        now = b_load(parent->of[round]);
        EACH_KEY(i) {
            halves[i][0] = b_round(halves[i][0], before, now);
            halves[i][1] = b_round(halves[i][1], before, now);
        }
    }
    before = now;
    now = b_load(parent->of[LV_ROUND_KEYS - 1]);
    EACH_KEY(i) {
        halves[i][0] = b_end(halves[i][0], before, now);
        halves[i][1] = b_end(halves[i][1], before, now);
    }
    expand_beside(derived, beside, halves);
    EACH_KEY(i) hash[i] = b_begin(b_zero(), b_load(derived[i].round_key.of[0]));
    for (size_t round = 1; round + 1 < LV_ROUND_KEYS; round++) {
        EACH_KEY(i) hash[i] = b_round(hash[i], b_load(derived[i].round_key.of[round - 1]), b_load(derived[i].round_key.of[round]));
    }
    EACH_KEY(i) {
        hash[i] = b_end(hash[i], b_load(derived[i].round_key.of[LV_ROUND_KEYS - 2]),
                        b_load(derived[i].round_key.of[LV_ROUND_KEYS - 1]));
        put_power(&derived[i], 1, b_times_x(b_reverse(hash[i])));
        derived[i].rounds = LV_ROUND_KEYS - 1;
        derived[i].powers = 1;
    }
    lv_wipe(halves, sizeof halves);
    lv_wipe(hash, sizeof hash);
}

static void derive(const struct lv_round_keys *parent, const uint8_t *subkey, const uint8_t *const *nonces, size_t count,
                   struct lv_gcm_key *derived)
{
    if (count == 1) {
        derive_beside(parent, subkey, nonces, 1, 1, derived);
    } else {
        derive_beside(parent, subkey, nonces, count, LV_DERIVED_AT_ONCE, derived);
    }
}
