/* Hashes many short messages, two side by side: one's instructions fill the time that the other's wait for each other. */
#ifndef LV_SHA256_LANES_H
#define LV_SHA256_LANES_H

#include "sha2/sha256.h"

#define LV_LANES 2
#define LV_LANE_BLOCKS 6
#define LV_LANE_MAX (LV_LANE_BLOCKS * LV_SHA256_BLOCK - 9) /* bytes of a message: padding takes nine at least */

struct lv_lane {
    uint32_t state[8];
    const uint8_t *next;
    size_t blocks; /* left to be taken in; 0: the lane is free */
    uint8_t *out;
    uint8_t message[LV_LANE_BLOCKS * LV_SHA256_BLOCK];
};

/* All zeros to begin with. Whoever made it wipes it: messages stay in it. */
struct lv_lanes {
    struct lv_lane lane[LV_LANES];
    struct lv_lane *chosen;
};

/* Room for the next message, LV_LANE_MAX bytes. */
uint8_t *lv_lanes_room(struct lv_lanes *lanes);

/* Has the `size` bytes written there hashed to `out` (32 bytes), at the latest by lv_lanes_finish. */
void lv_lanes_hash(struct lv_lanes *lanes, size_t size, uint8_t *out);

/* Afterwards all hashes stand where they should. */
void lv_lanes_finish(struct lv_lanes *lanes);

#endif
