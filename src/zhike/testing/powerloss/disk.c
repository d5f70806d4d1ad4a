#include "disk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096       /* changes are remembered per block of this many bytes */
#define SECTOR 512       /* what an unsynced write may be torn into, when some of it survives */
#define FIRST_OWN_FD 300 /* our descriptors keep out of the low numbers the program expects */
#define LONGEST (2 * PATH_MAX + 64)

struct move { /* a rename from one folder to another, which must become durable as one */
    char *from, *to;
    struct move *next;
};

struct file *files[BUCKETS];
static char live[PATH_MAX], image[PATH_MAX], objects[PATH_MAX + 16];
static size_t live_length;
static uint64_t dice; /* 0: no unsynced write survives */
static struct move *moves;

void die(const char *what, const char *path) {
    char text[LONGEST + 200];
    int n = snprintf(text, sizeof text, "powershim: %s: %s: %s\n", what, path, strerror(errno));
    (void)!syscall(SYS_write, 2, text, n < (int)sizeof text ? n : (int)sizeof text - 1);
    abort();
}

/* ---- contents -------------------------------------------------------------------------- */

static void object_path(char *out, dev_t device, ino_t inode) {
    snprintf(out, LONGEST, "%s/%llu-%llu", objects, (unsigned long long)device,
             (unsigned long long)inode);
}

struct file **slot(dev_t device, ino_t inode) {
    struct file **at = &files[(inode ^ device) % BUCKETS];
    while (*at && ((*at)->inode != inode || (*at)->device != device)) at = &(*at)->next;
    return at;
}

static int survives(void) { /* xorshift64 */
    if (!dice) return 0;
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (dice >> 32) & 1;
}

void mark(struct file *f, off_t from, off_t to) {
    if (to <= from) return;
    size_t first = from / BLOCK, end = (to + BLOCK - 1) / BLOCK;
    if (end > f->blocks) {
        size_t wanted = end * 2;
        unsigned char *grown = realloc(f->dirty, wanted);
        if (!grown) die("memory", "");
        memset(grown + f->blocks, 0, wanted - f->blocks);
        f->dirty = grown, f->blocks = wanted;
    }
    memset(f->dirty + first, 1, end - first);
    if (first < f->low) f->low = first;
    if (end > f->high) f->high = end;
}

off_t size_of(int fd) {
    struct stat st;
    if (fstat(fd, &st)) die("fstat", "");
    return st.st_size;
}

static void copy(struct file *f, off_t from, off_t to) {
    char part[16 * BLOCK];
    while (from < to) {
        size_t want = to - from < (off_t)sizeof part ? (size_t)(to - from) : sizeof part;
        ssize_t got = syscall(SYS_pread64, f->live_fd, part, want, from);
        if (got < 0) die("read", live);
        if (got == 0) return; /* truncated meanwhile by another process */
        for (ssize_t done = 0; done < got;) {
            ssize_t n = syscall(SYS_pwrite64, f->object_fd, part + done, got - done, from + done);
            if (n <= 0) die("write", objects);
            done += n;
        }
        from += got;
    }
}

/* Mark what differs between the live file and its object. Finds what an earlier process wrote and
 * never synced (still in the kernel's memory as long as the power is on), and written mappings. */
static void compare(struct file *f) {
    char a[16 * BLOCK], b[16 * BLOCK];
    off_t size = size_of(f->live_fd), durable = size_of(f->object_fd);
    off_t both = size < durable ? size : durable;
    for (off_t at = 0; at < both; at += sizeof a) {
        ssize_t n = syscall(SYS_pread64, f->live_fd, a, sizeof a, at);
        ssize_t m = syscall(SYS_pread64, f->object_fd, b, sizeof b, at);
        if (n < 0 || m < 0) die("read", live);
        ssize_t least = n < m ? n : m;
        for (ssize_t i = 0; i < least; i += BLOCK) {
            ssize_t length = least - i < BLOCK ? least - i : BLOCK;
            if (memcmp(a + i, b + i, length)) mark(f, at + i, at + i + length);
        }
    }
    mark(f, both, size > durable ? size : durable);
}

void flush(struct file *f) {
    if (f->mapped) compare(f);
    off_t size = size_of(f->live_fd);
    for (size_t i = f->low; i < f->high;) {
        if (!f->dirty[i]) { i++; continue; }
        size_t end = i;
        while (end < f->high && f->dirty[end]) f->dirty[end++] = 0;
        off_t to = (off_t)end * BLOCK;
        copy(f, (off_t)i * BLOCK, to < size ? to : size);
        i = end;
    }
    f->low = SIZE_MAX, f->high = 0;
    if (size_of(f->object_fd) != size && syscall(SYS_ftruncate, f->object_fd, size))
        die("truncate", objects);
}

static int high(int fd) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
    if (moved < 0) return fd;
    syscall(SYS_close, fd);
    return moved;
}

/* The file behind `fd`, known from now on. A new file starts with an empty object; so does one that
 * neither environment() nor a process under this shim has seen: nobody synced it. */
struct file *adopt(int fd, int created) {
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) return NULL;
    struct file **at = slot(st.st_dev, st.st_ino);
    if (*at) return *at;
    char path[64], object[LONGEST];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    object_path(object, st.st_dev, st.st_ino);
    if (created) syscall(SYS_unlinkat, AT_FDCWD, object, 0); /* left by a file that had this inode */
    struct file *f = calloc(1, sizeof *f);
    if (!f) die("memory", "");
    f->device = st.st_dev, f->inode = st.st_ino, f->low = SIZE_MAX;
    f->live_fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (f->live_fd < 0) die("open", path);
    f->object_fd = syscall(SYS_openat, AT_FDCWD, object, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->object_fd < 0) die("open", object);
    fchmod(f->object_fd, st.st_mode & 07777);
    f->live_fd = high(f->live_fd), f->object_fd = high(f->object_fd);
    compare(f);
    return *at = f;
}

/* After the last name is gone: what the image still holds under it stays as it is. */
void forget(const struct stat *st) {
    struct file **at = slot(st->st_dev, st->st_ino), *f = *at;
    char object[LONGEST];
    struct stat now;
    if (!S_ISREG(st->st_mode)) return;
    if (f ? (fstat(f->live_fd, &now) || now.st_nlink) : st->st_nlink > 1) return;
    object_path(object, st->st_dev, st->st_ino);
    syscall(SYS_unlinkat, AT_FDCWD, object, 0);
    if (!f) return;
    *at = f->next;
    syscall(SYS_close, f->live_fd), syscall(SYS_close, f->object_fd);
    free(f->dirty), free(f);
}

void changed(struct file *f, int fd, off_t from, off_t to) {
    int saved = errno;
    mark(f, from, to);
    for (off_t at = from, end; dice && at < to; at = end) {
        end = (at / SECTOR + 1) * SECTOR;
        if (end > to) end = to;
        if (survives()) copy(f, at, end);
    }
    if (fcntl(fd, F_GETFL) & O_DSYNC) flush(f);
    errno = saved;
}

void cut(struct file *f, off_t size) { /* a truncation: what was beyond `size` is no more */
    int saved = errno;
    off_t durable = size_of(f->object_fd);
    mark(f, size, durable);
    if (size < durable && survives() && syscall(SYS_ftruncate, f->object_fd, size))
        die("truncate", objects);
    errno = saved;
}

/* ---- names ----------------------------------------------------------------------------- */

/* The part of `path` below the live folder ("" for the folder itself), or NULL. */
static const char *below(const char *path) {
    if (strncmp(path, live, live_length)) return NULL;
    if (path[live_length] == '/') return path + live_length + 1;
    return path[live_length] ? NULL : path + live_length;
}

const char *path_of(int fd, char out[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    if (n < 0) return NULL;
    out[n] = 0;
    return below(out);
}

/* Resolve the folder of a name (not the name itself): its place below the live folder, or NULL. */
const char *name_of(int dirfd, const char *path, char out[PATH_MAX]) {
    char parent[PATH_MAX];
    size_t end = path ? strlen(path) : 0;
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start && path[start - 1] != '/') start--;
    size_t length = end - start;
    if (!length || end >= PATH_MAX || !strncmp(path + start, "..", length)) return NULL;
    memcpy(parent, path, start), parent[start] = 0;
    int fd = syscall(SYS_openat, dirfd, start ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return NULL;
    const char *inside = path_of(fd, out);
    syscall(SYS_close, fd);
    size_t used = strlen(out);
    if (!inside || used + 1 + length >= PATH_MAX) return NULL;
    out[used] = '/', memcpy(out + used + 1, path + start, length), out[used + 1 + length] = 0;
    return below(out);
}

static void parent_of(char *path) {
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = 0;
}

static void make_folders(const char *name) { /* those above `name` in the image */
    char path[LONGEST];
    snprintf(path, sizeof path, "%s/%s", image, name);
    for (char *at = path + strlen(image) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = 0;
        if (syscall(SYS_mkdirat, AT_FDCWD, path, 0777) && errno != EEXIST) die("mkdir", path);
    }
}

static void mirror(const char *folder);

/* Make one name of the image what it is in the live folder. */
static void settle(const char *name) {
    char here[LONGEST], there[LONGEST], object[LONGEST], step[LONGEST];
    struct stat now, durable, content;
    snprintf(here, sizeof here, "%s/%s", live, name);
    snprintf(there, sizeof there, "%s/%s", image, name);
    int exists = !lstat(here, &now), held = !lstat(there, &durable);
    if (held && (!exists || (now.st_mode & S_IFMT) != (durable.st_mode & S_IFMT))) {
        if (S_ISDIR(durable.st_mode)) mirror(name);
        if (syscall(SYS_unlinkat, AT_FDCWD, there, S_ISDIR(durable.st_mode) ? AT_REMOVEDIR : 0) &&
            errno != ENOENT)
            die("unlink", there);
    }
    if (!exists) return;
    make_folders(name);
    if (S_ISDIR(now.st_mode)) syscall(SYS_mkdirat, AT_FDCWD, there, now.st_mode & 07777);
    if (!S_ISREG(now.st_mode)) return;
    object_path(object, now.st_dev, now.st_ino);
    if (lstat(object, &content)) return; /* never opened for writing under the shim */
    if (held && durable.st_ino == content.st_ino) return;
    snprintf(step, sizeof step, "%s/step-%d", objects, (int)getpid());
    syscall(SYS_unlinkat, AT_FDCWD, step, 0);
    if (syscall(SYS_linkat, AT_FDCWD, object, AT_FDCWD, step, 0)) die("link", step);
    if (syscall(SYS_renameat2, AT_FDCWD, step, AT_FDCWD, there, 0)) die("rename", there);
}

static void settle_all(const char *root, const char *folder) {
    char path[LONGEST], name[LONGEST];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(name, sizeof name, "%s%s%s", folder, *folder ? "/" : "", entry->d_name);
        settle(name);
    }
    closedir(dir);
}

/* New names first: a rename cut short leaves two names, never none. */
static void mirror(const char *folder) {
    char first[LONGEST];
    snprintf(first, sizeof first, "%s/x", folder);
    if (*folder) make_folders(first);
    settle_all(live, folder);
    settle_all(image, folder);
}

void sync_folder(const char *folder) {
    for (struct move **at = &moves, *m; (m = *at);) {
        if (strcmp(m->from, folder) && strcmp(m->to, folder)) { at = &m->next; continue; }
        *at = m->next;
        mirror(m->to), mirror(m->from);
        free(m->from), free(m->to), free(m);
        at = &moves;
    }
    mirror(folder);
}

void renamed(const char *from, const char *to, const struct stat *st) {
    char old[LONGEST], new[LONGEST];
    if (S_ISDIR(st->st_mode)) { /* durable at once: a limit, see README.md */
        snprintf(old, sizeof old, "%s/%s", image, from);
        snprintf(new, sizeof new, "%s/%s", image, to);
        make_folders(to);
        syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
        return;
    }
    snprintf(old, sizeof old, "%s", from), parent_of(old);
    snprintf(new, sizeof new, "%s", to), parent_of(new);
    if (strcmp(old, new)) {
        struct move *m = malloc(sizeof *m);
        if (!m || !(m->from = strdup(old)) || !(m->to = strdup(new))) die("memory", "");
        m->next = moves, moves = m;
    }
    if (survives()) settle(to), settle(from);
}


void named(const char *name) {
    if (survives()) settle(name);
}

void sync_tree(const char *folder) {
    char path[LONGEST], name[LONGEST];
    struct stat st;
    sync_folder(folder);
    snprintf(path, sizeof path, "%s/%s", live, folder);
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(name, sizeof name, "%s%s%s", folder, *folder ? "/" : "", entry->d_name);
        snprintf(path, sizeof path, "%s/%s", live, name);
        if (!lstat(path, &st) && S_ISDIR(st.st_mode)) sync_tree(name);
    }
    closedir(dir);
}

int disk_start(void) {
    const char *folder = getenv("POWERSHIM_DIR"), *held = getenv("POWERSHIM_IMAGE");
    const char *seed = getenv("POWERSHIM_SEED");
    struct stat st;
    if (!folder || !*folder) return 0;
    if (!realpath(folder, live)) die("POWERSHIM_DIR", folder);
    if (!held || !realpath(held, image)) die("POWERSHIM_IMAGE", held ? held : "not set");
    live_length = strlen(live);
    if (below(image)) errno = EINVAL, die("the image lies in the live folder", image);
    snprintf(objects, sizeof objects, "%s.objects", image);
    if (lstat(objects, &st) || !S_ISDIR(st.st_mode)) die("environment() was not called", objects);
    if (stat("/proc/self/fd", &st)) die("no /proc", "/proc/self/fd");
    if (seed && *seed) {
        /* Spread neighbouring seeds apart (the multiplier of splitmix64); 0 would stop the dice. */
        dice = (strtoull(seed, NULL, 10) + 1) * 0x9E3779B97F4A7C15ull;
        if (!dice) dice = 1;
    }
    return 1;
}
