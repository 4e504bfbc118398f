/* What the parts of test_gcm share: checks, chance that repeats itself, buffers with fences, and how a test is named and
 * run. reference.h has the answers. */
#ifndef LV_TEST_HARNESS_H
#define LV_TEST_HARNESS_H

#include "aes_gcm/aes_gcm.h"
#include "lv_core.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* As CHECK, with words and numbers that say where in a loop it was. */
#define CHECK_AT(condition, ...)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                      \
            (void)fprintf(stderr, __VA_ARGS__);                                                                        \
            (void)fputc('\n', stderr);                                                                                 \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

struct test {
    const char *name;
    void (*run)(void);
};
#define TEST(name) {#name, name}

/* What main.c runs; each ends with a test without a name. */
extern const struct test gcm_vector_tests[], gcm_tests[], gcm_key_tests[], gcm_batch_tests[], gcm_many_tests[],
    gcm_ring_tests[], gcm_rewrap_tests[], gcm_reseal_tests[];

/* From the command line: the long form; the file of vectors (or a program that they stand at the end of) or NULL; the only
 * level that is wanted, or NULL. */
extern int harness_is_long;
extern const char *harness_vectors, *harness_level;

/* Every level this machine can use (or the one that was asked for), best first. */
#define EACH_LEVEL(level) for (uint32_t level = level_from(0); lv_level_name(level) != NULL; level = level_from(level + 1))
uint32_t level_from(uint32_t level);

/* The same numbers in every run; or from a beginning of one's own. */
void chance_begin(uint64_t seed);
uint64_t chance(void);
size_t chance_below(size_t limit);
void chance_fill(uint8_t *bytes, size_t size);

int all_are(const uint8_t *bytes, size_t size, uint8_t value);

/* Pages between two that cannot be touched. */
#define FENCED_SIZE ((size_t)1 << 16)
struct fenced {
    uint8_t *begin, *end;
};
struct fenced fenced_new(void);
void fenced_free(struct fenced fenced);

lv_gcm *gcm_new(uint32_t level, const uint8_t *key, size_t key_size);
lv_xaes *xaes_new(uint32_t level, const uint8_t *key);

/* Runs `act` in a forked child, which must end well. */
void in_child(void (*act)(void *context), void *context);

#endif
