#include "pos-node/hosts/uplink_host.h"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <deque>
#include <utility>

#include "base/overloaded.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::pos {
namespace {

// A follower looks this often whether its leader still reaches the cloud.
constexpr Duration look_every = seconds(1);
// A stop waits so long for the cloud to hear of it; then the lease runs out by itself.
constexpr Duration goodbye_limit = milliseconds(150);

}  // namespace

Result<std::unique_ptr<UplinkHost>> UplinkHost::make(
    boost::asio::io_context& loop, const ProcessClock& clock, MeshHost& mesh, const Config& config,
    const KeyPair& device_key, const std::string& terminal, const PublicKey& cloud_key,
    Random random, Handlers handlers) {
  auto url = uplink::CloudUrl::parse(config.cloud_url);
  if (!url) return url.error();
  uplink::UplinkConfig session;
  session.tenant = config.tenant;
  session.store = config.store;
  session.terminal = terminal;
  session.access_key = config.cloud_access_key;
  session.device_key = device_key.public_key;
  session.cloud_key = cloud_key;
  std::unique_ptr<UplinkHost> host(
      new UplinkHost(loop, clock, mesh, device_key, session, random, std::move(handlers)));
  UplinkHost* self = host.get();
  auto client = uplink::WebSocketClient::make(
      loop, *url, config.cloud_ca_file,
      {[self](std::uint64_t connection) {
         self->session_.on_connected(self->clock_.now(), connection);
         self->carry_out();
       },
       [self](std::uint64_t connection, const Bytes& message) {
         auto decoded = uplink::decode_to_store(message);
         if (decoded) {
           self->session_.on_message(self->clock_.now(), connection, *decoded);
         } else if (decoded.error().code != ErrorCode::unsupported) {
           spdlog::warn("unreadable message from the cloud: {}", decoded.error().message);
         }
         self->carry_out();
       },
       [self](std::uint64_t connection, const std::string& reason) {
         self->session_.on_closed(self->clock_.now(), connection, reason);
         self->carry_out();
       }});
  if (!client) return client.error();
  host->client_ = std::move(*client);
  host->arm_timer();
  return host;
}

UplinkHost::UplinkHost(boost::asio::io_context& loop, const ProcessClock& clock, MeshHost& mesh,
                       const KeyPair& device_key, uplink::UplinkConfig config, Random random,
                       Handlers handlers)
    : loop_(loop),
      clock_(clock),
      mesh_(mesh),
      device_key_(device_key),
      handlers_(std::move(handlers)),
      session_(std::move(config), mesh.codec(), random, clock.now()),
      timer_(loop),
      leave_timer_(loop) {
  session_.set_key_source([this] { return mesh_.node().device_keys(); });
}

UplinkHost::~UplinkHost() {
  stop();
}

void UplinkHost::leave(std::function<void()> done) {
  session_.follow(clock_.now());
  carry_out();
  left_ = std::move(done);
  leave_timer_.expires_after(goodbye_limit);
  leave_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || !left_) return;
    spdlog::warn(
        "uplink: the cloud did not hear the goodbye in time; the lease runs out by itself");
    std::exchange(left_, nullptr)();
  });
  client_->when_closed([this] {
    if (stopped_ || !left_) return;
    leave_timer_.cancel();
    std::exchange(left_, nullptr)();
  });
}

void UplinkHost::stop() {
  if (std::exchange(stopped_, true)) return;
  timer_.cancel();
  leave_timer_.cancel();
  client_.reset();
}

void UplinkHost::on_event(const mesh::Event& event) {
  if (const auto* changed = std::get_if<mesh::LeaderChanged>(&event)) {
    if (changed->is_self) {
      const mesh::Node& node = mesh_.node();
      session_.lead(clock_.now(), *changed->leader, node.vector(), node.held_by_cloud().held);
    } else {
      session_.follow(clock_.now());
    }
    carry_out();
  } else if (const auto* stored = std::get_if<mesh::EntriesStored>(&event)) {
    session_.on_stored(clock_.now(), stored->entries);
    carry_out();
  }
}

void UplinkHost::on_storage_reopened() {
  session_.on_storage_reopened(clock_.now(), mesh_.node().vector());
  carry_out();
}

void UplinkHost::carry_out() {
  if (stopped_ || carrying_out_) return;
  carrying_out_ = true;
  for (auto effects = session_.take_effects(); !effects.empty();
       effects = session_.take_effects()) {
    for (uplink::UplinkEffect& effect : effects) carry_out(effect);
  }
  carrying_out_ = false;
  const uplink::UplinkStatus status = session_.status();
  if (status.state != told_state_ || status.message != told_message_) {
    told_state_ = status.state;
    told_message_ = status.message;
    handlers_.on_changed(report());
  }
  arm_timer();
}

void UplinkHost::carry_out(uplink::UplinkEffect& effect) {
  std::visit(
      Overloaded{
          [&](uplink::Connect& e) { client_->connect(e.connection); },
          [&](uplink::Disconnect& e) { client_->disconnect(e.connection, e.reason); },
          [&](uplink::SendToCloud& e) {
            client_->send(e.connection, uplink::encode(e.message, device_key_));
          },
          [&](uplink::ReadEntries& e) { read(e); },
          [&](uplink::CloudEntries& e) {
            mesh_.input([&](mesh::Node& node, Now now) {
              node.on_cloud_entries(now, e.entries, e.device_keys);
            });
          },
          [&](uplink::CloudWatermark& e) {
            mesh_.input([&](mesh::Node& node, Now now) { node.on_watermark(now, e.held); });
          },
          [&](uplink::CloudStateChanged& e) {
            mesh_.input([&](mesh::Node& node, Now now) { node.on_cloud_state(now, e.state); });
          },
          [&](uplink::LeaseRefused& e) {
            mesh_.input([&](mesh::Node& node, Now now) {
              node.on_lease_refused(now, e.holder, e.holder_gone);
            });
          },
          [&](uplink::ProbeCloud&) {
            client_->probe([this](bool reachable) {
              if (stopped_) return;
              session_.on_probed(clock_.now(), reachable);
              carry_out();
            });
          },
          [&](uplink::UplinkAlarm& e) { handlers_.on_alarm(e.code, e.message); },
          [&](uplink::UplinkNote& e) { spdlog::info("uplink: {}", e.message); },
      },
      effect);
}

void UplinkHost::read(const uplink::ReadEntries& request) {
  // Nothing: the disk could not be asked, so these entries are not missing but asked for again.
  auto answer = [this, id = request.id](std::optional<std::vector<Bytes>> entries) {
    boost::asio::post(loop_, [this, id, entries = std::move(entries)] {
      if (stopped_) return;
      if (entries) {
        session_.on_read(clock_.now(), id, *entries);
      } else {
        session_.on_read_failed(clock_.now(), id);
      }
      carry_out();
    });
  };
  const bool taken = mesh_.reads().submit([request, answer](mesh::SqliteReader& reader) {
    auto entries = reader.read_entries({request.journal, request.numbers, {}, request.bytes_max});
    if (!entries) spdlog::error("cannot read entries to upload: {}", entries.error().message);
    answer(entries ? std::optional(std::move(*entries)) : std::nullopt);
  });
  if (!taken) answer(std::nullopt);
}

void UplinkHost::arm_timer() {
  if (stopped_) return;
  const MonoTime look_at = clock_.now().mono + look_every;
  timer_.expires_at(clock_.at(std::min(session_.next_deadline(), look_at)));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stopped_) return;
    const Now now = clock_.now();
    const mesh::Node& node = mesh_.node();
    if (const auto leader = node.leader(); leader && !node.is_leader()) {
      const auto member = node.member_of(leader->process);
      session_.on_leader_reaches_cloud(now, !member || member->reaches_cloud);
    }
    session_.on_tick(now);
    carry_out();
  });
}

UplinkReport UplinkHost::report() const {
  const uplink::UplinkStatus status = session_.status();
  return {uplink::to_string(status.state), status.message, status.since};
}

}  // namespace titan::pos
