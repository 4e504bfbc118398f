/* Feeds a fuzz target where there is no libFuzzer: driver SEED COUNT FILES... runs every file, then `count` changed ones. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 4096
#define FILES 1000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sample {
    uint8_t bytes[LONGEST];
    size_t size;
};

static struct sample samples[FILES];
static size_t sample_count;
static uint64_t state;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)((state >> 16) % limit);
}

static void read_sample(const char *name)
{
    struct sample *sample = &samples[sample_count++];
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "cannot read %s\n", name);
        exit(2);
    }
    sample->size = fread(sample->bytes, 1, LONGEST, file);
    (void)fclose(file);
}

/* A byte changed, cut out or put in, or the end of another sample instead of one's own. */
static void change(struct sample *sample)
{
    const size_t at = below(sample->size + 1), how = below(4);
    const struct sample *other = &samples[below(sample_count)];
    if (how == 0 && at < sample->size) {
        sample->bytes[at] = (uint8_t)below(256);
    } else if (how == 1 && at < sample->size) {
        (void)memmove(sample->bytes + at, sample->bytes + at + 1, sample->size - at - 1);
        sample->size--;
    } else if (how == 2 && sample->size < LONGEST) {
        (void)memmove(sample->bytes + at + 1, sample->bytes + at, sample->size - at);
        sample->bytes[at] = (uint8_t)below(256);
        sample->size++;
    } else if (how == 3 && at < other->size) {
        (void)memcpy(sample->bytes + at, other->bytes + at, other->size - at);
        sample->size = other->size;
    }
}

/* What failed is left as a file, to be run by itself. */
static void run(const struct sample *sample)
{
    FILE *file = fopen("last-input", "wb");
    if (file == NULL || fwrite(sample->bytes, 1, sample->size, file) != sample->size || fclose(file) != 0) {
        exit(2);
    }
    (void)LLVMFuzzerTestOneInput(sample->bytes, sample->size);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > FILES) {
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) | 1;
    const size_t count = strtoull(argv[2], NULL, 10);
    (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 3; i < argc; i++) {
        read_sample(argv[i]);
        run(&samples[sample_count - 1]);
    }
    for (size_t done = 0; done < count; done++) {
        static struct sample sample;
        sample = samples[below(sample_count)];
        for (size_t changes = 1 + below(6); changes > 0; changes--) {
            change(&sample);
        }
        run(&sample);
    }
    return 0;
}
