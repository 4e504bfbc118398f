/* The walk over pages on damaged files, for the sanitizers: test_pages FILE ROOT HEIGHT LAST_PAGE SEED COUNT.
 *
 * FILE is sound. Each round changes a few bytes, walks, and puts them back. The bytes stand at the end of an allocation
 * of just their size, so that one read too far is seen. Prints how often the walk said yes. */
#include "lv_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, CHANGES = 4 };

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t some_place(size_t size)
{
    size_t page = (size_t)(next() % (size / PAGE)) * PAGE;
    /* Headers and offsets one time out of two: that is what leads somewhere. */
    return page + (size_t)(next() % (next() & 1 ? 64 : PAGE));
}

static int walk(const uint8_t *file, size_t size, uint64_t last_page, uint64_t root, uint32_t height)
{
    struct lv_pages_count count = {0, 0, 0};
    uint8_t *seen = calloc((size_t)last_page + 1, 1);
    if (seen == NULL) {
        exit(2);
    }
    int sound = lv_pages_sound(file, size, PAGE, last_page, root, height, file, 0, NULL, 0, seen, &count);
    free(seen);
    return sound;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        return 2;
    }
    FILE *stream = fopen(argv[1], "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        return 2;
    }
    size_t size = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *file = malloc(size);
    if (file == NULL || fread(file, 1, size, stream) != size) {
        return 2;
    }
    (void)fclose(stream);
    uint64_t root = strtoull(argv[2], NULL, 10);
    uint32_t height = (uint32_t)strtoul(argv[3], NULL, 10);
    uint64_t last_page = strtoull(argv[4], NULL, 10);
    state = strtoull(argv[5], NULL, 10) * 2 + 1;
    if (!walk(file, size, last_page, root, height)) {
        return 3;
    }
    unsigned long sound = 0;
    for (unsigned long round = strtoul(argv[6], NULL, 10); round > 0; round--) {
        size_t places[CHANGES];
        uint8_t before[CHANGES];
        size_t changes = 1 + (size_t)(next() % CHANGES);
        for (size_t i = 0; i < changes; i++) {
            places[i] = some_place(size);
            before[i] = file[places[i]];
            file[places[i]] = (uint8_t)next();
        }
        sound += (unsigned long)walk(file, size, last_page, root, height);
        while (changes-- > 0) {
            file[places[changes]] = before[changes];
        }
    }
    (void)printf("%lu\n", sound);
    free(file);
    return 0;
}
