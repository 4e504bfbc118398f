/* The Merkle tree of RFC 6962, many leaves at a time: contract in lv_core.h. */
#include "lv_core.h"
#include "sha2/lanes.h"

#include <string.h>

#define HASH LV_SHA256_SIZE

/* The hash of two children's: the byte 1 keeps nodes apart from leaves (RFC 6962 section 2.1). */
static void node(struct lv_lanes *lanes, const uint8_t *left, const uint8_t *right, uint8_t *out)
{
    uint8_t *message = lv_lanes_room(lanes);
    message[0] = 1;
    (void)memcpy(message + 1, left, HASH);
    (void)memcpy(message + 1 + HASH, right, HASH);
    lv_lanes_hash(lanes, 1 + 2 * HASH, out);
}

/* The parents of a row of `count` subtrees, in their place: each is written where children stood that have been read. With
 * `before`, the first child is that one and the row goes on from there. An odd one out is left at the row's end. Returns how
 * many parents there are. */
static size_t pair_up(struct lv_lanes *lanes, const uint8_t *before, uint8_t *row, size_t count)
{
    const size_t borrowed = before != NULL, parents = (count + borrowed) / 2;
    for (size_t i = 0; i < parents; i++) {
        const uint8_t *left = before != NULL && i == 0 ? before : row + (2 * i - borrowed) * HASH;
        node(lanes, left, row + (2 * i + 1 - borrowed) * HASH, row + i * HASH);
    }
    lv_lanes_finish(lanes);
    return parents;
}

size_t lv_tree_extend(uint64_t size, uint8_t *frontier, uint8_t *leaves, size_t count, uint32_t level, uint8_t *nodes)
{
    /* A subtree stands at its level's place; whether there is one says that bit of the size. */
    uint8_t standing[LV_TREE_LEVELS][HASH];
    size_t completed = 0, at = 0;
    for (uint32_t i = LV_TREE_LEVELS; i-- > 0;) {
        if (size >> i & 1) {
            (void)memcpy(standing[i], frontier + HASH * at++, HASH);
        }
    }
    struct lv_lanes lanes = {0};
    size_t row = count;
    for (uint32_t i = 0; i < LV_TREE_LEVELS && row > 0; i++) {
        const int before = (int)(size >> i & 1);
        if (i >= level) {
            (void)memcpy(nodes + completed * HASH, leaves, row * HASH);
            completed += row;
        }
        const size_t alone = (row + (size_t)before) & 1, last = row - 1;
        row = pair_up(&lanes, before ? standing[i] : NULL, leaves, row);
        if (alone) {
            (void)memcpy(standing[i], leaves + last * HASH, HASH); /* it waits for its sibling */
        }
    }
    at = 0;
    const uint64_t grown = size + count;
    for (uint32_t i = LV_TREE_LEVELS; i-- > 0;) {
        if (grown >> i & 1) {
            (void)memcpy(frontier + HASH * at++, standing[i], HASH);
        }
    }
    return completed;
}
