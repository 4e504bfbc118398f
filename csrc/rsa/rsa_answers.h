/* A key with known answers: see rsa_answers.c, which is data. */
#ifndef LV_RSA_ANSWERS_H
#define LV_RSA_ANSWERS_H

#include "rsa/rsa_impl.h"

#define LV_RSA_BEGINNING 32 /* bytes of each result that are compared */

struct lv_rsa_answers {
    uint64_t e;
    size_t size;
    uint8_t n[512], p[256], q[256], dp[256], dq[256], qinv[256];
    uint8_t beginnings[LV_RSA_LANES * LV_RSA_BEGINNING]; /* lane by lane */
};

extern const struct lv_rsa_answers lv_rsa_answers_2048, lv_rsa_answers_3072, lv_rsa_answers_4096;

#endif
