// A terminal's disk: what its commits, reads and bad pages tell the process, and what it holds.
#include <cstring>
#include <stdexcept>
#include <utility>

#include "mesh/sqlite/journal/own_keys.h"
#include "mesh/sqlite/journal/sqlite_reader.h"
#include "simulations/model/damage.h"
#include "simulations/model/terminal.h"

namespace titan::simulations {
namespace {

constexpr Duration read_takes = Duration(250);
constexpr int cache_kilobytes = 256;
// As pos-node/hosts/mesh_host.cpp.
constexpr std::uint64_t check_bytes = 32 * 1024;
constexpr Duration check_every = milliseconds(250);

}  // namespace

std::uint64_t short_hash(const Hash& hash) {
  std::uint64_t value = 0;
  std::memcpy(&value, hash.bytes.data(), sizeof value);
  return value;
}

Disk::Callbacks Terminal::disk_callbacks() {
  return {[this](std::vector<std::uint64_t> ids, mesh::StoredRepeats repeats) {
            process_->gate->pass([this, ids = std::move(ids), repeats = std::move(repeats)] {
              input([now = now(), ids, repeats](mesh::Node& node) {
                node.on_stored(now, ids, repeats);
              });
              tell_state();
            });
          },
          [this](const Error& error) {
            surroundings_.recorder.reach("commit_failed");
            process_->gate->pass([this, is_damaged = error.code == ErrorCode::corrupt] {
              input([now = now(), is_damaged](mesh::Node& node) {
                node.on_store_failed(now, is_damaged);
              });
            });
          },
          [this] {
            surroundings_.recorder.reach("wrote_beside");
            process_->gate->pass(
                [this] { input([now = now()](mesh::Node& node) { node.on_beside_open(now); }); });
          },
          [this](mesh::StoredState state) {
            auto shared = std::make_shared<const mesh::StoredState>(std::move(state));
            process_->gate->pass([this, shared] { on_opened(shared); });
          },
          [this](const Error& error) {
            process_->gate->pass([this, is_damaged = error.code == ErrorCode::corrupt] {
              input([now = now(), is_damaged](mesh::Node& node) {
                node.on_storage_not_opened(now, is_damaged);
              });
            });
          },
          [this](const mesh::FoldVerdict& verdict) { on_fold_compared(verdict); },
          [this](const std::vector<mesh::StoreRequest>& batch) { note_durable(batch); },
          [this](DataFolder& damaged) { return recover(damaged); },
          [this](std::function<void()> act) { process_->gate->pass(std::move(act)); }};
}

// As pos-node/hosts/mesh_host.cpp.
void Terminal::on_fold_compared(const mesh::FoldVerdict& verdict) {
  using Outcome = mesh::FoldVerdict::Outcome;
  if (verdict.outcome == Outcome::same) return surroundings_.recorder.reach("fold_compared");
  if (verdict.outcome == Outcome::unchecked) return surroundings_.recorder.reach("fold_unchecked");
  surroundings_.recorder.observe(
      AlarmRaised{place_, verdict.outcome == Outcome::differs ? "divergence" : "fold_refused",
                  mesh::describe(verdict)});
}

void Terminal::note_durable(const std::vector<mesh::StoreRequest>& batch) {
  for (const mesh::StoreRequest& request : batch) {
    for (const auto& entry : request.entries) {
      durable_.insert(short_hash(entry->hash));
      surroundings_.recorder.observe(EntryStored{place_, surroundings_.recorder.facts(*entry)});
    }
  }
}

// What went with damaged pages and comes back is new here, and told once more.
void Terminal::note_replaced() {
  const auto before = std::exchange(durable_, {});
  for (const auto& [id, hash] : entries_on_disk()) durable_.insert(short_hash(hash));
  if (!process_) return;
  for (const std::uint64_t hash : before) {
    if (!durable_.contains(hash)) process_->shown.erase(hash);
  }
}

void Terminal::on_opened(const std::shared_ptr<const mesh::StoredState>& state) {
  surroundings_.recorder.reach("storage_reopened");
  input([now = now(), state](mesh::Node& node) { node.on_storage_opened(now, *state); });
  if (process_->node->disk_state() != mesh::DiskState::ok) return;
  if (process_->uplink) process_->uplink->on_storage_reopened();
  process_->database->on_journal_opened(process_->node->vector());
  if (surroundings_.scenario.planted_bug == PlantedBug::told_again && process_->last_shown) {
    watch_screens(mesh::EntrySeen(*process_->last_shown));
  }
  tell_state();
}

// What a reader meets concerns the whole till. It may be the file before the one that is open now.
void Terminal::look_for_damage(const Error& error) {
  if (error.code != ErrorCode::corrupt || !process_) return;
  process_->gate->in(Duration(0), [this] {
    if (!disk_->folder().is_damaged) return;
    input([now = now()](mesh::Node& node) { node.on_damage_met(now); });
  });
}

// As pos-node/hosts/mesh_host.cpp. A file that nobody overwrote has nothing to tell: it is left
// alone.
void Terminal::check_file_slowly(std::int64_t from) {
  process_->gate->in(check_every, [this, from] {
    std::int64_t next = from;
    if (disk_->folder().is_damaged && process_->node->disk_state() == mesh::DiskState::ok) {
      next = 0;
      if (auto reader = disk_->folder().store->open_reader()) {
        const auto checked = (*reader)->check_some(from, check_bytes);
        if (!checked) look_for_damage(checked.error());
        if (checked && *checked) next = **checked;
      }
    }
    check_file_slowly(next);
  });
}

Status Terminal::recover(DataFolder& folder) {
  mesh::RecoveryReport report;
  auto saved =
      save_what_can_be(*folder.store, folder.identity, plain_codec_, cache_kilobytes, report);
  if (!saved) return saved.error();
  folder.store = std::move(*saved);
  if (surroundings_.scenario.planted_bug == PlantedBug::beside_forgotten) folder.beside.clear();
  if (const Status taken = folder.take_in_beside(); !taken) return taken;
  note_replaced();
  surroundings_.recorder.reach(process_ ? "damage_found" : "damage_found_at_start");
  surroundings_.recorder.observe(
      DiskReplaced{place_, "damaged", entries_on_disk(), entries_in_private_database()});
  surroundings_.recorder.observe(AlarmRaised{place_, "database_damaged",
                                             "the database was damaged; " +
                                                 std::to_string(report.entries_recovered) +
                                                 " entries were saved from it"});
  return {};
}

void Terminal::restart_if_damaged() {
  if (!process_ || !disk_->folder().is_damaged) return;
  crash();
  start();
}

DataFolder Terminal::new_folder() {
  DataFolder folder;
  folder.device_key = KeyPair::from_seed(SecretSeed::draw(surroundings_.random));
  mesh::StoreIdentity& identity = folder.identity;
  identity.tenant = tenant_name;
  identity.store = store_name;
  identity.device = device_of(folder.device_key.public_key);
  if (!surroundings_.cloud_key.is_none()) {
    identity.cloud_device = device_of(surroundings_.cloud_key);
  }
  folder.store = empty_store(identity);
  return folder;
}

std::unique_ptr<mesh::SqliteStore> Terminal::empty_store(
    const mesh::StoreIdentity& identity) const {
  mesh::StoreOptions options;
  options.path = spec_.name;
  options.in_memory = true;
  options.cache_kilobytes = cache_kilobytes;
  auto opened = mesh::SqliteStore::open(options, identity, plain_codec_);
  if (!opened) throw std::runtime_error(opened.error().message);
  if (surroundings_.scenario.planted_bug == PlantedBug::kept_folded_row) {
    (*opened)->connection().execute(
        "CREATE TRIGGER kept_row BEFORE DELETE ON folded_stock BEGIN SELECT RAISE(IGNORE); END");
  }
  return std::move(*opened);
}

void Terminal::lose_journal() {
  DataFolder& folder = disk_->folder();
  DataFolder left{folder.device_key,
                  folder.identity,
                  empty_store(folder.identity),
                  false,
                  std::move(folder.database),
                  {}};
  replace_disk(std::move(left), "journal lost");
}

void Terminal::replace_disk(DataFolder folder, const std::string& how) {
  disk_->replace(std::move(folder));
  note_replaced();
  if (how.empty()) return;
  ++disks_replaced_;
  surroundings_.recorder.observe(
      DiskReplaced{place_, how, entries_on_disk(), entries_in_private_database()});
}

// ---- reads -------------------------------------------------------------------------------------

void Terminal::read(const mesh::ReadRequest& request) {
  process_->reads[request.id] = request;
  process_->gate->in(read_takes, [this, id = request.id] {
    const auto waiting = process_->reads.extract(id);
    if (waiting.empty()) return;
    const mesh::ReadRequest& asked = waiting.mapped();
    std::optional<std::vector<std::pair<std::uint64_t, Hash>>> hashes;
    std::optional<std::vector<Bytes>> entries;
    if (asked.hash_list_only) {
      hashes = read_hashes(asked.journal);
      if (hashes) entries.emplace();
    } else {
      entries = read_entries({asked.journal, asked.numbers, asked.hashes, asked.bytes_max,
                              asked.newest_first, asked.state_only});
      if (entries) hashes.emplace();
    }
    if (!entries) {
      return input([now = now(), id](mesh::Node& node) { node.on_read_failed(now, id); });
    }
    input([now = now(), id, entries = std::move(*entries), hashes = std::move(*hashes)](
              mesh::Node& node) { node.on_read(now, id, entries, hashes); });
  });
}

void Terminal::look_up(const mesh::KeyLookUp& look_up) {
  process_->look_ups[look_up.id] = look_up;
  process_->gate->in(read_takes, [this, id = look_up.id] {
    const auto waiting = process_->look_ups.extract(id);
    if (waiting.empty()) return;
    const auto found = mesh::find_key(disk_->folder().store->connection(), waiting.mapped().key);
    if (!found) {
      input([now = now(), id](mesh::Node& node) { node.on_key_look_up_failed(now, id); });
      return look_for_damage(found.error());
    }
    if (*found) surroundings_.recorder.reach("key_looked_up");
    input([now = now(), id, record = *found](mesh::Node& node) {
      node.on_key_looked_up(now, id, record);
    });
  });
}

std::optional<std::vector<Bytes>> Terminal::read_entries(const mesh::EntryQuery& query) {
  auto reader = disk_->folder().store->open_reader();
  if (!reader) return std::nullopt;
  auto entries = (*reader)->read_entries(query);
  if (entries) return std::move(*entries);
  look_for_damage(entries.error());
  return std::nullopt;
}

std::optional<std::vector<std::pair<std::uint64_t, Hash>>> Terminal::read_hashes(
    const JournalId& journal) {
  auto reader = disk_->folder().store->open_reader();
  if (!reader) return std::nullopt;
  auto hashes = (*reader)->hash_list(journal);
  if (hashes) return std::move(*hashes);
  look_for_damage(hashes.error());
  return std::nullopt;
}

// ---- what it holds -----------------------------------------------------------------------------

std::vector<std::pair<mesh::EntryId, Hash>> Terminal::entries_in_private_database() const {
  std::vector<std::pair<mesh::EntryId, Hash>> held;
  for (const auto& [id, entry] : disk_->folder().database.entries) held.push_back(id);
  return held;
}

std::vector<std::pair<mesh::EntryId, Hash>> Terminal::entries_on_disk() {
  std::vector<std::pair<mesh::EntryId, Hash>> held;
  auto reader = disk_->folder().store->open_reader();
  if (!reader) return held;
  std::int64_t position = 0;
  while (true) {
    const auto entries = (*reader)->entries_after(position, mesh::read_entries_max, 1ULL << 40);
    if (!entries || entries->empty()) return held;
    for (const auto& entry : *entries) {
      held.emplace_back(entry.id, entry.hash);
      position = entry.position;
    }
  }
}

}  // namespace titan::simulations
