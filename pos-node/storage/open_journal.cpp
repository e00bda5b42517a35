#include "pos-node/storage/open_journal.h"

#include <spdlog/spdlog.h>

#include "mesh/sqlite/journal/recovery.h"
#include "pos-node/domain/clock.h"

namespace titan::pos {
namespace {

Result<OpenJournal> open_and_load(const mesh::StoreOptions& options,
                                  const mesh::StoreIdentity& identity, const mesh::Codec& codec) {
  auto store = mesh::SqliteStore::open(options, identity, codec);
  if (!store) return store.error();
  if (Status taken = mesh::take_in_beside(**store, options, identity, codec); !taken) {
    return taken.error();
  }
  auto state = (*store)->load();
  if (!state) return state.error();
  return OpenJournal{std::move(*store), std::move(*state), {}};
}

}  // namespace

Result<OpenJournal> open_or_recover(const Config& config, const DataFolder& folder,
                                    const mesh::Codec& codec) {
  const PublicKey cloud_key = cloud_key_of(config);
  mesh::StoreIdentity identity;
  identity.tenant = config.tenant;
  identity.store = config.store;
  identity.device = device_of(folder.device_key().public_key);
  if (!cloud_key.is_none()) identity.cloud_device = device_of(cloud_key);
  mesh::StoreOptions options;
  options.path = folder.file(journal_file);
  options.keys.days = config.keep_keys_days;
  if (Status ready = mesh::finish_interrupted_recovery(options.path); !ready) {
    return ready.error();
  }
  auto journal = open_and_load(options, identity, codec);
  if (journal || journal.error().code != ErrorCode::corrupt) return journal;
  spdlog::error("{}", journal.error().message);
  const auto recovered = mesh::recover(options, identity, codec, file_time_stamp());
  if (!recovered) return recovered.error();
  journal = open_and_load(options, identity, codec);
  if (journal) journal->damage = mesh::describe(*recovered);
  return journal;
}

}  // namespace titan::pos
