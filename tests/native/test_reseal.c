/* Records of the store opened under one key and sealed again under another in one call. Part of test_gcm. */
#include "reference.h"
#include "sha2/sha256.h"
#include "successor.h"

#include <pthread.h>

enum { HEADER = 8, SCHEMA = 2, START = 31, WHOLE = HEADER + RECORD_OVERHEAD, DIGEST = LV_DIGEST_SIZE, DESK = LV_PLAIN_SIZE };

/* Records of one key, what must become of each, and what a call writes. */
struct place {
    uint8_t old_key[32], new_key[32], nonce[24], start[START], new_start[START];
    lv_xaes *old, *new;
    lv_gcm *gcm;
    struct records *sealed, *keys, *plain; /* plain: of what is too short, nothing */
    uint8_t expected[RECORDS_MOST];
    uint8_t *out, digests[(RECORDS_MOST + 1) * DIGEST], outcomes[RECORDS_MOST + 1];
    size_t failed;
};

static struct place *place_new(uint32_t level, uint32_t new_level)
{
    struct place *made = calloc(1, sizeof *made);
    CHECK(made != NULL && (made->out = malloc(ROOM)) != NULL);
    chance_fill(made->old_key, sizeof made->old_key);
    chance_fill(made->new_key, sizeof made->new_key);
    chance_fill(made->nonce, sizeof made->nonce);
    chance_fill(made->start, START);
    (void)memcpy(made->new_start, made->start, START);
    made->new_start[START - 2] ^= 1; /* another epoch; now and then another depth and context, too */
    made->new_start[START - 8] ^= (uint8_t)chance_below(2);
    made->new_start[0] ^= (uint8_t)chance_below(2);
    made->nonce[20] = 0; /* far from the counter's end */
    made->old = xaes_new(level, made->old_key);
    made->new = xaes_new(new_level, made->new_key);
    CHECK(lv_xaes_derive(made->new, made->nonce, &made->gcm) == LV_OK);
    made->sealed = records_new((int64_t)chance_below(40));
    made->keys = records_new((int64_t)chance_below(40));
    made->plain = records_new(0);
    return made;
}

static void place_free(struct place *place)
{
    records_free(place->sealed);
    records_free(place->keys);
    records_free(place->plain);
    lv_gcm_free(place->gcm);
    lv_xaes_free(place->new);
    lv_xaes_free(place->old);
    free(place->out);
    free(place);
}

/* The record of a plaintext as docs/format.md section 4 has it, by the reference. */
static void seal_as_specified(const uint8_t key[32], const uint8_t start[START], const uint8_t schema[2], const uint8_t *nonce,
                              const struct records *keys, size_t i, const uint8_t *plain, size_t size, uint8_t *record)
{
    uint8_t aad[LV_KEYED_MAX];
    const size_t key_size = records_size(keys, i);
    (void)memcpy(aad, start, START);
    (void)memcpy(aad + START - 1 - HEADER + SCHEMA, schema, 2);
    (void)memcpy(aad + START, records_at(keys, i), key_size);
    (void)memcpy(record, aad + START - 1 - HEADER, HEADER);
    (void)memcpy(record + HEADER, nonce, LV_XAES_NONCE_SIZE);
    reference_xaes_seal(key, nonce, aad, START + key_size, plain, size, record + HEADER + LV_XAES_NONCE_SIZE);
}

/* `count` more, alike (one nonce but for its counter) or each with a nonce of its own. */
static void place_add(struct place *place, size_t count, size_t size, size_t key_size, int alike)
{
    uint8_t nonce[24], schema[2] = {0, (uint8_t)(chance_below(4) ? 1 : 7)};
    chance_fill(nonce, sizeof nonce);
    for (size_t n = 0; n < count; n++) {
        const size_t i = place->sealed->count;
        uint8_t *plain = records_add(place->plain, size);
        chance_fill(plain, size);
        chance_fill(records_add(place->keys, key_size), key_size);
        schema[0] = (uint8_t)chance_below(2);
        if (alike) {
            put_counter(nonce, (uint32_t)n);
        } else {
            chance_fill(nonce, sizeof nonce);
        }
        place->expected[i] = LV_OPENED;
        seal_as_specified(place->old_key, place->start, schema, nonce, place->keys, i, plain, size,
                          records_add(place->sealed, WHOLE + size));
    }
}

static void place_add_short(struct place *place, size_t size)
{
    place->expected[place->sealed->count] = LV_FAILED;
    (void)records_add(place->plain, 0);
    (void)records_add(place->keys, 5);
    (void)memset(records_add(place->sealed, size), 0, size);
    (void)memcpy(records_at(place->sealed, place->sealed->count - 1), place->start + START - 1 - HEADER,
                 size < HEADER ? size : HEADER);
}

/* Flips one bit of the record or of the key it stands at. */
static void place_damage(struct place *place, size_t i, size_t bit)
{
    const size_t bits = 8 * records_size(place->sealed, i), key_bits = 8 * records_size(place->keys, i);
    bit %= bits + key_bits;
    uint8_t *bytes = bit < bits ? records_at(place->sealed, i) : records_at(place->keys, i);
    const size_t at = bit < bits ? bit : bit - bits;
    bytes[at / 8] ^= (uint8_t)(1u << at % 8);
    place->expected[i] = LV_FAILED;
}

static void place_fill(struct place *place, size_t count, size_t most)
{
    while (place->sealed->count < count) {
        const size_t begin = place->sealed->count, size = chance_below(most + 1), key_size = chance_below(201);
        if (chance_below(6) == 0) {
            place_add_short(place, chance_below(WHOLE));
            continue;
        }
        const int alike = (int)chance_below(2);
        place_add(place, 1 + chance_below(chance_below(3) ? 4 : 70), chance_below(2) ? size : chance_below(70), key_size, alike);
        for (size_t i = begin; i < place->sealed->count; i++) {
            if (chance_below(6) == 0) {
                place_damage(place, i, chance_below(1u << 20));
            }
        }
    }
}

static int place_reseal(struct place *place)
{
    const size_t count = place->sealed->count;
    (void)memset(place->out, UNUSED, records_room(place->sealed));
    (void)memset(place->digests, UNUSED, (count + 1) * DIGEST);
    (void)memset(place->outcomes, UNUSED, count + 1);
    place->failed = SIZE_MAX;
    return lv_xaes_reseal_keyed(place->old, place->gcm, place->nonce, place->start, place->new_start, START,
                                place->keys->data, place->keys->offsets, place->sealed->data, place->sealed->offsets, count,
                                place->out, place->digests, place->outcomes, &place->failed);
}

static void check_resealed(const struct place *place, size_t i, const uint8_t *out, uint32_t counter)
{
    static uint8_t expected[WHOLE + 70000];
    uint8_t nonce[24], hash[LV_SHA256_SIZE];
    const size_t size = records_size(place->plain, i);
    (void)memcpy(nonce, place->nonce, sizeof nonce);
    put_counter(nonce, counter + (uint32_t)i);
    seal_as_specified(place->new_key, place->new_start, records_at(place->sealed, i) + SCHEMA, nonce, place->keys, i,
                      records_at(place->plain, i), size, expected);
    CHECK_AT(memcmp(out, expected, WHOLE + size) == 0, "record %zu, size %zu", i, size);
    const struct lv_piece whole = {out, WHOLE + size};
    lv_sha256_by(&lv_sha256_portable, &whole, 1, hash);
    CHECK_AT(memcmp(place->digests + i * DIGEST, hash, DIGEST) == 0, "record %zu, size %zu", i, size);
}

static void place_check(const struct place *place, uint32_t counter)
{
    const size_t count = place->sealed->count;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *out = place->out + (place->sealed->offsets[i] - place->sealed->offsets[0]);
        CHECK_AT(place->outcomes[i] == place->expected[i], "record %zu of %zu: %u", i, count, place->outcomes[i]);
        if (place->outcomes[i] == LV_OPENED) {
            check_resealed(place, i, out, counter);
        } else {
            failed++;
            CHECK_AT(all_are(out, records_size(place->sealed, i), 0), "record %zu", i);
            CHECK_AT(all_are(place->digests + i * DIGEST, DIGEST, 0), "record %zu", i);
        }
    }
    CHECK(place->failed == failed);
    CHECK(all_are(place->out + (place->sealed->offsets[count] - place->sealed->offsets[0]), 64, UNUSED));
    CHECK(all_are(place->digests + count * DIGEST, DIGEST, UNUSED) && place->outcomes[count] == UNUSED);
    check_desk_is_empty();
}

static void place_is_resealed(struct place *place)
{
    const uint32_t counter = (uint32_t)chance_below(1u << 24);
    put_counter(place->nonce, counter);
    CHECK(place_reseal(place) == LV_OK);
    place_check(place, counter);
    place_free(place);
}

static void stored_records_of_every_kind_are_resealed(void)
{
    EACH_LEVEL(level) {
        for (size_t round = 0; round < (harness_is_long ? 400u : 30u); round++) {
            struct place *place = place_new(level, level);
            place_fill(place, round * 4, round % 4 ? 200 : 3000);
            place_is_resealed(place);
        }
    }
}

static void stored_records_of_every_length_are_resealed(void)
{
    EACH_LEVEL(level) {
        for (int alike = 0; alike < 2; alike++) {
            struct place *place = place_new(level, level);
            for (size_t size = 0; size < 700; size += size < 280 || harness_is_long ? 1 : 13) {
                place_add(place, 1 + size % 4, size, size % 201, alike);
            }
            place_is_resealed(place);
            struct place *other = place_new(level, level);
            for (size_t key_size = 0; key_size <= LV_KEYED_MAX - START; key_size++) {
                place_add(other, 1 + key_size % 4, 37, key_size, alike);
            }
            place_is_resealed(other);
        }
    }
}

static void a_call_of_several_tasks_reseals_stored_records(void)
{
    EACH_LEVEL(level) {
        for (uint32_t threads = 1; threads < 4; threads++) {
            struct place *place = place_new(level, level);
            CHECK(lv_threads_set(threads) == LV_OK);
            place_fill(place, 2500, 250);
            place_is_resealed(place);
            CHECK(lv_threads_set(1) == LV_OK);
        }
    }
}

/* Plaintexts and associated data share a desk of 16 KiB; what is longer gets a room of its own, whatever stands around it. */
static void stored_records_longer_than_the_desk_are_resealed(void)
{
    static const size_t sizes[] = {DESK / 2,        DESK - 300, DESK - LV_KEYED_MAX, DESK - LV_KEYED_MAX + 1, DESK - START - 33,
                                   DESK - START - 1, DESK,       DESK + 1,            40000};
    EACH_LEVEL(level) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct place *place = place_new(level, level);
            place_add(place, 3, 100, 33, EACH_OWN);
            place_add(place, 1, sizes[s], 33, EACH_OWN);
            place_add(place, 4, sizes[s] / 2, 200, ALIKE);
            place_add(place, 5, 10, 1, ALIKE);
            place_add(place, 4, sizes[s], 33, ALIKE);
            place_damage(place, 14, chance_below(1u << 16));
            place_add(place, 1, 0, 0, EACH_OWN);
            place_is_resealed(place);
        }
    }
}

static void every_bit_of_a_stored_record_counts(void)
{
    EACH_LEVEL(level) {
        for (int alike = 0; alike < 2; alike++) {
            struct place *place = place_new(level, level);
            for (size_t bit = 0; bit < 8 * (WHOLE + 21 + 9); bit++) {
                place_add(place, 1 + 2 * (size_t)alike, 21, 9, alike);
                place_damage(place, place->sealed->count - 1 - (size_t)alike, bit);
            }
            place_is_resealed(place);
        }
    }
}

static void levels_reseal_stored_records_for_each_other(void)
{
    EACH_LEVEL(level) {
        EACH_LEVEL(other) {
            struct place *place = place_new(level, other);
            place_fill(place, 60, 600);
            place_is_resealed(place);
        }
    }
}

static void what_is_out_of_range_is_not_resealed(void)
{
    EACH_LEVEL(level) {
        struct place *place = place_new(level, level);
        place_add(place, 5, 20, 33, ALIKE);
        put_counter(place->nonce, UINT32_MAX - 4);
        CHECK(place_reseal(place) == LV_OK);
        place_check(place, UINT32_MAX - 4);
        put_counter(place->nonce, UINT32_MAX - 3);
        CHECK(place_reseal(place) == LV_TOO_LONG && all_are(place->out, 1024, UNUSED) && place->failed == SIZE_MAX);
        put_counter(place->nonce, 0);
        const int64_t end = place->keys->offsets[5], sealed_end = place->sealed->offsets[5];
        place->keys->offsets[5] = place->keys->offsets[4] + LV_KEYED_MAX - START + 1;
        CHECK(place_reseal(place) == LV_TOO_LONG && all_are(place->out, 1024, UNUSED));
        place->keys->offsets[5] = end;
        uint8_t *out = place->out;
        place->sealed->offsets[5] = place->sealed->offsets[4] + LV_GCM_SIZE_MAX + 1;
        CHECK(lv_xaes_reseal_keyed(place->old, place->gcm, place->nonce, place->start, place->new_start, START,
                                   place->keys->data, place->keys->offsets, place->sealed->data, place->sealed->offsets, 5, out,
                                   place->digests, place->outcomes, &place->failed) == LV_TOO_LONG);
        place->sealed->offsets[5] = sealed_end;
        CHECK(lv_xaes_reseal_keyed(place->old, place->gcm, place->nonce, place->start, place->new_start, HEADER,
                                   place->keys->data, place->keys->offsets, place->sealed->data, place->sealed->offsets, 5, out,
                                   place->digests, place->outcomes, &place->failed) == LV_TOO_LONG);
        CHECK(all_are(out, 1024, UNUSED));
        place_is_resealed(place);
    }
}

/* Where each buffer ends, pages begin that cannot be touched. */
static void resealing_stays_within_its_buffers(void)
{
    const struct fenced data = fenced_new(), keys = fenced_new(), room = fenced_new(), hashes = fenced_new(), said = fenced_new();
    EACH_LEVEL(level) {
        for (size_t size = 0; size < 100; size++) {
            for (size_t count = 1; count < 5; count += 3) {
                const size_t whole = WHOLE + size, key_size = size % 40;
                struct place *place = place_new(level, level);
                place_add(place, count, size, key_size, (int)(size % 2));
                int64_t offsets[5], key_offsets[5];
                for (size_t i = 0; i <= count; i++) {
                    offsets[i] = (int64_t)(i * whole);
                    key_offsets[i] = (int64_t)(i * key_size);
                }
                (void)memcpy(data.end - count * whole, records_at(place->sealed, 0), count * whole);
                (void)memcpy(keys.end - count * key_size, records_at(place->keys, 0), count * key_size);
                CHECK(lv_xaes_reseal_keyed(place->old, place->gcm, place->nonce, place->start, place->new_start, START,
                                           keys.end - count * key_size, key_offsets, data.end - count * whole, offsets, count,
                                           room.end - count * whole, hashes.end - count * DIGEST, said.end - count,
                                           &place->failed) == LV_OK);
                CHECK(place->failed == 0);
                place_free(place);
            }
        }
    }
    fenced_free(data);
    fenced_free(keys);
    fenced_free(room);
    fenced_free(hashes);
    fenced_free(said);
}

static void *reseal_often(void *context)
{
    struct place *place = context;
    for (int turn = 0; turn < 5; turn++) {
        CHECK(place_reseal(place) == LV_OK);
    }
    return NULL;
}

/* Two calls at once share the old key, and the workers. */
static void threads_reseal_at_once(void)
{
    EACH_LEVEL(level) {
        struct place *places[2] = {place_new(level, level), place_new(level, level)};
        pthread_t thread;
        CHECK(lv_threads_set(3) == LV_OK);
        for (size_t i = 0; i < 2; i++) {
            put_counter(places[i]->nonce, 0);
            (void)memcpy(places[i]->old_key, places[0]->old_key, 32);
            place_fill(places[i], 800, 200);
        }
        lv_xaes *own = places[1]->old;
        places[1]->old = places[0]->old;
        CHECK(pthread_create(&thread, NULL, reseal_often, places[1]) == 0);
        (void)reseal_often(places[0]);
        CHECK(pthread_join(thread, NULL) == 0 && lv_threads_set(1) == LV_OK);
        place_check(places[0], 0);
        place_check(places[1], 0);
        places[1]->old = own;
        place_free(places[1]);
        place_free(places[0]);
    }
}

static void expect_no_key(void *context)
{
    struct place *place = context;
    CHECK(place_reseal(place) == LV_NO_KEY && all_are(place->out, 100, UNUSED));
    /* One of its own does not make up for the other. */
    lv_xaes *inherited = place->old, *own = xaes_new(level_from(0), place->old_key);
    lv_gcm *inherited_gcm = place->gcm;
    place->old = own;
    CHECK(place_reseal(place) == LV_NO_KEY && all_are(place->out, 100, UNUSED));
    place->old = inherited;
    CHECK(lv_xaes_derive(own, place->nonce, &place->gcm) == LV_OK);
    CHECK(place_reseal(place) == LV_NO_KEY && all_are(place->out, 100, UNUSED));
    lv_gcm_free(place->gcm);
    place->gcm = inherited_gcm;
    lv_xaes_free(own);
}

static void a_child_cannot_reseal_with_inherited_keys(void)
{
    EACH_LEVEL(level) {
        struct place *place = place_new(level, level);
        place_add(place, 3, 30, 33, EACH_OWN);
        in_child(expect_no_key, place);
        place_is_resealed(place);
    }
}

const struct test gcm_reseal_tests[] = {
    TEST(stored_records_of_every_kind_are_resealed),
    TEST(stored_records_of_every_length_are_resealed),
    TEST(a_call_of_several_tasks_reseals_stored_records),
    TEST(stored_records_longer_than_the_desk_are_resealed),
    TEST(every_bit_of_a_stored_record_counts),
    TEST(levels_reseal_stored_records_for_each_other),
    TEST(what_is_out_of_range_is_not_resealed),
    TEST(resealing_stays_within_its_buffers),
    TEST(threads_reseal_at_once),
    TEST(a_child_cannot_reseal_with_inherited_keys),
    {NULL, NULL},
};
