/* The levels against their self-tests and against published vectors. Part of test_gcm. */
#include "harness.h"

enum { TAG = LV_GCM_TAG_SIZE };

static void no_level_fails_its_self_test(void)
{
    for (uint32_t level = 0; lv_level_name(level) != NULL; level++) {
        const int status = lv_level_status(level);
        CHECK_AT(status == LV_OK || status == LV_NO_LEVEL, "%s", lv_level_name(level));
    }
}

/* A case in the file: key size, kind ('G': AES-GCM, 'X': XAES-256-GCM), whether it opens, and lengths of 4 bytes of
 * associated data and data, little-endian; then key, nonce, associated data, plaintext (zeros if it does not open),
 * ciphertext and tag. */
struct vector {
    size_t key_size, nonce_size, aad_size, size;
    int is_xaes, opens;
    uint8_t key[32], nonce[24], *aad, *plain, *sealed;
};

static size_t read_number(FILE *file)
{
    uint8_t bytes[4];
    CHECK(fread(bytes, 1, 4, file) == 4);
    return bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

static uint8_t *read_bytes(FILE *file, size_t size)
{
    uint8_t *bytes = malloc(size); /* of just this size, so that a sanitizer sees what is read too far */
    CHECK(size == 0 || (bytes != NULL && fread(bytes, 1, size, file) == size));
    return bytes;
}

static void read_vector(FILE *file, struct vector *vector)
{
    vector->key_size = (size_t)fgetc(file);
    CHECK(vector->key_size <= sizeof vector->key);
    vector->is_xaes = fgetc(file) == 'X';
    vector->nonce_size = vector->is_xaes ? LV_XAES_NONCE_SIZE : LV_GCM_NONCE_SIZE;
    vector->opens = fgetc(file);
    vector->aad_size = read_number(file);
    vector->size = read_number(file);
    CHECK(fread(vector->key, 1, vector->key_size, file) == vector->key_size);
    CHECK(fread(vector->nonce, 1, vector->nonce_size, file) == vector->nonce_size);
    vector->aad = read_bytes(file, vector->aad_size);
    vector->plain = read_bytes(file, vector->size);
    vector->sealed = read_bytes(file, vector->size + TAG);
}

/* The file, or the end of a program that vectors were appended to, and behind them their length in 4 bytes: so a machine
 * that is handed nothing but a program has them too. */
static FILE *open_vectors(long *end)
{
    uint8_t magic[4];
    CHECK_AT(harness_vectors != NULL, "wants a file of vectors");
    FILE *file = fopen(harness_vectors, "rb");
    CHECK_AT(file != NULL && fread(magic, 1, 4, file) == 4, "%s", harness_vectors);
    const long behind = memcmp(magic, "\177ELF", 4) == 0 ? 4 : 0;
    CHECK(fseek(file, -behind, SEEK_END) == 0);
    *end = ftell(file);
    CHECK(fseek(file, behind > 0 ? *end - (long)read_number(file) : 0, SEEK_SET) == 0);
    return file;
}

static void holds(uint32_t level, const struct vector *v, unsigned number)
{
    uint8_t *opened = malloc(v->size), *sealed = malloc(v->size + TAG);
    int status[2] = {LV_OK, LV_OK};
    if (v->is_xaes) {
        lv_xaes *xaes = xaes_new(level, v->key);
        status[0] = lv_xaes_open(xaes, v->nonce, v->aad, v->aad_size, v->sealed, v->size, opened);
        status[1] = lv_xaes_seal(xaes, v->nonce, v->aad, v->aad_size, v->plain, v->size, sealed);
        lv_xaes_free(xaes);
    } else {
        lv_gcm *gcm = gcm_new(level, v->key, v->key_size);
        status[0] = lv_gcm_open(gcm, v->nonce, v->aad, v->aad_size, v->sealed, v->size, opened);
        status[1] = lv_gcm_seal(gcm, v->nonce, v->aad, v->aad_size, v->plain, v->size, sealed);
        lv_gcm_free(gcm);
    }
    CHECK_AT(status[0] == (v->opens ? LV_OK : LV_WRONG) && status[1] == LV_OK, "case %u", number);
    CHECK_AT(v->size == 0 || memcmp(opened, v->plain, v->size) == 0, "case %u", number);
    CHECK_AT(!v->opens || memcmp(sealed, v->sealed, v->size + TAG) == 0, "case %u", number);
    free(opened);
    free(sealed);
}

static void published_vectors_hold(void)
{
    struct vector vector;
    unsigned number = 0, opened = 0;
    long end = 0;
    FILE *file = open_vectors(&end);
    for (; ftell(file) < end; number++) {
        read_vector(file, &vector);
        EACH_LEVEL(level) {
            holds(level, &vector, number);
        }
        opened += vector.opens ? 1 : 0;
        free(vector.aad);
        free(vector.plain);
        free(vector.sealed);
    }
    (void)fclose(file);
    (void)printf("%u vectors, of which %u open\n", number, opened);
    CHECK(opened > 100 && number - opened > 100);
}

const struct test gcm_vector_tests[] = {
    TEST(no_level_fails_its_self_test),
    TEST(published_vectors_hold),
    {NULL, NULL},
};
