// A shop for the tests of the journal store: tills that write entries, and folders for files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "mesh/journal/journal_writer.h"
#include "mesh/sqlite/journal/sqlite_store.h"
#include "mesh/wire/wire_codec.h"
#include "proto/entry.pb.h"

namespace titan::mesh::testing {

using EntryPointer = std::shared_ptr<const Entry>;

const WireCodec& codec();
KeyPair key_of(std::uint64_t seed);
DeviceId device_of_seed(std::uint64_t seed);

// Removed with everything in it at the end.
class TempFolder {
 public:
  enum class Place { disk, memory };  // in memory, where there is one: for tests of many syncs

  explicit TempFolder(Place place = Place::disk);
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  std::string file(const std::string& name = "titan.sqlite3") const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct Item {
  std::string sku;
  std::int64_t pieces = 1;
};

// One terminal's writer. The same seed is the same device; each Till is a process of its own.
class Till {
 public:
  explicit Till(std::uint64_t seed, JournalTail predecessor = {}, std::uint64_t last_receipt = 0,
                std::uint64_t logical_clock = 0);

  EntryPointer sale(const std::vector<Item>& items, const std::string& idempotency_key = "");
  EntryPointer refund(const Entry& original, const std::vector<Item>& items);
  EntryPointer void_sale(const Entry& original);
  EntryPointer delivery(const std::string& sku, std::uint64_t pieces);
  EntryPointer products(const std::vector<titan::entry::v1::Product>& products);
  // The parts of a list and, last, the entry that puts it in force.
  std::vector<EntryPointer> product_list(const std::vector<titan::entry::v1::Product>& products,
                                         std::uint64_t list = 1);
  EntryPointer settings(const std::map<std::string, std::string>& values);
  EntryPointer user(const std::string& id, const std::string& display);
  EntryPointer write(EntryDraft draft);
  // As a till of the version before, whose entries do not claim their requests.
  EntryPointer sale_without_claim(const std::vector<Item>& items,
                                  const std::string& idempotency_key);
  // Of one transfer, as whoever counted it says.
  EntryPointer transfer_in(const std::string& transfer, const std::vector<Item>& items);

  const KeyPair& key() const { return key_; }
  DeviceId device() const { return writer_->device(); }
  JournalTail tail() const { return writer_->tail(); }

  std::uint32_t business_date = 20111006;
  std::int64_t utc_ms = 1317888000000;

 private:
  KeyPair key_;
  std::unique_ptr<Random> random_;  // the writer refers to it, and tills are moved
  std::unique_ptr<JournalWriter> writer_;
};

titan::entry::v1::Product product(const std::string& sku, const std::string& description,
                                  std::int64_t price = 0,
                                  const std::vector<std::string>& gtins = {});

StoreRequest request_of(std::vector<EntryPointer> entries);
StoreIdentity identity(std::uint64_t device_seed = 1, std::uint64_t cloud_seed = 0);
std::unique_ptr<SqliteStore> open_store(const std::string& path, std::uint64_t device_seed = 1,
                                        std::uint64_t cloud_seed = 0);
std::unique_ptr<SqliteStore> open_in_memory(std::uint64_t device_seed = 1,
                                            std::uint64_t cloud_seed = 0);
void must(const Status& status);
template <class T>
T must(Result<T> result) {
  if (!result) must(Status(result.error()));
  return std::move(*result);
}

// First column of each row of a query, as text.
std::vector<std::string> column(SqliteStore& store, const std::string& sql);
std::int64_t number(SqliteStore& store, const std::string& sql);
// What is found under an idempotency key.
std::optional<IdempotencyRecord> key_in(SqliteStore& store, const std::string& key);

// What a store holds, for comparing two: everything that load() answers.
void require_same(const StoredState& a, const StoredState& b);

}  // namespace titan::mesh::testing
