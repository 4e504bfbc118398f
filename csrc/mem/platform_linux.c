/* Linux: madvise(2), getrandom(2) and pthread_setname_np(3). */
#if defined(__linux__)

#define _GNU_SOURCE
#include "mem/platform.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>

/* Linux 4.14; older C libraries do not name it. */
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

const int lv_os_map_flags = MAP_ANONYMOUS;

int lv_os_hide_from_dumps(void *pages, size_t length)
{
    return madvise(pages, length, MADV_DONTDUMP) == 0;
}

/* Not MADV_DONTFORK: a child that touched the bytes would die of it instead of getting an error.
 * Not memfd_secret(2): its pages are shared with a child, and many kernels have it switched off. */
int lv_os_wipe_on_fork(void *pages, size_t length)
{
    return madvise(pages, length, MADV_WIPEONFORK) == 0;
}

int lv_os_random(void *bytes, size_t length)
{
    uint8_t *next = bytes;
    while (length > 0) {
        const ssize_t got = getrandom(next, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return 0;
        }
        next += got;
        length -= (size_t)got;
    }
    return 1;
}

void lv_os_name_thread(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}

#else
typedef int lv_platform_linux_is_empty_here;
#endif
