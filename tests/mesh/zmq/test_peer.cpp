#include "tests/mesh/zmq/test_peer.h"

#include <chrono>
#include <sstream>

namespace titan::mesh::test {

KeyPair key_of(std::uint64_t seed) {
  Random random(seed);
  return KeyPair::from_seed(SecretSeed::draw(random));
}

ProcessId process_of(std::uint64_t seed) {
  Random random(seed + 1'000'000);
  return ProcessId::draw(random);
}

StoreSecret secret_of(std::uint64_t seed) {
  Random random(seed + 2'000'000);
  return StoreSecret::draw(random);
}

TransportConfig config_of(std::uint64_t seed) {
  TransportConfig config;
  config.listen = "127.0.0.1:0";
  config.tenant = "acme";
  config.store = "london-1";
  config.store_secret = secret_of(store_secret_seed);
  config.device_key = key_of(seed);
  config.member.process = process_of(seed);
  config.member.device_key = config.device_key.public_key;
  config.member.terminal = "till-" + std::to_string(seed);
  config.member.addresses = {"127.0.0.1:7411"};
  config.member.started = {1'600'000'000'000};
  return config;
}

TestPeer::TestPeer(boost::asio::io_context& loop, TransportConfig settings)
    : config(std::move(settings)) {
  TransportCallbacks callbacks;
  callbacks.on_frame = [this](const ProcessId& from, BytesView frame) {
    frames.emplace_back(from, Bytes(frame));
    if (frame_hook) frame_hook(from, frame);
  };
  callbacks.on_link_up = [this](const MemberInfo& peer, const std::string& where) {
    ups.emplace_back(peer.process, where);
  };
  callbacks.on_link_down = [this](const ProcessId& peer, LinkDown reason, const std::string&) {
    downs.emplace_back(peer, reason);
  };
  callbacks.on_nobody_there = [this](const ProcessId& peer) { nobody_there.push_back(peer); };
  callbacks.on_refused = [this](const std::string& where, const std::string& reason) {
    refused.emplace_back(where, reason);
  };
  callbacks.on_turned_away = [this](const std::string& where, const std::string& reason) {
    turned_away.emplace_back(where, reason);
  };
  callbacks.on_self = [this](const std::string& where) { selves.push_back(where); };
  callbacks.on_parked = [this](const std::string& where, const ProcessId&) {
    parked.push_back(where);
  };
  callbacks.on_greeted = [this](const MemberInfo& peer, const std::string& origin) {
    greeted.push_back(peer);
    greeted_from.push_back(origin);
  };
  transport = std::make_unique<Transport>(loop, config, std::move(callbacks));
  const Status started = transport->start();
  if (!started) throw std::runtime_error(started.error().message);
}

std::string TestPeer::address() const {
  return "127.0.0.1:" + std::to_string(transport->bound_port());
}

std::string TestPeer::describe() const {
  std::ostringstream text;
  const TransportCounters& c = transport->counters();
  text << config.member.terminal << " at " << address() << ": " << frames.size() << " frames, "
       << ups.size() << " ups, " << downs.size() << " downs, attempts " << c.attempts
       << ", accepted connections " << c.accepted_connections << ", hellos " << c.hellos_accepted
       << " accepted " << c.hellos_refused << " refused, handshakes failed " << c.handshakes_failed
       << ", dropped: no link " << c.dropped_without_link << ", full " << c.dropped_queue_full
       << ", no hello " << c.dropped_without_hello << ", malformed " << c.dropped_malformed << '\n';
  for (const auto& link : transport->links()) {
    text << "    " << link.address << " " << link.phase << " queued " << link.queued_frames << '\n';
  }
  for (const auto& [where, reason] : refused)
    text << "    refused by " << where << ": " << reason << '\n';
  for (const auto& [where, reason] : turned_away) {
    text << "    turned away " << where << ": " << reason << '\n';
  }
  return text.str();
}

std::string describe_all(const std::vector<const TestPeer*>& peers) {
  std::string text;
  for (const TestPeer* peer : peers) text += peer->describe();
  return text;
}

bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    if (loop.stopped()) loop.restart();
    loop.run_one_for(milliseconds(5));
  }
  return true;
}

void run_for(boost::asio::io_context& loop, milliseconds time) {
  run_until(
      loop, [] { return false; }, time);
}

Bytes frame_of(const std::string& text) {
  // Field 20 (direct mail) of a Frame, so that it cannot be taken for a greeting.
  Bytes frame = "\xa2\x01";
  std::size_t size = text.size();
  for (; size >= 0x80; size >>= 7) frame += static_cast<char>(0x80 | (size & 0x7f));
  frame += static_cast<char>(size);
  return frame + text;
}

}  // namespace titan::mesh::test
