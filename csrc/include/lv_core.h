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
    LV_NO_MEMORY = 1,    /* the system gave no memory */
    LV_NO_RANDOM = 2,    /* the system gave no random bytes */
    LV_NO_INIT = 3,      /* lv_init has not been called, or failed */
    LV_FORKED = 4,       /* the handle was made by the parent of this process */
    LV_NO_KEY = 5,       /* the key's memory reads as zeros: made before a fork */
    LV_WRONG = 6,        /* an answer is not what it has to be; nothing of it is given out */
    LV_TOO_LONG = 7,     /* beyond what one key and nonce may seal */
    LV_NO_LEVEL = 8,     /* this processor has no kernel for it, or the kernel failed its self-test */
    LV_OUT_OF_RANGE = 9, /* a number outside of what the call takes */
    LV_UNSUITABLE = 10   /* a key the core has no kernel for: other code has to serve it */
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

/* ---- levels -----------------------------------------------------------------------------------------------------
 *
 * A level is one set of instructions that kernels are written for, best first. Before the first key is made at a level its
 * kernels open and seal what is known (NIST, C2SP) and compare; one that gives another answer is never used. */

/* "avx512", "avx2", "aesni", "arm64"; NULL beyond the last; static. */
const char *lv_level_name(uint32_t level);

/* LV_OK if the processor can and the self-test passed, LV_NO_LEVEL if it cannot, LV_WRONG if the self-test failed. */
LV_MUST_CHECK int lv_level_status(uint32_t level);

/* ---- AES-GCM ----------------------------------------------------------------------------------------------------
 *
 * NIST SP 800-38D with nonces of 96 and tags of 128 bits. Round keys and the powers of H stand in locked memory. A handle
 * may be used by several threads at once; freeing it is the last thing that may be done to it. In a forked child every call
 * returns LV_NO_KEY. Whatever key stream and derived keys a call needs stands in locked memory of its thread and is wiped
 * before it returns.
 *
 * `in` and `out` may be the same; else they do not overlap. Associated data, nonces and tags lie outside of `out`. */
#define LV_GCM_NONCE_SIZE 12
#define LV_GCM_TAG_SIZE 16
/* Bytes one nonce may seal, 2^36 - 32: SP 800-38D section 5.2.1.1. */
#define LV_GCM_SIZE_MAX 68719476704

typedef struct lv_gcm lv_gcm;

/* A key of 16, 24 or 32 bytes for the kernels of `level`, in *made. LV_OK, LV_NO_LEVEL, LV_NO_INIT or LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_gcm_new(uint32_t level, const uint8_t *key, size_t key_size, lv_gcm **made);

/* Wipes the key and gives it back; NULL is ignored. */
void lv_gcm_free(lv_gcm *gcm);

/* Ciphertext and tag of `size` bytes at `in` to `out`, which has room for 16 more. LV_OK, LV_NO_KEY, LV_TOO_LONG or
 * LV_NO_MEMORY. The caller answers for the nonce: under one key it serves once. */
LV_MUST_CHECK int lv_gcm_seal(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *aad, size_t aad_size,
                              const uint8_t *in, size_t size, uint8_t *out);

/* The plaintext of `size` bytes of ciphertext and 16 of tag behind them to `out`. LV_OK; LV_WRONG with `out` wiped;
 * LV_NO_KEY, LV_TOO_LONG or LV_NO_MEMORY. */
LV_MUST_CHECK int lv_gcm_open(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *aad, size_t aad_size,
                              const uint8_t *in, size_t size, uint8_t *out);

/* ---- XAES-256-GCM -----------------------------------------------------------------------------------------------
 *
 * c2sp.org/XAES-256-GCM: nonces of 192 bits; the first 96 derive an AES-256-GCM key, the others are its nonce. Handles and
 * buffers as for AES-GCM. */
#define LV_XAES_NONCE_SIZE 24

typedef struct lv_xaes lv_xaes;

/* A key of 32 bytes for the kernels of `level`, in *made. LV_OK, LV_NO_LEVEL, LV_NO_INIT or LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_xaes_new(uint32_t level, const uint8_t *key, lv_xaes **made);

/* Wipes the key and gives it back; NULL is ignored. */
void lv_xaes_free(lv_xaes *xaes);

/* The AES-256-GCM key for the nonces that begin with these 12 bytes, in *made. LV_OK, LV_NO_KEY or LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_xaes_derive(const lv_xaes *xaes, const uint8_t *nonce, lv_gcm **made);

/* As lv_gcm_seal and lv_gcm_open, with 24 bytes of nonce. */
LV_MUST_CHECK int lv_xaes_seal(const lv_xaes *xaes, const uint8_t *nonce, const uint8_t *aad, size_t aad_size,
                               const uint8_t *in, size_t size, uint8_t *out);
LV_MUST_CHECK int lv_xaes_open(const lv_xaes *xaes, const uint8_t *nonce, const uint8_t *aad, size_t aad_size,
                               const uint8_t *in, size_t size, uint8_t *out);

/* ---- many at once -----------------------------------------------------------------------------------------------
 *
 * Records stand one after another in one buffer: record i is data[offsets[i]] up to data[offsets[i + 1]], n + 1 offsets that
 * never go back, the Arrow layout. A sealed record is
 *
 *     prefix | nonce (24) | ciphertext | tag (16)        with associated data = prefix | context
 *
 * A large call is spread over as many threads as lv_threads allows. */

/* Seals `count` records under `gcm`, which lv_xaes_derive made from the first 12 bytes of `nonce`. The last 4 bytes of
 * `nonce` are a counter, big-endian, that rises by one a record and must not pass 2^32 - 1 (else LV_TOO_LONG). `aad` is prefix
 * and context together. Sealed records go to `out`, prefix_size + 40 bytes longer each, and where they begin to out_offsets
 * (count + 1 numbers, from 0). LV_OK, LV_NO_KEY, LV_TOO_LONG or LV_NO_MEMORY. */
LV_MUST_CHECK int lv_xaes_seal_many(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *prefix, size_t prefix_size,
                                    const uint8_t *aad, size_t aad_size, const uint8_t *data, const int64_t *offsets,
                                    size_t count, uint8_t *out, int64_t *out_offsets);

/* Seals `count` records, each under a key of its own that is derived from its own nonce: 24 bytes a record at `nonces`.
 * Otherwise as lv_xaes_seal_many. */
LV_MUST_CHECK int lv_xaes_seal_each(const lv_xaes *xaes, const uint8_t *nonces, const uint8_t *prefix, size_t prefix_size,
                                    const uint8_t *aad, size_t aad_size, const uint8_t *data, const int64_t *offsets,
                                    size_t count, uint8_t *out, int64_t *out_offsets);

/* As lv_xaes_seal_many for records that stand under keys of their own in some table: `header` is the prefix, and a record's
 * associated data are `start`, the same for all, and then its key, keys[key_offsets[i]] up to keys[key_offsets[i + 1]], at most
 * LV_KEYED_MAX bytes together (else LV_TOO_LONG). The first 16 bytes of the SHA-256 of each sealed record go to `digests`. */
#define LV_KEYED_MAX 256
#define LV_DIGEST_SIZE 16
LV_MUST_CHECK LV_NONNULL int lv_xaes_seal_keyed(const lv_gcm *gcm, const uint8_t *nonce, const uint8_t *header,
                                                size_t header_size, const uint8_t *start, size_t start_size,
                                                const uint8_t *keys, const int64_t *key_offsets, const uint8_t *data,
                                                const int64_t *offsets, size_t count, uint8_t *out, int64_t *out_offsets,
                                                uint8_t *digests);

/* Opens records of the store under `xaes` and seals each again under `gcm`, as lv_xaes_seal_keyed does it: what it needs when a
 * key is replaced. `start` and `new_start`, start_size bytes each, are what associated data begin with before and after: they
 * end with a record's header (8 bytes) and its table (1), docs/format.md section 4; in bytes 2 and 3 of the header, the schema,
 * each record goes by its own. Record i stays as long as it is and goes to out[offsets[i] - offsets[0]]; its digest and what
 * became of it, LV_OPENED or LV_FAILED, to their places in `digests` and `outcomes`. One fails that is too short, has another
 * header or is not authentic; its room in `out` and its digest are zero then. *failed is how many there are. Plaintext stands
 * only in locked memory, and is wiped before the call returns. LV_OK, LV_NO_KEY, LV_TOO_LONG; LV_NO_MEMORY with what was to be
 * written undefined. */
LV_MUST_CHECK LV_NONNULL int lv_xaes_reseal_keyed(const lv_xaes *xaes, const lv_gcm *gcm, const uint8_t *nonce,
                                                  const uint8_t *start, const uint8_t *new_start, size_t start_size,
                                                  const uint8_t *keys, const int64_t *key_offsets, const uint8_t *data,
                                                  const int64_t *offsets, size_t count, uint8_t *out, uint8_t *digests,
                                                  uint8_t *outcomes, size_t *failed);

/* The keys of one call, by the prefix of the records they open. */
typedef struct lv_ring lv_ring;

/* An empty ring for prefixes of `prefix_size` bytes (8 to 64), in *made. LV_OK or LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_ring_new(size_t prefix_size, lv_ring **made);

/* The key and the associated data of one more prefix; both stay the caller's and must outlive the ring. A NULL key says that
 * records with this prefix do not open. LV_OK or LV_NO_MEMORY. */
LV_MUST_CHECK int lv_ring_add(lv_ring *ring, const uint8_t *prefix, const lv_xaes *xaes, const uint8_t *aad,
                              size_t aad_size);

void lv_ring_free(lv_ring *ring);

/* What became of a record. */
enum lv_outcome {
    LV_OPENED = 0,
    LV_FAILED = 1, /* too short, not authentic, or of a key that there is not */
    LV_UNKNOWN = 2 /* its prefix is not in the ring */
};

/* Opens those of `count` sealed records whose outcome is LV_UNKNOWN, and says of each what became of it. Record i goes to
 * out[out_offsets[i]], which this computes first as if all would open: a record too short to be one takes no room. Of one
 * that does not open, the room is wiped. *failed and *unknown are how many there are in the end. LV_OK; LV_TOO_LONG; LV_NO_KEY or
 * LV_NO_MEMORY with all of `out` wiped and outcomes and offsets undefined. */
LV_MUST_CHECK LV_NONNULL int lv_xaes_open_many(const lv_ring *ring, const uint8_t *data, const int64_t *offsets, size_t count,
                                               uint8_t *out, int64_t *out_offsets, uint8_t *outcomes, size_t *failed,
                                               size_t *unknown);

/* As lv_xaes_open_many, but each record is sealed again under `gcm` as lv_xaes_seal_many does it, so record i is at
 * out[out_offsets[i]] with its new prefix. Plaintext stands only in locked memory, a few records at a time. */
LV_MUST_CHECK LV_NONNULL int lv_xaes_rewrap_many(const lv_ring *ring, const lv_gcm *gcm, const uint8_t *nonce,
                                                 const uint8_t *prefix, size_t prefix_size, const uint8_t *aad,
                                                 size_t aad_size, const uint8_t *data, const int64_t *offsets, size_t count,
                                                 uint8_t *out, int64_t *out_offsets, uint8_t *outcomes, size_t *failed,
                                                 size_t *unknown);

/* The first record from `from` on whose outcome is LV_UNKNOWN and whose prefix the ring still does not have; `count` if there
 * is none. */
LV_MUST_CHECK LV_NONNULL size_t lv_ring_unknown(const lv_ring *ring, const uint8_t *data, const int64_t *offsets,
                                                const uint8_t *outcomes, size_t from, size_t count);

/* Closes the gaps that failed records left in `out`: theirs are empty then, and what lies behind the last is wiped. */
LV_NONNULL void lv_outcomes_close(const uint8_t *outcomes, size_t count, uint8_t *out, int64_t *out_offsets);

/* ---- HMAC ------------------------------------------------------------------------------------------------------- */

/* HMAC-SHA256 (RFC 2104) of `count` messages, message i being data[offsets[i]] up to data[offsets[i + 1]], under a key of up to
 * 64 bytes; the first `size` bytes (up to 32) of each to `out`. Time depends on lengths alone. LV_OK or LV_TOO_LONG. */
LV_MUST_CHECK LV_NONNULL int lv_hmac_many(const uint8_t *key, size_t key_size, const uint8_t *data, const int64_t *offsets,
                                          size_t count, size_t size, uint8_t *out);
/* ---- threads ----------------------------------------------------------------------------------------------------
 *
 * Large calls are shared by the thread that makes them and by workers, which start with the first such call, sleep between
 * calls, take no signals but those of their own faults, and end with the process. A child of a fork begins with none and
 * starts its own. */
#define LV_THREADS_MAX 64

/* How many threads may work at once for all large calls together, each call's own thread included: 1 to LV_THREADS_MAX, 1
 * until it is set. Calls that run meanwhile go on; workers too many end after what they are at. LV_OK, LV_OUT_OF_RANGE, or
 * LV_NO_MEMORY if forks could not be prepared for. After the process has begun to end it stays 1. */
LV_MUST_CHECK int lv_threads_set(uint32_t count);

/* What was set last. Fewer work where the system gives no more threads. */
uint32_t lv_threads(void);

/* ---- offsets ---------------------------------------------------------------------------------------------------- */

/* What lv_offsets_stride says of records that have no common length. */
enum lv_stride {
    LV_MIXED = -1, /* they differ */
    LV_BACK = -2   /* an offset goes back: these are no records */
};

/* Looks at count + 1 offsets, `count` being 1 or more: the length that all records have, or one of the above. */
LV_MUST_CHECK LV_NONNULL int64_t lv_offsets_stride(const int64_t *offsets, size_t count);

/* ---- prefixes --------------------------------------------------------------------------------------------------- */

/* Bytes that a record names its key with; random numbers a count needs. */
#define LV_PREFIX_SIZE 18
#define LV_PREFIX_KEYS 6

/* One prefix that was found, and how many records begin with it. */
struct lv_prefix {
    uint8_t bytes[18];
    uint8_t unused[6]; /* so that the count stands at the same place everywhere */
    uint64_t count;
};

/* Counts by their first LV_PREFIX_SIZE bytes those of `count` records (offsets as above) that have `least` bytes or more,
 * `least` being LV_PREFIX_SIZE at least; others are added to *others, and so is every record whose offsets go back or out of
 * the `size` bytes of `data`: nothing outside of them is read, whatever the offsets say.
 *
 * The table is the caller's, and goes on from call to call: `found` has room for `room` prefixes (a power of two below 2^31),
 * the first *used of which there are; `slots` is 2 * room numbers, zero to begin with. `keys` are LV_PREFIX_KEYS random numbers,
 * the same for one table, that keep those who choose prefixes from slowing it down. Returns how many records were counted:
 * fewer than `count` where the next one has a prefix there is no room for; the caller takes out what was found, and goes on
 * there with an empty table. No secret is involved; time depends on the records. */
LV_MUST_CHECK LV_NONNULL size_t lv_prefixes_count(const uint8_t *data, size_t size, const int64_t *offsets, size_t count,
                                                  size_t least, const uint64_t *keys, uint32_t *slots,
                                                  struct lv_prefix *found, size_t room, size_t *used, uint64_t *others);
/* ---- journal ----------------------------------------------------------------------------------------------------
 *
 * Spools and the tree over events: docs/format.md sections 7 and 8 have the forms, which are final. Whatever the bytes are,
 * nothing outside of them is read. */
#define LV_FRAME_HEAD_SIZE 12
/* Bytes of ciphertext and tag that a frame can have. */
#define LV_FRAME_MAX 65536

/* The whole frame of `size` bytes at `in`: length, `number`, ciphertext and tag, 28 bytes more, to `out`. The number is the
 * nonce: under one key the caller uses it once. LV_OK, LV_NO_KEY, LV_TOO_LONG or LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_frame_seal(const lv_gcm *gcm, uint64_t number, const uint8_t *in, size_t size, uint8_t *out);

/* Opens the frames that `chunk` begins with, the first being `number`, the next one more, and so on: up to `limit` of them,
 * and up to the first that is not all there, has another number or does not open. How many were opened goes to *count; the
 * plaintext of frame i to `out`, offsets[i] up to offsets[i + 1], and it began in the chunk at offsets[i] + 28 * i. `out` has
 * room for `size` bytes, `offsets` for one more than a frame for each 28 bytes, or than `limit`; what no offset tells of is
 * zero or untouched. LV_OK, LV_NO_KEY or LV_NO_MEMORY. */
LV_MUST_CHECK LV_NONNULL int lv_frames_open(const lv_gcm *gcm, uint64_t number, const uint8_t *chunk, size_t size,
                                            size_t limit, uint8_t *out, int64_t *offsets, size_t *count);

/* Bytes of salt for each identifying field, of which an event has up to LV_SALTS_MAX; the bytes of the shortest entry. */
#define LV_SALT_SIZE 16
#define LV_SALTS_MAX 7
#define LV_ENTRY_MIN 65

/* The leaf hashes (32 bytes each) and stored entries of events with the numbers `first`, `first` + 1, … Event i's packed
 * fields are fields[offsets[i]] up to fields[offsets[i + 1]]; `process` is packed text; `writes` are every event's, NULL
 * where nothing was written. Each takes its salts from `salts`, 16 bytes for each identifying field it has. Entry i goes to
 * entries[entry_offsets[i]]; there must be room for all fields and, each time, the process, the writes and LV_ENTRY_ROOM.
 *
 * Returns how many there are before the first event that has not the exact form, or that the salts do not suffice for; of
 * *salts_size, in the end, those that were taken. */
#define LV_ENTRY_ROOM 128
LV_MUST_CHECK size_t lv_leaves_make(const uint8_t *fields, const int64_t *offsets, size_t count, uint64_t first,
                                    const uint8_t *process, size_t process_size, const uint8_t *writes,
                                    size_t writes_size, const uint8_t *salts, size_t *salts_size, uint8_t *leaves,
                                    uint8_t *entries, int64_t *entry_offsets);

/* The leaf hashes of a stored run whose last event is number `last`, and where in it each event's writes begin and end (-1
 * twice if there are none). Room for a hash and two numbers is needed for each LV_ENTRY_MIN bytes. Returns how many events it has,
 * or 0 if anything is not in the exact form. */
LV_MUST_CHECK LV_NONNULL size_t lv_leaves_of_run(const uint8_t *run, size_t size, uint64_t last, uint8_t *leaves,
                                                 int64_t *writes);

/* Adds `count` leaf hashes to a tree of `size` leaves (together below 2^64) given by its frontier: a hash for each bit set in
 * the size, the largest subtree's first. `frontier` has room for LV_TREE_LEVELS hashes and becomes that of the larger tree;
 * `leaves` are used up. The nodes this completes on `level` (at least 1) go to `nodes`, then those one level higher, and so
 * on, each level's from left to right: at most count / 2^(level - 1) + LV_TREE_LEVELS. Returns how many. */
#define LV_TREE_LEVELS 64
LV_MUST_CHECK LV_NONNULL size_t lv_tree_extend(uint64_t size, uint8_t *frontier, uint8_t *leaves, size_t count,
                                               uint32_t level, uint8_t *nodes);

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

/* ---- RSA --------------------------------------------------------------------------------------------------------
 *
 * The bare operations of RFC 8017, section 5, on many numbers at once: no padding but OAEP's, whose removal must not tell
 * where it failed. Eight operations go side by side, each with its own key, and a call of one takes as long as one of
 * eight: below three, other code is quicker. Keys of 2048, 3072 and 4096 bits on processors with AVX512-IFMA.
 *
 * Private operations are constant in time for a given size, blinded, and verified with the public exponent before they are
 * given out. Numbers are big-endian, of `size` bytes each (256, 384 or 512), side by side.
 */
#define LV_RSA_TOGETHER 8

typedef struct lv_rsa lv_rsa;

/* LV_OK if keys of `size` bytes can be served: the processor can, and known answers came out right (asked once, which takes
 * milliseconds). LV_NO_LEVEL, LV_UNSUITABLE for another size, LV_WRONG if the self-test failed; LV_NO_INIT, LV_NO_MEMORY or
 * LV_NO_RANDOM if it could not be made. */
LV_MUST_CHECK int lv_rsa_status(size_t size);

/* A key in locked memory, in *key: n of `size` bytes, e odd from 3 up, and the others of size / 2 bytes each, or all NULL
 * for a public key. The primes may stand in either order; qinv is 1/q mod p. Numbers that do not belong together are
 * not noticed here, but no private result of theirs passes its verification. LV_OK, LV_NO_INIT, LV_NO_MEMORY or, for a key of
 * another shape (a size, primes of unequal length, a value out of range), LV_UNSUITABLE. About a millisecond. */
LV_MUST_CHECK int lv_rsa_new(size_t size, const uint8_t *n, uint64_t e, const uint8_t *p, const uint8_t *q,
                             const uint8_t *dp, const uint8_t *dq, const uint8_t *qinv, lv_rsa **key);

/* Wipes the key and gives it back; NULL is ignored. */
void lv_rsa_free(lv_rsa *key);

/* out[i] = in[i]^d modulo the modulus of keys[i], for `count` items; good[i] = 1. Where in[i] is not below the modulus, or the
 * result did not pass its verification (a fault of the machine, or a key whose numbers do not belong together), good[i] = 0
 * and out[i] is zero. `in` and `out` may be the same, else they do not overlap.
 *
 * LV_OK; LV_UNSUITABLE if the keys differ in size or one is public; LV_FORKED; what lv_rsa_status says; LV_NO_MEMORY or
 * LV_NO_RANDOM with all of `out` and `good` zero. */
LV_MUST_CHECK int lv_rsa_private(const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good,
                                 size_t count);

/* out[i] = in[i]^e likewise. Nothing here is secret, and time depends on e. */
LV_MUST_CHECK int lv_rsa_public(const lv_rsa *const *keys, const uint8_t *in, uint8_t *out, uint8_t *good,
                                size_t count);

/* Takes the padding off `encoded`, what a private operation made of an RSAES-OAEP ciphertext with an empty label (RFC 8017,
 * section 7.1.2, step 3), in place. `digest` is the size of hash and MGF1 hash: 20 for SHA-1, 32 for SHA-256. LV_OK with *start,
 * where in `encoded` the message begins, which goes to its end; else LV_WRONG with `encoded` wiped, or LV_UNSUITABLE for sizes
 * that cannot be. Up to this answer, time depends on the sizes alone, so nobody learns which check failed (Manger,
 * CRYPTO 2001). */
LV_MUST_CHECK LV_NONNULL int lv_rsa_oaep(uint8_t *encoded, size_t size, size_t digest, size_t *start);

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
