/* Rings, and many records opened in one call. Part of test_gcm. */
#include "scene.h"
#include "xaes_gcm/ring.h"

#include <pthread.h>

static void a_ring_finds_what_was_added_last(void)
{
    enum { COUNT = 3000 };
    static uint8_t prefixes[COUNT][PREFIX_MOST], aads[2];
    for (size_t size = LV_PREFIX_MIN; size <= LV_PREFIX_MAX; size += 7) {
        lv_ring *ring = NULL;
        CHECK(lv_ring_new(size, &ring) == LV_OK && lv_ring_prefix_size(ring) == size);
        for (size_t i = 0; i < COUNT; i++) {
            chance_fill(prefixes[i], size);
            if (i % 2 && size > LV_PREFIX_MIN) { /* ends alike: the same slot */
                (void)memcpy(prefixes[i] + size - 8, prefixes[i - i % 50] + size - 8, 8);
            }
            CHECK(lv_ring_find(ring, prefixes[i]) == NULL);
            CHECK(lv_ring_add(ring, prefixes[i], NULL, aads, i) == LV_OK);
        }
        CHECK(lv_ring_add(ring, prefixes[7], NULL, aads + 1, 1) == LV_OK);
        for (size_t i = 0; i < COUNT; i++) {
            const struct lv_ring_entry *entry = lv_ring_find(ring, prefixes[i]);
            CHECK(entry != NULL && memcmp(entry->prefix, prefixes[i], size) == 0);
            CHECK(entry->aad == aads + (i == 7) && entry->aad_size == (i == 7 ? 1 : i));
        }
        lv_ring_free(ring);
    }
    lv_ring_free(NULL);
}

static void prefixes_of_other_sizes_are_refused(void)
{
    static const size_t sizes[] = {0, 1, LV_PREFIX_MIN - 1, LV_PREFIX_MAX + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        lv_ring *ring = NULL;
        CHECK(lv_ring_new(sizes[i], &ring) == LV_NO_MEMORY && ring == NULL);
    }
}

static void records_of_every_kind_open_as_they_should(void)
{
    EACH_LEVEL(level) {
        for (size_t round = 0; round < (harness_is_long ? 400u : 40u); round++) {
            struct scene *scene = scene_new(level, LV_PREFIX_MIN + chance_below(LV_PREFIX_MAX - LV_PREFIX_MIN + 1));
            scene_fill(scene, round * 4, round % 4 ? 200 : 3000);
            scene_opens_in_two_calls(scene);
            scene_free(scene);
        }
    }
}

static void a_call_of_several_tasks_opens_as_it_should(void)
{
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 20);
        scene_fill(scene, RECORDS_MOST - 100, 300);
        scene_opens_in_two_calls(scene);
        scene_free(scene);
    }
}

static void batches_of_every_count_open(void)
{
    EACH_LEVEL(level) {
        for (size_t count = 0; count <= 70; count++) {
            for (int alike = 0; alike < 2; alike++) {
                struct scene *scene = scene_new(level, 8);
                scene_add(scene, count % KEYS, count, 33, alike);
                scene_reset(scene);
                CHECK(scene_open(scene) == LV_OK && scene->failed == 0 && scene->unknown == 0);
                scene_check_outcomes(scene, 0);
                scene_check_opened(scene);
                scene_free(scene);
            }
        }
    }
}

/* One of seventy is damaged, or too short, or of a key that is not there; and the run it stands in is broken there. */
static void a_failure_may_stand_anywhere(void)
{
    EACH_LEVEL(level) {
        for (size_t at = 0; at < 70; at += harness_is_long || at < 8 ? 1 : 3) {
            for (int how = 0; how < 5; how++) {
                struct scene *scene = scene_new(level, 21);
                scene_add(scene, 1, at, 40, at % 3 ? ALIKE : EACH_OWN);
                if (how == 0) {
                    scene_add_short(scene, 1, at % (21 + RECORD_OVERHEAD));
                } else {
                    scene_add(scene, how == 1 ? NO_KEY : how == 2 ? STRANGER : 1, 1, 50, EACH_OWN);
                }
                scene_add(scene, 1, 70 - at, 40, ALIKE);
                if (how == 3) {
                    scene_damage(scene, at, chance_below(1u << 20));
                }
                scene_opens_in_two_calls(scene);
                scene_free(scene);
            }
        }
    }
}

/* Of some records, every bit behind the prefix: nonce, ciphertext and tag. */
static void every_flipped_bit_of_a_record_is_refused(void)
{
    static const size_t sizes[] = {0, 1, 16, 60};
    EACH_LEVEL(level) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct scene *scene = scene_new(level, 8);
            scene_add(scene, 0, 1, sizes[s], EACH_OWN);
            scene_add(scene, 1, 4, sizes[s], ALIKE);
            for (size_t bit = 0; bit < 8 * (RECORD_OVERHEAD + sizes[s]); bit++) {
                for (size_t i = 0; i < 3; i += 2) {
                    scene_damage(scene, i, bit);
                    scene_reset(scene);
                    CHECK(scene_open(scene) == LV_OK);
                    scene_check_outcomes(scene, 0);
                    scene_check_opened(scene);
                    scene_damage(scene, i, bit);
                    scene->expected[i] = LV_OPENED;
                }
            }
            scene_free(scene);
        }
    }
}

static void another_context_opens_nothing(void)
{
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 8);
        scene_add(scene, 0, 5, 30, ALIKE);
        for (size_t bit = 0; bit < 8 * CONTEXT; bit++) {
            scene->aad[0][8 + bit / 8] ^= (uint8_t)(1u << bit % 8);
            scene_reset(scene);
            CHECK(scene_open(scene) == LV_OK && scene->failed == 5 && all_are(scene->out, 150, 0));
            scene->aad[0][8 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        scene_free(scene);
    }
}

/* Records may come from anybody: at the end of a page, and too short by any number of bytes. */
static void opening_many_stays_within_its_buffers(void)
{
    const struct fenced data = fenced_new(), room = fenced_new();
    EACH_LEVEL(level) {
        for (size_t size = 0; size < 100; size++) {
            struct scene *scene = scene_new(level, 8 + size % 57);
            const size_t overhead = scene->prefix_size + RECORD_OVERHEAD;
            scene_add(scene, 0, size % 4, size, ALIKE);
            scene_add_short(scene, 0, size < overhead ? size : overhead - 1);
            const size_t first = (size_t)scene->sealed->offsets[0], opened = size % 4 * size;
            const size_t all = (size_t)scene->sealed->offsets[scene->sealed->count] - first;
            uint8_t *const places[] = {data.end - all, data.begin};
            for (int i = 0; i < 2; i++) {
                (void)memcpy(places[i], records_at(scene->sealed, 0), all);
                scene_reset(scene);
                CHECK(lv_xaes_open_many(scene->ring, places[i] - first, scene->sealed->offsets, scene->sealed->count,
                                        room.end - opened, scene->out_offsets, scene->outcomes, &scene->failed,
                                        &scene->unknown) == LV_OK);
                CHECK(scene->failed == 1 && scene->unknown == 0);
            }
            scene_free(scene);
        }
    }
    fenced_free(data);
    fenced_free(room);
}

static void too_long_a_record_is_not_opened(void)
{
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 8);
        scene_add(scene, 0, 3, 20, ALIKE);
        scene_reset(scene);
        scene->sealed->offsets[3] = scene->sealed->offsets[2] + LV_GCM_SIZE_MAX + 1;
        CHECK(scene_open(scene) == LV_TOO_LONG && all_are(scene->out, 1024, UNUSED));
        CHECK(all_are(scene->outcomes, 4, LV_UNKNOWN));
        scene_free(scene);
    }
}

/* Made in a child: some of the ring's keys are its own, one is its parent's. */
static void opens_with_an_inherited_key(void *context)
{
    const lv_xaes *inherited = context;
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 8);
        scene_add(scene, 0, 20, 100, ALIKE);
        scene_add(scene, 1, 20, 100, EACH_OWN);
        CHECK(lv_ring_add(scene->ring, scene->prefix[1], inherited, scene->aad[1], 8 + CONTEXT) == LV_OK);
        scene_reset(scene);
        CHECK(scene_open(scene) == LV_NO_KEY && all_are(scene->out, 40 * 100, 0));
        scene_free(scene);
    }
}

static void nothing_is_given_out_when_a_key_is_inherited(void)
{
    EACH_LEVEL(level) {
        lv_xaes *handed = xaes_new(level, (const uint8_t *)"a key that the parent has, of 32.");
        in_child(opens_with_an_inherited_key, handed);
        lv_xaes_free(handed);
    }
}

static void *opens(void *context)
{
    struct scene mine = *(const struct scene *)context;
    CHECK((mine.out = malloc(ROOM)) != NULL);
    for (int i = 0; i < 5; i++) {
        scene_reset(&mine);
        CHECK(scene_open(&mine) == LV_OK);
        scene_check_outcomes(&mine, 0);
        scene_check_opened(&mine);
    }
    free(mine.out);
    return NULL;
}

static void threads_share_a_ring(void)
{
    enum { THREADS = 4 };
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 20);
        pthread_t threads[THREADS];
        scene_fill(scene, 200, 200);
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_create(&threads[i], NULL, opens, scene) == 0);
        }
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
        }
        scene_free(scene);
    }
}

const struct test gcm_ring_tests[] = {
    TEST(a_ring_finds_what_was_added_last),
    TEST(prefixes_of_other_sizes_are_refused),
    TEST(records_of_every_kind_open_as_they_should),
    TEST(a_call_of_several_tasks_opens_as_it_should),
    TEST(batches_of_every_count_open),
    TEST(a_failure_may_stand_anywhere),
    TEST(every_flipped_bit_of_a_record_is_refused),
    TEST(another_context_opens_nothing),
    TEST(opening_many_stays_within_its_buffers),
    TEST(too_long_a_record_is_not_opened),
    TEST(nothing_is_given_out_when_a_key_is_inherited),
    TEST(threads_share_a_ring),
    {NULL, NULL},
};
