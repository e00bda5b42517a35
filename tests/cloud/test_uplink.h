// A store's uplink by hand: what a leader says, message by message.
#pragma once

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <variant>
#include <vector>

#include "mesh/watermark/watermark_follower.h"
#include "tests/cloud/cloud_process.h"
#include "tests/uplink/till.h"
#include "uplink/messages.h"
#include "uplink/websocket/websocket_client.h"

namespace titan::test {

class TestUplink {
 public:
  // Over TLS it trusts the cloud's own certificate, unless told another file. Connected, and
  // challenged, once it is constructed; or closed.
  explicit TestUplink(const CloudProcess& cloud, const Till& till,
                      std::optional<std::string> ca_file = {});

  void run_until(const std::function<bool()>& condition, const std::string& what,
                 int limit_ms = 20'000);

  void send(const uplink::ToCloud& message) { send_signed_by(message, till_.key); }
  void send_signed_by(const uplink::ToCloud& message, const KeyPair& key);
  void disconnect(const std::string& why);

  // The first message of this kind; others stay in the inbox.
  template <class Message>
  Message receive(int limit_ms = 20'000) {
    const auto fits = [](const auto& m) { return std::holds_alternative<Message>(m); };
    run_until([&] { return std::any_of(inbox.begin(), inbox.end(), fits); },
              std::string("a message of type ") + typeid(Message).name(), limit_ms);
    const auto found = std::find_if(inbox.begin(), inbox.end(), fits);
    Message message = std::get<Message>(std::move(*found));
    inbox.erase(found);
    return message;
  }

  // As it is accepted; a test changes what is to be wrong.
  uplink::Handshake handshake(std::uint64_t term, const std::string& store = "london-1") const;
  uplink::HandshakeAccepted join(std::uint64_t term, const std::string& store = "london-1");
  void send_batch(const std::vector<EntryPointer>& entries);
  uplink::BatchAck upload(const std::vector<EntryPointer>& entries);
  // What the cloud holds of the store "london-1", as it tells and signs when it is asked now.
  mesh::HeldByCloud ask_held();
  crdt::IntervalSet ask_held_of(const JournalId& journal);

  std::deque<uplink::ToStore> inbox;
  std::string closed;
  uplink::Nonce nonce;  // of the challenge
  bool open = false;

 private:
  const Till& till_;
  const PublicKey cloud_key_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<uplink::WebSocketClient> client_;
  std::uint64_t sequence_ = 0;
};

// A cloud, and the store "london-1" that till-1 has joined to it under term 1.
struct JoinedStore {
  JoinedStore() { uplink.join(1); }

  CloudProcess cloud;
  Till till{"till-1"};
  TestUplink uplink{cloud, till};
};

}  // namespace titan::test
