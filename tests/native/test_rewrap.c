/* Many records opened and sealed again in one call. Part of test_gcm. */
#include "successor.h"

enum { DESK = LV_PLAIN_SIZE };

static void records_of_every_kind_are_resealed_as_they_should(void)
{
    EACH_LEVEL(level) {
        for (size_t round = 0; round < (harness_is_long ? 400u : 30u); round++) {
            struct scene *scene = scene_new(level, 8 + chance_below(57));
            scene_fill(scene, round * 4, round % 4 ? 200 : 3000);
            scene_rewraps_in_two_calls(scene, level, chance_below(PREFIX_MOST + 1));
            scene_free(scene);
        }
    }
}

static void a_call_of_several_tasks_reseals_as_it_should(void)
{
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 20);
        scene_fill(scene, 2500, 300);
        scene_rewraps_in_two_calls(scene, level, 28);
        scene_free(scene);
    }
}

/* Plaintexts share a room of 16 KiB; what is longer gets one of its own, whatever stands before and behind it. */
static void records_longer_than_the_room_are_resealed(void)
{
    static const size_t sizes[] = {DESK - 1, DESK, DESK + 1, 2 * DESK, 40000};
    EACH_LEVEL(level) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct scene *scene = scene_new(level, 20);
            scene_add(scene, 0, 2, 100, EACH_OWN);
            scene_add(scene, 0, 1, sizes[s], EACH_OWN);
            scene_add(scene, 1, 4, sizes[s] / 2, ALIKE);
            scene_add(scene, 0, 5, 10, ALIKE);
            scene_add(scene, 2, 3, sizes[s], ALIKE);
            scene_add(scene, STRANGER, 1, sizes[s], EACH_OWN);
            scene_damage(scene, 13, chance_below(1u << 16));
            scene_add(scene, 0, 1, 0, EACH_OWN);
            scene_rewraps_in_two_calls(scene, level, 20);
            scene_free(scene);
        }
    }
}

static void a_failure_may_stand_anywhere(void)
{
    EACH_LEVEL(level) {
        for (size_t at = 0; at < 66; at += harness_is_long ? 1 : 5) {
            for (int alike = 0; alike < 2; alike++) {
                struct scene *scene = scene_new(level, 8);
                scene_add(scene, 2, 66, 300, alike);
                scene_damage(scene, at, chance_below(1u << 16));
                scene_damage(scene, 65, 5);
                scene_rewraps_in_two_calls(scene, level, 9);
                scene_free(scene);
            }
        }
    }
}

static void the_last_counter_is_not_passed(void)
{
    EACH_LEVEL(level) {
        struct scene *scene = scene_new(level, 8);
        scene_add(scene, 0, 5, 20, ALIKE);
        scene_reset(scene);
        struct successor to = successor_new(level, 8, UINT32_MAX - 4);
        CHECK(successor_rewrap(scene, &to) == LV_OK);
        successor_check(scene, &to, UINT32_MAX - 4);
        scene_reset(scene);
        put_counter(to.nonce, UINT32_MAX - 3);
        CHECK(successor_rewrap(scene, &to) == LV_TOO_LONG && all_are(scene->out, 1024, UNUSED));
        put_counter(to.nonce, 0);
        to.prefix_size = PREFIX_MOST + 1;
        CHECK(successor_rewrap(scene, &to) == LV_TOO_LONG && all_are(scene->out, 1024, UNUSED));
        successor_free(&to);
        scene_free(scene);
    }
}

/* A successor of another level than the ring's keys. */
static void levels_reseal_for_each_other(void)
{
    EACH_LEVEL(level) {
        EACH_LEVEL(other) {
            struct scene *scene = scene_new(level, 8);
            scene_fill(scene, 60, 600);
            scene_rewraps_in_two_calls(scene, other, 8);
            scene_free(scene);
        }
    }
}

const struct test gcm_rewrap_tests[] = {
    TEST(records_of_every_kind_are_resealed_as_they_should),
    TEST(a_call_of_several_tasks_reseals_as_it_should),
    TEST(records_longer_than_the_room_are_resealed),
    {"a_failure_may_stand_anywhere_when_resealing", a_failure_may_stand_anywhere},
    {"the_last_counter_is_not_passed_when_resealing", the_last_counter_is_not_passed},
    TEST(levels_reseal_for_each_other),
    {NULL, NULL},
};
