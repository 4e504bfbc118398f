/* The journal's part of the core on any bytes, and SHA-256 by each way of compressing, for the sanitizers.
 *
 *     test_journal sha256 WAY          a message in hex a line; prints its hash alone and in each of two lanes, or nothing at all
 *                                      if this processor has no such way
 *     test_journal KIND SEED COUNT     KIND is fields, run or frames: COUNT inputs, most of them sound ones with a few bytes
 *                                      changed; prints how many were taken whole
 *
 * What is read ends where a page begins that cannot be read; what is written has just the room that the header asks for. */
#define _GNU_SOURCE

#include "aes_gcm/aes_gcm.h"
#include "core/cpu.h"
#include "lv_core.h"
#include "sha2/lanes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(what) ((what) ? (void)0 : fail(#what, __LINE__))

enum { EVENTS = 9, FRAMES = 150, INPUT = 1 << 16, SALTS = EVENTS * LV_SALT_SIZE * LV_SALTS_MAX };

static uint64_t state;
static uint8_t *input_end; /* behind it: nothing */

static void fail(const char *what, int line)
{
    (void)fprintf(stderr, "line %d: %s\n", line, what);
    exit(1);
}

static size_t next(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 11) % below;
}

static void *room(size_t size)
{
    void *made = malloc(size);
    CHECK(made != NULL);
    return made;
}

static void make_input(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *mapped = mmap(NULL, INPUT + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    CHECK(mprotect(mapped + INPUT, page, PROT_NONE) == 0);
    input_end = mapped + INPUT;
}

/* The bytes where nothing can be read behind them. */
static uint8_t *put_input(const uint8_t *bytes, size_t size)
{
    CHECK(size <= INPUT);
    (void)memcpy(input_end - size, bytes, size);
    return input_end - size;
}

/* ---- what is sound ---------------------------------------------------------------------------------------------- */

static size_t put_text(uint8_t *out, size_t size)
{
    size_t head = 1;
    if (size < 32) {
        out[0] = (uint8_t)(0xa0 + size);
    } else {
        out[0] = size < 256 ? 0xd9 : 0xda;
        head = size < 256 ? 2 : 3;
        out[head - 1] = (uint8_t)size;
        out[1] = head == 3 ? (uint8_t)(size >> 8) : out[1];
    }
    for (size_t i = 0; i < size; i++) {
        out[head + i] = (uint8_t)('a' + next(26));
    }
    return head + size;
}

static size_t put_some_text(uint8_t *out, int may_be_nil)
{
    if (may_be_nil && next(2)) {
        out[0] = 0xc0;
        return 1;
    }
    return put_text(out, next(20) ? next(34) : next(700));
}

static size_t put_number(uint8_t *out)
{
    const size_t width = (size_t)1 << next(4);
    if (next(3) == 0) {
        out[0] = (uint8_t)next(128);
        return 1;
    }
    out[0] = (uint8_t)(width == 1 ? 0xcc : width == 2 ? 0xcd : width == 4 ? 0xce : 0xcf);
    for (size_t i = 1; i <= width; i++) {
        out[i] = (uint8_t)(0x80 + next(128));
    }
    return 1 + width;
}

static size_t put_fields(uint8_t *out)
{
    uint8_t *const begin = out;
    *out++ = 0x9b;
    out += put_number(out);
    out += put_some_text(out, 0);
    out += put_some_text(out, 0);
    out += put_some_text(out, 0);
    out += put_some_text(out, 1);
    out += put_some_text(out, 0);
    out += put_some_text(out, 1);
    out += put_number(out);
    out += put_some_text(out, 1);
    out += put_number(out);
    out += put_some_text(out, 1);
    return (size_t)(out - begin);
}

/* Changes a few bytes, or the length, or leaves everything as it is. */
static size_t damage(uint8_t *bytes, size_t size, size_t capacity)
{
    static const uint8_t telling[] = {0x00, 0x7f, 0x80, 0x90, 0x94, 0x9b, 0xa0, 0xbf, 0xc0, 0xc4, 0xc5, 0xc6, 0xcc, 0xcf,
                                      0xd0, 0xd3, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xe0, 0xed, 0xf0, 0xf4, 0xff};
    for (size_t changes = next(4); changes > 0 && size > 0; changes--) {
        const size_t place = next(next(3) ? size : size < 40 ? size : 40);
        bytes[place] = next(2) ? (uint8_t)next(256) : telling[next(sizeof telling)];
    }
    if (next(6) == 0) {
        size = next(size + 1);
    } else if (next(12) == 0 && size < capacity) {
        bytes[size++] = (uint8_t)next(256);
    }
    return size;
}

/* ---- what is read ----------------------------------------------------------------------------------------------- */

struct events {
    uint8_t bytes[EVENTS * 8192];
    int64_t offsets[EVENTS + 1];
};

static void put_events(struct events *events, int damaged)
{
    uint8_t one[8192];
    events->offsets[0] = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        size_t size = put_fields(one);
        if (damaged && next(3) == 0) {
            size = damage(one, size, sizeof one);
        }
        (void)memcpy(events->bytes + events->offsets[i], one, size);
        events->offsets[i + 1] = events->offsets[i] + (int64_t)size;
    }
}

/* Entries of the events and how many, in a buffer with just the room that is asked for. */
static uint8_t *entries_of(const struct events *events, const uint8_t *fields, int64_t *offsets, size_t *count)
{
    static const uint8_t process[] = {0xa3, 'p', '@', '1'};
    const uint8_t writes[40] = {2, 22};
    const uint8_t *wrote = next(2) ? writes : NULL;
    const size_t wrote_size = wrote == NULL ? 0 : sizeof writes;
    uint8_t *leaves = room(EVENTS * 32), *salts = room(SALTS);
    uint8_t *entries = room((size_t)events->offsets[EVENTS] + EVENTS * (sizeof process + wrote_size + LV_ENTRY_ROOM));
    (void)memset(salts, 7, SALTS);
    size_t taken = next(4) ? SALTS : next(SALTS);
    const uint64_t first = next(4) ? 1000 : UINT64_MAX - next(EVENTS + 2); /* numbers do not begin anew */
    *count = lv_leaves_make(fields, events->offsets, EVENTS, first, process, sizeof process, wrote, wrote_size, salts, &taken,
                            leaves, entries, offsets);
    CHECK(*count <= EVENTS && taken <= SALTS && taken % LV_SALT_SIZE == 0);
    CHECK(*count == 0 || first + (*count - 1) >= first);
    free(leaves);
    free(salts);
    return entries;
}

static int read_fields(void)
{
    static struct events events;
    int64_t offsets[EVENTS + 1];
    size_t count;
    put_events(&events, 1);
    const size_t size = (size_t)events.offsets[EVENTS];
    free(entries_of(&events, put_input(events.bytes, size), offsets, &count));
    return count == EVENTS;
}

static int read_run(void)
{
    static struct events events;
    static uint8_t run[INPUT];
    int64_t offsets[EVENTS + 1];
    size_t count;
    put_events(&events, 0);
    uint8_t *entries = entries_of(&events, events.bytes, offsets, &count);
    run[0] = (uint8_t)(0x90 + count);
    size_t size = (size_t)offsets[count];
    size = size < INPUT - 2 ? size : INPUT - 2;
    (void)memcpy(run + 1, entries, size);
    free(entries);
    size = damage(run, 1 + size, INPUT);
    const size_t most = size / LV_ENTRY_MIN;
    uint8_t *leaves = room(most * 32 + 1);
    int64_t *writes = room(most * 16 + 1);
    const size_t found = lv_leaves_of_run(put_input(run, size), size, next(20), leaves, writes);
    CHECK(found <= most);
    for (size_t i = 0; i < 2 * found; i += 2) {
        CHECK(writes[i] <= writes[i + 1] && writes[i] >= -1 && writes[i + 1] <= (int64_t)size);
    }
    /* Any hashes do to grow a tree by. */
    uint8_t *frontier = room(LV_TREE_LEVELS * 32), *nodes = room((found + LV_TREE_LEVELS) * 32);
    (void)memset(frontier, 1, LV_TREE_LEVELS * 32);
    CHECK(lv_tree_extend(state >> next(64), frontier, leaves, found, 1, nodes) <= found + LV_TREE_LEVELS);
    free(frontier);
    free(nodes);
    free(leaves);
    free(writes);
    return found > 0;
}

static lv_gcm *some_key(void)
{
    static const uint8_t key[32] = {1, 2, 3};
    lv_gcm *gcm;
    for (uint32_t level = 0; lv_level_name(level) != NULL; level++) {
        if (lv_gcm_new(level, key, sizeof key, &gcm) == LV_OK) {
            return gcm;
        }
    }
    return NULL;
}

static int read_frames(const lv_gcm *gcm)
{
    static uint8_t chunk[INPUT];
    uint8_t one[600];
    const size_t sealed = next(FRAMES);
    size_t size = 0;
    (void)memset(one, 9, sizeof one);
    for (size_t i = 0; i < sealed; i++) {
        const size_t length = next(next(2) ? 30 : sizeof one);
        if (size + length + 28 > INPUT) {
            break;
        }
        CHECK(lv_frame_seal(gcm, 5 + i, one, length, chunk + size) == LV_OK);
        size += length + 28;
    }
    const size_t before = size, after = damage(chunk, size, INPUT), limit = next(3) ? FRAMES : next(FRAMES);
    const size_t most = after / 28 < limit ? after / 28 : limit;
    uint8_t *out = room(after + 1);
    int64_t *offsets = room((most + 1) * sizeof *offsets);
    size_t count;
    (void)memset(out, 0xee, after + 1);
    CHECK(lv_frames_open(gcm, 5, put_input(chunk, after), after, limit, out, offsets, &count) == LV_OK);
    CHECK(count <= most && offsets[0] == 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(offsets[i] <= offsets[i + 1]);
    }
    for (size_t i = 0; i < (size_t)offsets[count]; i++) {
        CHECK(out[i] == 9);
    }
    for (size_t i = (size_t)offsets[count]; i <= after; i++) {
        CHECK(out[i] == 0xee || out[i] == 0); /* nothing is left of what does not count */
    }
    const int whole = (size_t)offsets[count] + 28 * count == before && before == after && count > 0;
    free(out);
    free(offsets);
    return whole;
}

struct task {
    const char *kind;
    size_t count;
    int status;
};

/* In a thread of its own, at whose end the core gives back what it keeps for a thread. */
static void *feed(void *argument)
{
    struct task *task = argument;
    const char *kind = task->kind;
    const size_t count = task->count;
    lv_gcm *gcm = some_key();
    size_t whole = 0;
    make_input();
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kind, "fields") == 0) {
            whole += (size_t)read_fields();
        } else if (strcmp(kind, "run") == 0) {
            whole += (size_t)read_run();
        } else if (gcm != NULL) {
            whole += (size_t)read_frames(gcm);
        }
    }
    lv_gcm_free(gcm);
    (void)printf("%zu\n", whole);
    task->status = gcm == NULL && strcmp(kind, "frames") == 0 ? 3 : 0;
    return NULL;
}

/* ---- SHA-256 ---------------------------------------------------------------------------------------------------- */

static void print(const uint8_t *hash)
{
    for (size_t i = 0; i < LV_SHA256_SIZE; i++) {
        (void)printf("%02x", hash[i]);
    }
}

/* The message in one lane and `other` in the other, at once; both as the way does it. */
static void in_lanes(const struct lv_sha256_way *way, uint8_t *message, size_t size, int swapped, uint8_t *out)
{
    uint8_t other[LV_SHA256_BLOCK];
    uint32_t left[8], right[8];
    const size_t blocks = lv_sha256_pad(message, size, size);
    (void)memset(other, 0xaa, sizeof other);
    lv_sha256_begin(left);
    lv_sha256_begin(right);
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *block = message + i * LV_SHA256_BLOCK;
        way->two(swapped ? right : left, swapped ? other : block, swapped ? left : right, swapped ? block : other, 1);
    }
    lv_sha256_put(left, out);
}

/* The message by lanes.c, with another one before it, if it is short enough. */
static int in_queue(const uint8_t *message, size_t size, uint8_t *out)
{
    static struct lv_lanes lanes;
    uint8_t of_other[LV_SHA256_SIZE];
    if (size > LV_LANE_MAX) {
        return 0;
    }
    (void)memset(lv_lanes_room(&lanes), 'x', 200);
    lv_lanes_hash(&lanes, 200, of_other);
    (void)memcpy(lv_lanes_room(&lanes), message, size);
    lv_lanes_hash(&lanes, size, out);
    lv_lanes_finish(&lanes);
    return 1;
}

static void hash_line(const struct lv_sha256_way *way, const char *line)
{
    const size_t size = strspn(line, "0123456789abcdef") / 2;
    uint8_t *message = room(size + 72), out[LV_SHA256_SIZE];
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        CHECK(sscanf(line + 2 * i, "%2x", &byte) == 1);
        message[i] = (uint8_t)byte;
    }
    const struct lv_piece pieces[3] = {{message, size / 3}, {message + size / 3, 0}, {message + size / 3, size - size / 3}};
    lv_sha256_by(way, pieces, 3, out);
    print(out);
    for (int swapped = 0; swapped < 2; swapped++) {
        (void)putchar(' ');
        in_lanes(way, message, size, swapped, out);
        print(out);
    }
    if (in_queue(message, size, out)) {
        (void)putchar(' ');
        print(out);
    }
    (void)putchar('\n');
    free(message);
}

static int hash_lines(const char *name)
{
    const struct lv_sha256_way *const chosen = lv_sha256_chosen();
    const struct lv_sha256_way *way = strcmp(name, lv_sha256_portable.name) == 0 ? &lv_sha256_portable : chosen;
    char *line = NULL;
    size_t room_for = 0;
    for (uint32_t bit = 0; bit < 64; bit++) {
        /* A way that fails its known answers is passed over in silence, but not here. */
        const char *feature = lv_cpu_feature_name(bit);
        const int for_sha = feature != NULL && (strcmp(feature, "sha") == 0 || strcmp(feature, "sha2") == 0);
        CHECK(!for_sha || !(lv_cpu_features() >> bit & 1) || chosen != &lv_sha256_portable);
    }
    while (strcmp(name, way->name) == 0 && getline(&line, &room_for, stdin) > 0) {
        hash_line(way, line);
    }
    free(line);
    return 0;
}

int main(int argc, char **argv)
{
    if (lv_init() != LV_OK) {
        return 2;
    }
    if (argc == 3 && strcmp(argv[1], "sha256") == 0) {
        return hash_lines(argv[2]);
    }
    if (argc != 4) {
        return 2;
    }
    state = strtoull(argv[2], NULL, 10) * 2 + 1;
    struct task task = {argv[1], (size_t)strtoull(argv[3], NULL, 10), 2};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, feed, &task) == 0 && pthread_join(thread, NULL) == 0);
    return task.status;
}
