/* Sequences of calls on the core's sealing, as the bytes of an input say: for libFuzzer, or for driver.c.
 *
 * Each level does the same and is compared with the reference in tests/native/: so levels agree with each other, too. Inputs
 * stand at the ends of allocations, so that a sanitizer sees what is read too far. */
#include "../../native/harness.h"
#include "../../native/reference.h"
#include "../../native/successor.h"

#include <pthread.h>

enum { TAG = LV_GCM_TAG_SIZE, CALLS = 40, BYTES = 10000, SINGLE = 1700 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at, *end;
};

static size_t take(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static size_t take_size(struct input *input, size_t limit)
{
    const size_t low = take(input), high = take(input);
    return (low | high << 8) % limit;
}

/* Just this many bytes from chance; freed by the caller. */
static uint8_t *some_bytes(size_t size)
{
    uint8_t *bytes = malloc(size);
    CHECK(size == 0 || bytes != NULL);
    chance_fill(bytes, size);
    return bytes;
}

/* One record by itself: sealed, opened, damaged in one bit, refused. */
static void seal_and_open_one(uint32_t level, struct input *input)
{
    static const size_t key_sizes[] = {16, 24, 32};
    const size_t key_size = key_sizes[take(input) % 3], size = take_size(input, SINGLE), aad_size = take_size(input, 700);
    const size_t offset = take(input) % 16, bit = take_size(input, 8 * (size + TAG));
    const int is_xaes = (int)(take(input) & 1);
    uint8_t *key = some_bytes(32), *nonce = some_bytes(24), *aad = some_bytes(aad_size), *plain = some_bytes(size);
    uint8_t *sealed = malloc(size + TAG), *room = malloc(offset + size + TAG), *out = room + offset;
    CHECK(sealed != NULL && room != NULL);
    if (is_xaes) {
        lv_xaes *xaes = xaes_new(level, key);
        reference_xaes_seal(key, nonce, aad, aad_size, plain, size, sealed);
        CHECK(lv_xaes_seal(xaes, nonce, aad, aad_size, plain, size, out) == LV_OK && memcmp(out, sealed, size + TAG) == 0);
        CHECK(lv_xaes_open(xaes, nonce, aad, aad_size, out, size, out) == LV_OK && memcmp(out, plain, size) == 0);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(lv_xaes_open(xaes, nonce, aad, aad_size, sealed, size, out) == LV_WRONG && all_are(out, size, 0));
        lv_xaes_free(xaes);
    } else {
        lv_gcm *gcm = gcm_new(level, key, key_size);
        reference_seal(key, key_size, nonce, aad, aad_size, plain, size, sealed);
        (void)memcpy(out, plain, size);
        CHECK(lv_gcm_seal(gcm, nonce, aad, aad_size, out, size, out) == LV_OK && memcmp(out, sealed, size + TAG) == 0);
        (void)memset(out, UNUSED, size + TAG);
        CHECK(lv_gcm_open(gcm, nonce, aad, aad_size, sealed, size, out) == LV_OK && memcmp(out, plain, size) == 0);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(lv_gcm_open(gcm, nonce, aad, aad_size, sealed, size, sealed) == LV_WRONG && all_are(sealed, size, 0));
        lv_gcm_free(gcm);
    }
    free(key);
    free(nonce);
    free(aad);
    free(plain);
    free(sealed);
    free(room);
}

/* One more record, or some, or one of them damaged, as a byte says. */
static void add_to_scene(struct scene *scene, struct input *input)
{
    const size_t kind = take(input), prefix = take(input) % PREFIXES, count = 1 + take(input) % 70;
    switch (kind % 4) {
    case 0:
        scene_add_short(scene, prefix, take(input) % (scene->prefix_size + RECORD_OVERHEAD));
        break;
    case 1:
        scene_add(scene, prefix, count, take(input) % 100, ALIKE);
        break;
    case 2:
        scene_add(scene, prefix, 1 + count % 3, take_size(input, count % 16 ? 700 : 18000), (int)(kind >> 7));
        break;
    default:
        if (scene->sealed->count > 0) {
            const size_t at = take_size(input, scene->sealed->count), bit = take_size(input, 1u << 16);
            /* The stranger's stay whole, for they are to open later; and twice the same bit would be none. */
            if (scene->expected[at] == LV_OPENED) {
                scene_damage(scene, at, bit);
            }
        }
    }
}

/* From now on the sealed records end where their allocation ends. */
static void fit_tightly(struct records *records)
{
    const size_t size = (size_t)records->offsets[records->count];
    uint8_t *tight = malloc(size > 0 ? size : 1);
    CHECK(tight != NULL);
    (void)memcpy(tight, records->data, size);
    free(records->data);
    records->data = tight;
}

static void play(uint32_t level, struct input input)
{
    struct scene *scene = scene_new(level, 8 + take(&input) % 57);
    const size_t new_prefix_size = take(&input) % (PREFIX_MOST + 1);
    const int rewraps = (int)(take(&input) & 1);
    for (int call = 0; call < CALLS && input.at < input.end && scene->sealed->offsets[scene->sealed->count] < BYTES; call++) {
        if (take(&input) % 4 == 0) {
            seal_and_open_one(level, &input);
        } else {
            add_to_scene(scene, &input);
        }
    }
    fit_tightly(scene->sealed);
    if (rewraps) {
        scene_rewraps_in_two_calls(scene, level, new_prefix_size);
    } else {
        scene_opens_in_two_calls(scene);
    }
    scene_free(scene);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    CHECK(lv_init() == LV_OK);
    return 0;
}

static void *play_at_every_level(void *context)
{
    const struct input *input = context;
    uint64_t seed = 0;
    for (const uint8_t *at = input->at; at < input->end && at < input->at + 8; at++) {
        seed = seed << 8 | *at;
    }
    EACH_LEVEL(level) {
        chance_begin(seed);
        play(level, *input);
    }
    return NULL;
}

/* In a thread of its own, so that its place to work goes with it and no handle may be left. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct lv_mem_report report;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, play_at_every_level, &input) == 0 && pthread_join(thread, NULL) == 0);
    lv_mem_report(&report);
    CHECK(report.handles == 0);
    return 0;
}
