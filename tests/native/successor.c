#include "successor.h"
#include "reference.h"

struct successor successor_new(uint32_t level, size_t prefix_size, uint32_t counter)
{
    struct successor made = {.prefix_size = prefix_size};
    chance_fill(made.key, sizeof made.key);
    chance_fill(made.nonce, sizeof made.nonce);
    chance_fill(made.aad, sizeof made.aad);
    put_counter(made.nonce, counter);
    made.xaes = xaes_new(level, made.key);
    CHECK(lv_xaes_derive(made.xaes, made.nonce, &made.gcm) == LV_OK);
    return made;
}

void successor_free(struct successor *successor)
{
    lv_gcm_free(successor->gcm);
    lv_xaes_free(successor->xaes);
}

int successor_rewrap(struct scene *scene, const struct successor *to)
{
    return lv_xaes_rewrap_many(scene->ring, to->gcm, to->nonce, to->aad, to->prefix_size, to->aad, to->prefix_size + 5,
                               scene->sealed->data, scene->sealed->offsets, scene->sealed->count, scene->out,
                               scene->out_offsets, scene->outcomes, &scene->failed, &scene->unknown);
}

/* Record i stands at `at` as the reference seals its plaintext with its own number. */
static void check_resealed(const struct scene *scene, const struct successor *to, uint32_t counter, size_t i, int64_t at)
{
    static uint8_t expected[PREFIX_MOST + RECORD_OVERHEAD + 70000];
    const size_t size = records_size(scene->plain, i), head = to->prefix_size + LV_XAES_NONCE_SIZE;
    uint8_t nonce[24];
    (void)memcpy(nonce, to->nonce, sizeof nonce);
    put_counter(nonce, counter + (uint32_t)i);
    (void)memcpy(expected, to->aad, to->prefix_size);
    (void)memcpy(expected + to->prefix_size, nonce, sizeof nonce);
    reference_xaes_seal(to->key, nonce, to->aad, to->prefix_size + 5, records_at(scene->plain, i), size, expected + head);
    CHECK_AT(memcmp(scene->out + at, expected, head + size + LV_GCM_TAG_SIZE) == 0, "record %zu, size %zu", i, size);
}

void successor_check(const struct scene *scene, const struct successor *to, uint32_t counter)
{
    for (size_t i = 0; i < scene->sealed->count; i++) {
        const int64_t *at = &scene->out_offsets[i];
        if (scene->outcomes[i] == LV_OPENED) {
            check_resealed(scene, to, counter, i, at[0]);
        } else if (scene->outcomes[i] == LV_FAILED) {
            CHECK_AT(all_are(scene->out + at[0], (size_t)(at[1] - at[0]), 0), "record %zu", i);
        }
    }
}

void check_desk_is_empty(void)
{
    const struct lv_work *work = lv_work();
    CHECK(all_are(work->plain, sizeof work->plain, 0) && all_are((const uint8_t *)&work->stream, sizeof work->stream, 0));
    CHECK(all_are((const uint8_t *)&work->shared, sizeof work->shared, 0));
    CHECK(all_are((const uint8_t *)work->derived, sizeof work->derived, 0));
}

void scene_rewraps_in_two_calls(struct scene *scene, uint32_t level, size_t prefix_size)
{
    const uint32_t counter = (uint32_t)chance_below(1u << 30);
    struct successor to = successor_new(level, prefix_size, counter);
    const size_t extra = prefix_size + RECORD_OVERHEAD;
    for (int call = 0; call < 2; call++) {
        if (call == 0) {
            scene_reset(scene);
        } else {
            scene_introduce(scene);
        }
        CHECK(successor_rewrap(scene, &to) == LV_OK);
        scene_check_outcomes(scene, extra);
        successor_check(scene, &to, counter);
        check_desk_is_empty();
    }
    lv_outcomes_close(scene->outcomes, scene->sealed->count, scene->out, scene->out_offsets);
    for (size_t i = 0; i < scene->sealed->count; i++) {
        const int64_t size = scene->out_offsets[i + 1] - scene->out_offsets[i];
        CHECK(size == (scene->outcomes[i] == LV_OPENED ? (int64_t)(records_size(scene->plain, i) + extra) : 0));
    }
    successor_check(scene, &to, counter);
    successor_free(&to);
}
