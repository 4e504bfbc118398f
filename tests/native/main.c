#define _POSIX_C_SOURCE 200809L
/* The main program of test_gcm: its parts are the files that define the tables below. */
#include "harness.h"

#include <pthread.h>
#include <time.h>

static void *run(void *test)
{
    ((const struct test *)test)->run();
    return NULL;
}

/* In a thread of its own, whose place to work must go when it ends: no handle may be left. */
static void run_to_the_last_handle(const struct test *test)
{
    pthread_t thread;
    struct lv_mem_report report;
    union { const struct test *in; void *out; } argument = {.in = test};
    CHECK(pthread_create(&thread, NULL, run, argument.out) == 0 && pthread_join(thread, NULL) == 0);
    /* Helpers of the pool that a test sent home give theirs back when they end, which is a moment later. */
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int waited = 0; lv_mem_report(&report), report.handles != 0 && waited < 10000; waited++) {
        (void)nanosleep(&moment, NULL);
    }
    CHECK_AT(report.handles == 0, "%s left %u handles", test->name, (unsigned)report.handles);
}

static void say_levels(void)
{
    for (uint32_t level = 0; lv_level_name(level) != NULL; level++) {
        static const char *const words[] = {[LV_OK] = "yes", [LV_NO_LEVEL] = "no", [LV_WRONG] = "WRONG"};
        (void)printf("%s: %s\n", lv_level_name(level), words[lv_level_status(level)]);
    }
    CHECK_AT(harness_level == NULL || lv_level_name(level_from(0)) != NULL, "no level %s here", harness_level);
}

static void take_options(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "long") == 0) {
            harness_is_long = 1;
        } else if (strncmp(argv[i], "level=", 6) == 0) {
            harness_level = argv[i] + 6;
        } else {
            harness_vectors = argv[i];
        }
    }
}

/* Without an argument: prints the names. Else: NAME (or all) [long] [level=NAME] [FILE OF VECTORS]. */
int main(int argc, char **argv)
{
    const struct test *const tables[] = {gcm_vector_tests, gcm_tests,      gcm_key_tests,   gcm_batch_tests,
                                         gcm_many_tests,   gcm_ring_tests, gcm_rewrap_tests, gcm_reseal_tests};
    int ran = 0;
    take_options(argc, argv);
    if (argc > 1) {
        CHECK(lv_init() == LV_OK);
        say_levels();
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct test *test = tables[i]; test->name != NULL; test++) {
            if (argc < 2) {
                (void)puts(test->name);
            } else if (strcmp(argv[1], test->name) == 0 || strcmp(argv[1], "all") == 0) {
                (void)printf("%s\n", test->name);
                (void)fflush(stdout);
                run_to_the_last_handle(test);
                ran++;
            }
        }
    }
    return argc < 2 || ran > 0 ? 0 : 2;
}
