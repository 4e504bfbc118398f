/* Keys expanded, powers raised, and XAES-256-GCM's keys derived: part of aes_gcm_body.h. */

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
