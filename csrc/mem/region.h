/* Regions: guarded pages from the operating system, cut into slots. Not thread-safe: locked.c holds the lock. */
#ifndef LV_REGION_H
#define LV_REGION_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of canary between slots, and what slots are aligned to. */
#define LV_CANARY_SIZE 16

/* Bytes of slots in one shared region: four ordinary pages. */
#define LV_SHARED_SIZE 16384

/* Slots a shared region can have: the smallest are 32 bytes and a canary. */
#define LV_SLOTS_MAX (LV_SHARED_SIZE / (32 + LV_CANARY_SIZE))
#define LV_TAKEN_WORDS ((LV_SLOTS_MAX + 63) / 64)

struct lv_region {
    struct lv_region *next;
    uint8_t *map; /* guard page, pages, guard page */
    size_t map_size;
    uint8_t *pages; /* what may be read and written */
    size_t pages_size;
    size_t slot_size; /* bytes of one slot; 0 if the region belongs to a single large handle */
    uint32_t slots;
    uint32_t used;
    int is_locked;
    int is_hidden;        /* not in core dumps */
    int is_wiped_on_fork; /* by the kernel */
    uint64_t taken[LV_TAKEN_WORDS];
};

/* Maps pages for at least `size` bytes between two guard pages; NULL if the system gives none. */
struct lv_region *lv_region_map(size_t size);

/* Wipes and unmaps. */
void lv_region_unmap(struct lv_region *region);

/* Cuts a fresh region into slots of `slot_size` bytes with `canary` around each. */
void lv_region_cut(struct lv_region *region, size_t slot_size, const uint8_t canary[LV_CANARY_SIZE]);

/* Marks a free slot as taken and returns its number; there must be one. */
uint32_t lv_region_take(struct lv_region *region);

/* Marks a slot as free. */
void lv_region_give(struct lv_region *region, uint32_t slot);

/* Where a slot begins. */
uint8_t *lv_region_slot(const struct lv_region *region, uint32_t slot);

#endif
