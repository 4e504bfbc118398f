/* Guarded pages and the cells in them; region.h has the contracts, lv_core.h the drawing. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "mem/region.h"

#include "lv_core.h"
#include "mem/platform.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    const long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

static size_t round_up_to_pages(size_t size, size_t page)
{
    return (size + page - 1) / page * page;
}

/* All of these are best effort: a region that cannot be locked or hidden is still guarded and wiped, and the report says
 * what it lacks. Refusing instead would make a vault useless where RLIMIT_MEMLOCK is small. */
static void protect(struct lv_region *region)
{
    region->is_locked = mlock(region->pages, region->pages_size) == 0;
    region->is_hidden = lv_os_hide_from_dumps(region->pages, region->pages_size);
    region->is_wiped_on_fork = lv_os_wipe_on_fork(region->pages, region->pages_size);
}

struct lv_region *lv_region_map(size_t size)
{
    const size_t page = page_size();
    const size_t pages_size = round_up_to_pages(size, page);
    struct lv_region *region = calloc(1, sizeof *region);
    if (region == NULL) {
        return NULL;
    }
    const size_t map_size = pages_size + 2 * page;
    uint8_t *map = mmap(NULL, map_size, PROT_NONE, MAP_PRIVATE | lv_os_map_flags, -1, 0);
    if (map == MAP_FAILED) {
        free(region);
        return NULL;
    }
    if (mprotect(map + page, pages_size, PROT_READ | PROT_WRITE) != 0) {
        (void)munmap(map, map_size);
        free(region);
        return NULL;
    }
    region->map = map;
    region->map_size = map_size;
    region->pages = map + page;
    region->pages_size = pages_size;
    protect(region);
    return region;
}

void lv_region_unmap(struct lv_region *region)
{
    lv_wipe(region->pages, region->pages_size);
    (void)munmap(region->map, region->map_size);
    free(region);
}

uint8_t *lv_region_cell(const struct lv_region *region, uint32_t cell)
{
    return region->pages + LV_CANARY_SIZE + (size_t)cell * (region->cell_size + LV_CANARY_SIZE);
}

void lv_region_cut(struct lv_region *region, size_t cell_size, const uint8_t canary[LV_CANARY_SIZE])
{
    const size_t cells = (LV_SHARED_SIZE - LV_CANARY_SIZE) / (cell_size + LV_CANARY_SIZE);
    region->cell_size = cell_size;
    region->cells = (uint32_t)cells;
    /* One canary before each cell and one behind the last. */
    for (uint32_t cell = 0; cell <= region->cells; cell++) {
        (void)memcpy(lv_region_cell(region, cell) - LV_CANARY_SIZE, canary, LV_CANARY_SIZE);
    }
}

uint32_t lv_region_take(struct lv_region *region)
{
    uint32_t cell = 0;
    while ((region->taken[cell / 64] >> (cell % 64)) & 1u) {
        cell++;
    }
    region->taken[cell / 64] |= (uint64_t)1 << (cell % 64);
    region->used++;
    return cell;
}

void lv_region_give(struct lv_region *region, uint32_t cell)
{
    region->taken[cell / 64] &= ~((uint64_t)1 << (cell % 64));
    region->used--;
}
