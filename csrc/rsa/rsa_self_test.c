/* The self-test: eight known answers of a private operation, and the way back, for one size.
 *
 * Each lane has a message of its own, so a lane that fails or takes another's place is seen. The keys are in the source
 * and protect nothing. */
#include "rsa/rsa_self_test.h"
#include "rsa/rsa_answers.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 512 };

/* Messages, results, and messages again. */
struct exercise {
    uint8_t in[LV_RSA_LANES * LONGEST];
    uint8_t made[LV_RSA_LANES * LONGEST];
    uint8_t back[LV_RSA_LANES * LONGEST];
    uint8_t good[LV_RSA_LANES];
    const lv_rsa *keys[LV_RSA_LANES];
};

static const struct lv_rsa_answers *answers_for(size_t size)
{
    static const struct lv_rsa_answers *const all[] = {&lv_rsa_answers_2048, &lv_rsa_answers_3072, &lv_rsa_answers_4096};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->size == size) {
            return all[i];
        }
    }
    return NULL;
}

/* Message `lane` is 0, then bytes i * 29 + lane * 7 + 1. */
static void set_messages(struct exercise *exercise, size_t size)
{
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        exercise->in[lane * size] = 0;
        for (size_t i = 1; i < size; i++) {
            exercise->in[lane * size + i] = (uint8_t)(i * 29 + lane * 7 + 1);
        }
    }
}

static int all_good(const struct exercise *exercise)
{
    int good = 1;
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        good &= exercise->good[lane];
    }
    return good;
}

static int ask(struct exercise *exercise, const struct lv_rsa_answers *answers)
{
    const size_t size = answers->size;
    set_messages(exercise, size);
    int status = lv_rsa_run(1, exercise->keys, exercise->in, exercise->made, exercise->good, LV_RSA_LANES);
    if (status != LV_OK) {
        return status;
    }
    int right = all_good(exercise);
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        right &= memcmp(exercise->made + lane * size, answers->beginnings + lane * LV_RSA_BEGINNING, LV_RSA_BEGINNING) == 0;
    }
    status = lv_rsa_run(0, exercise->keys, exercise->made, exercise->back, exercise->good, LV_RSA_LANES);
    if (status != LV_OK) {
        return status;
    }
    right &= all_good(exercise) && memcmp(exercise->in, exercise->back, LV_RSA_LANES * size) == 0;
    return right ? LV_OK : LV_WRONG;
}

int lv_rsa_self_test(size_t size)
{
    const struct lv_rsa_answers *answers = answers_for(size);
    struct exercise *exercise = answers == NULL ? NULL : calloc(1, sizeof *exercise);
    if (exercise == NULL) {
        return answers == NULL ? LV_UNSUITABLE : LV_NO_MEMORY;
    }
    lv_rsa *key = NULL;
    int status = lv_rsa_new(size, answers->n, answers->e, answers->p, answers->q, answers->dp, answers->dq,
                            answers->qinv, &key);
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        exercise->keys[lane] = key;
    }
    if (status == LV_OK) {
        status = ask(exercise, answers);
    }
    lv_rsa_free(key);
    free(exercise);
    return status;
}
