/* A level's functions on batches of records under one key: what records have in common is computed once, so everything that
 * can change from one to the next changes here. Part of test_gcm. */
#include "harness.h"
#include "reference.h"

enum { TAG = LV_GCM_TAG, MOST = 70, SIZE_MOST = 2100, UNUSED = 0xa5 };

/* A batch with all that is known of its records. */
struct batch {
    struct lv_gcm_key key;
    struct lv_gcm_stream stream;
    struct lv_gcm_item items[MOST];
    uint8_t key_bytes[32], nonces[MOST][12], aads[4][64], tags[MOST][TAG], room[MOST][SIZE_MOST + 16];
    uint8_t plain[MOST][SIZE_MOST], sealed[MOST][SIZE_MOST + TAG];
};
static struct batch b;

static void new_key(const struct lv_gcm_impl *impl)
{
    (void)memset(&b.key, 0, sizeof b.key);
    chance_fill(b.key_bytes, sizeof b.key_bytes);
    impl->expand(&b.key, b.key_bytes, 32);
    chance_fill(&b.aads[0][0], sizeof b.aads);
    /* The same bytes in two places: runs go by the address, answers must not. */
    (void)memcpy(b.aads[1], b.aads[0], sizeof b.aads[0]);
}

/* Puts record i down to be sealed, and has the reference seal it. */
static void put(size_t i, size_t size, const uint8_t *aad, size_t aad_size, int in_place)
{
    chance_fill(b.plain[i], size);
    (void)memset(b.room[i], UNUSED, sizeof b.room[i]);
    uint8_t *out = b.room[i] + i % 16;
    reference_seal(b.key_bytes, 32, b.nonces[i], aad, aad_size, b.plain[i], size, b.sealed[i]);
    if (in_place) {
        (void)memcpy(out, b.plain[i], size);
    }
    b.items[i] = (struct lv_gcm_item){b.nonces[i], aad, aad_size, in_place ? out : b.plain[i], out, size, b.tags[i], 0};
}

/* Seals what was put down, then opens it with some of it damaged: bit i % 64 of `damaged` says whether record i is. */
static void seals_and_opens(const struct lv_gcm_impl *impl, size_t count, uint64_t damaged, const char *what)
{
    impl->seal(&b.key, b.items, count, &b.stream);
    for (size_t i = 0; i < count; i++) {
        const struct lv_gcm_item *item = &b.items[i];
        CHECK_AT(memcmp(item->out, b.sealed[i], item->size) == 0, "%s: %zu of %zu, size %zu", what, i, count, item->size);
        CHECK_AT(memcmp(item->tag, b.sealed[i] + item->size, TAG) == 0, "%s: %zu of %zu, size %zu", what, i, count, item->size);
        CHECK(all_are(b.room[i], i % 16, UNUSED) && all_are(item->out + item->size, 16 - i % 16, UNUSED));
    }
    for (size_t i = 0; i < count; i++) {
        struct lv_gcm_item *item = &b.items[i];
        const int from_elsewhere = item->in != item->out;
        item->in = from_elsewhere ? b.sealed[i] : item->out;
        b.tags[i][i % TAG] ^= (uint8_t)(damaged >> i % 64 & 1);
        if (from_elsewhere) {
            (void)memset(item->out, UNUSED, item->size);
        }
    }
    impl->open(&b.key, b.items, count, &b.stream);
    CHECK(all_are((const uint8_t *)&b.stream, sizeof b.stream, 0));
    for (size_t i = 0; i < count; i++) {
        const struct lv_gcm_item *item = &b.items[i];
        const int wrong = (int)(damaged >> i % 64 & 1);
        CHECK_AT(item->failed == (uint32_t)wrong, "%s: %zu of %zu, size %zu", what, i, count, item->size);
        CHECK(wrong ? all_are(item->out, item->size, 0) : memcmp(item->out, b.plain[i], item->size) == 0);
        CHECK(all_are(b.room[i], i % 16, UNUSED) && all_are(item->out + item->size, 16 - i % 16, UNUSED));
    }
}

static size_t some_size(void)
{
    switch (chance_below(8)) {
    case 0:
        return 0;
    case 1:
        return 16 * chance_below(40);
    case 2:
        return chance_below(SIZE_MOST);
    case 3:
        return 480 + chance_below(128);
    default:
        return chance_below(100);
    }
}

static void mixed_batches_of_every_count_are_as_specified(void)
{
    EACH_LEVEL(level) {
        const struct lv_gcm_impl *impl = lv_level_impl(level);
        for (size_t round = 0; round < (harness_is_long ? 20u : 1u); round++) {
            for (size_t count = 0; count <= MOST; count++) {
                new_key(impl);
                const size_t few = 1 + chance_below(3), same = chance_below(2) ? some_size() : SIZE_MAX;
                for (size_t i = 0; i < count; i++) {
                    const size_t aad = chance_below(few);
                    chance_fill(b.nonces[i], 12);
                    /* As within a batch of ours: the nonces differ in their ends alone. */
                    (void)memcpy(b.nonces[i], b.nonces[0], chance_below(2) ? 8 : 0);
                    put(i, same < SIZE_MAX && chance_below(8) ? same : some_size(), b.aads[aad], aad * 13, (int)chance_below(2));
                }
                seals_and_opens(impl, count, chance() & chance() & chance(), "mixed");
            }
        }
    }
}

/* Ten records alike, but for one: in its size, in where its associated data stand, in how long they are, or in all. */
static void a_run_may_be_broken_anywhere(void)
{
    static const size_t sizes[] = {0, 1, 16, 100, 256, 511, 560, 1111};
    EACH_LEVEL(level) {
        const struct lv_gcm_impl *impl = lv_level_impl(level);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            for (size_t broken = 0; broken < 10; broken++) {
                for (int how = 0; how < 5; how++) {
                    new_key(impl);
                    for (size_t i = 0; i < 10; i++) {
                        const int odd = i == broken;
                        const uint8_t *aad = b.aads[odd && (how == 1 || how == 3) ? 2 : odd && how == 4 ? 1 : 0];
                        chance_fill(b.nonces[i], 12);
                        put(i, odd && (how == 0 || how == 3) ? 33 : sizes[s], aad, odd && how >= 2 && how < 4 ? 7 : 20, how % 2);
                    }
                    seals_and_opens(impl, 10, (uint64_t)1 << broken, "run");
                }
            }
        }
    }
}

/* The bytes behind an address may be others in the next call. */
static void nothing_is_remembered_between_calls(void)
{
    EACH_LEVEL(level) {
        const struct lv_gcm_impl *impl = lv_level_impl(level);
        new_key(impl);
        for (size_t round = 0; round < 5; round++) {
            chance_fill(b.aads[0], sizeof b.aads[0]);
            for (size_t i = 0; i < 3; i++) {
                chance_fill(b.nonces[i], 12);
                put(i, 40, b.aads[0], 30, 0);
            }
            seals_and_opens(impl, 3, 2, "again");
        }
    }
}

/* Key stream is made ahead for so many blocks at a time: sums of blocks around that number, from records of each size. */
static void the_room_for_key_stream_may_be_filled_to_any_degree(void)
{
    EACH_LEVEL(level) {
        const struct lv_gcm_impl *impl = lv_level_impl(level);
        for (size_t blocks = 0; blocks <= 34; blocks++) {
            for (size_t last = 0; last < 40; last += 1 + last / 4) {
                new_key(impl);
                const size_t count = (LV_STREAM_BLOCKS + 70) / (blocks + 1);
                const size_t used = count < MOST ? count : MOST;
                for (size_t i = 0; i < used; i++) {
                    chance_fill(b.nonces[i], 12);
                    put(i, i + 2 == used ? last * 16 : blocks * 16 - (blocks > 0 ? i % 2 : 0), b.aads[0], 16, 0);
                }
                seals_and_opens(impl, used, 1, "room");
                if (!harness_is_long && blocks % 8 != 7) {
                    break;
                }
            }
        }
    }
}

/* Powers of H of a derived key are made when they are needed, for as many blocks as a record has. */
static void powers_raised_in_any_order_are_the_same(void)
{
    EACH_LEVEL(level) {
        const struct lv_gcm_impl *impl = lv_level_impl(level);
        for (size_t first = 0; first <= LV_POWERS + 2; first++) {
            for (size_t second = 0; second <= LV_POWERS + 2; second++) {
                new_key(impl);
                const struct lv_gcm_key all = b.key;
                const size_t more = first > second ? first : second, has = more > LV_POWERS ? LV_POWERS : more;
                const size_t from = (LV_POWERS - 1) * LV_BLOCK, kept = has > 0 ? has * LV_BLOCK : LV_BLOCK;
                (void)memset(b.key.power, UNUSED, from);
                (void)memset(b.key.folded, UNUSED, from);
                b.key.powers = 1;
                impl->raise(&b.key, first);
                impl->raise(&b.key, second);
                CHECK(b.key.powers >= has && b.key.powers <= LV_POWERS);
                CHECK(memcmp((const uint8_t *)(b.key.power + LV_POWERS) - kept, (const uint8_t *)(all.power + LV_POWERS) - kept,
                             kept) == 0);
                CHECK(memcmp((const uint8_t *)(b.key.folded + LV_POWERS) - kept,
                             (const uint8_t *)(all.folded + LV_POWERS) - kept, kept) == 0);
            }
        }
    }
}

/* A key that one level has expanded serves every other. */
static void levels_can_use_each_others_keys(void)
{
    EACH_LEVEL(level) {
        EACH_LEVEL(other) {
            new_key(lv_level_impl(level));
            for (size_t i = 0; i < 12; i++) {
                chance_fill(b.nonces[i], 12);
                put(i, i * 97, b.aads[i % 3], 5 * i, 0);
            }
            seals_and_opens(lv_level_impl(other), 12, 0x248, "other level");
        }
    }
}

const struct test gcm_batch_tests[] = {
    TEST(mixed_batches_of_every_count_are_as_specified),
    TEST(a_run_may_be_broken_anywhere),
    TEST(nothing_is_remembered_between_calls),
    TEST(the_room_for_key_stream_may_be_filled_to_any_degree),
    TEST(powers_raised_in_any_order_are_the_same),
    TEST(levels_can_use_each_others_keys),
    {NULL, NULL},
};
