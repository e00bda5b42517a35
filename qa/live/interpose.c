/* What a scenario breaks inside one titan-pos: its disk and its wall clock. For tests only.
 *
 *   LD_PRELOAD=interpose.so INTERPOSE_CONTROL=FILE titan-pos run ...
 *
 * FILE holds the Control below, mapped, so that who plays a scenario changes it while the process
 * runs (qa/live/inside.py writes it). The disk is that of titan-pos's journal store
 * (files named titan.sqlite3*) and of its PostgreSQL; the clock is titan-pos's alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  /* written by who plays the scenario */
  int64_t sync_us_min, sync_us_max; /* each sync of the journal store takes this much longer */
  int64_t is_full;                  /* every write of the journal store fails: no space */
  int64_t fail_writes;              /* so many further writes of its write-ahead log fail */
  int64_t fail_syncs;               /* so many further syncs of it, after the bytes were written */
  int64_t database_sync_us;         /* each sync of PostgreSQL takes this much longer */
  int64_t clock_offset_us;          /* added to the wall clock */
  int64_t clock_ppm;                /* the wall clock runs so many millionths too fast ... */
  int64_t clock_since_us;           /* ... since this moment of the monotonic clock */
  /* written here */
  int64_t writes_failed, syncs_failed, syncs_delayed;
} Control;

static Control nothing;
static Control* control = &nothing;
static int is_terminal, is_database;

static ssize_t (*real_pwrite64)(int, const void*, size_t, off64_t);
static ssize_t (*real_write)(int, const void*, size_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_clock_gettime)(clockid_t, struct timespec*);

/* An interposed call may come before the constructor. */
static void find_real(void) {
  if (real_fsync) return;
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
  real_write = dlsym(RTLD_NEXT, "write");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
}

__attribute__((constructor)) static void begin(void) {
  find_real();
  is_terminal = strcmp(program_invocation_short_name, "titan-pos") == 0;
  is_database = strcmp(program_invocation_short_name, "postgres") == 0;
  const char* path = getenv("INTERPOSE_CONTROL");
  if (!path || (!is_terminal && !is_database)) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  int access = PROT_READ | PROT_WRITE;
  if (file < 0) { /* PostgreSQL runs as another user */
    file = open(path, O_RDONLY | O_CLOEXEC);
    access = PROT_READ;
  }
  void* mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(Control), access, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    perror(path);
    _exit(1);
  }
  close(file);
  control = mapped;
}

static int64_t load(const int64_t* value) {
  return __atomic_load_n(value, __ATOMIC_RELAXED);
}
static void count(int64_t* value) {
  __atomic_fetch_add(value, 1, __ATOMIC_RELAXED);
}

/* Takes one of a number of things to come, if any are left. */
static int take(int64_t* left) {
  int64_t seen = load(left);
  while (seen > 0) {
    if (__atomic_compare_exchange_n(left, &seen, seen - 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return 1;
  }
  return 0;
}

/* 0: not the journal store; 1: its database; 2: its write-ahead log. */
static int part_of_store(int file) {
  char link[32], name[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length <= 0) return 0;
  name[length] = 0;
  const char* base = strrchr(name, '/');
  if (!base || strncmp(base + 1, "titan.sqlite3", 13) != 0) return 0;
  return strcmp(base + 14, "-wal") == 0 ? 2 : 1;
}

static void wait_us(int64_t us) {
  struct timespec left = {us / 1000000, us % 1000000 * 1000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

static int write_fails(int file) {
  if (!is_terminal || (!load(&control->is_full) && !load(&control->fail_writes))) return 0;
  int part = part_of_store(file);
  if (part == 0) return 0;
  if (!load(&control->is_full) && (part != 2 || !take(&control->fail_writes))) return 0;
  count(&control->writes_failed);
  errno = ENOSPC;
  return 1;
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  find_real();
  return write_fails(file) ? -1 : real_pwrite64(file, bytes, size, offset);
}
ssize_t write(int file, const void* bytes, size_t size) {
  find_real();
  return write_fails(file) ? -1 : real_write(file, bytes, size);
}

static int64_t drawn_between(int64_t least, int64_t most) {
  static __thread uint64_t state = 0x9E3779B97F4A7C15ULL;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return most > least ? least + (int64_t)(state % (uint64_t)(most - least + 1)) : least;
}

static int synced(int file, int result) {
  if (is_database && load(&control->database_sync_us) > 0)
    wait_us(load(&control->database_sync_us));
  if (!is_terminal || (!load(&control->sync_us_max) && !load(&control->fail_syncs))) return result;
  int part = part_of_store(file);
  if (part == 0) return result;
  int64_t us = drawn_between(load(&control->sync_us_min), load(&control->sync_us_max));
  if (us > 0) {
    count(&control->syncs_delayed);
    wait_us(us);
  }
  if (part != 2 || !take(&control->fail_syncs)) return result;
  count(&control->syncs_failed);
  errno = EIO;
  return -1;
}
int fdatasync(int file) {
  find_real();
  return synced(file, real_fdatasync(file));
}
int fsync(int file) {
  find_real();
  return synced(file, real_fsync(file));
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  find_real();
  int result = real_clock_gettime(clock, now);
  if (result != 0 || !is_terminal || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
    return result;
  int64_t off = load(&control->clock_offset_us), ppm = load(&control->clock_ppm);
  if (off == 0 && ppm == 0) return 0;
  struct timespec monotonic;
  real_clock_gettime(CLOCK_MONOTONIC, &monotonic);
  int64_t since = monotonic.tv_sec * 1000000LL + monotonic.tv_nsec / 1000;
  off += (since - load(&control->clock_since_us)) * ppm / 1000000;
  int64_t us = now->tv_sec * 1000000LL + now->tv_nsec / 1000 + off;
  if (us < 0) us = 0;
  now->tv_sec = us / 1000000;
  now->tv_nsec = us % 1000000 * 1000;
  return 0;
}
int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  (void)zone;
  struct timespec time;
  int result = clock_gettime(CLOCK_REALTIME, &time);
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return result;
}
time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
