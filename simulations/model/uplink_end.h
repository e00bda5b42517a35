// The store's end of the uplink in one process: hosts the product's UploadSession as
// pos-node/hosts/uplink_host.cpp does, on a modelled connection to the modelled cloud.
// Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "mesh/node/node.h"
#include "simulations/model/gate.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/tcp.h"
#include "uplink/upload_session.h"

namespace titan::simulations {

class UplinkEnd {
 public:
  struct Callbacks {
    std::function<Now()> now;
    std::function<const mesh::Node&()> node;
    std::function<void(std::function<void(mesh::Node&)>)> input;
    // None: the disk could not be read.
    std::function<std::optional<std::vector<Bytes>>(const uplink::ReadEntries& request)> read;
    std::function<void(const std::string& code, const std::string& message)> on_alarm;
  };

  UplinkEnd(Surroundings& surroundings, std::shared_ptr<Gate> gate, std::uint32_t place,
            const KeyPair& device_key, const std::string& terminal, const mesh::Codec& codec,
            Random random, Callbacks callbacks);

  void on_event(const mesh::Event& event);
  void on_storage_reopened();
  // A copy of a leader takes its duty up anew.
  void take_up();
  // Gives the lease back; the process ends soon after.
  void leave();
  void close();
  const uplink::UploadSession& session() const { return session_; }

 private:
  void carry_out();
  void carry_out(uplink::UplinkEffect& effect);
  void connect(std::uint64_t connection);
  void connected(std::uint64_t connection);
  void fail(std::uint64_t connection, const char* reason);
  void disconnect(std::uint64_t connection, const std::string& reason);
  void probe();
  void arm();

  Surroundings& surroundings_;
  const std::shared_ptr<Gate> gate_;
  const std::uint32_t place_;
  const KeyPair device_key_;
  const Callbacks callbacks_;
  uplink::UploadSession session_;
  std::uint64_t connection_ = 0;  // the attempt under way or the connection that stands
  std::shared_ptr<Tcp> tcp_;      // of that connection, once it stands
  bool carrying_out_ = false;
  MonoTime armed_for_ = MonoTime::never();  // the earliest tick that was asked for
};

}  // namespace titan::simulations
