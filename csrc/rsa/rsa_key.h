/* A key's handle: the struct behind lv_rsa, shared by the files of this folder that are no level. */
#ifndef LV_RSA_KEY_H
#define LV_RSA_KEY_H

#include "lv_core.h"
#include "rsa/rsa_impl.h"

struct lv_rsa {
    lv_locked *memory;
    struct lv_rsa_numbers *numbers; /* in `memory` */
    size_t size;                    /* bytes of the modulus */
};

#endif
