// Finding the other terminals of the store: carries what discovery decides to the transport.
//
// Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <set>
#include <string>
#include <vector>

#include "mesh/stored_state.h"
#include "pos-node/config.h"
#include "pos-node/mesh_host.h"

namespace titan::pos {

class Neighbours {
 public:
  Neighbours(boost::asio::io_context& loop, const ProcessClock& clock, const Config& config,
             std::vector<mesh::RememberedMember> remembered, const DeviceId& device);

  // What the mesh host must report here.
  MeshHost::Handlers handlers();
  // Binds the mesh's port and starts looking for the others.
  Status start(MeshHost& mesh);
  void on_event(const mesh::Event& event);
  void stop();

 private:
  void dial(const std::string& address);
  void resolve(const std::string& seed);
  std::vector<std::string> own_addresses(std::uint16_t port) const;

  boost::asio::io_context& loop_;
  const Config& config_;
  const DeviceId device_;
  std::vector<mesh::RememberedMember> remembered_;
  MeshHost* mesh_ = nullptr;
  boost::asio::ip::tcp::resolver resolver_;
  std::set<std::string> dialled_;
};

}  // namespace titan::pos
