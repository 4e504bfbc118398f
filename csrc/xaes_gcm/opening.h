/* How sealed records are opened under the keys that their nonces derive. */
#ifndef LV_OPENING_H
#define LV_OPENING_H

#include "xaes_gcm/xaes_gcm.h"

/* From so many on, a run of records of one derived key is worth all powers of H. */
#define LV_RUN 3

/* Whose derived key work->shared is, and from which half of a nonce; zeros to begin with. */
struct lv_shared {
    const lv_xaes *by;
    uint8_t nonce[LV_GCM_NONCE];
};

/* Each opens items whose 12 bytes of nonce stand behind the 12 that derive a key: the former all under the first one's, which
 * it leaves for the next call; the latter up to LV_DERIVED_AT_ONCE, each under its own. lv_open_finish wipes what they leave. */
void lv_open_alike(struct lv_work *work, struct lv_shared *shared, const lv_xaes *xaes, struct lv_gcm_item *items, size_t count);
void lv_open_each(struct lv_work *work, const lv_xaes *xaes, struct lv_gcm_item *items, size_t count);
void lv_open_finish(struct lv_work *work);

#endif
