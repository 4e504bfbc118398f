/* AES-GCM keys and single records: contracts in lv_core.h. */
#include "aes_gcm/aes_gcm.h"

int lv_gcm_new(uint32_t level, const uint8_t *key, size_t key_size, lv_gcm **made)
{
    const struct lv_gcm_impl *impl = lv_level_impl(level);
    if (impl == NULL || (key_size != 16 && key_size != 24 && key_size != 32)) {
        return LV_NO_LEVEL;
    }
    lv_locked *memory;
    const int status = lv_locked_new(sizeof(lv_gcm), &memory);
    if (status != LV_OK) {
        return status;
    }
    lv_gcm *gcm = (lv_gcm *)(void *)lv_locked_bytes(memory);
    gcm->memory = memory;
    impl->expand(&gcm->key, key, key_size);
    gcm->impl = impl;
    *made = gcm;
    return LV_OK;
}

void lv_gcm_free(lv_gcm *gcm)
{
    if (gcm != NULL) {
        lv_locked_free(gcm->memory);
    }
}

static int ready(const lv_gcm *gcm, size_t size)
{
    if (gcm->impl == NULL) {
        return LV_NO_KEY;
    }
    return size > LV_GCM_SIZE_MAX ? LV_TOO_LONG : LV_OK;
}

int lv_gcm_seal(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *aad, size_t aad_size, const uint8_t *in, size_t size,
                uint8_t *out)
{
    struct lv_work *work = lv_work();
    const int status = work == NULL ? LV_NO_MEMORY : ready(gcm, size);
    if (status != LV_OK) {
        return status;
    }
    work->items[0] = (struct lv_gcm_item){nonce, aad, aad_size, in, out, size, out + size, 0};
    gcm->impl->seal(&gcm->key, work->items, 1, &work->stream);
    return LV_OK;
}

int lv_gcm_open(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *aad, size_t aad_size, const uint8_t *in, size_t size,
                uint8_t *out)
{
    struct lv_work *work = lv_work();
    const int status = work == NULL ? LV_NO_MEMORY : ready(gcm, size);
    if (status != LV_OK) {
        return status;
    }
    uint8_t tag[LV_GCM_TAG]; /* `out` may be `in`, and the tag lies behind it */
    for (size_t i = 0; i < sizeof tag; i++) {
        tag[i] = in[size + i];
    }
    work->items[0] = (struct lv_gcm_item){nonce, aad, aad_size, in, out, size, tag, 0};
    gcm->impl->open(&gcm->key, work->items, 1, &work->stream);
    return work->items[0].failed ? LV_WRONG : LV_OK;
}
