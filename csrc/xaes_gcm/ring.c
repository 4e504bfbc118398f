/* A hash table that only grows and lives for one call. */
#include "xaes_gcm/ring.h"
#include "mem/platform.h"

#include <stdlib.h>
#include <string.h>

struct lv_ring {
    size_t prefix_size;
    size_t used;
    size_t slots; /* a power of two, more than half of them free */
    uint64_t multiplier;
    struct lv_ring_entry **slot;
};

/* The end of a prefix is the end of a version id, which is random; but whoever sends records may choose it, so the
 * multiplier is random too and nobody can make many prefixes meet in one slot. */
static size_t slot_of(const lv_ring *ring, const uint8_t *prefix)
{
    uint64_t end;
    (void)memcpy(&end, prefix + ring->prefix_size - sizeof end, sizeof end);
    end = (end ^ (end >> 32)) * ring->multiplier;
    return (size_t)(end >> 32) & (ring->slots - 1);
}

static struct lv_ring_entry **place(const lv_ring *ring, const uint8_t *prefix)
{
    size_t at = slot_of(ring, prefix);
    while (ring->slot[at] != NULL && memcmp(ring->slot[at]->prefix, prefix, ring->prefix_size) != 0) {
        at = (at + 1) & (ring->slots - 1);
    }
    return &ring->slot[at];
}

int lv_ring_new(size_t prefix_size, lv_ring **made)
{
    lv_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL || prefix_size < LV_PREFIX_MIN || prefix_size > LV_PREFIX_MAX) {
        free(ring);
        return LV_NO_MEMORY;
    }
    ring->prefix_size = prefix_size;
    ring->slots = 16;
    ring->slot = calloc(ring->slots, sizeof *ring->slot);
    if (ring->slot == NULL || !lv_os_random(&ring->multiplier, sizeof ring->multiplier)) {
        lv_ring_free(ring);
        return LV_NO_MEMORY;
    }
    ring->multiplier |= 1;
    *made = ring;
    return LV_OK;
}

static int grow(lv_ring *ring)
{
    lv_ring larger = *ring;
    larger.slots = ring->slots * 2;
    larger.slot = calloc(larger.slots, sizeof *larger.slot);
    if (larger.slot == NULL) {
        return LV_NO_MEMORY;
    }
    for (size_t i = 0; i < ring->slots; i++) {
        if (ring->slot[i] != NULL) {
            *place(&larger, ring->slot[i]->prefix) = ring->slot[i];
        }
    }
    free(ring->slot);
    *ring = larger;
    return LV_OK;
}

int lv_ring_add(lv_ring *ring, const uint8_t *prefix, const lv_xaes *xaes, const uint8_t *aad, size_t aad_size)
{
    if (2 * (ring->used + 1) > ring->slots && grow(ring) != LV_OK) {
        return LV_NO_MEMORY;
    }
    struct lv_ring_entry **at = place(ring, prefix);
    if (*at == NULL) {
        *at = calloc(1, sizeof **at);
        if (*at == NULL) {
            return LV_NO_MEMORY;
        }
        ring->used++;
    }
    (void)memcpy((*at)->prefix, prefix, ring->prefix_size);
    (*at)->xaes = xaes;
    (*at)->aad = aad;
    (*at)->aad_size = aad_size;
    return LV_OK;
}

const struct lv_ring_entry *lv_ring_find(const lv_ring *ring, const uint8_t *prefix)
{
    return *place(ring, prefix);
}

size_t lv_ring_prefix_size(const lv_ring *ring)
{
    return ring->prefix_size;
}

void lv_ring_free(lv_ring *ring)
{
    if (ring == NULL) {
        return;
    }
    for (size_t i = 0; ring->slot != NULL && i < ring->slots; i++) {
        free(ring->slot[i]);
    }
    free(ring->slot);
    free(ring);
}
