// The upload session's host in the daemon: carries its effects to the WebSocket, the read thread
// and the node, and feeds it leadership, stored entries and time.
//
// Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "pos-node/config/config.h"
#include "pos-node/hosts/mesh_host.h"
#include "pos-node/service/status.h"
#include "uplink/upload_session.h"
#include "uplink/websocket/websocket_client.h"

namespace titan::pos {

class UplinkHost {
 public:
  struct Handlers {
    std::function<void(const UplinkReport&)> on_changed;
    std::function<void(const std::string& code, const std::string& message)> on_alarm;
  };

  // Fails if the cloud's address or the certificates cannot be used.
  static Result<std::unique_ptr<UplinkHost>> make(boost::asio::io_context& loop,
                                                  const ProcessClock& clock, MeshHost& mesh,
                                                  const Config& config, const KeyPair& device_key,
                                                  const std::string& terminal,
                                                  const PublicKey& cloud_key, Random random,
                                                  Handlers handlers);
  ~UplinkHost();

  void on_event(const mesh::Event& event);
  // Of the journal store; it may hold less than before.
  void on_storage_reopened();
  UplinkReport report() const;
  // Gives the store's lease back, so that nobody waits for it to run out; `done` comes once the
  // cloud has heard it, or after a few moments.
  void leave(std::function<void()> done);
  void stop();

 private:
  UplinkHost(boost::asio::io_context& loop, const ProcessClock& clock, MeshHost& mesh,
             const KeyPair& device_key, uplink::UplinkConfig config, Random random,
             Handlers handlers);

  void carry_out();
  void carry_out(uplink::UplinkEffect& effect);
  void read(const uplink::ReadEntries& request);
  void arm_timer();

  boost::asio::io_context& loop_;
  const ProcessClock& clock_;
  MeshHost& mesh_;
  const KeyPair device_key_;
  const Handlers handlers_;
  uplink::UploadSession session_;
  std::unique_ptr<uplink::WebSocketClient> client_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer leave_timer_;
  std::function<void()> left_;
  uplink::UplinkState told_state_ = uplink::UplinkState::not_leader;
  std::string told_message_;
  bool carrying_out_ = false;
  bool stopped_ = false;
};

}  // namespace titan::pos
