#include "scene.h"

struct scene *scene_new(uint32_t level, size_t prefix_size)
{
    struct scene *made = calloc(1, sizeof *made);
    CHECK(made != NULL && (made->out = malloc(ROOM)) != NULL);
    made->prefix_size = prefix_size;
    made->sealed = records_new((int64_t)chance_below(40));
    made->plain = records_new(0);
    chance_fill(&made->key[0][0], sizeof made->key);
    chance_fill(made->context, sizeof made->context);
    CHECK(lv_ring_new(prefix_size, &made->ring) == LV_OK);
    for (uint32_t i = 0; i < KEYS; i++) {
        const uint32_t at = level_from(level + i);
        made->xaes[i] = xaes_new(lv_level_name(at) != NULL ? at : level, made->key[i]);
    }
    /* Prefixes differ in their last bytes, as ours do, in which the ring looks them up; or in their first alone. */
    chance_fill(made->prefix[0], prefix_size);
    for (size_t i = 0; i < PREFIXES; i++) {
        (void)memcpy(made->prefix[i], made->prefix[0], prefix_size);
        made->prefix[i][i % 2 ? 0 : prefix_size - 1] ^= (uint8_t)(i * 16);
        (void)memcpy(made->aad[i], made->prefix[i], prefix_size);
        (void)memcpy(made->aad[i] + prefix_size, made->context, CONTEXT);
        const lv_xaes *xaes = i < KEYS ? made->xaes[i] : NULL;
        CHECK(i == STRANGER || lv_ring_add(made->ring, made->prefix[i], xaes, made->aad[i], prefix_size + CONTEXT) == LV_OK);
    }
    return made;
}

void scene_free(struct scene *scene)
{
    lv_ring_free(scene->ring);
    for (size_t i = 0; i < KEYS; i++) {
        lv_xaes_free(scene->xaes[i]);
    }
    records_free(scene->sealed);
    records_free(scene->plain);
    free(scene->out);
    free(scene);
}

void scene_add(struct scene *scene, size_t prefix, size_t count, size_t size, int alike)
{
    static const uint8_t outcomes[PREFIXES] = {[NO_KEY] = LV_FAILED, [STRANGER] = LV_UNKNOWN};
    uint8_t nonce[24];
    chance_fill(nonce, sizeof nonce);
    for (size_t i = 0; i < count; i++) {
        uint8_t *plain = records_add(scene->plain, size);
        chance_fill(plain, size);
        scene->expected[scene->sealed->count] = outcomes[prefix];
        if (alike) {
            put_counter(nonce, (uint32_t)i);
        } else {
            chance_fill(nonce, sizeof nonce);
        }
        (void)records_add_sealed(scene->sealed, scene->key[prefix % KEYS], scene->prefix[prefix], scene->prefix_size, nonce,
                                 scene->context, CONTEXT, plain, size);
    }
}

void scene_add_short(struct scene *scene, size_t prefix, size_t size)
{
    (void)records_add(scene->plain, 0);
    scene->expected[scene->sealed->count] = LV_FAILED;
    uint8_t *record = records_add(scene->sealed, size);
    (void)memset(record, 0, size);
    (void)memcpy(record, scene->prefix[prefix], size < scene->prefix_size ? size : scene->prefix_size);
}

void scene_damage(struct scene *scene, size_t i, size_t bit)
{
    uint8_t *bytes = records_at(scene->sealed, i) + scene->prefix_size;
    const size_t bits = 8 * (records_size(scene->sealed, i) - scene->prefix_size);
    bytes[bit % bits / 8] ^= (uint8_t)(1u << bit % 8);
    if (scene->expected[i] == LV_OPENED) {
        scene->expected[i] = LV_FAILED;
    }
}

void scene_fill(struct scene *scene, size_t count, size_t most)
{
    while (scene->sealed->count < count) {
        const size_t begin = scene->sealed->count, prefix = chance_below(PREFIXES), size = chance_below(most + 1);
        const size_t overhead = scene->prefix_size + RECORD_OVERHEAD;
        switch (chance_below(6)) {
        case 0:
            scene_add_short(scene, prefix, chance_below(overhead));
            continue;
        case 1:
            scene_add(scene, prefix, 1 + chance_below(70), chance_below(70), ALIKE);
            break;
        case 2:
            scene_add(scene, prefix, 1 + chance_below(4), size, ALIKE);
            break;
        case 3:
            scene_add(scene, prefix, 1 + chance_below(20), chance_below(70), EACH_OWN);
            break;
        default:
            scene_add(scene, prefix, 1 + chance_below(2), size, EACH_OWN);
        }
        /* The stranger's stay whole, for they are to open later. */
        for (size_t i = begin; prefix != STRANGER && i < scene->sealed->count; i++) {
            if (chance_below(6) == 0) {
                scene_damage(scene, i, chance_below(1u << 20));
            }
        }
    }
}

void scene_reset(struct scene *scene)
{
    (void)memset(scene->out, UNUSED, records_room(scene->sealed));
    (void)memset(scene->outcomes, LV_UNKNOWN, sizeof scene->outcomes);
    (void)memset(scene->out_offsets, UNUSED, sizeof scene->out_offsets);
    scene->failed = scene->unknown = SIZE_MAX;
}

void scene_introduce(struct scene *scene)
{
    CHECK(lv_ring_add(scene->ring, scene->prefix[STRANGER], scene->xaes[STRANGER % KEYS], scene->aad[STRANGER],
                      scene->prefix_size + CONTEXT) == LV_OK);
    for (size_t i = 0; i < scene->sealed->count; i++) {
        scene->expected[i] = scene->expected[i] == LV_UNKNOWN ? LV_OPENED : scene->expected[i];
    }
}

int scene_open(struct scene *scene)
{
    return lv_xaes_open_many(scene->ring, scene->sealed->data, scene->sealed->offsets, scene->sealed->count, scene->out,
                             scene->out_offsets, scene->outcomes, &scene->failed, &scene->unknown);
}

void scene_check_outcomes(const struct scene *scene, size_t extra)
{
    size_t count[3] = {0};
    int64_t at = 0;
    for (size_t i = 0; i < scene->sealed->count; i++) {
        CHECK_AT(scene->outcomes[i] == scene->expected[i], "record %zu of %zu: %u, not %u", i, scene->sealed->count,
                 scene->outcomes[i], scene->expected[i]);
        CHECK_AT(scene->out_offsets[i] == at, "record %zu", i);
        const size_t size = records_size(scene->sealed, i), overhead = scene->prefix_size + RECORD_OVERHEAD;
        at += (int64_t)(size < overhead ? 0 : size - overhead + extra);
        count[scene->outcomes[i]]++;
    }
    CHECK(scene->out_offsets[scene->sealed->count] == at);
    CHECK(scene->failed == count[LV_FAILED] && scene->unknown == count[LV_UNKNOWN]);
    CHECK(scene->outcomes[scene->sealed->count] == LV_UNKNOWN && all_are(scene->out + at, 64, UNUSED));
}

void scene_check_opened(const struct scene *scene)
{
    for (size_t i = 0; i < scene->sealed->count; i++) {
        const uint8_t *out = scene->out + scene->out_offsets[i];
        const size_t size = records_size(scene->plain, i);
        if (scene->outcomes[i] == LV_OPENED) {
            CHECK_AT(memcmp(out, records_at(scene->plain, i), size) == 0, "record %zu, size %zu", i, size);
        } else if (scene->outcomes[i] == LV_FAILED) {
            CHECK_AT(all_are(out, size, 0), "record %zu, size %zu", i, size);
        }
    }
}

/* The first record that waits for a key is found, and after it each further one. */
static void check_strangers_are_found(const struct scene *scene)
{
    const struct records *sealed = scene->sealed;
    size_t found = 0;
    for (size_t i = 0; i < sealed->count; i = found + 1) {
        found = lv_ring_unknown(scene->ring, sealed->data, sealed->offsets, scene->outcomes, i, sealed->count);
        CHECK(found >= i && found <= sealed->count);
        for (size_t k = i; k < found; k++) {
            CHECK(scene->outcomes[k] != LV_UNKNOWN);
        }
        CHECK(found == sealed->count || scene->outcomes[found] == LV_UNKNOWN);
    }
}

void scene_opens_in_two_calls(struct scene *scene)
{
    scene_reset(scene);
    CHECK(scene_open(scene) == LV_OK);
    scene_check_outcomes(scene, 0);
    scene_check_opened(scene);
    check_strangers_are_found(scene);
    scene_introduce(scene);
    const struct records *sealed = scene->sealed;
    CHECK(lv_ring_unknown(scene->ring, sealed->data, sealed->offsets, scene->outcomes, 0, sealed->count) == sealed->count);
    CHECK(scene_open(scene) == LV_OK);
    scene_check_outcomes(scene, 0);
    scene_check_opened(scene);
    CHECK(scene->unknown == 0);

    const size_t count = scene->sealed->count, all = (size_t)scene->out_offsets[count];
    lv_outcomes_close(scene->outcomes, count, scene->out, scene->out_offsets);
    int64_t at = 0;
    CHECK(scene->out_offsets[0] == 0);
    for (size_t i = 0; i < count; i++) {
        const size_t size = scene->outcomes[i] == LV_OPENED ? records_size(scene->plain, i) : 0;
        CHECK(memcmp(scene->out + at, records_at(scene->plain, i), size) == 0);
        at += (int64_t)size;
        CHECK(scene->out_offsets[i + 1] == at);
    }
    CHECK(all_are(scene->out + at, all - (size_t)at, 0) && all_are(scene->out + all, 64, UNUSED));
}
