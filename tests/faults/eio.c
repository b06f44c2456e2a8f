/* Makes calls on files below $FAULT_FOLDER fail with EIO while the file $FAULT_FLAG exists, as a dying disk's do.

   sendfile is left out: the edge uses it only after it has seen that the pages are in memory, where no disk is asked. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int below(const char *path) {
    const char *folder = getenv("FAULT_FOLDER"), *flag = getenv("FAULT_FLAG");
    return folder && flag && path && !strncmp(path, folder, strlen(folder)) && !access(flag, F_OK);
}

static int bad(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

#define FAIL do { errno = EIO; return -1; } while (0)
#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t count) { REAL(write); if (bad(fd)) FAIL; return real(fd, data, count); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(writev); if (bad(fd)) FAIL; return real(fd, v, n); }
ssize_t pread64(int fd, void *data, size_t count, off64_t at) { REAL(pread64); if (bad(fd)) FAIL; return real(fd, data, count, at); }
ssize_t preadv64(int fd, const struct iovec *v, int n, off64_t at) { REAL(preadv64); if (bad(fd)) FAIL; return real(fd, v, n, at); }
int fsync(int fd) { REAL(fsync); if (bad(fd)) FAIL; return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); if (bad(fd)) FAIL; return real(fd); }
int unlink(const char *path) { REAL(unlink); if (below(path)) FAIL; return real(path); }
int rename(const char *from, const char *to) { REAL(rename); if (below(from)) FAIL; return real(from, to); }
int open64(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    if (!real) real = dlsym(RTLD_NEXT, "open64");
    if (below(path)) FAIL;
    return real(path, flags, mode);
}
