/* Which messages go side by side. */
#include "sha2/lanes.h"

#include <string.h>

static void take(struct lv_lane *lane, size_t blocks)
{
    lane->next += blocks * LV_SHA256_BLOCK;
    lane->blocks -= blocks;
    if (lane->blocks == 0) {
        lv_sha256_put(lane->state, lane->out);
    }
}

/* Both lanes are taken: on until one is free. */
static void advance(struct lv_lanes *lanes)
{
    struct lv_lane *one = &lanes->lane[0], *other = &lanes->lane[1];
    const size_t blocks = one->blocks < other->blocks ? one->blocks : other->blocks;
    lv_sha256_chosen()->two(one->state, one->next, other->state, other->next, blocks);
    take(one, blocks);
    take(other, blocks);
}

uint8_t *lv_lanes_room(struct lv_lanes *lanes)
{
    if (lanes->lane[0].blocks > 0 && lanes->lane[1].blocks > 0) {
        advance(lanes);
    }
    lanes->chosen = &lanes->lane[lanes->lane[0].blocks > 0];
    return lanes->chosen->message;
}

void lv_lanes_hash(struct lv_lanes *lanes, size_t size, uint8_t *out)
{
    struct lv_lane *lane = lanes->chosen;
    lv_sha256_begin(lane->state);
    lane->blocks = lv_sha256_pad(lane->message, size, size);
    lane->next = lane->message;
    lane->out = out;
}

void lv_lanes_finish(struct lv_lanes *lanes)
{
    if (lanes->lane[0].blocks > 0 && lanes->lane[1].blocks > 0) {
        advance(lanes);
    }
    for (size_t i = 0; i < LV_LANES; i++) {
        struct lv_lane *lane = &lanes->lane[i];
        if (lane->blocks > 0) {
            lv_sha256_chosen()->one(lane->state, lane->next, lane->blocks);
            take(lane, lane->blocks);
        }
    }
}
