#include "simulations/model/damage.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace titan::simulations {
namespace {

constexpr std::size_t page_bytes = 4096;  // as mesh/sqlite/file/connection.cpp makes them
// Of the file's header: a database that was in WAL mode cannot be opened in memory.
constexpr std::size_t write_version_at = 18;
constexpr std::size_t read_version_at = 19;
constexpr char rollback_journal = 1;
// The first byte of a page that holds rows of a table.
constexpr char table_leaf = 0x0d;

sqlite3* handle_of(mesh::SqliteStore& store) {
  return store.connection().database().getHandle();
}

Result<Bytes> image_of(mesh::SqliteStore& store) {
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(handle_of(store), "main", &size, 0);
  if (bytes == nullptr) {
    return make_error(ErrorCode::io, store.path() + ": no image of it could be taken");
  }
  Bytes image(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  sqlite3_free(bytes);
  return image;
}

Status put_image(mesh::SqliteStore& store, const Bytes& image) {
  const auto size = static_cast<sqlite3_int64>(image.size());
  auto* bytes = static_cast<unsigned char*>(sqlite3_malloc64(image.size()));
  if (bytes == nullptr) return make_error(ErrorCode::io, "no memory for an image of a disk");
  std::memcpy(bytes, image.data(), image.size());
  // SQLite frees the bytes, also when it fails.
  const int result =
      sqlite3_deserialize(handle_of(store), "main", bytes, size, size,
                          SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
  if (result == SQLITE_OK) return {};
  return make_error(ErrorCode::io, store.path() + ": an image could not take its place: " +
                                       std::string(sqlite3_errstr(result)));
}

// A folder of its own that goes when this does.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "titan-sim-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Status write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (out.flush()) return {};
  return make_error(ErrorCode::io,
                    path + ": the image of a damaged disk cannot be written; is there room?");
}

Result<Bytes> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (in && !in.bad()) return bytes.str();
  return make_error(ErrorCode::io, path + ": what was saved of a damaged disk cannot be read");
}

}  // namespace

Result<std::uint32_t> damage_pages(mesh::SqliteStore& store, std::uint32_t pages, Random& random) {
  auto image = image_of(store);
  if (!image) return image.error();
  std::vector<std::size_t> rows;  // the first page is the file's header
  for (std::size_t at = page_bytes; at + page_bytes <= image->size(); at += page_bytes) {
    if ((*image)[at] == table_leaf) rows.push_back(at);
  }
  if (rows.empty()) return 0U;
  const auto first = static_cast<std::size_t>(random.below(rows.size()));
  const std::size_t last = std::min(first + pages, rows.size());
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t byte = 0; byte < page_bytes; ++byte) {
      (*image)[rows[i] + byte] = static_cast<char>(random.below(256));
    }
    // Rubbish must not be taken for a page that holds something else.
    (*image)[rows[i]] = static_cast<char>(0xff);
  }
  if (const Status put = put_image(store, *image); !put) return put.error();
  return static_cast<std::uint32_t>(last - first);
}

Result<std::unique_ptr<mesh::SqliteStore>> save_what_can_be(mesh::SqliteStore& damaged,
                                                            const mesh::StoreIdentity& identity,
                                                            const mesh::Codec& codec,
                                                            int cache_kilobytes,
                                                            mesh::RecoveryReport& report) {
  const TemporaryFolder folder;
  if (folder.path().empty()) {
    return make_error(ErrorCode::io, "no temporary folder for a damaged disk; is there room?");
  }
  mesh::StoreOptions options;
  options.path = folder.path() + "/journal.db";
  const auto image = image_of(damaged);
  if (!image) return image.error();
  if (const Status written = write_file(options.path, *image); !written) return written.error();
  auto recovered = mesh::recover(options, identity, codec, "found");
  if (!recovered) return recovered.error();
  report = std::move(*recovered);
  auto saved = read_file(options.path);
  if (!saved) return saved.error();
  if (saved->size() <= read_version_at) {
    return make_error(ErrorCode::io, "what was saved of a damaged disk is no database");
  }
  (*saved)[write_version_at] = rollback_journal;
  (*saved)[read_version_at] = rollback_journal;

  options.path = damaged.path();  // in memory only a name
  options.in_memory = true;
  options.cache_kilobytes = cache_kilobytes;
  auto store = mesh::SqliteStore::open(options, identity, codec);
  if (!store) return store.error();
  if (const Status put = put_image(**store, *saved); !put) return put.error();
  if (const Status reopened = (*store)->reopen(); !reopened) return reopened.error();
  return store;
}

}  // namespace titan::simulations
