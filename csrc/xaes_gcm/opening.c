/* Many sealed records opened, or opened and sealed again: contracts in lv_core.h.
 *
 * Records that stand side by side and share prefix and derived key are opened as one batch; the others derive their keys
 * eight at a time. */
#include "xaes_gcm/opening.h"
#include "xaes_gcm/many.h"

#include <stdatomic.h>
#include <string.h>

void lv_open_alike(struct lv_work *work, struct lv_shared *shared, const lv_xaes *xaes, struct lv_gcm_item *items, size_t count)
{
    const uint8_t *nonce = items[0].nonce - LV_GCM_NONCE;
    if (shared->by != xaes || memcmp(shared->nonce, nonce, LV_GCM_NONCE) != 0) {
        xaes->impl->derive(&xaes->round_key, xaes->subkey, &nonce, 1, &work->shared);
        xaes->impl->raise(&work->shared, LV_POWERS);
        shared->by = xaes;
        (void)memcpy(shared->nonce, nonce, LV_GCM_NONCE);
    }
    xaes->impl->open(&work->shared, items, count, &work->stream);
}

void lv_open_each(struct lv_work *work, const lv_xaes *xaes, struct lv_gcm_item *items, size_t count)
{
    const uint8_t *nonces[LV_DERIVED_AT_ONCE] = {NULL};
    for (size_t k = 0; k < count; k++) {
        nonces[k] = items[k].nonce - LV_GCM_NONCE;
    }
    xaes->impl->derive(&xaes->round_key, xaes->subkey, nonces, count, work->derived);
    for (size_t k = 0; k < count; k++) {
        xaes->impl->raise(&work->derived[k], lv_gcm_powers(items[k].aad_size, items[k].size));
        xaes->impl->open(&work->derived[k], &items[k], 1, &work->stream);
    }
}

void lv_open_finish(struct lv_work *work)
{
    lv_wipe(&work->shared, sizeof work->shared);
    lv_wipe(work->derived, sizeof work->derived);
}

struct opening {
    const lv_ring *ring;
    size_t prefix_size, overhead;
    const uint8_t *data;
    const int64_t *offsets;
    size_t count, per_task;
    uint8_t *out;
    const int64_t *out_offsets;
    uint8_t *outcomes;
    atomic_int status;
    atomic_size_t failed, unknown;
    /* When sealing again: */
    const lv_gcm *gcm;
    struct lv_header header;
    uint32_t counter;
    const uint8_t *aad;
    size_t aad_size;
};

/* What one task has at hand. */
struct desk {
    struct opening *call;
    struct lv_work *work;
    const struct lv_ring_entry *entry; /* the last one found */
    struct lv_shared shared;
    size_t at[LV_ITEMS_AT_ONCE];       /* the records of work->items */
    size_t used;
    size_t plain_used;
};

static const uint8_t *record(const struct opening *call, size_t i)
{
    return call->data + call->offsets[i];
}

static size_t record_size(const struct opening *call, size_t i)
{
    return (size_t)(call->offsets[i + 1] - call->offsets[i]);
}

static int is_waiting(const struct opening *call, size_t i)
{
    return call->outcomes[i] == LV_UNKNOWN && record_size(call, i) >= call->overhead;
}

/* Whether two rows of at least 8 bytes, none of them secret, are the same; a call of memcmp would cost more. */
static int are_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint64_t x, y, difference = 0;
    for (size_t at = 0; at < size; at += sizeof x) {
        const size_t from = at + sizeof x <= size ? at : size - sizeof x;
        (void)memcpy(&x, a + from, sizeof x);
        (void)memcpy(&y, b + from, sizeof y);
        difference |= x ^ y;
    }
    return difference == 0;
}

/* Whether two records share their prefix and the half of the nonce that derives a key. */
static int are_alike(const struct opening *call, size_t i, size_t j)
{
    return are_same(record(call, i), record(call, j), call->prefix_size + LV_GCM_NONCE);
}

static const struct lv_ring_entry *entry_of(struct desk *desk, size_t i)
{
    const struct opening *call = desk->call;
    if (desk->entry == NULL || !are_same(desk->entry->prefix, record(call, i), call->prefix_size)) {
        desk->entry = lv_ring_find(call->ring, record(call, i));
    }
    return desk->entry;
}

/* Puts a record down to be opened into `out`. */
static void take(struct desk *desk, size_t i, uint8_t *out)
{
    const struct opening *call = desk->call;
    const uint8_t *nonce = record(call, i) + call->prefix_size, *sealed = nonce + LV_XAES_NONCE_SIZE;
    const size_t size = record_size(call, i) - call->overhead;
    union { const uint8_t *read; uint8_t *written; } tag = {.read = sealed + size}; /* an item's tag is only read here */
    desk->at[desk->used] = i;
    desk->work->items[desk->used++] =
        (struct lv_gcm_item){nonce + LV_GCM_NONCE, desk->entry->aad, desk->entry->aad_size, sealed, out, size, tag.written, 0};
}

/* Seals again what has just been opened. */
static void reseal(struct desk *desk)
{
    const struct opening *call = desk->call;
    struct lv_gcm_item *items = desk->work->items;
    size_t used = 0;
    for (size_t k = 0; k < desk->used; k++) {
        const int64_t *at = &call->out_offsets[desk->at[k]];
        uint8_t *out = call->out + at[0];
        if (items[k].failed) {
            lv_wipe(out, (size_t)(at[1] - at[0]));
            continue;
        }
        uint8_t *nonce = out + call->header.size - LV_XAES_NONCE_SIZE, *sealed = out + call->header.size;
        lv_many_put_header(&call->header, out);
        lv_many_set_counter(nonce, call->counter + (uint32_t)desk->at[k]);
        const size_t size = items[k].size;
        items[used++] = (struct lv_gcm_item){nonce + LV_GCM_NONCE, call->aad, call->aad_size, items[k].out, sealed, size,
                                             sealed + size,        0};
    }
    call->gcm->impl->seal(&call->gcm->key, items, used, &desk->work->stream);
}

static void settle(struct desk *desk)
{
    struct opening *call = desk->call;
    size_t failed = 0;
    for (size_t k = 0; k < desk->used; k++) {
        failed += desk->work->items[k].failed;
        call->outcomes[desk->at[k]] = (uint8_t)(desk->work->items[k].failed ? LV_FAILED : LV_OPENED);
    }
    if (failed > 0) {
        (void)atomic_fetch_add(&call->failed, failed);
    }
    if (call->gcm != NULL) {
        reseal(desk);
        lv_wipe(desk->work->plain, desk->plain_used);
    }
    desk->used = desk->plain_used = 0;
}

/* Opens what was put down under one derived key. */
static void open_run(struct desk *desk)
{
    lv_open_alike(desk->work, &desk->shared, desk->entry->xaes, desk->work->items, desk->used);
    settle(desk);
}

/* Opens what was put down, each under a key of its own. */
static void open_each(struct desk *desk)
{
    lv_open_each(desk->work, desk->entry->xaes, desk->work->items, desk->used);
    settle(desk);
}

/* Where a record is opened to: its place in `out`, or, to be sealed again, a free one in locked memory; NULL if the latter
 * has no room left. */
static uint8_t *room(struct desk *desk, size_t i)
{
    const struct opening *call = desk->call;
    const size_t size = record_size(call, i) - call->overhead;
    if (call->gcm == NULL) {
        return call->out + call->out_offsets[i];
    }
    if (size > sizeof desk->work->plain - desk->plain_used) {
        return NULL;
    }
    uint8_t *at = desk->work->plain + desk->plain_used;
    desk->plain_used += size;
    return at;
}

/* One that is too long for the desk, when sealing again: it gets locked memory for itself. */
static int open_long(struct desk *desk, size_t i)
{
    lv_locked *memory;
    const int status = lv_locked_new(record_size(desk->call, i) - desk->call->overhead, &memory);
    if (status == LV_OK) {
        take(desk, i, lv_locked_bytes(memory));
        open_run(desk);
        lv_locked_free(memory);
    }
    return status;
}

/* How many records from `i` on are alike and fit on the desk. */
static size_t run_length(const struct desk *desk, size_t i, size_t end)
{
    size_t length = 1;
    while (length < LV_ITEMS_AT_ONCE && i + length < end && is_waiting(desk->call, i + length) &&
           are_alike(desk->call, i, i + length)) {
        length++;
    }
    return length;
}

/* Whether the record waits and is of the key at hand. */
static int is_next(struct desk *desk, size_t i)
{
    const struct lv_ring_entry *entry = desk->entry;
    const int next = is_waiting(desk->call, i) && entry_of(desk, i) == entry;
    desk->entry = entry;
    return next;
}

/* Puts down records from `i` on up to `end`, while there is room and, unless they are known to be alike, they are of one
 * key; returns how many. */
static size_t take_some(struct desk *desk, size_t i, size_t end, int alike)
{
    size_t taken = 0;
    while (i + taken < end && (alike || is_next(desk, i + taken))) {
        uint8_t *out = room(desk, i + taken);
        if (out == NULL) {
            break;
        }
        take(desk, i + taken, out);
        taken++;
    }
    return taken;
}

/* Opens some records from `i` on, at least one, and returns how many. */
static size_t open_some(struct desk *desk, size_t i, size_t end)
{
    struct opening *call = desk->call;
    if (call->outcomes[i] != LV_UNKNOWN) {
        return 1;
    }
    if (!is_waiting(call, i)) {
        call->outcomes[i] = LV_FAILED;
        (void)atomic_fetch_add(&call->failed, 1);
        return 1;
    }
    const struct lv_ring_entry *entry = entry_of(desk, i);
    if (entry == NULL) {
        (void)atomic_fetch_add(&call->unknown, 1);
        return 1;
    }
    if (entry->xaes != NULL && entry->xaes->impl == NULL) {
        atomic_store(&call->status, LV_NO_KEY);
        return end - i;
    }
    if (entry->xaes == NULL) {
        call->outcomes[i] = LV_FAILED;
        (void)atomic_fetch_add(&call->failed, 1);
        lv_wipe(call->out + call->out_offsets[i], (size_t)(call->out_offsets[i + 1] - call->out_offsets[i]));
        return 1;
    }
    const size_t run = run_length(desk, i, end);
    const size_t eight = end - i < LV_DERIVED_AT_ONCE ? end : i + LV_DERIVED_AT_ONCE;
    const size_t taken = run >= LV_RUN ? take_some(desk, i, i + run, 1) : take_some(desk, i, eight, 0);
    if (taken == 0) {
        const int status = open_long(desk, i);
        if (status != LV_OK) {
            atomic_store(&call->status, status);
        }
        return 1;
    }
    if (run >= LV_RUN) {
        open_run(desk);
    } else {
        open_each(desk);
    }
    return taken;
}

static void open_task(void *context, size_t index)
{
    struct opening *call = context;
    const struct lv_share share = lv_many_share(index, call->per_task, call->count);
    struct desk desk = {.call = call, .work = lv_work()};
    if (desk.work == NULL) {
        atomic_store(&call->status, LV_NO_MEMORY);
        return;
    }
    for (size_t i = share.begin; i < share.end;) {
        i += open_some(&desk, i, share.end);
    }
    lv_open_finish(desk.work);
}

/* `replaced`: what stands around a record afterwards. */
static int open_all(struct opening *call, size_t replaced, int64_t *out_offsets, size_t *failed, size_t *unknown)
{
    call->prefix_size = lv_ring_prefix_size(call->ring);
    call->overhead = call->prefix_size + LV_XAES_NONCE_SIZE + LV_GCM_TAG;
    out_offsets[0] = 0;
    for (size_t i = 0; i < call->count; i++) {
        const size_t size = record_size(call, i);
        if (size > LV_GCM_SIZE_MAX) {
            return LV_TOO_LONG;
        }
        out_offsets[i + 1] = out_offsets[i] + (int64_t)(size >= call->overhead ? size - call->overhead + replaced : 0);
        if (call->outcomes[i] == LV_FAILED) {
            (void)atomic_fetch_add(&call->failed, 1);
        }
    }
    call->per_task = lv_many_per_task(call->offsets, call->count);
    lv_pool_run(open_task, call, (call->count + call->per_task - 1) / call->per_task);
    *failed = atomic_load(&call->failed);
    *unknown = atomic_load(&call->unknown);
    const int status = atomic_load(&call->status);
    if (status != LV_OK) {
        lv_wipe(call->out, (size_t)out_offsets[call->count]);
    }
    return status;
}

int lv_xaes_open_many(const lv_ring *ring, const uint8_t *data, const int64_t *offsets, size_t count, uint8_t *out,
                      int64_t *out_offsets, uint8_t *outcomes, size_t *failed, size_t *unknown)
{
    struct opening call = {.ring = ring, .data = data, .offsets = offsets, .count = count, .out = out,
                           .out_offsets = out_offsets, .outcomes = outcomes};
    return open_all(&call, 0, out_offsets, failed, unknown);
}

int lv_xaes_rewrap_many(const lv_ring *ring, const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *prefix,
                        size_t prefix_size, const uint8_t *aad, size_t aad_size, const uint8_t *data, const int64_t *offsets,
                        size_t count, uint8_t *out, int64_t *out_offsets, uint8_t *outcomes, size_t *failed, size_t *unknown)
{
    struct opening call = {.ring = ring, .data = data, .offsets = offsets, .count = count, .out = out,
                           .out_offsets = out_offsets, .outcomes = outcomes, .gcm = gcm, .aad = aad, .aad_size = aad_size,
                           .counter = lv_many_counter(nonce)};
    if (gcm->impl == NULL) {
        return LV_NO_KEY;
    }
    if (prefix_size > LV_PREFIX_MAX || (uint64_t)count + call.counter > (uint64_t)1 << 32) {
        return LV_TOO_LONG;
    }
    lv_many_header(&call.header, prefix, prefix_size, nonce);
    return open_all(&call, prefix_size + LV_XAES_NONCE_SIZE + LV_GCM_TAG, out_offsets, failed, unknown);
}

size_t lv_ring_unknown(const lv_ring *ring, const uint8_t *data, const int64_t *offsets, const uint8_t *outcomes, size_t from,
                       size_t count)
{
    const int64_t prefix_size = (int64_t)lv_ring_prefix_size(ring);
    while (from < count && (outcomes[from] != LV_UNKNOWN || offsets[from + 1] - offsets[from] < prefix_size ||
                            lv_ring_find(ring, data + offsets[from]) != NULL)) {
        from++;
    }
    return from;
}

void lv_outcomes_close(const uint8_t *outcomes, size_t count, uint8_t *out, int64_t *out_offsets)
{
    size_t end = 0;
    int64_t begin = out_offsets[0];
    for (size_t i = 0; i < count; i++) {
        const size_t size = outcomes[i] == LV_OPENED ? (size_t)(out_offsets[i + 1] - begin) : 0;
        (void)memmove(out + end, out + begin, size);
        begin = out_offsets[i + 1];
        end += size;
        out_offsets[i + 1] = (int64_t)end;
    }
    lv_wipe(out + end, (size_t)begin - end);
}
