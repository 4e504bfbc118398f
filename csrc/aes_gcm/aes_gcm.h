/* What AES-GCM lends to what is built from it: the handle, the levels, and a thread's place to work. */
#ifndef LV_AES_GCM_H
#define LV_AES_GCM_H

#include "aes_gcm/aes_gcm_impl.h"
#include "lv_core.h"

#define LV_ITEMS_AT_ONCE 64
#define LV_PLAIN_SIZE 16384

/* In locked memory, which reads as zeros in a forked child: no impl, no key. */
struct lv_gcm {
    lv_locked *memory;
    const struct lv_gcm_impl *impl;
    struct lv_gcm_key key;
};

/* What a call needs of room for secrets; one a thread, in locked memory, empty between calls. */
struct lv_work {
    lv_locked *memory;
    struct lv_gcm_item items[LV_ITEMS_AT_ONCE];
    struct lv_gcm_key derived[LV_DERIVED_AT_ONCE];
    struct lv_gcm_key shared;
    struct lv_gcm_stream stream;
    uint8_t plain[LV_PLAIN_SIZE];
};

/* The kernels of a level, or NULL if it cannot be used. */
const struct lv_gcm_impl *lv_level_impl(uint32_t level);

/* LV_OK if the kernels give the known answers, else LV_WRONG or LV_NO_MEMORY. */
int lv_gcm_self_test(const struct lv_gcm_impl *impl);

/* This thread's place to work, or NULL if there is no memory. */
struct lv_work *lv_work(void);

/* The powers of H that a record can make use of. */
static inline size_t lv_gcm_powers(size_t aad_size, size_t size)
{
    const size_t longer = aad_size > size + LV_BLOCK ? aad_size : size + LV_BLOCK;
    return longer / LV_BLOCK + 1;
}

#endif
