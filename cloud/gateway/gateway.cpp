#include "cloud/gateway/gateway.h"

#include <chrono>

#include "cloud/gateway/uplink_session.h"

namespace titan::cloud {

Gateway::Gateway(boost::asio::io_context& io, const Config& settings, const mesh::Codec& wire,
                 KeyPair key, DatabaseWorker& worker, LeaseService& lease_service,
                 EntryReader& entry_reader, EntryLog& entry_log, Projector& projection,
                 Metrics& numbers)
    : loop(io),
      config(settings),
      codec(wire),
      cloud_key(key),
      uplink_worker(worker),
      leases(lease_service),
      entries(entry_reader),
      log(entry_log),
      projector(projection),
      metrics(numbers) {}

Now Gateway::now() const {
  using namespace std::chrono;
  return {{duration_cast<Duration>(steady_clock::now().time_since_epoch())},
          {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()}};
}

const StoreState* Gateway::find(const StoreKey& key) const {
  const auto found = stores_.find(key);
  return found == stores_.end() ? nullptr : &found->second;
}

void Gateway::on_projected(const StoreKey& key, const StorePosition& position) {
  StoreState& state = state_of(key);
  // Another gateway may have learnt a device meanwhile.
  for (const auto& device_key : position.device_keys) {
    state.device_keys.emplace(device_of(device_key), device_key);
  }
  // Two workers' answers of different kinds may cross; a store only ever moves on.
  if (state.position && are_comparable(*state.position, position) &&
      state.position->sequence >= position.sequence) {
    return;
  }
  state.position = position;
  if (const auto session = state.session.lock()) session->on_store_moved();
}

void Gateway::on_news(const StoreKey& key) {
  const auto found = stores_.find(key);
  if (found == stores_.end()) return;
  if (const auto session = found->second.session.lock()) session->on_news();
}

void Gateway::on_news_missed() {
  for (auto& [key, state] : stores_) {
    if (const auto session = state.session.lock()) session->on_news();
  }
}

void Gateway::close_all() {
  stopping = true;
  for (auto& [key, state] : stores_) {
    if (const auto session = state.session.lock()) {
      session->close(uplink::ClosingCode::shutting_down, "the cloud stops", {});
    }
  }
}

}  // namespace titan::cloud
