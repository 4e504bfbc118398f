/* Sealed records of every kind in one buffer, and what must become of each when they are opened. */
#ifndef LV_TEST_SCENE_H
#define LV_TEST_SCENE_H

#include "records.h"

enum { KEYS = 3, NO_KEY = KEYS, STRANGER, PREFIXES, CONTEXT = 11, UNUSED = 0xa5, EACH_OWN = 0, ALIKE = 1 };

/* Prefixes 0 to 2 have keys; one says that it has none; the ring does not know the last one, which is of key 0. */
struct scene {
    uint8_t key[KEYS][32], prefix[PREFIXES][PREFIX_MOST], context[CONTEXT], aad[PREFIXES][PREFIX_MOST + CONTEXT];
    lv_xaes *xaes[KEYS];
    size_t prefix_size;
    struct records *sealed, *plain; /* plain: of what is too short, nothing */
    uint8_t expected[RECORDS_MOST];
    lv_ring *ring;

    /* What a call writes. */
    uint8_t *out, outcomes[RECORDS_MOST + 1];
    int64_t out_offsets[RECORDS_MOST + 2];
    size_t failed, unknown;
};

/* The keys stand at this level and those after it. */
struct scene *scene_new(uint32_t level, size_t prefix_size);
void scene_free(struct scene *scene);

/* `count` records of a prefix, alike (one nonce but for its counter) or each with a nonce of its own. */
void scene_add(struct scene *scene, size_t prefix, size_t count, size_t size, int alike);

/* Something too short for a record. */
void scene_add_short(struct scene *scene, size_t prefix, size_t size);

/* Flips one bit behind the prefix; what would have opened fails. */
void scene_damage(struct scene *scene, size_t i, size_t bit);

/* About so many records of every kind, of up to `most` bytes. */
void scene_fill(struct scene *scene, size_t count, size_t most);

/* Makes `out` and what belongs to it as they are before a call. */
void scene_reset(struct scene *scene);

/* The ring learns the stranger's key, and it is expected to open from now on. */
void scene_introduce(struct scene *scene);

int scene_open(struct scene *scene);

/* Compares outcomes and counts with what was expected; `extra` bytes stand around each plaintext in `out`. */
void scene_check_outcomes(const struct scene *scene, size_t extra);

/* After opening: plaintexts, and zeros where a record failed. */
void scene_check_opened(const struct scene *scene);

/* Opens, then again when the stranger has been introduced, then closes the gaps; each time all is checked. */
void scene_opens_in_two_calls(struct scene *scene);

#endif
