/* Workspaces: what one call at a time works in, with the pairs of blinding factors it keeps for the next. */
#ifndef LV_RSA_SPACE_H
#define LV_RSA_SPACE_H

#include "lv_core.h"
#include "rsa/rsa_impl.h"

struct lv_rsa_space {
    lv_locked *memory;
    struct lv_rsa_work *work; /* in `memory`, at a multiple of 64 */
};

/* A workspace nobody else uses, in *space. LV_OK, LV_NO_INIT or LV_NO_MEMORY. */
LV_MUST_CHECK int lv_rsa_space_take(struct lv_rsa_space **space);

/* Wipes it but for the blinding pairs, and keeps it for the next call or frees it. */
void lv_rsa_space_give(struct lv_rsa_space *space);

#endif
