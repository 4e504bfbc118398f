/* XAES-256-GCM keys and single records: contracts in lv_core.h. */
#include "xaes_gcm/xaes_gcm.h"

int lv_xaes_new(uint32_t level, const uint8_t *key, lv_xaes **made)
{
    const struct lv_gcm_impl *impl = lv_level_impl(level);
    lv_locked *memory;
    const int status = impl == NULL ? LV_NO_LEVEL : lv_locked_new(sizeof(lv_xaes), &memory);
    if (status != LV_OK) {
        return status;
    }
    lv_xaes *xaes = (lv_xaes *)(void *)lv_locked_bytes(memory);
    xaes->memory = memory;
    impl->expand_parent(&xaes->round_key, xaes->subkey, key);
    xaes->impl = impl;
    *made = xaes;
    return LV_OK;
}

void lv_xaes_free(lv_xaes *xaes)
{
    if (xaes != NULL) {
        lv_locked_free(xaes->memory);
    }
}

int lv_xaes_derive(const lv_xaes *xaes, const uint8_t *nonce, lv_gcm **made)
{
    lv_locked *memory;
    const int status = xaes->impl == NULL ? LV_NO_KEY : lv_locked_new(sizeof(lv_gcm), &memory);
    if (status != LV_OK) {
        return status;
    }
    lv_gcm *gcm = (lv_gcm *)(void *)lv_locked_bytes(memory);
    gcm->memory = memory;
    xaes->impl->derive(&xaes->round_key, xaes->subkey, &nonce, 1, &gcm->key);
    xaes->impl->raise(&gcm->key, LV_POWERS);
    gcm->impl = xaes->impl;
    *made = gcm;
    return LV_OK;
}

typedef void crypt_items(const struct lv_gcm_key *key, struct lv_gcm_item *items, size_t count, struct lv_gcm_stream *stream);

/* One record under the key its nonce derives, which is wiped again at once. */
static int crypt_one(const lv_xaes *xaes, const uint8_t *nonce, struct lv_gcm_item item, crypt_items *crypt, uint32_t *failed)
{
    struct lv_work *work = lv_work();
    if (work == NULL) {
        return LV_NO_MEMORY;
    }
    if (item.size > LV_GCM_SIZE_MAX) {
        return LV_TOO_LONG;
    }
    xaes->impl->derive(&xaes->round_key, xaes->subkey, &nonce, 1, work->derived);
    xaes->impl->raise(work->derived, lv_gcm_powers(item.aad_size, item.size));
    crypt(work->derived, &item, 1, &work->stream);
    lv_wipe(work->derived, sizeof work->derived[0]);
    *failed = item.failed;
    return LV_OK;
}

int lv_xaes_seal(const lv_xaes *xaes, const uint8_t *nonce, const uint8_t *aad, size_t aad_size, const uint8_t *in,
                 size_t size, uint8_t *out)
{
    if (xaes->impl == NULL) {
        return LV_NO_KEY;
    }
    uint32_t failed;
    const struct lv_gcm_item item = {nonce + LV_GCM_NONCE, aad, aad_size, in, out, size, out + size, 0};
    return crypt_one(xaes, nonce, item, xaes->impl->seal, &failed);
}

int lv_xaes_open(const lv_xaes *xaes, const uint8_t *nonce, const uint8_t *aad, size_t aad_size, const uint8_t *in,
                 size_t size, uint8_t *out)
{
    if (xaes->impl == NULL) {
        return LV_NO_KEY;
    }
    uint32_t failed = 1;
    uint8_t tag[LV_GCM_TAG]; /* `out` may be `in`, and the tag lies behind it */
    for (size_t i = 0; i < sizeof tag; i++) {
        tag[i] = in[size + i];
    }
    const struct lv_gcm_item item = {nonce + LV_GCM_NONCE, aad, aad_size, in, out, size, tag, 0};
    const int status = crypt_one(xaes, nonce, item, xaes->impl->open, &failed);
    return status == LV_OK && failed ? LV_WRONG : status;
}
