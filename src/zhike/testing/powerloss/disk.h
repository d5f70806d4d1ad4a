/* The model of a disk that forgets; see powershim.c for what it is for. All of it is called with the
 * lock held, except name_of and path_of, which touch no state. */
#ifndef DISK_H
#define DISK_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(long) == 8, "64-bit Linux only");

#define BUCKETS 1024

struct file {
    dev_t device;
    ino_t inode;
    /* Open for as long as the file is known. Closing any descriptor of a file drops the process's
     * POSIX locks on it, and SQLite's locking stands on those. */
    int live_fd, object_fd;
    unsigned char *dirty; /* one byte per block */
    size_t blocks, low, high;
    int mapped; /* has been mapped writable: compare the whole file at each sync */
    struct file *next;
};

extern struct file *files[BUCKETS];

_Noreturn void die(const char *what, const char *path);
/* Returns 0 if the environment names no folder: then nothing is watched. */
int disk_start(void);

/* contents */
struct file **slot(dev_t device, ino_t inode);
struct file *adopt(int fd, int created);
void forget(const struct stat *before);
void changed(struct file *f, int fd, off_t from, off_t to);
void cut(struct file *f, off_t size);
void mark(struct file *f, off_t from, off_t to);
off_t size_of(int fd);
void flush(struct file *f);

/* names: places below the live folder, "" for the folder itself */
const char *path_of(int fd, char out[PATH_MAX]);
const char *name_of(int dirfd, const char *path, char out[PATH_MAX]);
void sync_folder(const char *folder);
void sync_tree(const char *folder);
void named(const char *name);
void renamed(const char *from, const char *to, const struct stat *what);
#endif
