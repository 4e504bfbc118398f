/* FreeBSD, OpenBSD, NetBSD and DragonFly: minherit(2), getentropy(3), and each its own way around core dumps. */
#if defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__DragonFly__)

#include "mem/platform.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(MAP_CONCEAL)
const int lv_os_map_flags = MAP_ANON | MAP_CONCEAL;
#else
const int lv_os_map_flags = MAP_ANON;
#endif

#if defined(MADV_NOCORE)
int lv_os_hide_from_dumps(void *pages, size_t length)
{
    return madvise(pages, length, MADV_NOCORE) == 0;
}
#elif defined(MAP_CONCEAL)
int lv_os_hide_from_dumps(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 1; /* by lv_os_map_flags */
}
#else
int lv_os_hide_from_dumps(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 0;
}
#endif

#if defined(INHERIT_ZERO)
#define LV_INHERIT_ZERO INHERIT_ZERO
#elif defined(MAP_INHERIT_ZERO)
#define LV_INHERIT_ZERO MAP_INHERIT_ZERO
#endif

#if defined(LV_INHERIT_ZERO)
int lv_os_wipe_on_fork(void *pages, size_t length)
{
    return minherit(pages, length, LV_INHERIT_ZERO) == 0;
}
#else
int lv_os_wipe_on_fork(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 0;
}
#endif

/* getentropy gives at most 256 bytes a call. */
int lv_os_random(void *bytes, size_t length)
{
    uint8_t *next = bytes;
    while (length > 0) {
        const size_t part = length < 256 ? length : 256;
        if (getentropy(next, part) != 0) {
            return 0;
        }
        next += part;
        length -= part;
    }
    return 1;
}

/* FreeBSD, OpenBSD and DragonFly have pthread_set_name_np(3), NetBSD another: a name is not worth telling them apart. */
void lv_os_name_thread(const char *name)
{
    (void)name;
}

#else
typedef int lv_platform_bsd_is_empty_here;
#endif
