/* lv_core.h: everything Python may call in the native core, and the contract of each call.
 *
 * The core knows bytes, lengths and opaque handles. It knows no Python object, no store and no file. Every function may
 * be called from any thread. Where a function returns a status it is one of `enum lv_status`; on any status but LV_OK the
 * output is left untouched unless said otherwise.
 *
 * core.cdef.txt repeats these declarations for cffi; a test compares the two.
 */
#ifndef LV_CORE_H
#define LV_CORE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define LV_MUST_CHECK __attribute__((warn_unused_result))
#define LV_NONNULL __attribute__((nonnull))
#else
#define LV_MUST_CHECK
#define LV_NONNULL
#endif

enum lv_status {
    LV_OK = 0,
    LV_NO_MEMORY = 1, /* the system gave no memory */
    LV_NO_RANDOM = 2, /* the system gave no random bytes */
    LV_NO_INIT = 3,   /* lv_init has not been called, or failed */
    LV_FORKED = 4     /* the handle was made by the parent of this process */
};

/* ---- core ------------------------------------------------------------------------------------------------------- */

/* Prepares the core: page size, canary, fork handlers. Call once before anything else; further calls do nothing and
 * return what the first one returned. LV_OK, LV_NO_MEMORY or LV_NO_RANDOM. */
LV_MUST_CHECK int lv_init(void);

/* "0.1.0"; static, never NULL. */
const char *lv_version(void);

/* The compiler the core was built with, as it names itself; static, never NULL. */
const char *lv_compiler(void);

/* What the processor and the operating system together allow, as a set of bits. Bit n is named by
 * lv_cpu_feature_name(n). 0 on a processor family the core does not know: everything then runs on portable code. */
uint64_t lv_cpu_features(void);

/* The name of one bit ("aes", "vaes"), or NULL when this processor family has no such bit; static. */
const char *lv_cpu_feature_name(uint32_t bit);

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

/* Overwrites `length` bytes with zeros; never removed by the optimiser. `bytes` may be NULL only if `length` is 0. */
void lv_wipe(void *bytes, size_t length);

/* 1 if the two are equal, else 0. Time depends on `length` alone. Either may be NULL only if `length` is 0. */
LV_MUST_CHECK int lv_equal(const void *a, const void *b, size_t length);

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* What a walk came by. */
struct lv_pages_count {
    uint64_t branches;
    uint64_t leaves;
    uint64_t entries;
};

/* Whether a tree of pages is sound: 1, or 0 where anything is not. The form is that of LMDB's data format 0.9, with one
 * tree, no value that has pages of its own, and at the end of every value the CRC-32 of its key (4 bytes). Numbers are in
 * the machine's byte order.
 *
 * `file` holds `size` bytes, pages of `page_size` (a power of two from 4096 to 32768), and may change meanwhile: nothing
 * outside it is read whatever it says. The tree begins with page `root`, `height` (below 32) levels above its leaves, has
 * no page beyond `last_page`, and holds keys from `low` (`low_size` bytes, not NULL) up to below `high` (`high_size` bytes;
 * NULL: no end). `seen` has a byte for each page up to `last_page`: one that is not 0 must not come up, and each that does
 * is set to 1. The counts are added to. Time is about a microsecond a page. */
LV_MUST_CHECK int lv_pages_sound(const uint8_t *file, size_t size, uint32_t page_size, uint64_t last_page,
                                 uint64_t root, uint32_t height, const uint8_t *low, size_t low_size,
                                 const uint8_t *high, size_t high_size, uint8_t *seen, struct lv_pages_count *count);

/* Whether `list`, `count` numbers of 8 bytes in the machine's byte order, names free pages as a data file lists them: 1 if
 * they fall from one to the next, none is below 2 or above `last_page`, and none is marked in `seen`, where each is then
 * marked; else 0, with some marked. `seen` has a byte for each page up to `last_page`. */
LV_MUST_CHECK int lv_pages_list(const uint8_t *list, size_t count, uint64_t last_page, uint8_t *seen);

/* ---- locked memory ----------------------------------------------------------------------------------------------
 *
 * A handle owns `size` bytes that
 *   - stay out of swap (mlock) as far as RLIMIT_MEMLOCK allows: lv_locked_is_locked says whether they do;
 *   - stay out of core dumps where the system can (Linux, FreeBSD, OpenBSD);
 *   - read as zero in a forked child;
 *   - are wiped when freed;
 *   - start at a multiple of 16.
 *
 * Up to LV_SMALL_MAX bytes, handles share a region of a few pages: a thousand keys need neither a thousand locked pages
 * nor three thousand mappings. Larger ones have a region of their own, whose end touches a guard page.
 *
 *      small   | guard | C cell C cell C cell C ... C | guard |        C: 16 bytes of canary
 *      large   | guard |            C  data....data c | guard |        c: 0..15 bytes, so that data starts aligned
 *
 * Guard pages cannot be read or written: running off a region stops the process. The unused end of a cell is canary too.
 * A canary is looked at when a handle is freed; if it changed, somebody wrote where a key may lie, and the process is
 * aborted with one line on the error output.
 *
 * The bytes of one handle are not protected against use from two threads at once; the handles themselves are.
 */
#define LV_SMALL_MAX 2048

typedef struct lv_locked lv_locked;

/* A new handle on `size` zero bytes (0 is allowed), in *handle. Free it with lv_locked_free. LV_OK, LV_NO_INIT or
 * LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_locked_new(size_t size, lv_locked **handle);

/* Fills the handle's bytes from the operating system's generator. LV_OK, LV_FORKED, or LV_NO_RANDOM with the bytes
 * wiped. */
LV_MUST_CHECK LV_NONNULL int lv_locked_random(lv_locked *handle);

/* The bytes, valid until lv_locked_free. In a forked child they are zero, so ask lv_locked_is_forked first. */
LV_MUST_CHECK LV_NONNULL uint8_t *lv_locked_bytes(lv_locked *handle);

LV_MUST_CHECK LV_NONNULL size_t lv_locked_size(const lv_locked *handle);

/* 1 if the bytes cannot be swapped out, else 0. */
LV_MUST_CHECK LV_NONNULL int lv_locked_is_locked(const lv_locked *handle);

/* 1 if the handle was made by a parent of this process, else 0. */
LV_MUST_CHECK LV_NONNULL int lv_locked_is_forked(const lv_locked *handle);

/* Wipes the bytes and gives them back; NULL is ignored. In a forked child only the handle itself is given back. */
void lv_locked_free(lv_locked *handle);

/* What the locked memory of this process amounts to at this moment. */
struct lv_mem_report {
    uint64_t handles;       /* live */
    uint64_t regions;       /* mapped, each with two guard pages */
    uint64_t bytes;         /* mapped in them, guard pages not counted */
    uint64_t bytes_locked;  /* of those, kept out of swap */
    uint32_t not_dumped;    /* 1 if the system keeps all of them out of core dumps */
    uint32_t wiped_on_fork; /* 1 if the kernel wipes all of them in a child, 0 if the fork handler has to */
};

LV_NONNULL void lv_mem_report(struct lv_mem_report *report);

#endif
