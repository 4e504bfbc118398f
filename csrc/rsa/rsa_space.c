/* Workspaces, kept between calls because the blinding pairs in them are worth keeping.
 *
 * A few slots that are only ever exchanged atomically: no lock that a fork could leave closed in the child, which finds the
 * workspaces of its parent, sees that they are, and makes its own: two processes never go on from the same pairs. */
#include "rsa/rsa_space.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum { KEPT = 2, ALIGNMENT = 64 }; /* 166 KiB of locked memory each */

static _Atomic(struct lv_rsa_space *) kept[KEPT];

static void drop(struct lv_rsa_space *space)
{
    lv_locked_free(space->memory);
    free(space);
}

static struct lv_rsa_space *take_kept(void)
{
    for (size_t i = 0; i < KEPT; i++) {
        struct lv_rsa_space *space = atomic_exchange(&kept[i], NULL);
        if (space != NULL && !lv_locked_is_forked(space->memory)) {
            return space;
        }
        if (space != NULL) {
            drop(space);
        }
    }
    return NULL;
}

int lv_rsa_space_take(struct lv_rsa_space **space)
{
    *space = take_kept();
    if (*space != NULL) {
        return LV_OK;
    }
    struct lv_rsa_space *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return LV_NO_MEMORY;
    }
    const int status = lv_locked_new(sizeof(struct lv_rsa_work) + ALIGNMENT, &fresh->memory);
    if (status != LV_OK) {
        free(fresh);
        return status;
    }
    uint8_t *bytes = lv_locked_bytes(fresh->memory);
    bytes += (ALIGNMENT - (uintptr_t)bytes % ALIGNMENT) % ALIGNMENT;
    fresh->work = (struct lv_rsa_work *)(void *)bytes;
    *space = fresh;
    return LV_OK;
}

void lv_rsa_space_give(struct lv_rsa_space *space)
{
    const size_t blinding = offsetof(struct lv_rsa_work, n);
    lv_wipe((uint8_t *)space->work + blinding, sizeof *space->work - blinding);
    for (size_t i = 0; i < KEPT; i++) {
        struct lv_rsa_space *none = NULL;
        if (atomic_compare_exchange_strong(&kept[i], &none, space)) {
            return;
        }
    }
    drop(space);
}
