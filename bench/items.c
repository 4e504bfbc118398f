/* The core's kernels on records that each have their own associated data, which no call of the core takes in bulk.
 *
 * `items.py` links this file with the objects of a build of csrc/, since nothing of the kernels is visible outside the
 * extension. Records and associated data stand one after another, with one offset more than there are of them; each record
 * goes to `out` with its tag of 16 bytes behind it. */
#include "aes_gcm/aes_gcm.h"
#include "lv_core.h"

struct batch {
    const uint8_t *nonces; /* 12 bytes a record */
    const uint8_t *aad;
    const int64_t *aad_offsets;
    const uint8_t *data;
    const int64_t *offsets;
    size_t count;
    uint8_t *out;
};

/* A key of 32 bytes for the kernels of `level`; NULL if there is no such level here. */
lv_gcm *items_new(uint32_t level, const uint8_t *key);
void items_free(lv_gcm *gcm);
/* 0, or 1 if there is no memory. */
int items_seal(const lv_gcm *gcm, const struct batch *batch);

lv_gcm *items_new(uint32_t level, const uint8_t *key)
{
    lv_gcm *gcm = NULL;
    if (lv_init() != LV_OK || lv_gcm_new(level, key, 32, &gcm) != LV_OK) {
        return NULL;
    }
    return gcm;
}

void items_free(lv_gcm *gcm)
{
    lv_gcm_free(gcm);
}

static struct lv_gcm_item prepared(const struct batch *batch, size_t i)
{
    const size_t at = (size_t)batch->offsets[i], aad_at = (size_t)batch->aad_offsets[i];
    const size_t size = (size_t)batch->offsets[i + 1] - at, aad_size = (size_t)batch->aad_offsets[i + 1] - aad_at;
    uint8_t *out = batch->out + at + i * LV_GCM_TAG;
    return (struct lv_gcm_item){batch->nonces + i * LV_GCM_NONCE, batch->aad + aad_at, aad_size, batch->data + at, out,
                                size, out + size, 0};
}

int items_seal(const lv_gcm *gcm, const struct batch *batch)
{
    struct lv_work *work = lv_work();
    if (work == NULL) {
        return 1;
    }
    size_t done = 0;
    while (done < batch->count) {
        size_t used = 0;
        for (; used < LV_ITEMS_AT_ONCE && done < batch->count; used++, done++) {
            work->items[used] = prepared(batch, done);
        }
        gcm->impl->seal(&gcm->key, work->items, used, &work->stream);
    }
    return 0;
}
