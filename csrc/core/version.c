/* What this build is. */
#include "lv_core.h"

/* build_core.py hands over the version of pyproject.toml. */
#ifndef LV_VERSION
#define LV_VERSION "unknown"
#endif

#if defined(__clang__)
#define LV_COMPILER __VERSION__
#else
#define LV_COMPILER "gcc " __VERSION__
#endif

const char *lv_version(void)
{
    return LV_VERSION;
}

const char *lv_compiler(void)
{
    return LV_COMPILER;
}
