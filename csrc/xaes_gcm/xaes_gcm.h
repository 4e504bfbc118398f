/* What the calls on one record and those on many share. */
#ifndef LV_XAES_GCM_H
#define LV_XAES_GCM_H

#include "aes_gcm/aes_gcm.h"

/* In locked memory, which reads as zeros in a forked child: no impl, no key. */
struct lv_xaes {
    lv_locked *memory;
    const struct lv_gcm_impl *impl;
    struct lv_round_keys round_key;
    uint8_t subkey[LV_BLOCK];
};

#endif
