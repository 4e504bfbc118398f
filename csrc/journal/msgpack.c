/* Reads and writes msgpack in its shortest form (github.com/msgpack/msgpack, spec.md). */
#include "journal/msgpack.h"
#include "journal/numbers.h"

#include <string.h>

enum {
    FIXARRAY = 0x90, ARRAY_16 = 0xdc,
    FIXTEXT = 0xa0, TEXT_8 = 0xd9,
    UINT_8 = 0xcc, INT_8 = 0xd0, NEGATIVE = 0xe0
};

static size_t left(const struct lv_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* Whether a number takes `size` bytes (1, 2, 4, 8) and would not do with half of them. */
static int needs(uint64_t number, size_t size)
{
    return number >> (4 * size) != 0;
}

/* The same for a negative one, sign-extended: with half of them it must not fit. */
static int negative_needs(uint64_t number, size_t size)
{
    return number < (uint64_t)0 - ((uint64_t)1 << (4 * size - 1));
}

int lv_take_array(struct lv_reader *reader, size_t *count)
{
    if (left(reader) >= 1 && (*reader->at & 0xf0) == FIXARRAY) {
        *count = *reader->at & 0x0f;
        reader->at += 1;
        return 1;
    }
    if (left(reader) >= 3 && *reader->at == ARRAY_16) {
        *count = (size_t)big_endian(reader->at + 1, 2);
        reader->at += 3;
        return *count > 0x0f;
    }
    return 0;
}

/* Whether an integer's head is followed by a number that needs it. */
static int shortest(uint8_t head, const uint8_t *bytes, size_t size)
{
    const uint64_t number = big_endian(bytes, size);
    if (head < INT_8) {
        return size == 1 ? number >= 0x80 : needs(number, size);
    }
    const uint64_t sign = (uint64_t)1 << (8 * size - 1);
    if ((number & sign) == 0) {
        return 0; /* not negative: it has a form of its own */
    }
    const uint64_t extended = (number ^ sign) - sign;
    return size == 1 ? extended < (uint64_t)0 - 32 : negative_needs(extended, size);
}

int lv_take_int(struct lv_reader *reader, struct lv_value *value)
{
    if (left(reader) < 1) {
        return 0;
    }
    const uint8_t head = *reader->at;
    size_t size = 0;
    if (head >= 0x80 && head < NEGATIVE) {
        if (head < UINT_8 || head > INT_8 + 3) {
            return 0;
        }
        size = (size_t)1 << (head & 3); /* 0xcc to 0xcf and 0xd0 to 0xd3 */
        if (left(reader) < 1 + size || !shortest(head, reader->at + 1, size)) {
            return 0;
        }
    }
    *value = (struct lv_value){{reader->at, 1 + size}, {reader->at + 1, size}};
    reader->at += 1 + size;
    return 1;
}

/* The rest of a sequence that `lead` begins: its length and the bounds of its second byte (The Unicode Standard, table 3-7);
 * 0 if nothing begins so. Overlong forms and surrogates are cut off by the bounds. */
static size_t sequence(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    return lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
}

static int is_utf8(const uint8_t *bytes, size_t size)
{
    const uint8_t *const end = bytes + size;
    while (bytes < end) {
        uint64_t eight;
        if ((size_t)(end - bytes) >= sizeof eight) {
            (void)memcpy(&eight, bytes, sizeof eight);
            if ((eight & 0x8080808080808080) == 0) {
                bytes += sizeof eight;
                continue;
            }
        }
        if (*bytes < 0x80) {
            bytes++;
            continue;
        }
        uint8_t low, high;
        const size_t more = sequence(*bytes, &low, &high);
        if (more == 0 || (size_t)(end - bytes) < 1 + more || bytes[1] < low || bytes[1] > high) {
            return 0;
        }
        for (size_t i = 2; i <= more; i++) {
            if ((bytes[i] & 0xc0) != 0x80) {
                return 0;
            }
        }
        bytes += 1 + more;
    }
    return 1;
}

/* What has a length of 1, 2 or 4 bytes, the first of the three heads being `first`, and needs all of them; sizes up to
 * `below` are not written so. */
static int take_sized(struct lv_reader *reader, uint8_t first, size_t below, struct lv_value *value)
{
    const uint8_t head = *reader->at;
    if (head < first || head > first + 2) {
        return 0;
    }
    const size_t width = (size_t)1 << (head - first);
    if (left(reader) < 1 + width) {
        return 0;
    }
    const uint64_t size = big_endian(reader->at + 1, width);
    if (width == 1 ? size < below : !needs(size, width)) {
        return 0;
    }
    if (size > left(reader) - 1 - width) {
        return 0;
    }
    const uint8_t *const plain = reader->at + 1 + width;
    *value = (struct lv_value){{reader->at, 1 + width + (size_t)size}, {plain, (size_t)size}};
    reader->at = plain + size;
    return 1;
}

int lv_take_text(struct lv_reader *reader, struct lv_value *value)
{
    if (left(reader) < 1) {
        return 0;
    }
    if ((*reader->at & 0xe0) == FIXTEXT) {
        const size_t size = *reader->at & 0x1f;
        if (size > left(reader) - 1) {
            return 0;
        }
        *value = (struct lv_value){{reader->at, 1 + size}, {reader->at + 1, size}};
        reader->at += 1 + size;
    } else if (!take_sized(reader, TEXT_8, 32, value)) {
        return 0;
    }
    return is_utf8(value->plain.bytes, value->plain.size);
}

static int take_nil(struct lv_reader *reader, struct lv_value *value)
{
    if (left(reader) < 1 || *reader->at != LV_NIL) {
        return 0;
    }
    *value = (struct lv_value){{reader->at, 1}, {NULL, 0}};
    reader->at += 1;
    return 1;
}

int lv_take_text_or_nil(struct lv_reader *reader, struct lv_value *value)
{
    return take_nil(reader, value) || lv_take_text(reader, value);
}

int lv_take_bytes(struct lv_reader *reader, struct lv_value *value)
{
    return left(reader) >= 1 && take_sized(reader, LV_BIN_8, 0, value);
}

int lv_take_bytes_or_nil(struct lv_reader *reader, struct lv_value *value)
{
    return take_nil(reader, value) || lv_take_bytes(reader, value);
}

size_t lv_put_uint(uint8_t *out, uint64_t number)
{
    if (number < 0x80) {
        out[0] = (uint8_t)number;
        return 1;
    }
    size_t width = 1, head = UINT_8;
    while (width < 8 && number >> (8 * width) != 0) {
        width *= 2;
        head++;
    }
    out[0] = (uint8_t)head;
    put_big_endian(out + 1, number, width);
    return 1 + width;
}

size_t lv_put_bytes_head(uint8_t *out, size_t size)
{
    size_t width = 1, head = LV_BIN_8;
    while (width < 4 && size >> (8 * width) != 0) {
        width *= 2;
        head++;
    }
    out[0] = (uint8_t)head;
    put_big_endian(out + 1, size, width);
    return 1 + width;
}
