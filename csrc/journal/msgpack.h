/* Reads msgpack, the exact form only: of all spellings of a value the shortest, and text that is UTF-8.
 *
 * What is in another form, or is none, is "not taken", and the reader must not be used any further. Nothing outside of what
 * it was given is read, whatever a length says. The time depends on the bytes: they are an event's, which its caller may
 * see. */
#ifndef LV_MSGPACK_H
#define LV_MSGPACK_H

#include "sha2/sha256.h"

#include <stddef.h>
#include <stdint.h>

#define LV_NIL 0xc0
#define LV_BIN_8 0xc4 /* then a length of one byte; the next two have one of 2 and of 4 */

struct lv_reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* A value: all of its bytes, and of text and bytes those behind the length (NULL for nil). */
struct lv_value {
    struct lv_piece packed;
    struct lv_piece plain;
};

/* Each returns 1 if it has taken what it is called after, else 0. */
int lv_take_array(struct lv_reader *reader, size_t *count); /* its head; at most 65,535 elements */
int lv_take_int(struct lv_reader *reader, struct lv_value *value);
int lv_take_text(struct lv_reader *reader, struct lv_value *value);
int lv_take_text_or_nil(struct lv_reader *reader, struct lv_value *value);
int lv_take_bytes(struct lv_reader *reader, struct lv_value *value);
int lv_take_bytes_or_nil(struct lv_reader *reader, struct lv_value *value);

/* The shortest form of a number to `out`, up to 9 bytes; how many. */
size_t lv_put_uint(uint8_t *out, uint64_t number);

/* The head of `size` bytes, below 2^32, to `out`: up to 5; how many. */
size_t lv_put_bytes_head(uint8_t *out, size_t size);

#endif
