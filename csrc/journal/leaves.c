/* From events to the leaves of the journal's tree: docs/format.md sections 7.1 to 7.3, contracts in lv_core.h. */
#include "journal/msgpack.h"
#include "lv_core.h"
#include "sha2/lanes.h"

#include <string.h>

#define SALT LV_SALT_SIZE
#define HASH LV_SHA256_SIZE
#define AT_ONCE 16 /* events whose commitments are made before their leaves, so that two always stand side by side */

enum {
    FIELDS = 11,
    LEAF = 15,
    HIDDEN = LV_SALTS_MAX, /* identifying fields: the leaf's last seven */
    FIXARRAY = 0x90,
    HEAD_MAX = 12,                    /* what a leaf begins with: the byte 0, an array's head, 1, the sequence */
    TAIL_MAX = HIDDEN * (2 + HASH)    /* and what it ends with: commitments, each with its head */
};

/* Each label ends with a zero byte and every salt is 16 bytes, so no commitment can stand for another field or value. */
static const struct lv_piece labels[HIDDEN] = {
    {(const uint8_t *)"lv1/principal", 14}, {(const uint8_t *)"lv1/target", 11},
    {(const uint8_t *)"lv1/process", 12},   {(const uint8_t *)"lv1/version", 12},
    {(const uint8_t *)"lv1/correlation", 16}, {(const uint8_t *)"lv1/details", 12},
    {(const uint8_t *)"lv1/writes", 11}};

/* An event: what its leaf has in the clear, in the leaf's order, and what it hides. */
struct event {
    struct lv_piece clear[6];        /* time, operation, result, code, duration, count; as they are packed */
    struct lv_piece hidden[HIDDEN];  /* principal, target, process, version, correlation, details, writes; NULL: absent */
    uint64_t sequence;
    uint8_t *leaf;                   /* where its hash goes */
    size_t tail_size;
    uint8_t tail[TAIL_MAX];
};

/* Events on their way. */
struct desk {
    struct lv_lanes lanes;
    struct event events[AT_ONCE];
    size_t used;
};

/* The 11 fields of section 7.1, in the forms and of the types that they are written in, or 0. */
static int take_fields(struct lv_reader *reader, struct event *event)
{
    struct lv_value time, operation, principal, target, version, result, code, duration, correlation, count, details;
    size_t fields;
    if (!lv_take_array(reader, &fields) || fields != FIELDS || !lv_take_int(reader, &time) ||
        !lv_take_text(reader, &operation) || !lv_take_text(reader, &principal) || !lv_take_text(reader, &target) ||
        !lv_take_text_or_nil(reader, &version) || !lv_take_text(reader, &result) || !lv_take_text_or_nil(reader, &code) ||
        !lv_take_int(reader, &duration) || !lv_take_text_or_nil(reader, &correlation) || !lv_take_int(reader, &count) ||
        !lv_take_text_or_nil(reader, &details)) {
        return 0;
    }
    event->clear[0] = time.packed;
    event->clear[1] = operation.packed;
    event->clear[2] = result.packed;
    event->clear[3] = code.packed;
    event->clear[4] = duration.packed;
    event->clear[5] = count.packed;
    event->hidden[0] = principal.plain;
    event->hidden[1] = target.plain;
    event->hidden[3] = version.plain;
    event->hidden[4] = correlation.plain;
    event->hidden[5] = details.plain;
    return 1;
}

static size_t salts_needed(const struct event *event)
{
    size_t needed = 0;
    for (size_t i = 0; i < HIDDEN; i++) {
        needed += event->hidden[i].bytes == NULL ? 0 : SALT;
    }
    return needed;
}

/* A message of pieces, side by side with others if it is short enough. */
static void hash(struct lv_lanes *lanes, const struct lv_piece *pieces, size_t count, uint8_t *out)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > LV_LANE_MAX - size) {
            lv_sha256(pieces, count, out);
            return;
        }
        size += pieces[i].size;
    }
    uint8_t *message = lv_lanes_room(lanes);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > 0) {
            (void)memcpy(message, pieces[i].bytes, pieces[i].size);
            message += pieces[i].size;
        }
    }
    lv_lanes_hash(lanes, size, out);
}

/* Has the commitments made that the leaf ends with.
 *
 * Hiding: 128 random bits in front of the value make guessing it, however few values there are, cost 2^128 trials. Binding:
 * SHA-256. One salt serves one field of one event, so that each can be shown or erased alone, and equal values in two events
 * do not look equal. */
static void commit(struct lv_lanes *lanes, struct event *event, const uint8_t *salts)
{
    uint8_t *tail = event->tail;
    for (size_t i = 0; i < HIDDEN; i++) {
        if (event->hidden[i].bytes == NULL) {
            *tail++ = LV_NIL;
            continue;
        }
        const struct lv_piece pieces[3] = {labels[i], {salts, SALT}, event->hidden[i]};
        *tail++ = LV_BIN_8;
        *tail++ = HASH;
        hash(lanes, pieces, 3, tail);
        tail += HASH;
        salts += SALT;
    }
    event->tail_size = (size_t)(tail - event->tail);
}

/* Makes the leaves of all events on the desk. */
static void make_leaves(struct desk *desk)
{
    lv_lanes_finish(&desk->lanes);
    for (size_t i = 0; i < desk->used; i++) {
        const struct event *event = &desk->events[i];
        /* The byte 0 keeps leaves apart from nodes: RFC 6962 section 2.1. Then the version of the encoding. */
        uint8_t head[HEAD_MAX] = {0, FIXARRAY + LEAF, 1};
        struct lv_piece pieces[8] = {{head, 3 + lv_put_uint(head + 3, event->sequence)}};
        (void)memcpy(pieces + 1, event->clear, sizeof event->clear);
        pieces[7] = (struct lv_piece){event->tail, event->tail_size};
        hash(&desk->lanes, pieces, 8, event->leaf);
    }
    lv_lanes_finish(&desk->lanes);
    desk->used = 0;
}

static struct event *next_event(struct desk *desk)
{
    if (desk->used == AT_ONCE) {
        make_leaves(desk);
    }
    return &desk->events[desk->used];
}

/* All but the fields of what becomes an entry. */
struct making {
    struct lv_value process;
    struct lv_piece writes;
    const uint8_t *salts;
    const uint8_t *salts_end;
    uint8_t *entry;
};

/* An entry: an array of four, the first two given as they are packed already. */
static void put_entry(struct making *making, const uint8_t *fields, size_t fields_size, size_t salts)
{
    uint8_t *entry = making->entry;
    *entry++ = FIXARRAY + 4;
    (void)memcpy(entry, fields, fields_size);
    entry += fields_size;
    (void)memcpy(entry, making->process.packed.bytes, making->process.packed.size);
    entry += making->process.packed.size;
    entry += lv_put_bytes_head(entry, salts);
    (void)memcpy(entry, making->salts, salts);
    entry += salts;
    if (making->writes.bytes == NULL) {
        *entry++ = LV_NIL;
    } else {
        entry += lv_put_bytes_head(entry, making->writes.size);
        (void)memcpy(entry, making->writes.bytes, making->writes.size);
        entry += making->writes.size;
    }
    making->entry = entry;
}

size_t lv_leaves_make(const uint8_t *fields, const int64_t *offsets, size_t count, uint64_t first, const uint8_t *process,
                      size_t process_size, const uint8_t *writes, size_t writes_size, const uint8_t *salts,
                      size_t *salts_size, uint8_t *leaves, uint8_t *entries, int64_t *entry_offsets)
{
    struct making making = {.writes = {writes, writes_size}, .salts = salts, .salts_end = salts + *salts_size,
                            .entry = entries};
    struct lv_reader reader = {process, process + process_size};
    size_t done = 0;
    entry_offsets[0] = 0;
    if (!lv_take_text(&reader, &making.process) || reader.at != reader.end || writes_size > UINT32_MAX) {
        count = 0;
    }
    struct desk desk;
    (void)memset(&desk.lanes, 0, sizeof desk.lanes);
    desk.used = 0;
    for (; done < count; done++) {
        struct event *event = next_event(&desk);
        const uint8_t *begin = fields + offsets[done], *end = fields + offsets[done + 1];
        reader = (struct lv_reader){begin, end};
        event->hidden[2] = making.process.plain;
        event->hidden[6] = making.writes;
        event->sequence = first + done;
        event->leaf = leaves + done * HASH;
        if (event->sequence < first || !take_fields(&reader, event) || reader.at != end) {
            break;
        }
        const size_t needed = salts_needed(event);
        if (needed > (size_t)(making.salts_end - making.salts)) {
            break;
        }
        commit(&desk.lanes, event, making.salts);
        put_entry(&making, begin, (size_t)(end - begin), needed);
        making.salts += needed;
        entry_offsets[done + 1] = making.entry - entries;
        desk.used++;
    }
    make_leaves(&desk);
    lv_wipe(&desk.lanes, sizeof desk.lanes);
    *salts_size = (size_t)(making.salts - salts);
    return done;
}

/* One entry of a run, and where its writes are; 0 if it is not one whose leaf can be made here. */
static int take_entry(struct lv_reader *reader, struct event *event, const uint8_t **salts)
{
    struct lv_value process, salt, writes;
    size_t parts;
    if (!lv_take_array(reader, &parts) || parts != 4 || !take_fields(reader, event) || !lv_take_text(reader, &process) ||
        !lv_take_bytes(reader, &salt) || !lv_take_bytes_or_nil(reader, &writes)) {
        return 0;
    }
    event->hidden[2] = process.plain;
    event->hidden[6] = writes.plain;
    *salts = salt.plain.bytes;
    return salt.plain.size == salts_needed(event);
}

size_t lv_leaves_of_run(const uint8_t *run, size_t size, uint64_t last, uint8_t *leaves, int64_t *writes)
{
    struct lv_reader reader = {run, run + size};
    size_t count;
    if (!lv_take_array(&reader, &count) || count == 0 || count - 1 > last || count > size / LV_ENTRY_MIN) {
        return 0;
    }
    struct desk desk;
    (void)memset(&desk.lanes, 0, sizeof desk.lanes);
    desk.used = 0;
    size_t done = 0;
    for (; done < count; done++) {
        struct event *event = next_event(&desk);
        const uint8_t *salts;
        if (!take_entry(&reader, event, &salts)) {
            break;
        }
        const struct lv_piece written = event->hidden[6];
        writes[2 * done] = written.bytes == NULL ? -1 : written.bytes - run;
        writes[2 * done + 1] = written.bytes == NULL ? -1 : written.bytes - run + (int64_t)written.size;
        event->sequence = last - (count - 1) + done;
        event->leaf = leaves + done * HASH;
        commit(&desk.lanes, event, salts);
        desk.used++;
    }
    make_leaves(&desk);
    lv_wipe(&desk.lanes, sizeof desk.lanes);
    return done == count && reader.at == reader.end ? count : 0;
}
