/* Walks a tree of pages in the data file's format, and lists of free pages, and says whether they are sound.
 *
 * The same rules as localvault/store/pages.py, which also says what is wrong and where; tests hold the two together. They
 * are here too because a large file has hundreds of thousands of pages: at memory speed all of them can be looked at while a
 * program is already using the vault.
 *
 * The bytes may change while they are read (the file is mapped). Every number is therefore loaded once, checked, and
 * used from that copy: whatever the file says, no access leaves it.
 */
#include "lv_core.h"

#include <string.h>

enum {
    HEADER = 16,     /* number (8) | padding (2) | type (2) | end of offsets (2) | start of entries (2) */
    ENTRY = 8,       /* low, middle | flags or high | size of the key, then the key and, on leaves, the value */
    CHECK = 4,       /* the last bytes of a value: CRC-32 of its key */
    BRANCH = 1,
    LEAF = 2,
    FIRST_PAGE = 2,  /* pages 0 and 1 say where the tree begins */
    DEPTH_MAX = 32,
    PAGE_MAX = 32768
};

struct key {
    const uint8_t *bytes; /* NULL: no bound */
    size_t size;
};

struct walk {
    const uint8_t *file;
    uint64_t pages; /* whole pages in `file` */
    uint64_t last_page;
    uint32_t page_size;
    uint8_t *seen;
    struct lv_pages_count *count;
    uint32_t crc[256];
};

/* One page, its header read. */
struct page {
    const uint8_t *at;
    uint32_t size;
    uint32_t entries;
    uint32_t upper; /* where the entries begin */
};

/* One entry: where it begins and ends in its page, its three leading numbers, its key. */
struct entry {
    uint32_t start;
    uint32_t end;
    uint16_t low;
    uint16_t middle;
    uint16_t high;
    struct key key;
};

/* Which even offsets of a page entries begin and end at. */
struct edges {
    uint8_t starts[PAGE_MAX / 16 + 1];
    uint8_t ends[PAGE_MAX / 16 + 1];
};

static uint16_t load16(const uint8_t *from)
{
    uint16_t value;
    (void)memcpy(&value, from, sizeof value);
    /* Hides where it came from, so that it is not loaded a second time after it was checked. */
    __asm__ __volatile__("" : "+r"(value));
    return value;
}

static uint64_t load64(const uint8_t *from)
{
    uint64_t value;
    (void)memcpy(&value, from, sizeof value);
    __asm__ __volatile__("" : "+r"(value));
    return value;
}

/* CRC-32 (ISO 3309, the one of zlib), a byte at a time: keys are short. */
static void fill_crc(uint32_t table[256])
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++) {
            rest = (rest >> 1) ^ (0xEDB88320u & (0u - (rest & 1u)));
        }
        table[byte] = rest;
    }
}

static uint32_t crc32_of(const uint32_t table[256], struct key key)
{
    uint32_t rest = 0xFFFFFFFFu;
    for (size_t i = 0; i < key.size; i++) {
        rest = table[(rest ^ key.bytes[i]) & 0xFFu] ^ (rest >> 8);
    }
    return rest ^ 0xFFFFFFFFu;
}

static int compare(struct key a, struct key b)
{
    int order = memcmp(a.bytes, b.bytes, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Marks an even offset; 0 if it was marked before. */
static int mark(uint8_t *bits, uint32_t offset)
{
    uint8_t bit = (uint8_t)(1u << ((offset >> 1) & 7u));
    uint8_t *byte = &bits[offset >> 4];
    if (*byte & bit) {
        return 0;
    }
    *byte = (uint8_t)(*byte | bit);
    return 1;
}

/* Takes page `number` into use once and reads its header. */
static int open_page(const struct walk *walk, uint64_t number, uint16_t type, struct page *page)
{
    if (number < FIRST_PAGE || number > walk->last_page || number >= walk->pages || walk->seen[number]) {
        return 0;
    }
    walk->seen[number] = 1;
    page->at = walk->file + number * walk->page_size;
    page->size = walk->page_size;
    uint32_t lower = load16(page->at + 12);
    page->upper = load16(page->at + 14);
    if (load64(page->at) != number || load16(page->at + 8) != 0 || load16(page->at + 10) != type) {
        return 0;
    }
    if (lower < HEADER || lower > page->upper || page->upper > page->size || (lower & 1u)) {
        return 0;
    }
    page->entries = (lower - HEADER) / 2;
    return 1;
}

/* Reads entry `index`, up to the end of its key. */
static int read_entry(const struct page *page, uint32_t index, struct entry *entry)
{
    uint32_t start = load16(page->at + HEADER + 2 * index);
    if (start < page->upper || start > page->size - ENTRY || (start & 1u)) {
        return 0;
    }
    const uint8_t *at = page->at + start;
    uint32_t key_size = load16(at + 6);
    if (key_size > page->size - ENTRY - start) {
        return 0;
    }
    entry->start = start;
    entry->end = start + ENTRY + key_size;
    entry->low = load16(at);
    entry->middle = load16(at + 2);
    entry->high = load16(at + 4);
    entry->key.bytes = at + ENTRY;
    entry->key.size = key_size;
    return 1;
}

/* Notes where an entry lies; 0 if another begins or ends there. Ends are rounded up to even. */
static int place(struct edges *edges, const struct page *page, const struct entry *entry)
{
    uint32_t end = (entry->end + 1u) & ~1u;
    return end <= page->size && mark(edges->starts, entry->start) && mark(edges->ends, end);
}

/* Whether the entries lie back to back from `upper` to the end of the page: each begins where another ends, apart from
 * the first, and none begin or end together. */
static int back_to_back(struct edges *edges, const struct page *page)
{
    return mark(edges->starts, page->size) && mark(edges->ends, page->upper) &&
           memcmp(edges->starts, edges->ends, page->size / 16 + 1) == 0;
}

static void clear(struct edges *edges, const struct page *page)
{
    (void)memset(edges->starts, 0, page->size / 16 + 1);
    (void)memset(edges->ends, 0, page->size / 16 + 1);
}

static int check_leaf(const struct walk *walk, uint64_t number, struct key low, struct key high)
{
    struct page page;
    struct edges edges;
    struct key last = low;
    if (!open_page(walk, number, LEAF, &page) || page.entries == 0) {
        return 0;
    }
    clear(&edges, &page);
    for (uint32_t i = 0; i < page.entries; i++) {
        struct entry entry;
        if (!read_entry(&page, i, &entry)) {
            return 0;
        }
        uint32_t size = entry.low | (uint32_t)entry.middle << 16;
        if (entry.high != 0 || size < CHECK || size > page.size - entry.end) {
            return 0;
        }
        uint32_t check;
        (void)memcpy(&check, page.at + entry.end + size - CHECK, CHECK);
        entry.end += size;
        if (check != crc32_of(walk->crc, entry.key) || !place(&edges, &page, &entry)) {
            return 0;
        }
        int order = compare(last, entry.key);
        if (i == 0 ? order > 0 : order >= 0) {
            return 0;
        }
        last = entry.key;
    }
    if (high.bytes != NULL && compare(last, high) >= 0) {
        return 0;
    }
    walk->count->leaves++;
    walk->count->entries += page.entries;
    return back_to_back(&edges, &page);
}

static int check_tree(const struct walk *walk, uint64_t number, uint32_t height, struct key low, struct key high);

/* Takes a branch page into use and checks all of it but what its pointers lead to. */
static int open_branch(const struct walk *walk, uint64_t number, struct key low, struct key high, struct page *page)
{
    struct edges edges;
    struct key last = low;
    if (!open_page(walk, number, BRANCH, page) || page->entries < 2) {
        return 0;
    }
    clear(&edges, page);
    for (uint32_t i = 0; i < page->entries; i++) {
        struct entry entry;
        if (!read_entry(page, i, &entry) || !place(&edges, page, &entry)) {
            return 0;
        }
        if (i == 0) {
            continue; /* the first separator stands for "everything below": its bytes are never compared */
        }
        int order = compare(last, entry.key);
        if (i == 1 ? order > 0 : order >= 0) {
            return 0;
        }
        last = entry.key;
    }
    if (high.bytes != NULL && compare(last, high) >= 0) {
        return 0;
    }
    walk->count->branches++;
    return back_to_back(&edges, page);
}

/* Child i of a branch page holds the keys from separator i up to below separator i + 1; the first begins at `low`, the
 * last ends at `high`. */
static int check_branch(const struct walk *walk, uint64_t number, uint32_t height, struct key low, struct key high)
{
    struct page page;
    struct entry entry;
    struct key from = low;
    if (!open_branch(walk, number, low, high, &page) || !read_entry(&page, 0, &entry)) {
        return 0;
    }
    for (uint32_t i = 1; i <= page.entries; i++) {
        uint64_t child = entry.low | (uint64_t)entry.middle << 16 | (uint64_t)entry.high << 32;
        struct key to = high;
        if (i < page.entries) {
            if (!read_entry(&page, i, &entry)) {
                return 0;
            }
            to = entry.key;
        }
        if (!check_tree(walk, child, height - 1, from, to)) {
            return 0;
        }
        from = to;
    }
    return 1;
}

static int check_tree(const struct walk *walk, uint64_t number, uint32_t height, struct key low, struct key high)
{
    return height == 0 ? check_leaf(walk, number, low, high) : check_branch(walk, number, height, low, high);
}

int lv_pages_sound(const uint8_t *file, size_t size, uint32_t page_size, uint64_t last_page, uint64_t root,
                   uint32_t height, const uint8_t *low, size_t low_size, const uint8_t *high, size_t high_size,
                   uint8_t *seen, struct lv_pages_count *count)
{
    if (page_size < 4096 || page_size > PAGE_MAX || (page_size & (page_size - 1)) != 0 || height >= DEPTH_MAX) {
        return 0;
    }
    struct walk walk = {file, size / page_size, last_page, page_size, seen, count, {0}};
    struct key from = {low, low_size};
    struct key to = {high, high_size};
    fill_crc(walk.crc);
    return check_tree(&walk, root, height, from, to);
}

int lv_pages_list(const uint8_t *list, size_t count, uint64_t last_page, uint8_t *seen)
{
    uint64_t before = last_page + 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = load64(list + 8 * i);
        if (number < FIRST_PAGE || number >= before || seen[number]) {
            return 0;
        }
        seen[number] = 1;
        before = number;
    }
    return 1;
}
