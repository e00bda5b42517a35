#include "simulations/model/uplink_end.h"

#include <algorithm>
#include <utility>

#include "base/overloaded.h"
#include "simulations/model/cloud.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::simulations {
namespace {

constexpr Duration look_every = seconds(1);   // as pos-node/hosts/uplink_host.cpp
constexpr Duration connect_max = seconds(3);  // as uplink/websocket/websocket_client.h
constexpr int round_trips_to_open = 3;        // TCP, TLS 1.3, WebSocket
constexpr Duration read_takes = Duration(300);

uplink::UplinkConfig config_of(const Surroundings& surroundings, const KeyPair& device_key,
                               const std::string& terminal) {
  uplink::UplinkConfig config;
  config.tenant = tenant_name;
  config.store = store_name;
  config.terminal = terminal;
  config.access_key = access_key;
  config.device_key = device_key.public_key;
  config.cloud_key = surroundings.cloud_key;
  return config;
}

}  // namespace

UplinkEnd::UplinkEnd(Surroundings& surroundings, std::shared_ptr<Gate> gate, std::uint32_t place,
                     const KeyPair& device_key, const std::string& terminal,
                     const mesh::Codec& codec, Random random, Callbacks callbacks)
    : surroundings_(surroundings),
      gate_(std::move(gate)),
      place_(place),
      device_key_(device_key),
      callbacks_(std::move(callbacks)),
      session_(config_of(surroundings, device_key, terminal), codec, random, callbacks_.now()) {
  session_.set_key_source([this] { return callbacks_.node().device_keys(); });
  arm();
}

void UplinkEnd::on_storage_reopened() {
  session_.on_storage_reopened(callbacks_.now(), callbacks_.node().vector());
  carry_out();
}

void UplinkEnd::on_event(const mesh::Event& event) {
  if (const auto* changed = std::get_if<mesh::LeaderChanged>(&event)) {
    if (changed->is_self) {
      const mesh::Node& node = callbacks_.node();
      session_.lead(callbacks_.now(), *changed->leader, node.vector(), node.held_by_cloud().held);
    } else {
      session_.follow(callbacks_.now());
    }
    carry_out();
  } else if (const auto* stored = std::get_if<mesh::EntriesStored>(&event)) {
    session_.on_stored(callbacks_.now(), stored->entries);
    carry_out();
  }
}

void UplinkEnd::take_up() {
  const mesh::Node& node = callbacks_.node();
  if (!node.is_leader()) return;
  session_.lead(callbacks_.now(), *node.leader(), node.vector(), node.held_by_cloud().held);
  carry_out();
}

void UplinkEnd::leave() {
  session_.follow(callbacks_.now());
  carry_out();
}

void UplinkEnd::close() {
  if (const auto tcp = std::exchange(tcp_, nullptr)) tcp->close(0);
}

void UplinkEnd::carry_out() {
  if (carrying_out_) return;
  carrying_out_ = true;
  for (auto effects = session_.take_effects(); !effects.empty();
       effects = session_.take_effects()) {
    for (uplink::UplinkEffect& effect : effects) carry_out(effect);
  }
  carrying_out_ = false;
  arm();
}

void UplinkEnd::carry_out(uplink::UplinkEffect& effect) {
  const Now now = callbacks_.now();
  std::visit(
      Overloaded{
          [&](uplink::Connect& e) { connect(e.connection); },
          [&](uplink::Disconnect& e) { disconnect(e.connection, e.reason); },
          [&](uplink::SendToCloud& e) {
            if (!tcp_ || e.connection != connection_) return;
            Bytes frame = uplink_message_mark + uplink::encode(e.message, device_key_);
            surroundings_.recorder.frame(place_, surroundings_.lan.cloud(), frame);
            tcp_->send(0, std::move(frame));
          },
          [&](uplink::ReadEntries& e) {
            gate_->in(read_takes, [this, e] {
              if (const auto entries = callbacks_.read(e)) {
                session_.on_read(callbacks_.now(), e.id, *entries);
              } else {
                session_.on_read_failed(callbacks_.now(), e.id);
              }
              carry_out();
            });
          },
          [&](uplink::CloudEntries& e) {
            callbacks_.input([now, e](mesh::Node& node) {
              node.on_cloud_entries(now, e.entries, e.device_keys);
            });
          },
          [&](uplink::CloudWatermark& e) {
            callbacks_.input([now, e](mesh::Node& node) { node.on_watermark(now, e.held); });
          },
          [&](uplink::CloudStateChanged& e) {
            callbacks_.input([now, e](mesh::Node& node) { node.on_cloud_state(now, e.state); });
          },
          [&](uplink::LeaseRefused& e) {
            callbacks_.input([now, e](mesh::Node& node) {
              node.on_lease_refused(now, e.holder, e.holder_gone);
            });
          },
          [&](uplink::ProbeCloud&) { probe(); },
          [&](uplink::UplinkAlarm& e) { callbacks_.on_alarm(e.code, e.message); },
          [&](uplink::UplinkNote&) {},
      },
      effect);
}

// ---- the connection ----------------------------------------------------------------------------

void UplinkEnd::connect(std::uint64_t connection) {
  connection_ = connection;
  Lan& lan = surroundings_.lan;
  if (!lan.is_open_both_ways(place_, lan.cloud())) {
    gate_->in(connect_max, [this, connection] { fail(connection, "connecting took too long"); });
    return;
  }
  Duration takes{};
  for (int i = 0; i < round_trips_to_open; ++i) {
    takes += lan.transit(gate_->now(), place_, lan.cloud(), 60);
    takes += lan.transit(gate_->now(), lan.cloud(), place_, 60);
  }
  gate_->in(takes, [this, connection] { connected(connection); });
}

void UplinkEnd::connected(std::uint64_t connection) {
  if (connection != connection_) return;
  if (!surroundings_.lan.is_open_both_ways(place_, surroundings_.lan.cloud())) {
    gate_->in(connect_max, [this, connection] { fail(connection, "connecting took too long"); });
    return;
  }
  Tcp::Side own;
  own.place = place_;
  own.on_frame = [this, gate = gate_, connection](Bytes frame) {
    gate->pass([this, connection, frame = std::move(frame)] {
      if (connection != connection_ || !tcp_) return;
      tcp_->taken(0, frame.size());
      const auto message = uplink::decode_to_store(BytesView(frame).substr(1));
      if (message) session_.on_message(callbacks_.now(), connection, *message);
      carry_out();
    });
  };
  own.on_end = [this, gate = gate_, connection](TcpEnd) {
    gate->pass([this, connection] { fail(connection, "the connection ended"); });
  };
  tcp_ = surroundings_.cloud->accept(std::move(own));
  if (!tcp_) return fail(connection, "connection refused");
  session_.on_connected(callbacks_.now(), connection);
  carry_out();
}

void UplinkEnd::fail(std::uint64_t connection, const char* reason) {
  if (connection != connection_) return;
  tcp_ = nullptr;
  session_.on_closed(callbacks_.now(), connection, reason);
  carry_out();
}

void UplinkEnd::disconnect(std::uint64_t connection, const std::string& reason) {
  if (connection != connection_) return;
  connection_ = 0;
  const auto tcp = std::exchange(tcp_, nullptr);
  if (!tcp) return;
  tcp->send(0, uplink_close_mark + reason);
  tcp->close(0);
}

void UplinkEnd::probe() {
  Lan& lan = surroundings_.lan;
  const bool reaches =
      lan.is_open_both_ways(place_, lan.cloud()) && !surroundings_.cloud->refuses();
  const Duration takes =
      reaches ? lan.transit(gate_->now(), place_, lan.cloud(), 60) * 4 : Duration(connect_max);
  gate_->in(takes, [this, reaches] {
    session_.on_probed(callbacks_.now(), reaches);
    carry_out();
  });
}

void UplinkEnd::arm() {
  const MonoTime deadline = std::min(session_.next_deadline(), gate_->now() + look_every);
  if (deadline >= armed_for_) return;
  armed_for_ = deadline;
  gate_->at(deadline, [this, deadline] {
    if (armed_for_ != deadline) return;
    armed_for_ = MonoTime::never();
    const Now now = callbacks_.now();
    const mesh::Node& node = callbacks_.node();
    if (const auto leader = node.leader(); leader && !node.is_leader()) {
      const auto member = node.member_of(leader->process);
      session_.on_leader_reaches_cloud(now, !member || member->reaches_cloud);
    }
    session_.on_tick(now);
    carry_out();
  });
}

}  // namespace titan::simulations
