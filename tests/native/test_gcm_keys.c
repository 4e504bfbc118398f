/* Keys: what is refused, what the self-test sees, what is left in memory, in a child and between threads. Part of
 * test_gcm. */
#include "harness.h"
#include "reference.h"
#include "xaes_gcm/xaes_gcm.h"

#include <pthread.h>

enum { TAG = LV_GCM_TAG_SIZE, UNUSED = 0xa5 };

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static void levels_and_key_sizes_there_are_not_are_refused(void)
{
    uint8_t key[64] = {0};
    lv_gcm *gcm = NULL;
    lv_xaes *xaes = NULL;
    uint32_t levels = 0;
    while (lv_level_name(levels) != NULL) {
        levels++;
    }
    const uint32_t none[] = {levels, levels + 1, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK(lv_level_name(none[i]) == NULL && lv_level_status(none[i]) == LV_NO_LEVEL);
        CHECK(lv_gcm_new(none[i], key, 32, &gcm) == LV_NO_LEVEL && gcm == NULL);
        CHECK(lv_xaes_new(none[i], key, &xaes) == LV_NO_LEVEL && xaes == NULL);
    }
    EACH_LEVEL(level) {
        for (size_t size = 0; size <= sizeof key; size++) {
            if (size != 16 && size != 24 && size != 32) {
                CHECK(lv_gcm_new(level, key, size, &gcm) == LV_NO_LEVEL && gcm == NULL);
            }
        }
    }
    lv_gcm_free(NULL);
    lv_xaes_free(NULL);
}

static void too_long_a_record_is_refused_untouched(void)
{
    uint8_t key[32] = {0}, nonce[24] = {0}, byte = UNUSED;
    const size_t sizes[] = {(size_t)LV_GCM_SIZE_MAX + 1, (size_t)1 << 40, SIZE_MAX / 2};
    EACH_LEVEL(level) {
        lv_gcm *gcm = gcm_new(level, key, 32);
        lv_xaes *xaes = xaes_new(level, key);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            CHECK(lv_gcm_seal(gcm, nonce, NULL, 0, &byte, sizes[i], &byte) == LV_TOO_LONG && byte == UNUSED);
            CHECK(lv_xaes_seal(xaes, nonce, NULL, 0, &byte, sizes[i], &byte) == LV_TOO_LONG && byte == UNUSED);
        }
        lv_gcm_free(gcm);
        lv_xaes_free(xaes);
    }
}

/* ---- the self-test ---------------------------------------------------------------------------------------------- */

/* The level under test, and how its functions go wrong. */
static const struct lv_gcm_impl *whole;

static void expand_wrong_round_key(struct lv_gcm_key *key, const uint8_t *bytes, size_t size)
{
    whole->expand(key, bytes, size);
    key->round_key.of[key->rounds][3] ^= 1;
}

static void expand_wrong_first_power(struct lv_gcm_key *key, const uint8_t *bytes, size_t size)
{
    whole->expand(key, bytes, size);
    key->power[LV_POWERS - 1][7] ^= 8;
}

static void expand_wrong_last_power(struct lv_gcm_key *key, const uint8_t *bytes, size_t size)
{
    whole->expand(key, bytes, size);
    key->folded[0][0] ^= 1;
}

/* Right for two sizes of key. */
static void expand_wrong_at_24(struct lv_gcm_key *key, const uint8_t *bytes, size_t size)
{
    whole->expand(key, bytes, size);
    key->rounds -= size == 24;
}

static void parent_wrong_round_key(struct lv_round_keys *round_key, uint8_t *subkey, const uint8_t *bytes)
{
    whole->expand_parent(round_key, subkey, bytes);
    round_key->of[14][15] ^= 0x80;
}

static void parent_wrong_subkey(struct lv_round_keys *round_key, uint8_t *subkey, const uint8_t *bytes)
{
    whole->expand_parent(round_key, subkey, bytes);
    subkey[15] ^= 1;
}

/* Right when one key is derived, or wrong only then. */
static void derive_wrong_beside(const struct lv_round_keys *parent, const uint8_t *subkey, const uint8_t *const *nonces,
                                size_t count, struct lv_gcm_key *derived)
{
    whole->derive(parent, subkey, nonces, count, derived);
    derived[count - 1].round_key.of[1][0] ^= count > 1;
}

static void derive_wrong_alone(const struct lv_round_keys *parent, const uint8_t *subkey, const uint8_t *const *nonces,
                               size_t count, struct lv_gcm_key *derived)
{
    whole->derive(parent, subkey, nonces, count, derived);
    derived[0].power[LV_POWERS - 1][0] ^= count == 1;
}

static void raise_wrong(struct lv_gcm_key *key, size_t blocks)
{
    whole->raise(key, blocks);
    key->power[LV_POWERS - 2][0] ^= 1;
}

static void seal_wrong_data(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    whole->seal(key, items, count, stream);
    items[0].out[0] ^= 1;
}

static void seal_wrong_tag(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    whole->seal(key, items, count, stream);
    items[0].tag[15] ^= 0x80;
}

/* Wrong for long records alone. */
static void seal_wrong_long_tag(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count,
                                struct lv_gcm_stream *stream)
{
    whole->seal(key, items, count, stream);
    items[0].tag[0] ^= items[0].size > 1000;
}

static void open_wrong_data(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    whole->open(key, items, count, stream);
    items[0].out[items[0].size - 1] ^= 1;
}

static void open_all(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    whole->open(key, items, count, stream);
    items[0].failed = 0;
}

static void open_none(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream)
{
    whole->open(key, items, count, stream);
    items[0].failed = 1;
}

static void open_without_wiping(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count,
                                struct lv_gcm_stream *stream)
{
    whole->open(key, items, count, stream);
    items[0].out[0] |= (uint8_t)items[0].failed;
}

static void the_self_test_sees_each_function_go_wrong(void)
{
    EACH_LEVEL(level) {
        whole = lv_level_impl(level);
        CHECK(whole != NULL && lv_gcm_self_test(whole) == LV_OK);
        /* clang-format off */
#define BROKEN(member, function) {struct lv_gcm_impl broken = *whole; broken.member = function; \
        CHECK_AT(lv_gcm_self_test(&broken) == LV_WRONG, "%s with %s", whole->name, #function);}
        BROKEN(expand, expand_wrong_round_key)
        BROKEN(expand, expand_wrong_first_power)
        BROKEN(expand, expand_wrong_last_power)
        BROKEN(expand, expand_wrong_at_24)
        BROKEN(expand_parent, parent_wrong_round_key)
        BROKEN(expand_parent, parent_wrong_subkey)
        BROKEN(derive, derive_wrong_beside)
        BROKEN(derive, derive_wrong_alone)
        BROKEN(raise, raise_wrong)
        BROKEN(seal, seal_wrong_data)
        BROKEN(seal, seal_wrong_tag)
        BROKEN(seal, seal_wrong_long_tag)
        BROKEN(open, open_wrong_data)
        BROKEN(open, open_all)
        BROKEN(open, open_none)
        BROKEN(open, open_without_wiping)
        /* clang-format on */
    }
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void a_freed_key_is_wiped(void)
{
    uint8_t key[32];
    chance_fill(key, sizeof key);
    EACH_LEVEL(level) {
        /* Others of like size keep the regions mapped, so that the freed places can be looked at. */
        lv_gcm *gcm[2] = {gcm_new(level, key, 32), gcm_new(level, key, 32)}, *derived[2];
        lv_xaes *xaes[2] = {xaes_new(level, key), xaes_new(level, key)};
        for (int i = 0; i < 2; i++) {
            CHECK(lv_xaes_derive(xaes[i], key, &derived[i]) == LV_OK);
        }
        const uint8_t *places[] = {(const uint8_t *)gcm[1], (const uint8_t *)derived[1], (const uint8_t *)xaes[1]};
        const size_t sizes[] = {sizeof(struct lv_gcm), sizeof(struct lv_gcm), sizeof(struct lv_xaes)};
        lv_gcm_free(gcm[1]);
        lv_gcm_free(derived[1]);
        lv_xaes_free(xaes[1]);
        for (int i = 0; i < 3; i++) {
            CHECK(all_are(places[i], sizes[i], 0));
        }
        lv_gcm_free(gcm[0]);
        lv_gcm_free(derived[0]);
        lv_xaes_free(xaes[0]);
    }
}

static int work_is_empty(void)
{
    const struct lv_work *work = lv_work();
    return all_are((const uint8_t *)work->derived, sizeof work->derived, 0) &&
           all_are((const uint8_t *)&work->shared, sizeof work->shared, 0) &&
           all_are((const uint8_t *)&work->stream, sizeof work->stream, 0) && all_are(work->plain, sizeof work->plain, 0);
}

/* Key stream and derived keys stand only in the thread's place to work, and are gone when a call returns. */
static void a_call_leaves_no_secret_in_its_place_to_work(void)
{
    static uint8_t in[3000 + TAG], out[3000 + TAG];
    uint8_t key[32], nonce[24], aad[40];
    chance_fill(key, sizeof key);
    chance_fill(nonce, sizeof nonce);
    chance_fill(aad, sizeof aad);
    chance_fill(in, sizeof in);
    EACH_LEVEL(level) {
        lv_gcm *gcm = gcm_new(level, key, 32);
        lv_xaes *xaes = xaes_new(level, key);
        for (size_t size = 0; size <= 3000; size += size < 700 ? 1 : 97) {
            CHECK(lv_gcm_seal(gcm, nonce, aad, 40, in, size, out) == LV_OK && work_is_empty());
            CHECK(lv_gcm_open(gcm, nonce, aad, 40, out, size, out) == LV_OK && work_is_empty());
            CHECK(lv_gcm_open(gcm, nonce, aad, 40, in, size, out) == LV_WRONG && work_is_empty());
            CHECK(lv_xaes_seal(xaes, nonce, aad, 40, in, size, out) == LV_OK && work_is_empty());
            CHECK(lv_xaes_open(xaes, nonce, aad, 40, out, size, out) == LV_OK && work_is_empty());
            CHECK(lv_xaes_open(xaes, nonce, aad, 40, in, size, out) == LV_WRONG && work_is_empty());
        }
        lv_gcm_free(gcm);
        lv_xaes_free(xaes);
    }
}

/* ---- children --------------------------------------------------------------------------------------------------- */

struct inherited {
    uint32_t level;
    lv_gcm *gcm;
    lv_xaes *xaes;
    const uint8_t *key, *nonce, *sealed; /* 100 bytes under gcm */
};

static void is_refused(void *context)
{
    const struct inherited *from = context;
    const int64_t offsets[2] = {0, 116};
    int64_t out_offsets[2] = {-1, -1};
    uint8_t out[300], zeros[32] = {0}, outcome = LV_UNKNOWN, own[116];
    size_t failed, unknown;
    lv_gcm *gcm = NULL;
    lv_ring *ring = NULL;
    (void)memset(out, UNUSED, sizeof out);
    CHECK(lv_gcm_seal(from->gcm, zeros, NULL, 0, zeros, 32, out) == LV_NO_KEY);
    CHECK(lv_gcm_open(from->gcm, from->nonce, NULL, 0, from->sealed, 100, out) == LV_NO_KEY);
    CHECK(lv_xaes_seal(from->xaes, zeros, NULL, 0, zeros, 32, out) == LV_NO_KEY);
    CHECK(lv_xaes_open(from->xaes, from->nonce, NULL, 0, from->sealed, 100, out) == LV_NO_KEY);
    CHECK(lv_xaes_derive(from->xaes, zeros, &gcm) == LV_NO_KEY && gcm == NULL);
    CHECK(lv_xaes_seal_many(from->gcm, zeros, zeros, 8, zeros, 8, from->sealed, offsets, 1, out, out_offsets) == LV_NO_KEY);
    CHECK(lv_xaes_seal_each(from->xaes, zeros, zeros, 8, zeros, 8, from->sealed, offsets, 1, out, out_offsets) == LV_NO_KEY);
    CHECK(lv_ring_new(8, &ring) == LV_OK && lv_ring_add(ring, from->sealed, from->xaes, zeros, 8) == LV_OK);
    CHECK(lv_xaes_rewrap_many(ring, from->gcm, zeros, zeros, 8, zeros, 8, from->sealed, offsets, 1, out, out_offsets, &outcome,
                              &failed, &unknown) == LV_NO_KEY);
    CHECK(outcome == LV_UNKNOWN && all_are(out, sizeof out, UNUSED));
    CHECK(lv_xaes_open_many(ring, from->sealed, offsets, 1, out, out_offsets, &outcome, &failed, &unknown) == LV_NO_KEY);
    CHECK(all_are(out, 116 - 48, 0) && all_are(out + 116 - 48, sizeof out - 116 + 48, UNUSED));
    lv_ring_free(ring);
    /* The place to work that came along reads as zeros and is not used again; a key of its own the child may have. */
    CHECK(work_is_empty() && lv_work()->memory != NULL);
    gcm = gcm_new(from->level, from->key, 32);
    CHECK(lv_gcm_open(gcm, from->nonce, NULL, 0, from->sealed, 100, own) == LV_OK && all_are(own, 100, 7));
    lv_gcm_free(gcm);
}

static void a_child_is_refused_every_call(void)
{
    uint8_t key[32], nonce[24], plain[100], sealed[100 + TAG];
    chance_fill(key, sizeof key);
    chance_fill(nonce, sizeof nonce);
    (void)memset(plain, 7, sizeof plain);
    EACH_LEVEL(level) {
        struct inherited handed = {level, gcm_new(level, key, 32), xaes_new(level, key), key, nonce, sealed};
        CHECK(lv_gcm_seal(handed.gcm, nonce, NULL, 0, plain, 100, sealed) == LV_OK);
        in_child(is_refused, &handed);
        CHECK(lv_gcm_open(handed.gcm, nonce, NULL, 0, sealed, 100, sealed) == LV_OK);
        lv_gcm_free(handed.gcm);
        lv_xaes_free(handed.xaes);
    }
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, SHARED_SIZE = 700 };

struct shared {
    lv_gcm *gcm;
    lv_xaes *xaes;
    const uint8_t *nonce, *plain, *sealed, *sealed_each;
    pthread_t thread;
};

static void *uses_shared_keys(void *context)
{
    const struct shared *s = context;
    uint8_t out[SHARED_SIZE + TAG];
    for (int i = 0; i < 300; i++) {
        CHECK(lv_gcm_seal(s->gcm, s->nonce, NULL, 0, s->plain, SHARED_SIZE, out) == LV_OK);
        CHECK(memcmp(out, s->sealed, sizeof out) == 0);
        CHECK(lv_gcm_open(s->gcm, s->nonce, NULL, 0, s->sealed, SHARED_SIZE, out) == LV_OK);
        CHECK(memcmp(out, s->plain, SHARED_SIZE) == 0);
        CHECK(lv_xaes_seal(s->xaes, s->nonce, NULL, 0, s->plain, SHARED_SIZE, out) == LV_OK);
        CHECK(memcmp(out, s->sealed_each, sizeof out) == 0);
        CHECK(lv_xaes_open(s->xaes, s->nonce, NULL, 0, s->sealed, SHARED_SIZE, out) == LV_WRONG);
    }
    return NULL;
}

static void threads_share_a_key(void)
{
    uint8_t key[32], nonce[24], plain[SHARED_SIZE], sealed[SHARED_SIZE + TAG], sealed_each[SHARED_SIZE + TAG];
    chance_fill(key, sizeof key);
    chance_fill(nonce, sizeof nonce);
    chance_fill(plain, sizeof plain);
    reference_seal(key, 32, nonce, NULL, 0, plain, SHARED_SIZE, sealed);
    reference_xaes_seal(key, nonce, NULL, 0, plain, SHARED_SIZE, sealed_each);
    EACH_LEVEL(level) {
        lv_gcm *gcm = gcm_new(level, key, 32);
        lv_xaes *xaes = xaes_new(level, key);
        struct shared shared[THREADS];
        for (int i = 0; i < THREADS; i++) {
            shared[i] = (struct shared){gcm, xaes, nonce, plain, sealed, sealed_each, 0};
            CHECK(pthread_create(&shared[i].thread, NULL, uses_shared_keys, &shared[i]) == 0);
        }
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_join(shared[i].thread, NULL) == 0);
        }
        lv_gcm_free(gcm);
        lv_xaes_free(xaes);
    }
}

const struct test gcm_key_tests[] = {
    TEST(levels_and_key_sizes_there_are_not_are_refused),
    TEST(too_long_a_record_is_refused_untouched),
    TEST(the_self_test_sees_each_function_go_wrong),
    TEST(a_freed_key_is_wiped),
    TEST(a_call_leaves_no_secret_in_its_place_to_work),
    TEST(a_child_is_refused_every_call),
    TEST(threads_share_a_key),
    {NULL, NULL},
};
