#include "pos-node/storage/unsent.h"

#include <sodium.h>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <filesystem>

#include "crdt/version_vector.h"
#include "mesh/replication/uploads.h"
#include "mesh/watermark/watermark_follower.h"
#include "pos-node/config/exit_codes.h"
#include "pos-node/storage/open_journal.h"

namespace titan::pos {

int tell_unsent(const Config& config, const mesh::Codec& codec) {
  const auto unsent = [&]() -> Result<std::uint64_t> {
    // One without the other is a journal whose recovery was interrupted, or worse.
    const auto exists = [&](const char* name) {
      return std::filesystem::exists(config.data + "/" + name);
    };
    if (!exists(journal_file) && !exists("device.key")) return 0;
    if (sodium_init() < 0) return make_error(ErrorCode::io, "libsodium cannot be used here");
    const auto folder = DataFolder::open(config.data, config.tenant, config.store);
    if (!folder) return folder.error();
    const auto journal = open_or_recover(config, *folder, codec);
    if (!journal) return journal.error();
    const mesh::StoredState& state = journal->state;
    mesh::WatermarkFollower watermark(codec, config.tenant, config.store, cloud_key_of(config));
    if (state.watermark) watermark.take(*state.watermark, state.vector);
    const crdt::VersionVector& in_cloud = watermark.known().held.vector();
    return mesh::pending_uploads(state.vector, in_cloud, device_of(cloud_key_of(config)));
  };
  try {
    // The number alone goes to standard output.
    spdlog::set_default_logger(spdlog::stderr_color_mt("titan-pos"));
    std::printf("%llu\n", static_cast<unsigned long long>(unsent().value()));
    return exit_done;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "titan-pos: %s\n", error.what());
    return exit_failed;
  }
}

}  // namespace titan::pos
