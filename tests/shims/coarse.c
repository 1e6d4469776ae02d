/* Shows files as a poor file system would: times in steps of two seconds, and inode numbers that mean nothing.

   COARSE_INODES  `same`: all files have one number; `any`: a file has another number each time it is looked at

   Preloaded into one process, not into the commands that it starts. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STEP 2

static ino_t looks;
static int any;

__attribute__((constructor)) static void begin(void)
{
    const char *kind = getenv("COARSE_INODES");
    any = kind && !strcmp(kind, "any");
    unsetenv("COARSE_INODES");
    unsetenv("LD_PRELOAD");
}

static void blur(struct timespec *time)
{
    time->tv_sec -= time->tv_sec % STEP;
    time->tv_nsec = 0;
}


#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

#define SEEN(name, parameters, into, ...)                               \
    int name parameters                                                 \
    {                                                                   \
        int result = REAL(name)(__VA_ARGS__);                           \
        if (!result) {                                                  \
            blur(&into->st_mtim);                                       \
            blur(&into->st_ctim);                                       \
            into->st_ino = any ? ++looks : 1;                           \
        }                                                               \
        return result;                                                  \
    }
SEEN(stat, (const char *path, struct stat *into), into, path, into)
SEEN(stat64, (const char *path, struct stat64 *into), into, path, into)
SEEN(lstat, (const char *path, struct stat *into), into, path, into)
SEEN(lstat64, (const char *path, struct stat64 *into), into, path, into)
SEEN(fstat, (int fd, struct stat *into), into, fd, into)
SEEN(fstat64, (int fd, struct stat64 *into), into, fd, into)
SEEN(fstatat, (int folder, const char *path, struct stat *into, int flags), into, folder, path, into, flags)
SEEN(fstatat64, (int folder, const char *path, struct stat64 *into, int flags), into, folder, path, into, flags)
