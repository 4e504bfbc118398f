/* Which levels this build has, and which of them this machine may use. */
#include "aes_gcm/aes_gcm.h"
#include "core/cpu.h"

#include <pthread.h>

#if defined(__x86_64__)
static const struct lv_gcm_impl *const levels[] = {&lv_gcm_vaes512, &lv_gcm_vaes256, &lv_gcm_aesni};
#define LEVELS (sizeof levels / sizeof levels[0])
#elif defined(__AARCH64EL__)
static const struct lv_gcm_impl *const levels[] = {&lv_gcm_armv8};
#define LEVELS (sizeof levels / sizeof levels[0])
#else
static const struct lv_gcm_impl *const levels[] = {NULL};
#define LEVELS 0u
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int status[sizeof levels / sizeof levels[0]];

static void test_all(void)
{
    const uint64_t features = lv_cpu_features();
    for (size_t i = 0; i < LEVELS; i++) {
        const int can = (levels[i]->needs & features) == levels[i]->needs;
        status[i] = can ? lv_gcm_self_test(levels[i]) : LV_NO_LEVEL;
    }
}

const char *lv_level_name(uint32_t level)
{
    return level < LEVELS ? levels[level]->name : NULL;
}

int lv_level_status(uint32_t level)
{
    (void)pthread_once(&once, test_all);
    return level < LEVELS ? status[level] : LV_NO_LEVEL;
}

const struct lv_gcm_impl *lv_level_impl(uint32_t level)
{
    return lv_level_status(level) == LV_OK ? levels[level] : NULL;
}
