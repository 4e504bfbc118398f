/* What each size is asked before it is used, and what the self-test and the API share. */
#ifndef LV_RSA_SELF_TEST_H
#define LV_RSA_SELF_TEST_H

#include "lv_core.h"

/* A known answer in every lane for keys of `size` bytes: LV_OK, LV_WRONG if any is another, or what kept it from being asked. */
LV_MUST_CHECK int lv_rsa_self_test(size_t size);

/* lv_rsa_private or lv_rsa_public without asking whether the size passed its self-test. */
LV_MUST_CHECK int lv_rsa_run(int is_private, const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good,
                             size_t count);

#endif
