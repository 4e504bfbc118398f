/* Regions: guarded pages from the operating system, cut into cells. Not thread-safe: locked.c holds the lock. */
#ifndef LV_REGION_H
#define LV_REGION_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of canary between cells, and what cells are aligned to. */
#define LV_CANARY_SIZE 16

/* Bytes of cells in one shared region: four ordinary pages. */
#define LV_SHARED_SIZE 16384

/* Cells a shared region can have: the smallest are 32 bytes and a canary. */
#define LV_CELLS_MAX (LV_SHARED_SIZE / (32 + LV_CANARY_SIZE))
#define LV_TAKEN_WORDS ((LV_CELLS_MAX + 63) / 64)

struct lv_region {
    struct lv_region *next;
    uint8_t *map; /* guard page, pages, guard page */
    size_t map_size;
    uint8_t *pages; /* what may be read and written */
    size_t pages_size;
    size_t cell_size; /* bytes of one cell; 0 if the region belongs to a single large handle */
    uint32_t cells;
    uint32_t used;
    int is_locked;
    int is_hidden;        /* not in core dumps */
    int is_wiped_on_fork; /* by the kernel */
    uint64_t taken[LV_TAKEN_WORDS];
};

/* Maps pages for at least `size` bytes (1..SIZE_MAX / 2) between two guard pages; NULL if the system gives none. */
struct lv_region *lv_region_map(size_t size);

/* Wipes and unmaps. */
void lv_region_unmap(struct lv_region *region);

/* Cuts a fresh region into cells of `cell_size` bytes with `canary` around each. */
void lv_region_cut(struct lv_region *region, size_t cell_size, const uint8_t canary[LV_CANARY_SIZE]);

/* Marks a free cell as taken and returns its number; there must be one. */
uint32_t lv_region_take(struct lv_region *region);

/* Marks a cell as free. */
void lv_region_give(struct lv_region *region, uint32_t cell);

/* Where a cell begins. */
uint8_t *lv_region_cell(const struct lv_region *region, uint32_t cell);

#endif
