// A disk for SQLite that fails where a test says: the default file system of every connection that
// is opened while one of these stands, real files underneath.
//
// It remembers what was written since the last sync of each file, so power can be cut: of that
// every sector of 512 bytes is then kept or lost by itself, as on a disk that keeps no order. What
// SQLite relies on holds here, too: a sector is never torn, and bytes of it that were synced before
// survive an append to it. The file that readers share (-shm) is no disk: it is made anew.
//
// One at a time, one thread. Deterministic by its seed.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"

namespace titan::mesh::testing {

enum class DiskCall { read, write, sync, truncate, map, create, remove };
inline constexpr std::size_t disk_calls = 7;

enum class DiskFault {
  error,      // the call fails, nothing of it happens
  full,       // no room: as an error, in the words SQLite has for it
  torn,       // a write stores some of its bytes and fails; other calls: as an error
  lost_sync,  // a sync fails, and what it should have brought to the disk is never written again
  power,      // this and every later call fail, until cut_power()
};

class FaultyDisk {
 public:
  static constexpr std::size_t sector_bytes = 512;

  explicit FaultyDisk(std::uint64_t seed);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // From now on calls are counted (only reads, or all but reads), and number `at` (from 1) fails,
  // with the `calls_more` behind it. At 0 none fails.
  void arm(std::uint64_t at, DiskFault fault, std::uint64_t calls_more = 0,
           bool counts_reads = false);
  bool has_failed() const { return has_failed_; }
  const std::vector<DiskCall>& calls() const { return calls_; }  // those counted

  // The process is gone: every call fails until heal(). What it wrote is there to be read.
  void kill() { is_dead_ = true; }
  void heal();
  // No connection may be open. Afterwards the files are what the disk kept, and it works again.
  void cut_power();

 private:
  friend struct FaultyFile;
  using Sector = std::array<char, sector_bytes>;

  struct Record {
    // Since the last sync: what each sector held then and after each write; the sizes likewise.
    std::map<std::uint64_t, std::vector<Sector>> unsynced;
    std::vector<std::uint64_t> sizes;
    // What the disk holds where a failed sync dropped what is read.
    std::map<std::uint64_t, Sector> lost;
  };

  int before(DiskCall call);
  int take_torn_bytes(int size);
  void note_sync(Record& record);
  void note_failed_sync(Record& record);
  void note_removal(const std::string& path);
  void lose(const std::string& path, Record& record);
  static int error_of(DiskCall call, DiskFault fault);

  static int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                       int* flags_out);
  static int remove_file(sqlite3_vfs* vfs, const char* name, int syncs_folder);
  static int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* answer);

  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_{};
  Random random_;
  std::map<std::string, Record> records_;  // by path; of a removed file: forgotten
  // Names that no sync has made durable: they may be gone after a power cut, or be there again.
  std::set<std::string> created_;
  std::map<std::string, Bytes> removed_;

  // Since arm().
  std::uint64_t at_ = 0;
  std::uint64_t calls_more_ = 0;
  DiskFault fault_ = DiskFault::error;
  bool counts_reads_ = false;
  std::vector<DiskCall> calls_;
  bool has_failed_ = false;
  bool fails_now_ = false;  // the call that before() was asked about last
  bool is_dead_ = false;
};

}  // namespace titan::mesh::testing
