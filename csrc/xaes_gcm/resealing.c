/* Records of the store opened under one key and sealed again under another: contract in lv_core.h.
 *
 * The desk of a thread is worked on from both ends: plaintexts from the front, associated data from the back. They are opened
 * side by side and sealed from where they stand, so plaintext is only ever on the desk, and wiped before the next records. */
#include "xaes_gcm/many.h"
#include "xaes_gcm/opening.h"

#include <stdatomic.h>
#include <string.h>

/* docs/format.md, section 4: version (1) | depth (1) | schema (2) | epoch (4), which associated data have before the table. */
#define HEADER 8
#define SCHEMA 2
#define SCHEMA_SIZE 2
#define TABLE 1
#define OVERHEAD (HEADER + LV_XAES_NONCE_SIZE + LV_GCM_TAG)

struct resealing {
    const lv_xaes *xaes;
    const lv_gcm *gcm;
    struct lv_header header; /* the new one, with the first record's nonce */
    uint32_t counter;
    const uint8_t *start, *new_start;
    size_t start_size;
    const uint8_t *keys;
    const int64_t *key_offsets;
    const uint8_t *data;
    const int64_t *offsets;
    size_t count, per_task;
    uint8_t *out, *digests, *outcomes;
    atomic_int status;
    atomic_size_t failed;
};

/* What one task has at hand. */
struct desk {
    struct resealing *call;
    struct lv_work *work;
    struct lv_shared shared;
    size_t at[LV_ITEMS_AT_ONCE];    /* the records of work->items, and */
    uint8_t *aad[LV_ITEMS_AT_ONCE]; /* their associated data */
    size_t used;
    size_t front, back; /* bytes of work->plain that are taken */
};

static size_t record_size(const struct resealing *call, size_t i)
{
    return (size_t)(call->offsets[i + 1] - call->offsets[i]);
}

static const uint8_t *old_header(const struct resealing *call)
{
    return call->start + call->start_size - TABLE - HEADER;
}

/* Whether a record is long enough and says what all say that stand under the old key; none of it is secret. */
static int is_of_key(const struct resealing *call, size_t i)
{
    const uint8_t *record = call->data + call->offsets[i], *header = old_header(call);
    const size_t behind = SCHEMA + SCHEMA_SIZE;
    return record_size(call, i) >= OVERHEAD && memcmp(record, header, SCHEMA) == 0 &&
           memcmp(record + behind, header + behind, HEADER - behind) == 0;
}

/* The last `size` bytes of the desk that are free. */
static uint8_t *take_back(struct desk *desk, size_t size)
{
    desk->back += size;
    return desk->work->plain + sizeof desk->work->plain - desk->back;
}

/* The associated data are `start`, but for the record's own schema, and the key. The opening proves the schema, and it is
 * sealed again from here, so what nobody vouched for is not carried over. */
static void put_aad(struct desk *desk, size_t i)
{
    const struct resealing *call = desk->call;
    const size_t key_size = (size_t)(call->key_offsets[i + 1] - call->key_offsets[i]);
    uint8_t *aad = take_back(desk, call->start_size + key_size);
    (void)memcpy(aad, call->start, call->start_size);
    (void)memcpy(aad + call->start_size - TABLE - HEADER + SCHEMA, call->data + call->offsets[i] + SCHEMA, SCHEMA_SIZE);
    (void)memcpy(aad + call->start_size, call->keys + call->key_offsets[i], key_size);
    desk->aad[desk->used] = aad;
}

/* Puts a record down to be opened into `plain`, or into a free place of the desk if that is NULL. Returns 0 if there is no
 * room left. */
static int take(struct desk *desk, size_t i, uint8_t *plain)
{
    const struct resealing *call = desk->call;
    const size_t size = record_size(call, i) - OVERHEAD;
    const size_t free = sizeof desk->work->plain - desk->front - desk->back;
    const uint8_t *nonce = call->data + call->offsets[i] + HEADER, *sealed = nonce + LV_XAES_NONCE_SIZE;
    if (free < LV_KEYED_MAX || (plain == NULL && free - LV_KEYED_MAX < size)) {
        return 0;
    }
    put_aad(desk, i);
    if (plain == NULL) {
        plain = desk->work->plain + desk->front;
        desk->front += size;
    }
    const size_t aad_size = call->start_size + (size_t)(call->key_offsets[i + 1] - call->key_offsets[i]);
    union { const uint8_t *read; uint8_t *written; } tag = {.read = sealed + size}; /* an item's tag is only read here */
    desk->work->items[desk->used] = (struct lv_gcm_item){
        nonce + LV_GCM_NONCE, desk->aad[desk->used], aad_size, sealed, plain, size, tag.written, 0};
    desk->at[desk->used++] = i;
    return 1;
}

/* How many items from `k` on share the half of their nonces that derives a key. */
static size_t run_length(const struct desk *desk, size_t k)
{
    const struct lv_gcm_item *items = desk->work->items;
    size_t length = 1;
    while (k + length < desk->used &&
           memcmp(items[k].nonce - LV_GCM_NONCE, items[k + length].nonce - LV_GCM_NONCE, LV_GCM_NONCE) == 0) {
        length++;
    }
    return length;
}

static void open_desk(struct desk *desk)
{
    struct lv_gcm_item *items = desk->work->items;
    for (size_t k = 0; k < desk->used;) {
        size_t some = run_length(desk, k);
        if (some >= LV_RUN) {
            lv_open_alike(desk->work, &desk->shared, desk->call->xaes, items + k, some);
        } else {
            some = desk->used - k < LV_DERIVED_AT_ONCE ? desk->used - k : LV_DERIVED_AT_ONCE;
            lv_open_each(desk->work, desk->call->xaes, items + k, some);
        }
        k += some;
    }
}

static void fail(struct resealing *call, size_t i)
{
    call->outcomes[i] = LV_FAILED;
    (void)atomic_fetch_add(&call->failed, 1);
    lv_wipe(call->out + (call->offsets[i] - call->offsets[0]), record_size(call, i));
}

/* Writes the header of what was opened and says how its plaintext is sealed. */
static struct lv_gcm_item prepared(const struct desk *desk, size_t k)
{
    const struct resealing *call = desk->call;
    const struct lv_gcm_item *opened = &desk->work->items[k];
    const size_t i = desk->at[k], header_at = call->start_size - TABLE - HEADER;
    uint8_t schema[SCHEMA_SIZE];
    uint8_t *out = call->out + (call->offsets[i] - call->offsets[0]), *nonce = out + HEADER, *aad = desk->aad[k];
    (void)memcpy(schema, aad + header_at + SCHEMA, SCHEMA_SIZE);
    (void)memcpy(aad, call->new_start, call->start_size);
    (void)memcpy(aad + header_at + SCHEMA, schema, SCHEMA_SIZE);
    lv_many_put_header(&call->header, out);
    (void)memcpy(out, aad + header_at, HEADER);
    lv_many_set_counter(nonce, call->counter + (uint32_t)i);
    uint8_t *sealed = nonce + LV_XAES_NONCE_SIZE;
    return (struct lv_gcm_item){nonce + LV_GCM_NONCE, aad,    opened->aad_size,       opened->out,
                                sealed,               opened->size, sealed + opened->size, 0};
}

/* Opens what is on the desk, seals it again, and clears the desk. */
static void reseal_desk(struct desk *desk)
{
    struct resealing *call = desk->call;
    struct lv_work *work = desk->work;
    size_t used = 0;
    open_desk(desk);
    for (size_t k = 0; k < desk->used; k++) {
        if (work->items[k].failed) {
            fail(call, desk->at[k]);
        } else {
            call->outcomes[desk->at[k]] = LV_OPENED;
            work->items[used++] = prepared(desk, k);
        }
    }
    call->gcm->impl->seal(&call->gcm->key, work->items, used, &work->stream);
    lv_wipe(work->plain, desk->front);
    lv_wipe(take_back(desk, 0), desk->back);
    desk->used = desk->front = desk->back = 0;
}

/* One that is too long for the desk gets locked memory for its plaintext, which is wiped when it is given back. */
static int reseal_long(struct desk *desk, size_t i)
{
    lv_locked *memory;
    const int status = lv_locked_new(record_size(desk->call, i) - OVERHEAD, &memory);
    if (status == LV_OK) {
        (void)take(desk, i, lv_locked_bytes(memory));
        reseal_desk(desk);
        lv_locked_free(memory);
    }
    return status;
}

/* Works on records from `i` on, at least one, and returns how many. */
static size_t reseal_some(struct desk *desk, size_t i, size_t end)
{
    struct resealing *call = desk->call;
    size_t at = i;
    for (; at < end && desk->used < LV_ITEMS_AT_ONCE; at++) {
        if (!is_of_key(call, at)) {
            fail(call, at);
        } else if (!take(desk, at, NULL)) {
            break;
        }
    }
    if (desk->used > 0) {
        reseal_desk(desk);
    } else if (at < end) {
        const int status = reseal_long(desk, at++);
        if (status != LV_OK) {
            fail(call, at - 1);
            atomic_store(&call->status, status);
        }
    }
    return at - i;
}

static void put_digests(const struct resealing *call, size_t begin, size_t end)
{
    lv_many_digests(call->out, call->offsets, begin, end, call->digests);
    for (size_t i = begin; i < end; i++) {
        if (call->outcomes[i] != LV_OPENED) {
            (void)memset(call->digests + i * LV_DIGEST_SIZE, 0, LV_DIGEST_SIZE);
        }
    }
}

static void reseal_task(void *context, size_t index)
{
    struct resealing *call = context;
    const struct lv_share share = lv_many_share(index, call->per_task, call->count);
    struct desk desk = {.call = call, .work = lv_work()};
    if (desk.work == NULL) {
        atomic_store(&call->status, LV_NO_MEMORY);
        return;
    }
    for (size_t i = share.begin; i < share.end;) {
        i += reseal_some(&desk, i, share.end);
    }
    lv_open_finish(desk.work);
    put_digests(call, share.begin, share.end);
}

static int are_in_range(const struct resealing *call)
{
    if (call->start_size < HEADER + TABLE || call->start_size > LV_KEYED_MAX ||
        (uint64_t)call->count + call->counter > (uint64_t)1 << 32) {
        return 0;
    }
    for (size_t i = 0; i < call->count; i++) {
        if (record_size(call, i) > LV_GCM_SIZE_MAX ||
            (uint64_t)(call->key_offsets[i + 1] - call->key_offsets[i]) > LV_KEYED_MAX - call->start_size) {
            return 0;
        }
    }
    return 1;
}

int lv_xaes_reseal_keyed(const lv_xaes *xaes, const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *start,
                         const uint8_t *new_start, size_t start_size, const uint8_t *keys, const int64_t *key_offsets,
                         const uint8_t *data, const int64_t *offsets, size_t count, uint8_t *out, uint8_t *digests,
                         uint8_t *outcomes, size_t *failed)
{
    if (xaes->impl == NULL || gcm->impl == NULL) {
        return LV_NO_KEY;
    }
    struct resealing call = {.xaes = xaes, .gcm = gcm, .counter = lv_many_counter(nonce), .start = start,
                             .new_start = new_start, .start_size = start_size, .keys = keys, .key_offsets = key_offsets,
                             .data = data, .offsets = offsets, .count = count, .out = out, .digests = digests,
                             .outcomes = outcomes};
    if (!are_in_range(&call)) {
        return LV_TOO_LONG;
    }
    lv_many_header(&call.header, new_start + start_size - TABLE - HEADER, HEADER, nonce);
    call.per_task = lv_many_per_task(offsets, count);
    lv_pool_run(reseal_task, &call, (count + call.per_task - 1) / call.per_task);
    *failed = atomic_load(&call.failed);
    return atomic_load(&call.status);
}
