/* What one level of AES-GCM is made of: a table of functions, and the key they share.
 *
 * aes_gcm_body.h has the functions once; each aes_gcm_<level>.c compiles them for one instruction set. A key that one level
 * has expanded serves every other. */
#ifndef LV_AES_GCM_IMPL_H
#define LV_AES_GCM_IMPL_H

#include <stddef.h>
#include <stdint.h>

#define LV_BLOCK 16
#define LV_ROUND_KEYS 15 /* AES-256 has the most: FIPS 197, table 3 */
#define LV_POWERS 36     /* of H: for the 32 blocks behind the longest steps and that of lengths, in fours */
#define LV_GCM_NONCE 12
#define LV_GCM_TAG 16
#define LV_DERIVED_AT_ONCE 8 /* keys expanded side by side */
#define LV_STREAM_BLOCKS 128 /* of key stream made ahead for small records */

struct lv_round_keys {
    uint8_t of[LV_ROUND_KEYS][LV_BLOCK];
};

/* An expanded key. The tables end with H itself and rise to their beginning: power[LV_POWERS - i] is H^i, so that n blocks
 * meet their powers in the order they stand in. Each power is kept times x, byte-reversed, as the multiplication wants it;
 * folded[] has the XOR of its halves, twice, for Karatsuba's middle product. */
struct lv_gcm_key {
    struct lv_round_keys round_key;
    uint32_t rounds; /* 10, 12 or 14 */
    uint32_t powers; /* how many there are, from the end */
    uint8_t power[LV_POWERS][LV_BLOCK];
    uint8_t folded[LV_POWERS][LV_BLOCK];
};

/* One record. `in` and `out` are the same or do not overlap; `tag` lies outside of both. */
struct lv_gcm_item {
    const uint8_t *nonce; /* 12 bytes */
    const uint8_t *aad;
    size_t aad_size;
    const uint8_t *in;
    uint8_t *out;
    size_t size;
    uint8_t *tag;    /* 16 bytes: written when sealing, read when opening */
    uint32_t failed; /* opening: 1 if the tag is another; `out` is wiped then */
};

/* Where key stream stands for a moment; in locked memory, wiped by whoever made it. A vector more than the blocks. */
struct lv_gcm_stream {
    uint8_t block[LV_STREAM_BLOCKS + 64][LV_BLOCK];
};

struct lv_gcm_impl {
    const char *name;
    uint64_t needs; /* bits of lv_cpu_features, all of them */

    /* Round keys, H and its powers from a key of 16, 24 or 32 bytes. */
    void (*expand)(struct lv_gcm_key *key, const uint8_t *bytes, size_t size);

    /* XAES-256-GCM's parent: its round keys, and the subkey (16 bytes) that its messages are XORed with. */
    void (*expand_parent)(struct lv_round_keys *round_key, uint8_t *subkey, const uint8_t *bytes);

    /* Its keys for `count` (up to LV_DERIVED_AT_ONCE) nonces: round keys, and H as the only power. Of `derived`, all places
     * are written, unless `count` is 1. */
    void (*derive)(const struct lv_round_keys *parent, const uint8_t *subkey, const uint8_t *const *nonces, size_t count,
                   struct lv_gcm_key *derived);

    /* Sees to the powers that records of this many blocks in data and associated data can use. */
    void (*raise)(struct lv_gcm_key *key, size_t blocks);

    /* Every item under one key, whose powers must be there. */
    void (*seal)(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream);
    void (*open)(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream);
};

/* All that this build has; a processor may lack what one needs. */
extern const struct lv_gcm_impl lv_gcm_vaes512, lv_gcm_vaes256, lv_gcm_aesni, lv_gcm_armv8;

#endif
