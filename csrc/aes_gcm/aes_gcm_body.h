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

#include "aes_gcm/aes_gcm_ghash.h"
#include "aes_gcm/aes_gcm_counter.h"
#include "aes_gcm/aes_gcm_keys.h"

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
