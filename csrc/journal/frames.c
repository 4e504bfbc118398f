/* The frames of a spool: docs/format.md section 8, contracts in lv_core.h. */
#include "aes_gcm/aes_gcm.h"
#include "journal/numbers.h"

#include <string.h>

#define LENGTH 4
#define HEAD LV_FRAME_HEAD_SIZE

/* A frame's number fills the end of its nonce, the rest is zeros: no two frames under one key have the same, see
 * native/frame.py for why the number does not repeat. */
static void put_nonce(uint8_t nonce[LV_GCM_NONCE], uint64_t number)
{
    put_big_endian(nonce, 0, LV_GCM_NONCE - 8);
    put_big_endian(nonce + LV_GCM_NONCE - 8, number, 8);
}

int lv_frame_seal(const lv_gcm *gcm, uint64_t number, const uint8_t *in, size_t size, uint8_t *out)
{
    if (size > LV_FRAME_MAX - LV_GCM_TAG) {
        return LV_TOO_LONG;
    }
    uint8_t nonce[LV_GCM_NONCE];
    put_nonce(nonce, number);
    const int status = lv_gcm_seal(gcm, nonce, nonce, 0, in, size, out + HEAD);
    if (status != LV_OK) {
        return status;
    }
    put_big_endian(out, size + LV_GCM_TAG, LENGTH);
    put_big_endian(out + LENGTH, number, 8);
    return LV_OK;
}

/* Where reading has come to. */
struct reading {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t number;
    uint8_t *out;
    size_t left; /* frames that may still be opened */
};

/* Puts whole frames, as they say they are, on the desk; how many. The lengths are not authentic before their frames are
 * opened: they are only held against what is there. */
static size_t gather(const struct reading *reading, struct lv_gcm_item *items, uint8_t nonces[][LV_GCM_NONCE])
{
    const uint8_t *at = reading->at;
    uint8_t *out = reading->out;
    size_t used = 0;
    for (; used < LV_ITEMS_AT_ONCE && used < reading->left && (size_t)(reading->end - at) >= HEAD; used++) {
        const size_t length = (size_t)big_endian(at, LENGTH);
        if (length < LV_GCM_TAG || length > LV_FRAME_MAX || length > (size_t)(reading->end - at) - HEAD) {
            break;
        }
        const uint64_t number = reading->number + used;
        if (number < used || big_endian(at + LENGTH, 8) != number) {
            break;
        }
        put_nonce(nonces[used], number);
        const size_t size = length - LV_GCM_TAG;
        union { const uint8_t *read; uint8_t *written; } tag = {.read = at + HEAD + size}; /* it is only read here */
        items[used] = (struct lv_gcm_item){nonces[used], nonces[used], 0, at + HEAD, out, size, tag.written, 0};
        at += HEAD + length;
        out += size;
    }
    return used;
}

/* Passes the frames that opened, up to the first that did not, and wipes what was opened behind it: out of its order, it
 * counts for nothing. Returns how many. */
static size_t pass(struct reading *reading, const struct lv_gcm_item *items, size_t used, int64_t *offsets)
{
    size_t passed = 0;
    for (; passed < used && !items[passed].failed; passed++) {
        reading->at = items[passed].in + items[passed].size + LV_GCM_TAG;
        reading->out += items[passed].size;
        offsets[passed + 1] = offsets[passed] + (int64_t)items[passed].size;
    }
    for (size_t i = passed; i < used; i++) {
        lv_wipe(items[i].out, items[i].size);
    }
    reading->number += passed;
    reading->left -= passed;
    return passed;
}

int lv_frames_open(const lv_gcm *gcm, uint64_t number, const uint8_t *chunk, size_t size, size_t limit, uint8_t *out,
                   int64_t *offsets, size_t *count)
{
    struct lv_work *work = lv_work();
    if (work == NULL) {
        return LV_NO_MEMORY;
    }
    if (gcm->impl == NULL) {
        return LV_NO_KEY;
    }
    uint8_t nonces[LV_ITEMS_AT_ONCE][LV_GCM_NONCE];
    struct reading reading = {chunk, chunk + size, number, out, limit};
    size_t used, passed;
    *count = 0;
    offsets[0] = 0;
    do {
        used = gather(&reading, work->items, nonces);
        gcm->impl->open(&gcm->key, work->items, used, &work->stream);
        passed = pass(&reading, work->items, used, offsets + *count);
        *count += passed;
    } while (passed == LV_ITEMS_AT_ONCE);
    return LV_OK;
}
