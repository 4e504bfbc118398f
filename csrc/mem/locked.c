/* Handles on locked memory: which region a handle lies in, its canaries, and what a fork does to all of them.
 *
 * One mutex guards the list of regions; the bytes themselves are the caller's. The handle structs hold no secret and lie
 * in ordinary memory. */
#include "lv_core.h"
#include "mem/platform.h"
#include "mem/region.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lv_locked {
    uint8_t *bytes;
    size_t size;
    size_t tail; /* bytes of canary behind the handle's own */
    struct lv_region *region;
    uint32_t cell;
    int is_locked;
    uint64_t generation;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_status = LV_NO_INIT;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct lv_region *regions; /* by mutex */
static uint64_t handles;          /* by mutex */
static uint64_t generation;       /* forks between the first process and this one; written only while forking */
static uint8_t canary[LV_CANARY_SIZE];

/* The mutex is held while the process forks, so a child never inherits a half-changed list or a lock nobody will open. */
static void before_fork(void)
{
    (void)pthread_mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

/* Forgets every region without unmapping it: windows on inherited bytes may still be open in the child, and they must
 * read zeros, not fault. */
static void after_fork_in_child(void)
{
    for (struct lv_region *region = regions; region != NULL; region = region->next) {
        /* Also where the kernel was asked to: an emulated one may have said yes and done nothing. */
        lv_wipe(region->pages, region->pages_size);
    }
    regions = NULL;
    handles = 0;
    generation++;
    (void)pthread_mutex_unlock(&mutex);
}

static void init(void)
{
    if (!lv_os_random(canary, sizeof canary)) {
        init_status = LV_NO_RANDOM;
    } else if (pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0) {
        init_status = LV_NO_MEMORY;
    } else {
        init_status = LV_OK;
    }
}

int lv_init(void)
{
    (void)pthread_once(&once, init);
    return init_status;
}

/* The smallest power of two from 32 up that holds `size`. */
static size_t cell_size_for(size_t size)
{
    size_t cell_size = 32;
    while (cell_size < size) {
        cell_size *= 2;
    }
    return cell_size;
}

static struct lv_region *region_with_room(size_t cell_size, const struct lv_region *other_than)
{
    struct lv_region *region = regions;
    while (region != NULL && (region->cell_size != cell_size || region->used == region->cells || region == other_than)) {
        region = region->next;
    }
    return region;
}

static void link_region(struct lv_region *region)
{
    region->next = regions;
    regions = region;
}

static void unlink_region(const struct lv_region *region)
{
    struct lv_region **at = &regions;
    while (*at != region) {
        at = &(*at)->next;
    }
    *at = region->next;
}

static void fill_with_canary(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = canary[i % LV_CANARY_SIZE];
    }
}

static int is_canary(const uint8_t *bytes, size_t length)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < length; i++) {
        difference |= (uint8_t)(bytes[i] ^ canary[i % LV_CANARY_SIZE]);
    }
    return difference == 0;
}

/* A cell in a region shared with handles of like size. */
static int place_small(struct lv_locked *handle)
{
    const size_t cell_size = cell_size_for(handle->size);
    struct lv_region *region = region_with_room(cell_size, NULL);
    if (region == NULL) {
        region = lv_region_map(LV_SHARED_SIZE);
        if (region == NULL) {
            return LV_NO_MEMORY;
        }
        lv_region_cut(region, cell_size, canary);
        link_region(region);
    }
    handle->region = region;
    handle->cell = lv_region_take(region);
    handle->bytes = lv_region_cell(region, handle->cell);
    handle->tail = cell_size - handle->size;
    return LV_OK;
}

/* A region of its own, the bytes as close to the guard page behind them as their alignment allows. */
static int place_large(struct lv_locked *handle)
{
    const size_t padding = (LV_CANARY_SIZE - handle->size % LV_CANARY_SIZE) % LV_CANARY_SIZE;
    if (handle->size > SIZE_MAX / 4) {
        return LV_NO_MEMORY;
    }
    struct lv_region *region = lv_region_map(LV_CANARY_SIZE + handle->size + padding);
    if (region == NULL) {
        return LV_NO_MEMORY;
    }
    link_region(region);
    handle->region = region;
    handle->bytes = region->pages + region->pages_size - padding - handle->size;
    handle->tail = padding;
    (void)memcpy(handle->bytes - LV_CANARY_SIZE, canary, LV_CANARY_SIZE);
    return LV_OK;
}

static int place(struct lv_locked *handle)
{
    (void)pthread_mutex_lock(&mutex);
    const int status = handle->size <= LV_SMALL_MAX ? place_small(handle) : place_large(handle);
    if (status == LV_OK) {
        handle->generation = generation;
        handle->is_locked = handle->region->is_locked;
        fill_with_canary(handle->bytes + handle->size, handle->tail);
        handles++;
    }
    (void)pthread_mutex_unlock(&mutex);
    return status;
}

int lv_locked_new(size_t size, lv_locked **handle)
{
    if (init_status != LV_OK) {
        return LV_NO_INIT;
    }
    struct lv_locked *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return LV_NO_MEMORY;
    }
    fresh->size = size;
    const int status = place(fresh);
    if (status != LV_OK) {
        free(fresh);
        return status;
    }
    *handle = fresh;
    return LV_OK;
}

int lv_locked_random(lv_locked *handle)
{
    if (lv_locked_is_forked(handle)) {
        return LV_FORKED;
    }
    if (!lv_os_random(handle->bytes, handle->size)) {
        lv_wipe(handle->bytes, handle->size);
        return LV_NO_RANDOM;
    }
    return LV_OK;
}

uint8_t *lv_locked_bytes(lv_locked *handle)
{
    return handle->bytes;
}

size_t lv_locked_size(const lv_locked *handle)
{
    return handle->size;
}

int lv_locked_is_locked(const lv_locked *handle)
{
    return handle->is_locked;
}

int lv_locked_is_forked(const lv_locked *handle)
{
    return handle->generation != generation;
}

/* Going on would mean working with keys somebody else writes over. */
static void stop_if_overrun(const struct lv_locked *handle)
{
    const size_t behind = handle->region->cell_size > 0 ? LV_CANARY_SIZE : 0;
    if (is_canary(handle->bytes - LV_CANARY_SIZE, LV_CANARY_SIZE) &&
        is_canary(handle->bytes + handle->size, handle->tail) &&
        is_canary(handle->bytes + handle->size + handle->tail, behind)) {
        return;
    }
    (void)fputs("localvault: something wrote past the end of locked memory; stopping\n", stderr);
    abort();
}

/* Keeps one region with room for each size, so that a handle made and freed in a loop maps nothing. */
static void give_back(struct lv_locked *handle)
{
    struct lv_region *region = handle->region;
    lv_wipe(handle->bytes, handle->size + handle->tail);
    if (region->cell_size > 0) {
        lv_region_give(region, handle->cell);
    }
    handles--;
    if (region->used == 0 && (region->cell_size == 0 || region_with_room(region->cell_size, region) != NULL)) {
        unlink_region(region);
        lv_region_unmap(region);
    }
}

void lv_locked_free(lv_locked *handle)
{
    if (handle == NULL) {
        return;
    }
    if (!lv_locked_is_forked(handle)) {
        (void)pthread_mutex_lock(&mutex);
        stop_if_overrun(handle);
        give_back(handle);
        (void)pthread_mutex_unlock(&mutex);
    }
    free(handle);
}

void lv_mem_report(struct lv_mem_report *report)
{
    struct lv_mem_report sum = {.not_dumped = 1, .wiped_on_fork = 1};
    (void)pthread_mutex_lock(&mutex);
    sum.handles = handles;
    for (const struct lv_region *region = regions; region != NULL; region = region->next) {
        sum.regions++;
        sum.bytes += region->pages_size;
        sum.bytes_locked += region->is_locked ? region->pages_size : 0;
        sum.not_dumped &= (uint32_t)region->is_hidden;
        sum.wiped_on_fork &= (uint32_t)region->is_wiped_on_fork;
    }
    (void)pthread_mutex_unlock(&mutex);
    *report = sum;
}
