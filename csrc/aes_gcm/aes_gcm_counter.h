/* AES in counter mode, alone and side by side with GHASH: part of aes_gcm_body.h. */

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
