/* XAES-256-GCM, and many records sealed in one call. Part of test_gcm. */
#include "records.h"
#include "reference.h"

enum { TAG = LV_GCM_TAG_SIZE, UNUSED = 0xa5 };

static void derived_keys_are_as_specified(void)
{
    uint8_t key[32], nonce[24], derived[32], sealed[100 + TAG], out[100 + TAG], plain[100] = {0};
    for (int round = 0; round < 200; round++) {
        /* Both values of the bit that CMAC's subkey is made by come up: half of all keys have it. */
        chance_fill(key, sizeof key);
        chance_fill(nonce, sizeof nonce);
        reference_derive(key, nonce, derived);
        reference_seal(derived, 32, nonce + 12, key, 7, plain, sizeof plain, sealed);
        EACH_LEVEL(level) {
            lv_xaes *xaes = xaes_new(level, key);
            lv_gcm *made = NULL, *gcm = gcm_new(level, derived, 32);
            CHECK(lv_xaes_derive(xaes, nonce, &made) == LV_OK);
            CHECK(memcmp(&made->key, &gcm->key, sizeof gcm->key) == 0);
            CHECK(lv_gcm_seal(made, nonce + 12, key, 7, plain, sizeof plain, out) == LV_OK);
            CHECK(memcmp(out, sealed, sizeof out) == 0);
            CHECK(lv_xaes_seal(xaes, nonce, key, 7, plain, sizeof plain, out) == LV_OK);
            CHECK(memcmp(out, sealed, sizeof out) == 0);
            CHECK(lv_xaes_open(xaes, nonce, key, 7, out, sizeof plain, out) == LV_OK && all_are(out, sizeof plain, 0));
            lv_gcm_free(gcm);
            lv_gcm_free(made);
            lv_xaes_free(xaes);
        }
    }
}

/* A derived key's powers of H are made for the record at hand: each length of data and of associated data needs others. */
static void every_length_seals_under_a_derived_key(void)
{
    static uint8_t plain[1200], sealed[1200 + TAG], out[1200 + TAG], aad[700];
    uint8_t key[32], nonce[24];
    chance_fill(key, sizeof key);
    chance_fill(nonce, sizeof nonce);
    chance_fill(plain, sizeof plain);
    chance_fill(aad, sizeof aad);
    EACH_LEVEL(level) {
        lv_xaes *xaes = xaes_new(level, key);
        for (size_t i = 0; i < 1900; i++) {
            const size_t size = i < 1200 ? i : i % 40, aad_size = i < 1200 ? i % 23 : i - 1200;
            reference_xaes_seal(key, nonce, aad, aad_size, plain, size, sealed);
            CHECK(lv_xaes_seal(xaes, nonce, aad, aad_size, plain, size, out) == LV_OK);
            CHECK_AT(memcmp(out, sealed, size + TAG) == 0, "size %zu, aad %zu", size, aad_size);
            CHECK(lv_xaes_open(xaes, nonce, aad, aad_size, out, size, out) == LV_OK && memcmp(out, plain, size) == 0);
            sealed[i % (size + TAG)] ^= 1;
            CHECK(lv_xaes_open(xaes, nonce, aad, aad_size, sealed, size, out) == LV_WRONG && all_are(out, size, 0));
        }
        lv_xaes_free(xaes);
    }
}

static size_t some_size(void)
{
    static const size_t sizes[] = {0, 1, 16, 64, 100, 256, 496, 511, 512};
    return chance_below(3) ? chance_below(130) : chance_below(6) ? sizes[chance_below(9)] : chance_below(3000);
}

/* What a call on many was given, and where it is to write. */
struct call {
    uint8_t key[32], nonce[24], nonces[RECORDS_MOST][24], aad[PREFIX_MOST + 20];
    size_t prefix_size, aad_size;
    struct records *plain;
    uint8_t *out;
    int64_t out_offsets[RECORDS_MOST + 2];
};

static struct call *call_new(size_t count, size_t size)
{
    struct call *call = calloc(1, sizeof *call);
    CHECK(call != NULL && (call->out = malloc(ROOM)) != NULL);
    chance_fill(call->key, sizeof call->key);
    chance_fill(call->nonce, sizeof call->nonce);
    chance_fill(&call->nonces[0][0], 24 * count);
    chance_fill(call->aad, sizeof call->aad);
    call->nonce[20] = 0; /* far from the counter's end */
    call->prefix_size = chance_below(PREFIX_MOST + 1);
    call->aad_size = call->prefix_size + chance_below(20);
    call->plain = records_new((int64_t)chance_below(50));
    while (call->plain->count < count) {
        const size_t this_size = size < SIZE_MAX && chance_below(8) ? size : some_size();
        chance_fill(records_add(call->plain, this_size), this_size);
    }
    (void)memset(call->out, UNUSED, records_room(call->plain));
    call->out_offsets[count + 1] = UNUSED;
    return call;
}

static void call_free(struct call *call)
{
    records_free(call->plain);
    free(call->out);
    free(call);
}

/* Compares what was written with the reference; `counter` is that of the first record, or there are nonces for all. */
static void is_as_specified(const struct call *call, const uint32_t *counter)
{
    static uint8_t expected[ROOM];
    int64_t at = 0;
    uint8_t nonce[24];
    (void)memcpy(nonce, call->nonce, sizeof nonce);
    CHECK(call->out_offsets[0] == 0);
    for (size_t i = 0; i < call->plain->count; i++) {
        const size_t size = records_size(call->plain, i), whole = call->prefix_size + RECORD_OVERHEAD + size;
        if (counter != NULL) {
            put_counter(nonce, *counter + (uint32_t)i);
        } else {
            (void)memcpy(nonce, call->nonces[i], sizeof nonce);
        }
        (void)memcpy(expected, call->aad, call->prefix_size);
        (void)memcpy(expected + call->prefix_size, nonce, sizeof nonce);
        reference_xaes_seal(call->key, nonce, call->aad, call->aad_size, records_at(call->plain, i), size,
                            expected + call->prefix_size + sizeof nonce);
        CHECK_AT(memcmp(call->out + at, expected, whole) == 0, "record %zu of %zu, size %zu", i, call->plain->count, size);
        at += (int64_t)whole;
        CHECK(call->out_offsets[i + 1] == at);
    }
    CHECK(all_are(call->out + at, 64, UNUSED) && call->out_offsets[call->plain->count + 1] == UNUSED);
}

static int seal_many(struct call *call, const lv_gcm *gcm)
{
    return lv_xaes_seal_many(gcm, call->nonce, call->aad, call->prefix_size, call->aad, call->aad_size, call->plain->data,
                             call->plain->offsets, call->plain->count, call->out, call->out_offsets);
}

static int seal_each(struct call *call, const lv_xaes *xaes)
{
    return lv_xaes_seal_each(xaes, &call->nonces[0][0], call->aad, call->prefix_size, call->aad, call->aad_size,
                             call->plain->data, call->plain->offsets, call->plain->count, call->out, call->out_offsets);
}

static void seals(uint32_t level, size_t count, size_t size)
{
    struct call *call = call_new(count, size);
    const uint32_t counter = (uint32_t)chance_below(1u << 24);
    lv_xaes *xaes = xaes_new(level, call->key);
    lv_gcm *gcm = NULL;
    put_counter(call->nonce, counter);
    CHECK(lv_xaes_derive(xaes, call->nonce, &gcm) == LV_OK);
    CHECK(seal_many(call, gcm) == LV_OK);
    is_as_specified(call, &counter);
    (void)memset(call->out, UNUSED, records_room(call->plain));
    CHECK(seal_each(call, xaes) == LV_OK);
    is_as_specified(call, NULL);
    lv_gcm_free(gcm);
    lv_xaes_free(xaes);
    call_free(call);
}

static void batches_of_every_count_are_as_specified(void)
{
    EACH_LEVEL(level) {
        for (size_t count = 0; count <= 70; count++) {
            seals(level, count, SIZE_MAX);
        }
        for (size_t size = 0; size < 600; size += harness_is_long ? 1 : 37) {
            seals(level, 20, size);
        }
    }
}

static void a_batch_of_several_tasks_is_as_specified(void)
{
    EACH_LEVEL(level) {
        seals(level, RECORDS_MOST, 16);
        seals(level, 2500, 100);
    }
}

static void the_last_counter_is_not_passed(void)
{
    EACH_LEVEL(level) {
        struct call *call = call_new(5, 10);
        lv_xaes *xaes = xaes_new(level, call->key);
        lv_gcm *gcm = NULL;
        CHECK(lv_xaes_derive(xaes, call->nonce, &gcm) == LV_OK);
        /* Five numbers from here on end with 2^32 - 1, or would pass it. */
        const uint32_t last = UINT32_MAX - 4, beyond[] = {UINT32_MAX - 3, UINT32_MAX - 1, UINT32_MAX};
        put_counter(call->nonce, last);
        CHECK(seal_many(call, gcm) == LV_OK);
        is_as_specified(call, &last);
        (void)memset(call->out, UNUSED, records_room(call->plain));
        for (size_t i = 0; i < 3; i++) {
            put_counter(call->nonce, beyond[i]);
            CHECK(seal_many(call, gcm) == LV_TOO_LONG && all_are(call->out, 1024, UNUSED));
        }
        lv_gcm_free(gcm);
        lv_xaes_free(xaes);
        call_free(call);
    }
}

static void too_long_records_and_prefixes_are_refused(void)
{
    EACH_LEVEL(level) {
        struct call *call = call_new(5, 10);
        lv_xaes *xaes = xaes_new(level, call->key);
        lv_gcm *gcm = NULL;
        CHECK(lv_xaes_derive(xaes, call->nonce, &gcm) == LV_OK);
        call->prefix_size = PREFIX_MOST + 1;
        CHECK(seal_many(call, gcm) == LV_TOO_LONG && seal_each(call, xaes) == LV_TOO_LONG);
        call->prefix_size = PREFIX_MOST;
        call->plain->offsets[5] = call->plain->offsets[4] + LV_GCM_SIZE_MAX + 1;
        CHECK(seal_many(call, gcm) == LV_TOO_LONG && seal_each(call, xaes) == LV_TOO_LONG);
        CHECK(all_are(call->out, 1024, UNUSED));
        lv_gcm_free(gcm);
        lv_xaes_free(xaes);
        call_free(call);
    }
}

/* Where data end and where room ends, pages begin that cannot be touched. */
static void sealing_many_stays_within_its_buffers(void)
{
    const struct fenced data = fenced_new(), room = fenced_new();
    EACH_LEVEL(level) {
        for (size_t size = 0; size < 100; size++) {
            const size_t prefix_size = size % 64, whole = prefix_size + RECORD_OVERHEAD + size;
            uint8_t key[32], nonces[48], aad[64] = {0};
            const int64_t offsets[3] = {0, (int64_t)size, (int64_t)(2 * size)};
            int64_t out_offsets[3];
            chance_fill(key, sizeof key);
            chance_fill(nonces, sizeof nonces);
            nonces[20] = 0;
            lv_xaes *xaes = xaes_new(level, key);
            lv_gcm *gcm = NULL;
            CHECK(lv_xaes_derive(xaes, nonces, &gcm) == LV_OK);
            CHECK(lv_xaes_seal_many(gcm, nonces, aad, prefix_size, aad, 64, data.end - 2 * size, offsets, 2, room.end - 2 * whole,
                                    out_offsets) == LV_OK);
            CHECK(lv_xaes_seal_each(xaes, nonces, aad, prefix_size, aad, 64, data.begin, offsets, 2, room.end - 2 * whole,
                                    out_offsets) == LV_OK);
            lv_gcm_free(gcm);
            lv_xaes_free(xaes);
        }
    }
    fenced_free(data);
    fenced_free(room);
}

const struct test gcm_many_tests[] = {
    TEST(derived_keys_are_as_specified),
    TEST(every_length_seals_under_a_derived_key),
    TEST(batches_of_every_count_are_as_specified),
    TEST(a_batch_of_several_tasks_is_as_specified),
    TEST(the_last_counter_is_not_passed),
    TEST(too_long_records_and_prefixes_are_refused),
    TEST(sealing_many_stays_within_its_buffers),
    {NULL, NULL},
};
