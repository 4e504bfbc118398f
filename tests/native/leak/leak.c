/* The functions of the core that see secrets, under the leak test of dudect.h: leak control | leak [MEASUREMENTS].
 *
 * Every one is measured in three rounds that know nothing of each other. A leak shows in all of them and the more the
 * longer they last; what the system does meanwhile does not, so a verdict goes by the smallest of the three. */
#include "aes_gcm/aes_gcm.h"
#include "dudect.h"
#include "lv_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* dudect's authors: above 10 a leak is probable. Without one, |t| above 5 comes up once in a million; with 21 cuts and a
 * system that is at work on other things it may, so there is a zone in which to look again. */
#define SURE 10.0
#define DOUBTFUL 5.0
#define CONTROL_SURE 50.0
#define ROUNDS 3
#define MEASUREMENTS 3000000

enum { SIZE = 192, SEALED = SIZE + LV_GCM_TAG };

static const struct lv_gcm_impl *impl;
static struct lv_gcm_key key;
static struct lv_gcm_stream stream;
static const uint8_t nonce[24] = "twenty-four bytes of it";
static uint8_t fixed[DUDECT_INPUT_MAX];
static volatile int sink;

static void crypt(const struct lv_gcm_key *with, uint8_t *record, int opening)
{
    struct lv_gcm_item item = {nonce, nonce, 12, record, record, SIZE, record + SIZE, 0};
    if (opening) {
        impl->open(with, &item, 1, &stream);
    } else {
        impl->seal(with, &item, 1, &stream);
    }
    sink = (int)item.failed;
}

static void fixed_or_chance(uint8_t *input, int class, size_t size)
{
    uint8_t chance[DUDECT_INPUT_MAX];
    dudect_fill(chance, size);
    (void)memcpy(input, class == 0 ? fixed : chance, size);
}

/* ---- tags ------------------------------------------------------------------------------------------------------- */

static void wrong_first_or_last(uint8_t *input, int class)
{
    (void)memcpy(input, fixed, SEALED);
    crypt(&key, input, 0);
    input[class == 0 ? SIZE : SEALED - 1] ^= 1;
}

/* Both fail, but in one a single bit differs and in the other all may. */
static void wrong_little_or_much(uint8_t *input, int class)
{
    uint8_t tag[LV_GCM_TAG];
    dudect_fill(tag, sizeof tag);
    (void)memcpy(input, fixed, SEALED);
    crypt(&key, input, 0);
    tag[0] |= class == 0 ? 0 : 1;
    for (size_t i = 0; i < sizeof tag; i++) {
        input[SIZE + i] ^= class == 0 ? i == 7 : tag[i];
    }
}

static void open_record(uint8_t *input)
{
    crypt(&key, input, 1);
}

/* ---- keys and data ---------------------------------------------------------------------------------------------- */

static void a_key(uint8_t *input, int class)
{
    fixed_or_chance(input, class, 32 + SEALED);
    (void)memcpy(input + 32, fixed, SEALED);
}

static void expand_and_seal(uint8_t *input)
{
    static struct lv_gcm_key own;
    impl->expand(&own, input, 32);
    crypt(&own, input + 32, 0);
}

static void derive_and_seal(uint8_t *input)
{
    static struct lv_gcm_key own;
    static struct lv_round_keys parent;
    static uint8_t subkey[LV_BLOCK];
    const uint8_t *from = nonce;
    impl->expand_parent(&parent, subkey, input);
    impl->derive(&parent, subkey, &from, 1, &own);
    impl->raise(&own, lv_gcm_powers(12, SIZE));
    crypt(&own, input + 32, 0);
}

static void a_plaintext(uint8_t *input, int class)
{
    fixed_or_chance(input, class, SEALED);
}

static void seal_record(uint8_t *input)
{
    crypt(&key, input, 0);
}

static void a_whole_record(uint8_t *input, int class)
{
    fixed_or_chance(input, class, SEALED);
    crypt(&key, input, 0);
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* Two values of 128 bytes one after another, which differ in the first byte or in the last. */
static void differ_first_or_last(uint8_t *input, int class)
{
    (void)memcpy(input, fixed, 128);
    (void)memcpy(input + 128, fixed, 128);
    input[class == 0 ? 128 : 255] ^= 1;
}

static void equal_or_not(uint8_t *input, int class)
{
    uint8_t chance[128];
    dudect_fill(chance, sizeof chance);
    (void)memcpy(input, fixed, 128);
    (void)memcpy(input + 128, class == 0 ? fixed : chance, 128);
}

static void compare(uint8_t *input)
{
    sink = lv_equal(input, input + 128, 128);
}

/* What nobody should write: it leaves at the first difference. */
static void compare_leaking(uint8_t *input)
{
    int i = 0;
    while (i < 128 && input[i] == input[128 + i]) {
        i++;
        __asm__ __volatile__("" : "+r"(i)); /* stays a loop */
    }
    sink = i;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const struct dudect of_levels[] = {
    {"open: tag wrong in its first byte, or its last", SEALED, wrong_first_or_last, open_record},
    {"open: tag wrong in a bit, or everywhere", SEALED, wrong_little_or_much, open_record},
    {"open: a fixed record, or any", SEALED, a_whole_record, open_record},
    {"seal: a fixed plaintext, or any", SEALED, a_plaintext, seal_record},
    {"expand and seal: a fixed key, or any", 32 + SEALED, a_key, expand_and_seal},
    {"derive and seal: a fixed key, or any", 32 + SEALED, a_key, derive_and_seal},
};

static const struct dudect of_all[] = {
    {"lv_equal: first byte differs, or the last", 256, differ_first_or_last, compare},
    {"lv_equal: equal, or not", 256, equal_or_not, compare},
};

static const struct dudect control = {"control, which leaks", 256, differ_first_or_last, compare_leaking};

/* 1 if it leaks for sure. */
static int report(const char *level, const struct dudect *target, size_t measurements)
{
    double least = 0;
    (void)printf("%-8s%-48s", level, target->name);
    for (int round = 0; round < ROUNDS; round++) {
        const double t = dudect_measure(target, measurements);
        least = round == 0 || t < least ? t : least;
        (void)printf("%8.1f", t);
        (void)fflush(stdout);
    }
    (void)printf("  %s\n", least > SURE ? "LEAKS" : least > DOUBTFUL ? "look again" : "nothing seen");
    return least > SURE;
}

static int report_all(size_t measurements)
{
    int leaks = 0;
    (void)printf("%-8s%-48s%8s%8s%8s\n", "level", "what", "|t|", "|t|", "|t|");
    if (!report("-", &control, measurements / 10)) {
        (void)puts("the control was not caught: nothing above or below can be relied on");
        return 2;
    }
    for (size_t i = 0; i < sizeof of_all / sizeof of_all[0]; i++) {
        leaks |= report("-", &of_all[i], measurements);
    }
    for (uint32_t level = 0; lv_level_name(level) != NULL; level++) {
        impl = lv_level_impl(level);
        if (impl == NULL) {
            (void)printf("%-8snot on this processor\n", lv_level_name(level));
            continue;
        }
        impl->expand(&key, nonce, 16);
        for (size_t i = 0; i < sizeof of_levels / sizeof of_levels[0]; i++) {
            leaks |= report(lv_level_name(level), &of_levels[i], measurements);
        }
    }
    return leaks;
}

/* However busy the machine is, a difference of hundreds of cycles shows in one of many tries. */
static int control_is_caught(void)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        const double t = dudect_measure(&control, 20000);
        (void)printf("control: |t| = %.1f\n", t);
        if (t > CONTROL_SURE) {
            return 1;
        }
    }
    return 0;
}

/* 0: nothing seen; 1: something leaks; 2: the method does not work here. */
int main(int argc, char **argv)
{
    if (lv_init() != LV_OK) {
        return 2;
    }
    dudect_fill(fixed, sizeof fixed);
    if (argc > 1 && strcmp(argv[1], "control") == 0) {
        return control_is_caught() ? 0 : 2;
    }
    return report_all(argc > 1 ? strtoull(argv[1], NULL, 10) : MEASUREMENTS);
}
