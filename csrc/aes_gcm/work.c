/* A place to work for every thread that seals or opens: made at its first call, freed at its end. */
#include "aes_gcm/aes_gcm.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int has_key;

static void drop(void *value)
{
    struct lv_work *work = value;
    /* In a forked child it reads as zeros and the handle is NULL. */
    lv_locked_free(work->memory);
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, drop) == 0;
}

static struct lv_work *fresh(void)
{
    lv_locked *memory;
    if (lv_locked_new(sizeof(struct lv_work), &memory) != LV_OK) {
        return NULL;
    }
    struct lv_work *work = (struct lv_work *)(void *)lv_locked_bytes(memory);
    work->memory = memory;
    if (pthread_setspecific(key, work) != 0) {
        lv_locked_free(memory);
        return NULL;
    }
    return work;
}

struct lv_work *lv_work(void)
{
    (void)pthread_once(&once, make_key);
    if (!has_key) {
        return NULL;
    }
    struct lv_work *work = pthread_getspecific(key);
    return work != NULL && work->memory != NULL ? work : fresh();
}
