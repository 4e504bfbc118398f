/* macOS: core dumps are off unless asked for and pages cannot be kept out of them; the fork handler wipes. */
#if defined(__APPLE__)

#include "mem/platform.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>

const int lv_os_map_flags = MAP_ANON;

int lv_os_hide_from_dumps(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 0;
}

/* minherit(VM_INHERIT_NONE) would make a child that touches the bytes die instead of getting an error. */
int lv_os_wipe_on_fork(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 0;
}

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

void lv_os_name_thread(const char *name)
{
    (void)pthread_setname_np(name);
}

#else
typedef int lv_platform_apple_is_empty_here;
#endif
