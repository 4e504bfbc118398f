/* The keys of one call, found by the prefix of the records they open. */
#ifndef LV_RING_H
#define LV_RING_H

#include "lv_core.h"

#define LV_PREFIX_MIN 8
#define LV_PREFIX_MAX 64

struct lv_ring_entry {
    uint8_t prefix[LV_PREFIX_MAX];
    const lv_xaes *xaes; /* NULL: what has this prefix does not open */
    const uint8_t *aad;
    size_t aad_size;
};

/* The entry of a prefix, or NULL. */
const struct lv_ring_entry *lv_ring_find(const lv_ring *ring, const uint8_t *prefix);

size_t lv_ring_prefix_size(const lv_ring *ring);

#endif
