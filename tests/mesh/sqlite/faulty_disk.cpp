#include "faulty_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <utility>

namespace titan::mesh::testing {

namespace {

bool has_name(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0;
}

Bytes content_of(const std::string& path) {
  Bytes bytes;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return bytes;
  char part[65536];
  for (ssize_t got = 0; (got = ::read(file, part, sizeof part)) > 0;) {
    bytes.append(part, static_cast<std::size_t>(got));
  }
  ::close(file);
  return bytes;
}

}  // namespace

// A file that SQLite has open; the real one lies behind it in the same memory.
struct FaultyFile {
  sqlite3_file base;
  FaultyDisk* disk;
  const std::string* path;  // none: a temporary file, which never fails

  static const sqlite3_io_methods methods;
  static FaultyFile& of(sqlite3_file* file) { return *reinterpret_cast<FaultyFile*>(file); }
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& real_methods() { return *real()->pMethods; }
  FaultyDisk::Record& record() { return disk->records_[*path]; }

  std::uint64_t size() {
    sqlite3_int64 bytes = 0;
    if (real_methods().xFileSize(real(), &bytes) != SQLITE_OK) FAIL("the size of " << *path);
    return static_cast<std::uint64_t>(bytes);
  }

  FaultyDisk::Sector sector(std::uint64_t number) {
    FaultyDisk::Sector bytes{};
    const int read =
        real_methods().xRead(real(), bytes.data(), FaultyDisk::sector_bytes,
                             static_cast<sqlite3_int64>(number * FaultyDisk::sector_bytes));
    // Zeros behind the end.
    if (read != SQLITE_OK && read != SQLITE_IOERR_SHORT_READ) FAIL("reading " << *path);
    return bytes;
  }

  // Changes the sectors that `change` touches, and remembers what they held.
  template <class Change>
  int changing(std::uint64_t offset, std::uint64_t bytes, Change&& change) {
    FaultyDisk::Record& noted = record();
    const std::uint64_t first = offset / FaultyDisk::sector_bytes;
    const std::uint64_t end =
        (offset + bytes + FaultyDisk::sector_bytes - 1) / FaultyDisk::sector_bytes;
    for (std::uint64_t number = first; number < end; ++number) {
      auto& versions = noted.unsynced[number];
      if (!versions.empty()) continue;
      const auto lost = noted.lost.find(number);
      versions.push_back(lost != noted.lost.end() ? lost->second : sector(number));
    }
    if (noted.sizes.empty()) noted.sizes.push_back(size());
    const int result = change();
    for (std::uint64_t number = first; number < end; ++number) {
      noted.unsynced[number].push_back(sector(number));
    }
    noted.sizes.push_back(size());
    return result;
  }

  int write(const void* bytes, int size_bytes, sqlite3_int64 offset) {
    return changing(static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(size_bytes),
                    [&] { return real_methods().xWrite(real(), bytes, size_bytes, offset); });
  }

  // ---- what SQLite calls

  static int on_close(sqlite3_file* file) {
    return of(file).real_methods().xClose(of(file).real());
  }

  static int on_read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
    FaultyFile& self = of(file);
    if (self.path != nullptr) {
      if (const int failed = self.disk->before(DiskCall::read)) return failed;
    }
    return self.real_methods().xRead(self.real(), bytes, size, offset);
  }

  static int on_write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    FaultyFile& self = of(file);
    if (self.path == nullptr) return self.real_methods().xWrite(self.real(), bytes, size, offset);
    const int failed = self.disk->before(DiskCall::write);
    if (failed == SQLITE_OK) return self.write(bytes, size, offset);
    const int kept = self.disk->take_torn_bytes(size);
    if (kept > 0) self.write(bytes, kept, offset);
    return failed;
  }

  static int on_truncate(sqlite3_file* file, sqlite3_int64 size) {
    FaultyFile& self = of(file);
    if (self.path == nullptr) return self.real_methods().xTruncate(self.real(), size);
    if (const int failed = self.disk->before(DiskCall::truncate)) return failed;
    const std::uint64_t before = self.size();
    const auto after = static_cast<std::uint64_t>(size);
    return self.changing(after, before > after ? before - after : 0,
                         [&] { return self.real_methods().xTruncate(self.real(), size); });
  }

  // Nothing is synced really: what a power cut leaves is made by cut_power().
  static int on_sync(sqlite3_file* file, int) {
    FaultyFile& self = of(file);
    if (self.path == nullptr) return SQLITE_OK;
    const int failed = self.disk->before(DiskCall::sync);
    if (failed == SQLITE_OK) {
      self.disk->note_sync(self.record());
    } else {
      self.disk->note_failed_sync(self.record());
    }
    return failed;
  }

  static int on_file_size(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).real_methods().xFileSize(of(file).real(), size);
  }
  static int on_lock(sqlite3_file* file, int level) {
    return of(file).real_methods().xLock(of(file).real(), level);
  }
  static int on_unlock(sqlite3_file* file, int level) {
    return of(file).real_methods().xUnlock(of(file).real(), level);
  }
  static int on_check_lock(sqlite3_file* file, int* answer) {
    return of(file).real_methods().xCheckReservedLock(of(file).real(), answer);
  }
  static int on_control(sqlite3_file* file, int what, void* argument) {
    // Only a hint of the size to come; it would grow the file behind the record's back.
    if (what == SQLITE_FCNTL_SIZE_HINT || what == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
    return of(file).real_methods().xFileControl(of(file).real(), what, argument);
  }
  static int on_sector_size(sqlite3_file* file) {
    return of(file).real_methods().xSectorSize(of(file).real());
  }
  static int on_characteristics(sqlite3_file* file) {
    return of(file).real_methods().xDeviceCharacteristics(of(file).real());
  }
  static int on_map(sqlite3_file* file, int region, int size, int extends, void volatile** memory) {
    FaultyFile& self = of(file);
    if (const int failed = self.disk->before(DiskCall::map)) return failed;
    return self.real_methods().xShmMap(self.real(), region, size, extends, memory);
  }
  static int on_map_lock(sqlite3_file* file, int offset, int count, int flags) {
    return of(file).real_methods().xShmLock(of(file).real(), offset, count, flags);
  }
  static void on_barrier(sqlite3_file* file) {
    of(file).real_methods().xShmBarrier(of(file).real());
  }
  static int on_unmap(sqlite3_file* file, int removes) {
    return of(file).real_methods().xShmUnmap(of(file).real(), removes);
  }
};

// Version 2: no file is mapped as a whole, so nothing is written but through on_write.
const sqlite3_io_methods FaultyFile::methods = {2,
                                                on_close,
                                                on_read,
                                                on_write,
                                                on_truncate,
                                                on_sync,
                                                on_file_size,
                                                on_lock,
                                                on_unlock,
                                                on_check_lock,
                                                on_control,
                                                on_sector_size,
                                                on_characteristics,
                                                on_map,
                                                on_map_lock,
                                                on_barrier,
                                                on_unmap,
                                                nullptr,
                                                nullptr};

FaultyDisk::FaultyDisk(std::uint64_t seed) : real_(sqlite3_vfs_find(nullptr)), random_(seed) {
  REQUIRE(std::string(real_->zName) != "faulty");
  vfs_ = *real_;
  vfs_.zName = "faulty";
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(FaultyFile)) + real_->szOsFile;
  vfs_.xOpen = open_file;
  vfs_.xDelete = remove_file;
  vfs_.xAccess = access_file;
  REQUIRE(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(real_, 1);
}

void FaultyDisk::arm(std::uint64_t at, DiskFault fault, std::uint64_t calls_more,
                     bool counts_reads) {
  at_ = at;
  fault_ = fault;
  calls_more_ = calls_more;
  counts_reads_ = counts_reads;
  calls_.clear();
  has_failed_ = false;
}

void FaultyDisk::heal() {
  is_dead_ = false;
  at_ = 0;
}

int FaultyDisk::error_of(DiskCall call, DiskFault fault) {
  const bool is_full = fault == DiskFault::full;
  switch (call) {
    case DiskCall::read:
      return SQLITE_IOERR_READ;
    case DiskCall::write:
      return is_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    case DiskCall::sync:
      return SQLITE_IOERR_FSYNC;
    case DiskCall::truncate:
      return SQLITE_IOERR_TRUNCATE;
    case DiskCall::map:
      return is_full ? SQLITE_IOERR_SHMSIZE : SQLITE_IOERR_SHMMAP;
    case DiskCall::create:
      return SQLITE_CANTOPEN;
    case DiskCall::remove:
      return SQLITE_IOERR_DELETE;
  }
  return SQLITE_IOERR;
}

// Counts a call; SQLITE_OK: it is to happen.
int FaultyDisk::before(DiskCall call) {
  fails_now_ = false;
  if (is_dead_) return error_of(call, DiskFault::error);
  if ((call == DiskCall::read) != counts_reads_) return SQLITE_OK;
  calls_.push_back(call);
  if (at_ == 0 || calls_.size() < at_ || calls_.size() > at_ + calls_more_) return SQLITE_OK;
  if (fault_ == DiskFault::lost_sync && call != DiskCall::sync) return SQLITE_OK;
  has_failed_ = true;
  fails_now_ = true;
  if (fault_ == DiskFault::power) is_dead_ = true;
  return error_of(call, fault_);
}

// Of a write that before() let fail: how many of its bytes are stored all the same.
int FaultyDisk::take_torn_bytes(int size) {
  if (!std::exchange(fails_now_, false)) return 0;
  if (fault_ == DiskFault::power) return size;  // on its way: any sector of it may have arrived
  if (fault_ != DiskFault::torn) return 0;
  return 1 + static_cast<int>(random_.below(static_cast<std::uint64_t>(size - 1)));
}

void FaultyDisk::note_sync(Record& record) {
  for (const auto& [number, versions] : record.unsynced) record.lost.erase(number);
  record.unsynced.clear();
  record.sizes.clear();
  created_.clear();
  removed_.clear();
}

// Any of what was written may have reached the disk before the sync failed; what did not is taken
// for written from now on.
void FaultyDisk::note_failed_sync(Record& record) {
  if (!std::exchange(fails_now_, false) || fault_ != DiskFault::lost_sync) return;
  for (const auto& [number, versions] : record.unsynced) {
    record.lost[number] = versions[random_.below(versions.size())];
  }
  record.unsynced.clear();
}

void FaultyDisk::note_removal(const std::string& path) {
  if (created_.erase(path) == 0) removed_[path] = content_of(path);
  records_[path] = {};  // whoever has it open refers to it
}

void FaultyDisk::lose(const std::string& path, Record& record) {
  if (record.unsynced.empty() && record.lost.empty() && record.sizes.empty()) return;
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  const auto put = [&](std::uint64_t number, const Sector& bytes) {
    REQUIRE(pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(number * sector_bytes)) ==
            static_cast<ssize_t>(bytes.size()));
  };
  struct stat facts {};
  REQUIRE(fstat(file, &facts) == 0);
  auto size = static_cast<std::uint64_t>(facts.st_size);
  if (!record.sizes.empty() && random_.chance({1, 2})) {
    size = record.sizes[random_.below(record.sizes.size())];
  }
  // By cut from all lost to all kept: with one half always no commit would be there as a whole.
  const Ratio keeps{random_.below(5), 4};
  for (const auto& [number, bytes] : record.lost) {
    if (!record.unsynced.contains(number)) put(number, bytes);
  }
  for (const auto& [number, versions] : record.unsynced) {
    const std::uint64_t older = random_.below(versions.size());
    put(number, random_.chance(keeps) ? versions.back() : versions[older]);
  }
  REQUIRE(ftruncate(file, static_cast<off_t>(size)) == 0);
  ::close(file);
}

void FaultyDisk::cut_power() {
  for (auto& [path, record] : records_) lose(path, record);
  for (const std::string& path : created_) {
    if (random_.chance({1, 2})) ::unlink(path.c_str());
  }
  for (const auto& [path, bytes] : removed_) {
    if (has_name(path) || random_.chance({1, 2})) continue;
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(file >= 0);
    REQUIRE(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    ::close(file);
  }
  records_.clear();
  created_.clear();
  removed_.clear();
  heal();
}

// ---- what SQLite calls --------------------------------------------------------------------------

int FaultyDisk::open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                          int* flags_out) {
  FaultyDisk& disk = *static_cast<FaultyDisk*>(vfs->pAppData);
  FaultyFile& opened = FaultyFile::of(file);
  opened.base.pMethods = nullptr;
  opened.disk = &disk;
  opened.path = nullptr;
  const bool is_new = name != nullptr && !has_name(name);
  if (is_new && (flags & SQLITE_OPEN_CREATE) != 0) {
    if (const int failed = disk.before(DiskCall::create)) return failed;
  } else if (name != nullptr && disk.is_dead_) {
    return SQLITE_CANTOPEN;
  }
  const int result = disk.real_->xOpen(disk.real_, name, opened.real(), flags, flags_out);
  if (opened.real()->pMethods != nullptr) opened.base.pMethods = &FaultyFile::methods;
  if (result != SQLITE_OK || name == nullptr) return result;
  opened.path = &disk.records_.try_emplace(name).first->first;
  if (is_new) disk.created_.insert(name);
  return result;
}

int FaultyDisk::remove_file(sqlite3_vfs* vfs, const char* name, int syncs_folder) {
  FaultyDisk& disk = *static_cast<FaultyDisk*>(vfs->pAppData);
  if (!has_name(name)) return disk.real_->xDelete(disk.real_, name, syncs_folder);
  if (const int failed = disk.before(DiskCall::remove)) return failed;
  disk.note_removal(name);
  if (syncs_folder != 0) {
    disk.created_.clear();
    disk.removed_.clear();
  }
  return disk.real_->xDelete(disk.real_, name, 0);
}

int FaultyDisk::access_file(sqlite3_vfs* vfs, const char* name, int flags, int* answer) {
  FaultyDisk& disk = *static_cast<FaultyDisk*>(vfs->pAppData);
  if (disk.is_dead_) return SQLITE_IOERR_ACCESS;
  return disk.real_->xAccess(disk.real_, name, flags, answer);
}

}  // namespace titan::mesh::testing
