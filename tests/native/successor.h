/* Sealing a scene's records again, under a key that takes over. */
#ifndef LV_TEST_SUCCESSOR_H
#define LV_TEST_SUCCESSOR_H

#include "scene.h"

struct successor {
    uint8_t key[32], nonce[24], aad[PREFIX_MOST + 5];
    size_t prefix_size;
    lv_xaes *xaes;
    lv_gcm *gcm;
};

struct successor successor_new(uint32_t level, size_t prefix_size, uint32_t counter);
void successor_free(struct successor *successor);

int successor_rewrap(struct scene *scene, const struct successor *to);

/* What opened stands in the scene's `out` as the reference seals it again; where a record failed there are zeros. */
void successor_check(const struct scene *scene, const struct successor *to, uint32_t counter);

/* Nothing that was opened stays in the thread's place to work. */
void check_desk_is_empty(void);

/* In two calls, as scene_opens_in_two_calls; then the gaps are closed. */
void scene_rewraps_in_two_calls(struct scene *scene, uint32_t level, size_t prefix_size);

#endif
