/* Kills the process at its n-th change of a file below given folders, or at a fork. Preloaded into one process, not
   its children.

   CRASH_BELOW  the folders, absolute, separated by ':'
   CRASH_AT     the number of the change before which to die, from 1; 0 never
   CRASH_HALF   if set, a write that is to be died at first writes half of its bytes, and a fork leaves a copy behind
   CRASH_LOG    a file outside of the folders, which gets a line for every change: its kind and its path

   An index in shared memory (`-shm`) does not survive a process and is left out. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pid_t self;
static long at, seen;
static int half;
static char below[4 * PATH_MAX];
static char log_path[PATH_MAX];

static void take(const char *name, char *into, size_t size)
{
    const char *value = getenv(name);
    if (value)
        snprintf(into, size, "%s", value);
    unsetenv(name);
}

__attribute__((constructor)) static void begin(void)
{
    char number[32] = "0", flag[8] = "";
    take("CRASH_BELOW", below, sizeof below);
    take("CRASH_LOG", log_path, sizeof log_path);
    take("CRASH_AT", number, sizeof number);
    take("CRASH_HALF", flag, sizeof flag);
    unsetenv("LD_PRELOAD");
    at = atol(number);
    half = flag[0] != 0;
    self = getpid();
}

static int is_below(const char *path)
{
    size_t length = strlen(path);
    if (length > 4 && !strcmp(path + length - 4, "-shm"))
        return 0;
    char folders[sizeof below], *rest = folders, *folder;
    strcpy(folders, below);
    while ((folder = strsep(&rest, ":"))) {
        size_t n = strlen(folder);
        if (n && !strncmp(path, folder, n) && (path[n] == '/' || !path[n]))
            return 1;
    }
    return 0;
}

static void path_of_descriptor(int fd, char *into)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlink, link, into, PATH_MAX - 1);
    into[n < 0 ? 0 : n] = 0;
}

static void path_at(int folder, const char *path, char *into)
{
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
        return;
    }
    char base[PATH_MAX];
    if (folder != AT_FDCWD)
        path_of_descriptor(folder, base);
    else if (!getcwd(base, sizeof base))
        base[0] = 0;
    if (snprintf(into, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
        into[0] = 0;
}

static void note(const char *kind, const char *path)
{
    char line[PATH_MAX + 64];
    int n = snprintf(line, sizeof line, "%s %s\n", kind, path);
    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd >= 0) {
        syscall(SYS_write, fd, line, n);
        syscall(SYS_close, fd);
    }
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Counts a change; 1 if this is the one to die at. */
static int is_due(const char *kind, const char *path)
{
    if (!self || getpid() != self || !is_below(path))
        return 0;
    int saved = errno;
    note(kind, path);
    errno = saved;
    return ++seen == at;
}

static void change(const char *kind, int folder, const char *path)
{
    char full[PATH_MAX];
    path_at(folder, path, full);
    if (is_due(kind, full))
        die();
}

static void change_open(const char *kind, int fd)
{
    char full[PATH_MAX];
    path_of_descriptor(fd, full);
    if (is_due(kind, full))
        die();
}

/* How many bytes of a write to let through before dying; -1: this is not the one. */
static ssize_t last_bytes(int fd, size_t size)
{
    char full[PATH_MAX];
    path_of_descriptor(fd, full);
    if (!is_due("write", full))
        return -1;
    if (!half)
        die();
    return size / 2;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...)                          \
    {                                                                   \
        va_list more;                                                   \
        va_start(more, flags);                                          \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more);                                                   \
        if (flags & (O_CREAT | O_TRUNC))                                \
            change("open", AT_FDCWD, path);                             \
        return REAL(name)(path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
    int name(int folder, const char *path, int flags, ...)              \
    {                                                                   \
        va_list more;                                                   \
        va_start(more, flags);                                          \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more);                                                   \
        if (flags & (O_CREAT | O_TRUNC))                                \
            change("open", folder, path);                               \
        return REAL(name)(folder, path, flags, mode);                   \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size)
{
    ssize_t last = last_bytes(fd, size);
    if (last >= 0) {
        syscall(SYS_write, fd, data, last);
        die();
    }
    return REAL(write)(fd, data, size);
}

#define PWRITE(name, offset_type)                                       \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) \
    {                                                                   \
        ssize_t last = last_bytes(fd, size);                            \
        if (last >= 0) {                                                \
            syscall(SYS_pwrite64, fd, data, last, offset);              \
            die();                                                      \
        }                                                               \
        return REAL(name)(fd, data, size, offset);                      \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t last = last_bytes(fd, count ? parts[0].iov_len : 0);
    if (last >= 0) {
        syscall(SYS_write, fd, parts[0].iov_base, last);
        die();
    }
    return REAL(writev)(fd, parts, count);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags)
{
    ssize_t last = last_bytes(to, size);
    if (last >= 0) {
        REAL(copy_file_range)(from, from_at, to, to_at, last, flags);
        die();
    }
    return REAL(copy_file_range)(from, from_at, to, to_at, size, flags);
}

ssize_t sendfile64(int to, int from, off64_t *from_at, size_t size)
{
    ssize_t last = last_bytes(to, size);
    if (last >= 0) {
        syscall(SYS_sendfile, to, from, from_at, last);
        die();
    }
    return syscall(SYS_sendfile, to, from, from_at, size);
}

ssize_t sendfile(int to, int from, off_t *from_at, size_t size)
{
    return sendfile64(to, from, (off64_t *)from_at, size);
}

pid_t fork(void)
{
    char first[sizeof below];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(below, ":"), below);
    if (!is_due("fork", first))
        return REAL(fork)();
    pid_t copy = half ? REAL(fork)() : -1;
    if (copy)
        die();
    return copy;
}

#define BY_PATH(name, kind, parameters, folder, path, ...)              \
    int name parameters                                                 \
    {                                                                   \
        change(kind, folder, path);                                     \
        return REAL(name)(__VA_ARGS__);                                 \
    }
BY_PATH(unlink, "unlink", (const char *path), AT_FDCWD, path, path)
BY_PATH(rmdir, "rmdir", (const char *path), AT_FDCWD, path, path)
BY_PATH(unlinkat, "unlink", (int folder, const char *path, int flags), folder, path, folder, path, flags)
BY_PATH(mkdir, "mkdir", (const char *path, mode_t mode), AT_FDCWD, path, path, mode)
BY_PATH(mkdirat, "mkdir", (int folder, const char *path, mode_t mode), folder, path, folder, path, mode)
BY_PATH(truncate, "truncate", (const char *path, off_t size), AT_FDCWD, path, path, size)
BY_PATH(truncate64, "truncate", (const char *path, off64_t size), AT_FDCWD, path, path, size)
BY_PATH(rename, "rename", (const char *from, const char *to), AT_FDCWD, to, from, to)
BY_PATH(renameat, "rename", (int f, const char *from, int t, const char *to), t, to, f, from, t, to)
BY_PATH(renameat2, "rename", (int f, const char *from, int t, const char *to, unsigned flags), t, to, f, from, t, to,
        flags)
BY_PATH(link, "link", (const char *from, const char *to), AT_FDCWD, to, from, to)
BY_PATH(linkat, "link", (int f, const char *from, int t, const char *to, int flags), t, to, f, from, t, to, flags)
BY_PATH(symlink, "symlink", (const char *text, const char *path), AT_FDCWD, path, text, path)
BY_PATH(symlinkat, "symlink", (const char *text, int folder, const char *path), folder, path, text, folder, path)

#define BY_DESCRIPTOR(name, kind, parameters, fd, ...)                  \
    int name parameters                                                 \
    {                                                                   \
        change_open(kind, fd);                                          \
        return REAL(name)(__VA_ARGS__);                                 \
    }
BY_DESCRIPTOR(ftruncate, "truncate", (int fd, off_t size), fd, fd, size)
BY_DESCRIPTOR(ftruncate64, "truncate", (int fd, off64_t size), fd, fd, size)
BY_DESCRIPTOR(fsync, "fsync", (int fd), fd, fd)
BY_DESCRIPTOR(fdatasync, "fsync", (int fd), fd, fd)
BY_DESCRIPTOR(fallocate, "fallocate", (int fd, int mode, off_t from, off_t size), fd, fd, mode, from, size)
BY_DESCRIPTOR(fallocate64, "fallocate", (int fd, int mode, off64_t from, off64_t size), fd, fd, mode, from, size)
