// What the uplinks of all stores share: who is connected, where each store stands, and the way to
// the database. Lives on the loop; not thread-safe.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/crypto.h"
#include "cloud/config/config.h"
#include "cloud/database/store_key.h"
#include "cloud/gateway/metrics.h"
#include "cloud/lease/lease_service.h"
#include "cloud/ledger/entry_log.h"
#include "cloud/ledger/entry_reader.h"
#include "cloud/ledger/projector.h"
#include "cloud/ledger/watermark.h"
#include "mesh/entry/codec.h"

namespace titan::cloud {

class UplinkSession;

// Limits of one uplink, told to the store with the handshake.
inline constexpr std::uint32_t uplink_batch_entries_max = 512;
inline constexpr std::uint32_t uplink_batch_bytes_max = 1024 * 1024;
inline constexpr std::uint32_t uplink_window_batches = 8;
inline constexpr std::uint32_t uplink_lease_ms = uplink::lease_s * 1000;
// What may wait to be written to one store before no more is read for it.
inline constexpr std::size_t uplink_queued_bytes_max = 8 * 1024 * 1024;
inline constexpr std::size_t feed_push_bytes_max = 256 * 1024;
// What may be queued for a store and a slice of what the cloud holds still be sent; beyond it the
// slice waits until all of that is written.
inline constexpr std::size_t slice_queued_bytes_max = 1024 * 1024;
// One uplink may ask for so many slices in so long: more than a store needs that holds nothing of
// 500,000 journals.
inline constexpr std::uint32_t slices_max = 200;
inline constexpr Duration slices_window = seconds(5);
inline constexpr std::size_t lost_entries_bytes_max = 1024 * 1024;

// One store, for as long as this process runs.
struct StoreState {
  std::weak_ptr<UplinkSession> session;  // the one that is up, or was last; null: none, or gone
  std::map<DeviceId, PublicKey> device_keys;  // only grows: whose entries can be checked
  std::set<DeviceId> answering_devices;       // have answered a challenge to this process
  // The newest known; never null while a session is up. Within an epoch its sequence only goes up.
  std::optional<StorePosition> position;
  WatermarkPace pace;               // of all its connections together
  std::uint64_t lag_entries = 0;    // as its leader told with its last renewal
  std::uint64_t feed_stored = 0;    // as it told; on one connection it only goes up
  bool quarantine_retried = false;  // once a process is enough: nothing else makes it readable
};

class Gateway {
 public:
  Gateway(boost::asio::io_context& loop, const Config& config, const mesh::Codec& codec,
          KeyPair cloud_key, DatabaseWorker& uplink_worker, LeaseService& leases,
          EntryReader& entries, EntryLog& log, Projector& projector, Metrics& metrics);

  StoreState& state_of(const StoreKey& key) { return stores_[key]; }
  const StoreState* find(const StoreKey& key) const;
  // After a commit: the store may be told of its watermark and its feed.
  void on_projected(const StoreKey& key, const StorePosition& position);
  // Another gateway moved the store, or may have moved any.
  void on_news(const StoreKey& key);
  void on_news_missed();
  // Every uplink is told that the cloud stops.
  void close_all();
  Now now() const;

  // All of these live as long as the process.
  boost::asio::io_context& loop;
  const Config& config;
  const mesh::Codec& codec;
  const KeyPair cloud_key;        // signs watermarks
  DatabaseWorker& uplink_worker;  // of leases and entries; shows whether the database is there
  LeaseService& leases;
  EntryReader& entries;
  EntryLog& log;
  Projector& projector;
  Metrics& metrics;
  bool stopping = false;  // once true no handshake is accepted any more

 private:
  // Of every store whose name came in a handshake with a tenant's key: one of a wrong name stays,
  // too, so it grows with what holders of that key make up. References into it stay good.
  std::map<StoreKey, StoreState> stores_;
};

}  // namespace titan::cloud
