/* What differs between operating systems; each platform_*.c has all of it for one of them. */
#ifndef LV_PLATFORM_H
#define LV_PLATFORM_H

#include <stddef.h>

/* Flags to add to mmap's MAP_PRIVATE. */
extern const int lv_os_map_flags;

/* Keeps whole pages out of core dumps. 1 if the system does so, else 0. */
int lv_os_hide_from_dumps(void *pages, size_t length);

/* Asks for zeros in place of these whole pages in a forked child. 1 if the system does so, else 0. */
int lv_os_wipe_on_fork(void *pages, size_t length);

/* Fills from the generator of the system, waiting for its first seeding. 1 on success, else 0. */
int lv_os_random(void *bytes, size_t length);

/* Names the calling thread, at most 15 letters, for debuggers and monitors; does nothing where it cannot. */
void lv_os_name_thread(const char *name);

#endif
