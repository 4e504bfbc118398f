/* Counting prefixes on records of any shape, for the sanitizers: test_prefixes SEED ROUNDS.
 *
 * Each round makes records of a few prefixes and lengths, sometimes with offsets that lead anywhere, and counts them with a
 * table of some size, going on with an empty one where it is full; what comes of it is held against counting one by one. Data
 * stands in an allocation of just its size, so that one byte read too far is seen. Prints how many records were counted. */
#include "lv_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 40, RECORDS = 200, LONGEST = 70 };

struct scene {
    uint8_t prefixes[KINDS][LV_PREFIX_SIZE];
    uint64_t wanted[KINDS], counted[KINDS], others;
    size_t kinds;
    int64_t offsets[RECORDS + 1];
    size_t count, size, least;
    uint8_t *data;
};

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t limit)
{
    return (size_t)(next() % limit);
}

static void need(int condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

/* Prefixes that differ in one byte alone, wherever that is. */
static void some_prefixes(struct scene *scene)
{
    scene->kinds = 1 + below(KINDS);
    for (size_t i = 0; i < scene->kinds; i++) {
        (void)memset(scene->prefixes[i], 1, LV_PREFIX_SIZE);
        scene->prefixes[i][i % LV_PREFIX_SIZE] = (uint8_t)(2 + i);
    }
}

static void some_records(struct scene *scene)
{
    scene->count = below(RECORDS + 1);
    scene->least = LV_PREFIX_SIZE + below(LONGEST - LV_PREFIX_SIZE);
    scene->offsets[0] = (int64_t)below(5);
    for (size_t i = 0; i < scene->count; i++) {
        scene->offsets[i + 1] = scene->offsets[i] + (int64_t)below(LONGEST + 1);
    }
    scene->size = (size_t)scene->offsets[scene->count];
    scene->data = malloc(scene->size + 1); /* malloc(0) may be NULL; the byte more stands in front */
    need(scene->data != NULL, "no memory");
    scene->data += 1;
    for (size_t i = 0; i < scene->size; i++) {
        scene->data[i] = (uint8_t)next();
    }
    for (size_t i = 0; i < scene->count; i++) {
        const uint8_t *prefix = scene->prefixes[below(scene->kinds)];
        const size_t room = (size_t)(scene->offsets[i + 1] - scene->offsets[i]);
        (void)memcpy(scene->data + scene->offsets[i], prefix, room < LV_PREFIX_SIZE ? room : LV_PREFIX_SIZE);
    }
}

/* Offsets that lead back, beyond the end, or as far as numbers go. */
static void spoil(struct scene *scene)
{
    static const int64_t wild[] = {-1, INT64_MIN, INT64_MAX, INT64_MIN + 1, 1 << 20};
    for (size_t changes = below(4); changes > 0; changes--) {
        const size_t at = below(scene->count + 1);
        const size_t which = below(sizeof wild / sizeof wild[0] + 2);
        scene->offsets[at] = which < sizeof wild / sizeof wild[0] ? wild[which] : (int64_t)below(scene->size + 9);
    }
}

static size_t kind_of(const struct scene *scene, const uint8_t *prefix)
{
    for (size_t kind = 0; kind < scene->kinds; kind++) {
        if (memcmp(scene->prefixes[kind], prefix, LV_PREFIX_SIZE) == 0) {
            return kind;
        }
    }
    return scene->kinds;
}

/* One by one, in numbers that cannot overflow. A spoilt offset may make a record of any place: what it begins with then is
 * counted as a kind if it is one, and is left to the sum of all otherwise. */
static uint64_t count_plainly(struct scene *scene)
{
    uint64_t strange = 0;
    for (size_t i = 0; i < scene->count; i++) {
        const int64_t begin = scene->offsets[i], end = scene->offsets[i + 1];
        if (begin < 0 || end < begin || end > (int64_t)scene->size || end - begin < (int64_t)scene->least) {
            scene->others++;
            continue;
        }
        const size_t kind = kind_of(scene, scene->data + begin);
        if (kind < scene->kinds) {
            scene->wanted[kind]++;
        } else {
            strange++;
        }
    }
    return strange;
}

static void count_by_table(struct scene *scene, size_t room, uint64_t strange)
{
    uint64_t keys[LV_PREFIX_KEYS], others = 0;
    size_t at = 0;
    for (size_t i = 0; i < LV_PREFIX_KEYS; i++) {
        keys[i] = next();
    }
    for (int more = 1; more;) {
        uint32_t *slots = calloc(2 * room, sizeof *slots);
        struct lv_prefix *found = calloc(room, sizeof *found);
        size_t used = 0;
        need(slots != NULL && found != NULL, "no memory");
        const size_t done = lv_prefixes_count(scene->data, scene->size, scene->offsets + at, scene->count - at, scene->least,
                                              keys, slots, found, room, &used, &others);
        at += done;
        more = at < scene->count;
        need(used <= room && (!more || (used == room && done > 0)), "it stopped before the table was full");
        for (size_t i = 0; i < used; i++) {
            const size_t kind = kind_of(scene, found[i].bytes);
            if (kind < scene->kinds) {
                scene->counted[kind] += found[i].count;
            } else {
                need(strange >= found[i].count, "records were counted that are not there");
                strange -= found[i].count;
            }
        }
        free(slots);
        free(found);
    }
    need(strange == 0, "records were left out");
    need(others == scene->others, "records that are none were not told");
}

int main(int argc, char **argv)
{
    uint64_t total = 0;
    if (argc != 3) {
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) | 1;
    for (uint64_t rounds = strtoull(argv[2], NULL, 10); rounds > 0; rounds--) {
        static struct scene scene;
        (void)memset(&scene, 0, sizeof scene);
        some_prefixes(&scene);
        some_records(&scene);
        if (rounds % 2 == 0) {
            spoil(&scene);
        }
        const uint64_t strange = count_plainly(&scene);
        count_by_table(&scene, (size_t)1 << below(7), strange);
        need(memcmp(scene.wanted, scene.counted, sizeof scene.wanted) == 0, "the counts differ");
        total += scene.count;
        free(scene.data - 1);
    }
    (void)printf("%llu\n", (unsigned long long)total);
    return 0;
}
