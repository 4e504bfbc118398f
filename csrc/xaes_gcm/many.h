/* How sealed records are written, and how a large call is cut into tasks. */
#ifndef LV_MANY_H
#define LV_MANY_H

#include "pool/pool.h"
#include "xaes_gcm/ring.h"
#include "xaes_gcm/xaes_gcm.h"

/* What a sealed record begins with; zeros behind it, up to a whole block. */
struct lv_header {
    uint8_t bytes[LV_PREFIX_MAX + LV_XAES_NONCE_SIZE + LV_BLOCK];
    size_t size;
};

void lv_many_header(struct lv_header *header, const uint8_t *prefix, size_t prefix_size, const uint8_t *nonce);

/* Writes it to `out`, where ciphertext and tag are written later: up to 15 bytes too many. */
void lv_many_put_header(const struct lv_header *header, uint8_t *out);

/* The big-endian number in a nonce's last 4 bytes. */
uint32_t lv_many_counter(const uint8_t *nonce);
void lv_many_set_counter(uint8_t *nonce, uint32_t counter);

/* The first LV_DIGEST_SIZE bytes of the SHA-256 of records `begin` up to `end`, to their places in `digests`. Record i is
 * data[offsets[i] - offsets[0]] up to data[offsets[i + 1] - offsets[0]]. */
void lv_many_digests(const uint8_t *data, const int64_t *offsets, size_t begin, size_t end, uint8_t *digests);

/* Records a task, so that one is worth waking a thread for. */
size_t lv_many_per_task(const int64_t *offsets, size_t count);

/* The records of one task, from `begin` up to `end`. */
struct lv_share {
    size_t begin, end;
};

static inline struct lv_share lv_many_share(size_t task, size_t per_task, size_t count)
{
    const size_t begin = task * per_task;
    return (struct lv_share){begin, begin + per_task < count ? begin + per_task : count};
}

#endif
