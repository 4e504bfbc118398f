/* Many records of one buffer: sealed under one derived key or under each its own. Contracts in lv_core.h. */
#include "xaes_gcm/many.h"
#include "sha2/lanes.h"

#include <stdatomic.h>
#include <string.h>

_Static_assert(LV_KEYED_MAX * LV_ITEMS_AT_ONCE <= LV_PLAIN_SIZE, "the desk has room for every item's own data");

/* A task of less is done before another thread has woken up for it. */
#define TASK_BYTES ((size_t)128 * 1024)
#define TASK_RECORD_COST 64 /* bytes that a record's own trouble weighs */

size_t lv_many_per_task(const int64_t *offsets, size_t count)
{
    const uint64_t weight = (uint64_t)(offsets[count] - offsets[0]) + (uint64_t)count * TASK_RECORD_COST;
    const uint64_t tasks = weight / TASK_BYTES + 1;
    return (size_t)(count / tasks) + 1;
}

void lv_many_header(struct lv_header *header, const uint8_t *prefix, size_t prefix_size, const uint8_t *nonce)
{
    (void)memset(header->bytes, 0, sizeof header->bytes);
    (void)memcpy(header->bytes, prefix, prefix_size);
    (void)memcpy(header->bytes + prefix_size, nonce, LV_XAES_NONCE_SIZE);
    header->size = prefix_size + LV_XAES_NONCE_SIZE;
}

/* Whole blocks, since ciphertext and tag come behind the header and overwrite what is too much. */
void lv_many_put_header(const struct lv_header *header, uint8_t *out)
{
    for (size_t at = 0; at < header->size; at += LV_BLOCK) {
        (void)memcpy(out + at, header->bytes + at, LV_BLOCK);
    }
}

uint32_t lv_many_counter(const uint8_t *nonce)
{
    const uint8_t *bytes = nonce + LV_XAES_NONCE_SIZE - 4;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void lv_many_set_counter(uint8_t *nonce, uint32_t counter)
{
    uint8_t *bytes = nonce + LV_XAES_NONCE_SIZE - 4;
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(counter >> (24 - 8 * i));
    }
}

void lv_many_digests(const uint8_t *data, const int64_t *offsets, size_t begin, size_t end, uint8_t *digests)
{
    struct lv_lanes lanes = {0}; /* not wiped: sealed records and their hashes are no secret */
    uint8_t hashes[LV_ITEMS_AT_ONCE][LV_SHA256_SIZE];
    while (begin < end) {
        const size_t first = begin;
        for (; begin < end && begin - first < LV_ITEMS_AT_ONCE; begin++) {
            const struct lv_piece record = {data + (offsets[begin] - offsets[0]), (size_t)(offsets[begin + 1] - offsets[begin])};
            if (record.size <= LV_LANE_MAX) {
                (void)memcpy(lv_lanes_room(&lanes), record.bytes, record.size);
                lv_lanes_hash(&lanes, record.size, hashes[begin - first]);
            } else {
                lv_sha256(&record, 1, hashes[begin - first]);
            }
        }
        lv_lanes_finish(&lanes);
        for (size_t i = first; i < begin; i++) {
            (void)memcpy(digests + i * LV_DIGEST_SIZE, hashes[i - first], LV_DIGEST_SIZE);
        }
    }
}

struct sealing {
    const lv_gcm *gcm;     /* of all records, or */
    const lv_xaes *xaes;   /* what derives each one's */
    const uint8_t *nonces; /* then; 24 bytes a record */
    struct lv_header header;
    uint32_t counter;
    const uint8_t *aad; /* all of it, or, */
    size_t aad_size;
    const uint8_t *keys; /* if these are not NULL, what stands before a record's own key */
    const int64_t *key_offsets;
    uint8_t *digests; /* then; 16 bytes a record */
    const uint8_t *data;
    const int64_t *offsets;
    size_t count, per_task;
    uint8_t *out;
    int64_t *out_offsets;
    atomic_int status;
};

/* Writes a record's header and says what is to be done with the rest. */
static struct lv_gcm_item prepared(const struct sealing *call, size_t record)
{
    const size_t size = (size_t)(call->offsets[record + 1] - call->offsets[record]);
    uint8_t *out = call->out + call->out_offsets[record], *nonce = out + call->header.size - LV_XAES_NONCE_SIZE;
    lv_many_put_header(&call->header, out);
    if (call->nonces == NULL) {
        lv_many_set_counter(nonce, call->counter + (uint32_t)record);
    } else {
        (void)memcpy(nonce, call->nonces + record * LV_XAES_NONCE_SIZE, LV_XAES_NONCE_SIZE);
    }
    uint8_t *sealed = out + call->header.size;
    return (struct lv_gcm_item){nonce + LV_GCM_NONCE,      call->aad, call->aad_size,
                                call->data + call->offsets[record], sealed, size, sealed + size, 0};
}

/* Puts a record's own associated data together: LV_KEYED_MAX bytes of room for each item on the desk. */
static void put_key(const struct sealing *call, struct lv_work *work, size_t item, size_t record)
{
    const int64_t *at = &call->key_offsets[record];
    const size_t key_size = (size_t)(at[1] - at[0]);
    uint8_t *aad = work->plain + item * LV_KEYED_MAX;
    (void)memcpy(aad, call->aad, call->aad_size);
    (void)memcpy(aad + call->aad_size, call->keys + at[0], key_size);
    work->items[item].aad = aad;
    work->items[item].aad_size = call->aad_size + key_size;
}

static void seal_shared(struct sealing *call, struct lv_work *work, size_t begin, size_t end)
{
    while (begin < end) {
        const size_t first = begin;
        size_t used = 0;
        for (; used < LV_ITEMS_AT_ONCE && begin < end; used++, begin++) {
            work->items[used] = prepared(call, begin);
            if (call->keys != NULL) {
                put_key(call, work, used, begin);
            }
        }
        call->gcm->impl->seal(&call->gcm->key, work->items, used, &work->stream);
        if (call->digests != NULL) {
            lv_many_digests(call->out, call->out_offsets, first, begin, call->digests);
        }
    }
}

static void seal_each(struct sealing *call, struct lv_work *work, size_t begin, size_t end)
{
    const struct lv_gcm_impl *impl = call->xaes->impl;
    while (begin < end) {
        const uint8_t *nonces[LV_DERIVED_AT_ONCE];
        size_t used = 0;
        for (; used < LV_DERIVED_AT_ONCE && begin < end; used++, begin++) {
            work->items[used] = prepared(call, begin);
            nonces[used] = work->items[used].nonce - LV_GCM_NONCE;
        }
        impl->derive(&call->xaes->round_key, call->xaes->subkey, nonces, used, work->derived);
        for (size_t i = 0; i < used; i++) {
            impl->raise(&work->derived[i], lv_gcm_powers(call->aad_size, work->items[i].size));
            impl->seal(&work->derived[i], &work->items[i], 1, &work->stream);
        }
    }
    lv_wipe(work->derived, sizeof work->derived);
}

static void seal_task(void *context, size_t index)
{
    struct sealing *call = context;
    const struct lv_share share = lv_many_share(index, call->per_task, call->count);
    struct lv_work *work = lv_work();
    if (work == NULL) {
        atomic_store(&call->status, LV_NO_MEMORY);
    } else if (call->gcm != NULL) {
        seal_shared(call, work, share.begin, share.end);
    } else {
        seal_each(call, work, share.begin, share.end);
    }
}

static int seal_all(struct sealing *call)
{
    for (size_t i = 0; i < call->count; i++) {
        if ((uint64_t)(call->offsets[i + 1] - call->offsets[i]) > LV_GCM_SIZE_MAX) {
            return LV_TOO_LONG;
        }
    }
    /* All of them before anything runs: where a share begins is also where another thread's ends. */
    const int64_t more = (int64_t)(call->header.size + LV_GCM_TAG);
    call->out_offsets[0] = 0;
    for (size_t i = 0; i < call->count; i++) {
        call->out_offsets[i + 1] = call->out_offsets[i] + call->offsets[i + 1] - call->offsets[i] + more;
    }
    call->per_task = lv_many_per_task(call->offsets, call->count);
    lv_pool_run(seal_task, call, (call->count + call->per_task - 1) / call->per_task);
    return atomic_load(&call->status);
}

int lv_xaes_seal_many(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *prefix, size_t prefix_size, const uint8_t *aad,
                      size_t aad_size, const uint8_t *data, const int64_t *offsets, size_t count, uint8_t *out,
                      int64_t *out_offsets)
{
    if (gcm->impl == NULL) {
        return LV_NO_KEY;
    }
    struct sealing call = {.gcm = gcm, .aad = aad, .aad_size = aad_size, .data = data, .offsets = offsets, .count = count,
                           .out = out, .out_offsets = out_offsets, .counter = lv_many_counter(nonce)};
    if (prefix_size > LV_PREFIX_MAX || (uint64_t)count + call.counter > (uint64_t)1 << 32) {
        return LV_TOO_LONG;
    }
    lv_many_header(&call.header, prefix, prefix_size, nonce);
    return seal_all(&call);
}

int lv_xaes_seal_each(const lv_xaes *xaes, const uint8_t *nonces, const uint8_t *prefix, size_t prefix_size,
                      const uint8_t *aad, size_t aad_size, const uint8_t *data, const int64_t *offsets, size_t count,
                      uint8_t *out, int64_t *out_offsets)
{
    static const uint8_t none[LV_XAES_NONCE_SIZE];
    if (xaes->impl == NULL) {
        return LV_NO_KEY;
    }
    struct sealing call = {.xaes = xaes, .nonces = nonces, .aad = aad, .aad_size = aad_size, .data = data,
                           .offsets = offsets, .count = count, .out = out, .out_offsets = out_offsets};
    if (prefix_size > LV_PREFIX_MAX) {
        return LV_TOO_LONG;
    }
    lv_many_header(&call.header, prefix, prefix_size, none);
    return seal_all(&call);
}

int lv_xaes_seal_keyed(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *header, size_t header_size,
                       const uint8_t *start, size_t start_size, const uint8_t *keys, const int64_t *key_offsets,
                       const uint8_t *data, const int64_t *offsets, size_t count, uint8_t *out, int64_t *out_offsets,
                       uint8_t *digests)
{
    if (gcm->impl == NULL) {
        return LV_NO_KEY;
    }
    struct sealing call = {.gcm = gcm, .aad = start, .aad_size = start_size, .keys = keys, .key_offsets = key_offsets,
                           .digests = digests, .data = data, .offsets = offsets, .count = count, .out = out,
                           .out_offsets = out_offsets, .counter = lv_many_counter(nonce)};
    if (header_size > LV_PREFIX_MAX || (uint64_t)count + call.counter > (uint64_t)1 << 32) {
        return LV_TOO_LONG;
    }
    for (size_t i = 0; i < count; i++) {
        if (start_size > LV_KEYED_MAX || (uint64_t)(key_offsets[i + 1] - key_offsets[i]) > LV_KEYED_MAX - start_size) {
            return LV_TOO_LONG;
        }
    }
    lv_many_header(&call.header, header, header_size, nonce);
    return seal_all(&call);
}
