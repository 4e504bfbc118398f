#define _GNU_SOURCE
#include "harness.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int harness_is_long;
const char *harness_vectors, *harness_level;
static uint64_t state = 0x9e3779b97f4a7c15;

static int is_wanted(uint32_t level)
{
    return lv_level_status(level) == LV_OK && (harness_level == NULL || strcmp(lv_level_name(level), harness_level) == 0);
}

uint32_t level_from(uint32_t level)
{
    while (lv_level_name(level) != NULL && !is_wanted(level)) {
        level++;
    }
    return level;
}

void chance_begin(uint64_t seed)
{
    state = seed | 1;
}

/* Marsaglia, "Xorshift RNGs", 2003. */
uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

size_t chance_below(size_t limit)
{
    return (size_t)((chance() >> 16) % limit);
}

void chance_fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(chance() >> 24);
    }
}

int all_are(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return 0;
        }
    }
    return 1;
}

struct fenced fenced_new(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *map = mmap(NULL, FENCED_SIZE + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED && FENCED_SIZE % page == 0);
    CHECK(mprotect(map + page, FENCED_SIZE, PROT_READ | PROT_WRITE) == 0);
    return (struct fenced){map + page, map + page + FENCED_SIZE};
}

void fenced_free(struct fenced fenced)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK(munmap(fenced.begin - page, FENCED_SIZE + 2 * page) == 0);
}

lv_gcm *gcm_new(uint32_t level, const uint8_t *key, size_t key_size)
{
    lv_gcm *gcm = NULL;
    CHECK(lv_gcm_new(level, key, key_size, &gcm) == LV_OK && gcm != NULL);
    return gcm;
}

lv_xaes *xaes_new(uint32_t level, const uint8_t *key)
{
    lv_xaes *xaes = NULL;
    CHECK(lv_xaes_new(level, key, &xaes) == LV_OK && xaes != NULL);
    return xaes;
}

void in_child(void (*act)(void *context), void *context)
{
    int status = 0;
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        act(context);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
