/* A system that can neither keep pages out of core dumps nor wipe them in a child, as macOS: stands in for the
 * platform_*.c of this machine, so that the fork handler's own wiping is tested everywhere. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "mem/platform.h"

#include <stdio.h>
#include <sys/mman.h>

const int lv_os_map_flags = MAP_ANON;

int lv_os_hide_from_dumps(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 0;
}

int lv_os_wipe_on_fork(void *pages, size_t length)
{
    (void)pages, (void)length;
    return 0;
}

void lv_os_name_thread(const char *name)
{
    (void)name;
}

int lv_os_random(void *bytes, size_t length)
{
    FILE *source = fopen("/dev/urandom", "rb");
    if (source == NULL) {
        return 0;
    }
    const size_t got = fread(bytes, 1, length, source);
    (void)fclose(source);
    return got == length;
}
