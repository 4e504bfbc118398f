/* Bulk RSA: which level there is, and batches cut into groups of eight. */
#include "core/cpu.h"
#include "mem/platform.h"
#include "rsa/rsa_key.h"
#include "rsa/rsa_self_test.h"
#include "rsa/rsa_space.h"

#include <pthread.h>
#include <string.h>

/* What one call is about. */
struct batch {
    const lv_rsa *const *keys;
    const uint8_t *in;
    uint8_t *out;
    uint8_t *good;
    size_t count;
    size_t size; /* bytes of each number */
    int is_private;
};

enum { SIZES = 3, SIZE_STEP = 128 }; /* 256, 384 and 512 bytes */

static pthread_once_t once[SIZES] = {PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT};
static int tested[SIZES] = {LV_NO_LEVEL, LV_NO_LEVEL, LV_NO_LEVEL};

static int has_level(void)
{
    return lv_rsa_ifma != NULL && (lv_cpu_features() & lv_rsa_ifma->needs) == lv_rsa_ifma->needs;
}

static void test(size_t index)
{
    tested[index] = has_level() ? lv_rsa_self_test(2 * SIZE_STEP + index * SIZE_STEP) : LV_NO_LEVEL;
}

static void test_2048(void)
{
    test(0);
}

static void test_3072(void)
{
    test(1);
}

static void test_4096(void)
{
    test(2);
}

int lv_rsa_status(size_t size)
{
    static void (*const tests[SIZES])(void) = {test_2048, test_3072, test_4096};
    if (size % SIZE_STEP != 0 || size < 2 * SIZE_STEP || size > 4 * SIZE_STEP) {
        return LV_UNSUITABLE;
    }
    const size_t index = size / SIZE_STEP - 2;
    (void)pthread_once(&once[index], tests[index]);
    return tested[index];
}

static void spread(lv_rsa_limb *to, const uint64_t *from, size_t limbs, size_t lane)
{
    for (size_t i = 0; i < limbs; i++) {
        to[i].lane[lane] = from[i];
    }
}

static void load_modulus(struct lv_rsa_modulus *modulus, const uint64_t *number, const uint64_t *r2, uint64_t k0,
                         size_t limbs, size_t lane)
{
    modulus->limbs = limbs;
    modulus->k0.lane[lane] = k0;
    spread(modulus->number, number, limbs, lane);
    spread(modulus->r2, r2, limbs, lane);
}

static void load_key(struct lv_rsa_work *work, const struct lv_rsa_numbers *key, size_t lane, int is_private)
{
    const size_t limbs = key->limbs;
    const uint64_t *at = key->words;
    work->keys[lane] = key;
    work->e[lane] = key->e;
    load_modulus(&work->n, at, at + LV_RSA_N_R2 * limbs, key->k0[0], 2 * limbs, lane);
    if (!is_private) {
        return;
    }
    load_modulus(&work->p, at + LV_RSA_P * limbs, at + LV_RSA_P_R2 * limbs, key->k0[1], limbs, lane);
    load_modulus(&work->q, at + LV_RSA_Q * limbs, at + LV_RSA_Q_R2 * limbs, key->k0[2], limbs, lane);
    spread(work->qinv, at + LV_RSA_QINV * limbs, limbs, lane);
}

/* 1 if the lane's x is below its n; the arithmetic's bounds depend on it. Both are public. */
static uint32_t is_in_range(const struct lv_rsa_work *work, size_t lane)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < work->n.limbs; i++) {
        borrow = (work->x[i].lane[lane] - work->n.number[i].lane[lane] - borrow) >> 63;
    }
    return (uint32_t)borrow;
}

/* Fills the lanes from item `first` on; those beyond the last item get its key and a zero. Returns the lanes that hold an
 * item in range; the others hold a zero. */
static uint32_t load_group(struct lv_rsa_work *work, const struct batch *batch, size_t first)
{
    uint32_t lanes = 0;
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        const size_t item = first + lane < batch->count ? first + lane : batch->count - 1;
        load_key(work, batch->keys[item]->numbers, lane, batch->is_private);
        lv_rsa_read(&work->x[0].lane[lane], LV_RSA_LANES, work->n.limbs, batch->in + item * batch->size, batch->size);
        if (first + lane < batch->count && is_in_range(work, lane)) {
            lanes |= 1u << lane;
            continue;
        }
        for (size_t i = 0; i < work->n.limbs; i++) {
            work->x[i].lane[lane] = 0;
        }
    }
    return lanes;
}

/* 1 if the blinding pairs belong to these keys and may serve once more. */
static int has_pairs(const struct lv_rsa_work *work)
{
    int fits = work->blinding.uses < LV_RSA_BLIND_USES;
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        fits &= work->blinding.ids[lane] == work->keys[lane]->id;
    }
    return fits;
}

/* Random limbs for the lanes' new pairs. Until they are there, nothing is anybody's. */
static int draw(struct lv_rsa_work *work)
{
    work->blinding.uses = LV_RSA_BLIND_USES;
    if (!lv_os_random(work->blinding.in, work->n.limbs * sizeof work->blinding.in[0])) {
        return LV_NO_RANDOM;
    }
    for (size_t i = 0; i < work->n.limbs; i++) {
        for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
            work->blinding.in[i].lane[lane] &= LV_RSA_LIMB_MASK;
        }
    }
    for (size_t lane = 0; lane < LV_RSA_LANES; lane++) {
        work->blinding.ids[lane] = work->keys[lane]->id;
    }
    work->blinding.uses = 0;
    return LV_OK;
}

static int apply_group(struct lv_rsa_work *work, uint32_t *lanes)
{
    const int is_fresh = !has_pairs(work);
    if (is_fresh && draw(work) != LV_OK) {
        return LV_NO_RANDOM;
    }
    work->blinding.uses++;
    const uint32_t verified = lv_rsa_ifma->apply(work, is_fresh);
    if ((*lanes & ~verified) != 0) {
        /* What is wrong may be the pair: it is not used again. */
        work->blinding.uses = LV_RSA_BLIND_USES;
    }
    *lanes &= verified;
    return LV_OK;
}

static void release_group(const struct lv_rsa_work *work, const struct batch *batch, size_t first, uint32_t lanes)
{
    for (size_t lane = 0; lane < LV_RSA_LANES && first + lane < batch->count; lane++) {
        uint8_t *out = batch->out + (first + lane) * batch->size;
        batch->good[first + lane] = (uint8_t)(lanes >> lane & 1u);
        if (batch->good[first + lane]) {
            lv_rsa_write(out, batch->size, &work->y[0].lane[lane], LV_RSA_LANES, work->n.limbs);
        } else {
            (void)memset(out, 0, batch->size);
        }
    }
}

static int run_group(struct lv_rsa_work *work, const struct batch *batch, size_t first)
{
    uint32_t lanes = load_group(work, batch, first);
    if (batch->is_private) {
        const int status = apply_group(work, &lanes);
        if (status != LV_OK) {
            return status;
        }
    } else {
        lv_rsa_ifma->raise(work);
    }
    release_group(work, batch, first, lanes);
    return LV_OK;
}

static int run(const struct batch *batch)
{
    struct lv_rsa_space *space = NULL;
    int status = lv_rsa_space_take(&space);
    if (status != LV_OK) {
        return status;
    }
    for (size_t first = 0; first < batch->count && status == LV_OK; first += LV_RSA_LANES) {
        status = run_group(space->work, batch, first);
    }
    lv_rsa_space_give(space);
    if (status != LV_OK) {
        lv_wipe(batch->out, batch->count * batch->size);
        lv_wipe(batch->good, batch->count);
    }
    return status;
}

/* What all keys of a batch must be: here, of one size, and whole if the operation is private. */
static int check(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const lv_rsa *key = batch->keys[i];
        if (lv_locked_is_forked(key->memory)) {
            return LV_FORKED;
        }
        if (key->size != batch->size || (batch->is_private && !key->numbers->is_private)) {
            return LV_UNSUITABLE;
        }
    }
    return LV_OK;
}

int lv_rsa_run(int is_private, const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good, size_t count)
{
    if (count == 0) {
        return LV_OK;
    }
    const struct batch batch = {keys, in, out, good, count, keys[0]->size, is_private};
    const int status = check(&batch);
    return status == LV_OK ? run(&batch) : status;
}

static int run_tested(int is_private, const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good,
                      size_t count)
{
    const int status = count == 0 ? LV_OK : lv_rsa_status(keys[0]->size);
    return status == LV_OK ? lv_rsa_run(is_private, keys, in, out, good, count) : status;
}

int lv_rsa_private(const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good, size_t count)
{
    return run_tested(1, keys, in, out, good, count);
}

int lv_rsa_public(const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good, size_t count)
{
    return run_tested(0, keys, in, out, good, count);
}
