/* A disk that forgets: every write below one folder is lost unless it was synced.
 *
 * Loaded with LD_PRELOAD. The process works on its folder ("live") as ever; beside it this file
 * keeps an image of what a disk would still hold if the power failed at this instant:
 *
 *   IMAGE/...            the names and contents that survive
 *   IMAGE.objects/D-I    one durable content per live file (device D, inode I); the names in IMAGE
 *                        are hard links to these, so contents and names become durable apart
 *
 * fsync(file) copies what changed to the object; fsync(folder) makes the names of that folder in
 * IMAGE those of the live folder. Nothing else reaches the image. SIGKILL is the power failure: it
 * may strike in the middle of a copy, which leaves some of the unsynced writes of a sync that has
 * not returned, a state any disk may leave too. README.md has the model and its limits.
 *
 * Files are told by device and inode at each call, not by a table of descriptors: so dup, close,
 * descriptors passed on and the child of a vfork need no care. The real calls are raw system calls:
 * nothing here is looked up at run time and nothing here calls itself.
 */
#include "disk.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#pragma GCC visibility push(default) /* the rest of the library is hidden: see build() */

static int active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the calls ------------------------------------------------------------------------- */

static int is_file(int fd, struct stat *st) {
    int saved = errno, file = !fstat(fd, st) && S_ISREG(st->st_mode);
    errno = saved;
    return file;
}

/* Holds the lock if the file is ours. */
static struct file *take(int fd) {
    struct stat st;
    if (!active || !is_file(fd, &st)) return NULL;
    pthread_mutex_lock(&lock);
    struct file *f = *slot(st.st_dev, st.st_ino);
    if (!f) pthread_mutex_unlock(&lock);
    return f;
}

static void release(void) {
    pthread_mutex_unlock(&lock);
}

/* Run a call that writes `n` bytes to `fd` before its own position, or at `offset` if that is >= 0. */
#define WRITING(fd, offset, call)                                              \
    do {                                                                       \
        struct file *f = take(fd);                                             \
        ssize_t n = (call);                                                    \
        if (!f) return n;                                                      \
        if (n > 0) {                                                           \
            off_t end = (offset) >= 0 ? (offset) + n : lseek(fd, 0, SEEK_CUR); \
            changed(f, fd, end - n, end);                                      \
        }                                                                      \
        release();                                                             \
        return n;                                                              \
    } while (0)

#define NOWHERE ((off_t)-1)

ssize_t write(int fd, const void *data, size_t n_) {
    WRITING(fd, NOWHERE, syscall(SYS_write, fd, data, n_));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    WRITING(fd, NOWHERE, syscall(SYS_writev, fd, parts, count));
}
#define PWRITE(name)                                                 \
    ssize_t name(int fd, const void *data, size_t n_, off_t at) {    \
        WRITING(fd, at, syscall(SYS_pwrite64, fd, data, n_, at));    \
    }
PWRITE(pwrite)
PWRITE(pwrite64)
#define PWRITEV(name)                                                      \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at) { \
        WRITING(fd, at, syscall(SYS_pwritev, fd, parts, count, at, 0));    \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)
#define SENDFILE(name)                                                 \
    ssize_t name(int to, int from, off_t *at, size_t n_) {             \
        WRITING(to, NOWHERE, syscall(SYS_sendfile, to, from, at, n_)); \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)
ssize_t copy_file_range(int from, off_t *in, int to, off_t *out, size_t n_, unsigned flags) {
    off_t at = out ? *out : NOWHERE; /* the call moves *out on */
    WRITING(to, at, syscall(SYS_copy_file_range, from, in, to, out, n_, flags));
}


static int do_truncate(int fd, off_t size) {
    struct file *f = take(fd);
    int result = syscall(SYS_ftruncate, fd, size);
    if (!f) return result;
    if (!result) cut(f, size);
    release();
    return result;
}
int ftruncate(int fd, off_t size) { return do_truncate(fd, size); }
int ftruncate64(int fd, off_t size) { return do_truncate(fd, size); }

/* A file not known yet is compared with its object when it is first opened for writing. */
static int do_truncate_path(const char *path, off_t size) {
    struct stat st;
    int result = syscall(SYS_truncate, path, size);
    if (!active || result || syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0)) return result;
    pthread_mutex_lock(&lock);
    struct file *f = *slot(st.st_dev, st.st_ino);
    if (f) cut(f, size);
    release();
    return 0;
}
int truncate(const char *path, off_t size) { return do_truncate_path(path, size); }
int truncate64(const char *path, off_t size) { return do_truncate_path(path, size); }

static int do_allocate(int fd, int mode, off_t at, off_t length) {
    struct file *f = take(fd);
    int result = syscall(SYS_fallocate, fd, mode, at, length);
    if (!f) return result;
    /* With a mode, bytes are zeroed or moved: all behind `at` may differ. Without, only the size. */
    if (!result && mode) mark(f, at, size_of(f->live_fd));
    release();
    return result;
}
int fallocate(int fd, int mode, off_t at, off_t n) { return do_allocate(fd, mode, at, n); }
int fallocate64(int fd, int mode, off_t at, off_t n) { return do_allocate(fd, mode, at, n); }
int posix_fallocate(int fd, off_t at, off_t n) { return do_allocate(fd, 0, at, n) ? errno : 0; }
int posix_fallocate64(int fd, off_t at, off_t n) { return do_allocate(fd, 0, at, n) ? errno : 0; }

static void *do_mmap(void *at, size_t length, int access, int flags, int fd, off_t offset) {
    void *map = (void *)syscall(SYS_mmap, at, length, access, flags, fd, offset);
    if (fd < 0 || map == MAP_FAILED || !(access & PROT_WRITE) || !(flags & MAP_SHARED)) return map;
    struct file *f = take(fd);
    if (f) {
        f->mapped = 1;
        release();
    }
    return map;
}
void *mmap(void *at, size_t n, int access, int flags, int fd, off_t offset) {
    return do_mmap(at, n, access, flags, fd, offset);
}
void *mmap64(void *at, size_t n, int access, int flags, int fd, off_t offset) {
    return do_mmap(at, n, access, flags, fd, offset);
}

static int do_sync(int fd, int call) {
    char path[PATH_MAX];
    struct stat st;
    if (!active || fstat(fd, &st) || !st.st_nlink || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return syscall(call, fd);
    pthread_mutex_lock(&lock);
    struct file *f = *slot(st.st_dev, st.st_ino);
    const char *name = f ? NULL : path_of(fd, path);
    if (name && S_ISREG(st.st_mode)) f = adopt(fd, 0);
    if (f) flush(f);
    if (name && S_ISDIR(st.st_mode)) sync_folder(name);
    release();
    /* Ours need no real sync: the live folder is thrown away when the power goes. */
    return f || name ? 0 : syscall(call, fd);
}
int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

static void sync_all(void) {
    if (!active) return;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < BUCKETS; i++)
        for (struct file *f = files[i]; f; f = f->next) flush(f);
    sync_tree("");
    release();
}
void sync(void) {
    sync_all();
    syscall(SYS_sync);
}
int syncfs(int fd) {
    sync_all();
    return syscall(SYS_syncfs, fd);
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode) {
    char where[PATH_MAX];
    int created = 0, fd = -1;
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    if (!active || !writes || flags & O_PATH) return syscall(SYS_openat, dirfd, path, flags, mode);
    if (flags & O_CREAT && name_of(dirfd, path, where)) { /* learn whether this call makes the file */
        if (!(flags & O_EXCL)) {
            fd = syscall(SYS_openat, dirfd, path, flags & ~O_CREAT, mode);
            if (fd < 0 && errno != ENOENT) return fd;
        }
        if (fd < 0) {
            fd = syscall(SYS_openat, dirfd, path, flags | O_EXCL, mode);
            created = fd >= 0;
            if (fd < 0 && (flags & O_EXCL || errno != EEXIST)) return fd;
        }
    }
    if (fd < 0) fd = syscall(SYS_openat, dirfd, path, flags, mode);
    const char *name = fd < 0 ? NULL : path_of(fd, where);
    if (!name) return fd;
    int saved = errno;
    pthread_mutex_lock(&lock);
    struct file *f = adopt(fd, created || (flags & O_TMPFILE) == O_TMPFILE);
    if (f && flags & O_TRUNC) cut(f, 0);
    if (created) named(name);
    release();
    errno = saved;
    return fd;
}

#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        va_list more;                                                \
        va_start(more, flags);                                       \
        mode_t mode = va_arg(more, mode_t);                          \
        va_end(more);                                                \
        return do_open(AT_FDCWD, path, flags, mode);                 \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                 \
    int name(int dirfd, const char *path, int flags, ...) {          \
        va_list more;                                                \
        va_start(more, flags);                                       \
        mode_t mode = va_arg(more, mode_t);                          \
        va_end(more);                                                \
        return do_open(dirfd, path, flags, mode);                    \
    }
OPENAT(openat)
OPENAT(openat64)
/* What a fortified program calls when it gives no mode. */
int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __openat_2(int dirfd, const char *path, int flags) { return do_open(dirfd, path, flags, 0); }
int __openat64_2(int dirfd, const char *path, int flags) { return do_open(dirfd, path, flags, 0); }
#define MAKE (O_CREAT | O_WRONLY | O_TRUNC)
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, MAKE, mode); }
int creat64(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, MAKE, mode); }

static int do_unlink(int dirfd, const char *path, int flags) {
    char where[PATH_MAX];
    struct stat before;
    const char *name = active ? name_of(dirfd, path, where) : NULL;
    if (!name || syscall(SYS_newfstatat, dirfd, path, &before, AT_SYMLINK_NOFOLLOW))
        return syscall(SYS_unlinkat, dirfd, path, flags);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_unlinkat, dirfd, path, flags), saved = errno;
    if (!result) forget(&before), named(name);
    release();
    errno = saved;
    return result;
}
int unlink(const char *path) { return do_unlink(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return do_unlink(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int dirfd, const char *path, int flags) { return do_unlink(dirfd, path, flags); }
int remove(const char *path) {
    int result = unlink(path);
    return result && errno == EISDIR ? rmdir(path) : result;
}

static int do_rename(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    struct stat what, target;
    const char *a = active ? name_of(from_fd, from, old) : NULL;
    const char *b = active ? name_of(to_fd, to, new) : NULL;
    if ((!a && !b) || syscall(SYS_newfstatat, from_fd, from, &what, AT_SYMLINK_NOFOLLOW))
        return syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
    pthread_mutex_lock(&lock);
    int over = !syscall(SYS_newfstatat, to_fd, to, &target, AT_SYMLINK_NOFOLLOW);
    int result = syscall(SYS_renameat2, from_fd, from, to_fd, to, flags), saved = errno;
    int same = over && target.st_ino == what.st_ino && target.st_dev == what.st_dev;
    if (!result && over && !same && !(flags & RENAME_EXCHANGE)) forget(&target);
    if (!result && a && b) renamed(a, b, &what);
    release();
    errno = saved;
    return result;
}
int rename(const char *from, const char *to) {
    return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return do_rename(from_fd, from, to_fd, to, 0);
}
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return do_rename(from_fd, from, to_fd, to, flags);
}

static int do_link(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    char where[PATH_MAX];
    int result = syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
    const char *name = active && !result ? name_of(to_fd, to, where) : NULL;
    if (!name) return result;
    pthread_mutex_lock(&lock);
    named(name);
    release();
    return 0;
}
int link(const char *from, const char *to) { return do_link(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    return do_link(from_fd, from, to_fd, to, flags);
}

/* ---- start ----------------------------------------------------------------------------- */

static void before_fork(void) { pthread_mutex_lock(&lock); }

__attribute__((constructor)) static void start(void) {
    active = disk_start();
    if (active) pthread_atfork(before_fork, release, release);
}
