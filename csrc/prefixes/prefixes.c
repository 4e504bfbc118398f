/* Counting what records begin with: contract in lv_core.h. Prefixes are no secret, but whoever makes records chooses them. */
#include "lv_core.h"

#include <string.h>

enum { WORD = 4, WORDS = 5, SLOTS_A_PLACE = 2 };

_Static_assert(LV_PREFIX_SIZE > (WORDS - 1) * WORD && LV_PREFIX_SIZE <= WORDS * WORD, "the words hold a prefix");
_Static_assert(LV_PREFIX_KEYS == WORDS + 1, "a number for each word, and one to begin with");

/* Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): under random keys, two given
 * prefixes meet in one slot no more often than chance has it, so nobody can make many of them do so. */
static uint32_t hash(const uint8_t *prefix, const uint64_t *keys)
{
    uint32_t words[WORDS] = {0};
    uint64_t sum = keys[WORDS];
    (void)memcpy(words, prefix, LV_PREFIX_SIZE);
    for (size_t i = 0; i < WORDS; i++) {
        sum += keys[i] * words[i];
    }
    return (uint32_t)(sum >> 32);
}

static int same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, LV_PREFIX_SIZE) == 0;
}

/* Where `prefix` is among those found, or where the next one goes, which then is it: `used` rises. NULL if that is beyond
 * `room`. Half of the slots stay free, so every walk through them ends. */
static struct lv_prefix *place(const uint8_t *prefix, const uint64_t *keys, uint32_t *slots, struct lv_prefix *found,
                               size_t room, size_t *used)
{
    const size_t last = SLOTS_A_PLACE * room - 1;
    size_t at = hash(prefix, keys) & last;
    while (slots[at] != 0) {
        struct lv_prefix *known = found + (slots[at] - 1);
        if (same(known->bytes, prefix)) {
            return known;
        }
        at = (at + 1) & last;
    }
    if (*used == room) {
        return NULL;
    }
    struct lv_prefix *added = found + *used;
    (void)memcpy(added->bytes, prefix, LV_PREFIX_SIZE);
    added->count = 0;
    *used += 1;
    slots[at] = (uint32_t)*used;
    return added;
}

size_t lv_prefixes_count(const uint8_t *data, size_t size, const int64_t *offsets, size_t count, size_t least,
                         const uint64_t *keys, uint32_t *slots, struct lv_prefix *found, size_t room, size_t *used,
                         uint64_t *others)
{
    /* Records of one version mostly come one after another: the last one's place is looked at first. */
    struct lv_prefix *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const int64_t begin = offsets[i], end = offsets[i + 1];
        if (begin < 0 || end < begin || (uint64_t)end > size || (uint64_t)(end - begin) < least) {
            *others += 1;
            continue;
        }
        const uint8_t *prefix = data + begin;
        if (last == NULL || !same(last->bytes, prefix)) {
            last = place(prefix, keys, slots, found, room, used);
            if (last == NULL) {
                return i;
            }
        }
        last->count += 1;
    }
    return count;
}
