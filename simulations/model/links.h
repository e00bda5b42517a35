// A process's transport and its discovery: dials what the address book says, keeps links, carries
// frames.
//
// The address book and the state machine of a dialled address are the product's own; what libzmq
// and the kernel do is modelled by Tcp. As in mesh/zmq/transport.h, a link is a dialled connection
// whose hello was accepted, frames come on the connection that the other dialled, and a process is
// linked through one address at a time. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "discovery/address_book.h"
#include "mesh/journal/stored_state.h"
#include "mesh/membership/membership.h"
#include "mesh/zmq/dialled_address.h"
#include "mesh/zmq/transport_config.h"
#include "simulations/model/gate.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/tcp.h"

namespace titan::simulations {

class Links {
 public:
  struct Callbacks {
    std::function<Now()> now;
    std::function<mesh::MemberInfo()> member;  // what our hello says
    std::function<std::string()> address;      // where our connections come from
    std::function<void(const ProcessId& from, Bytes frame)> on_frame;
    std::function<void(const mesh::MemberInfo& peer)> on_link_up;
    std::function<void(const ProcessId& peer, mesh::LinkEnd end)> on_link_down;
    std::function<void(const DeviceId& device, const std::string& address)> on_good_address;
  };

  Links(Surroundings& surroundings, std::shared_ptr<Gate> gate, std::uint32_t place,
        Callbacks callbacks);

  void start(const std::vector<mesh::RememberedMember>& remembered,
             const std::vector<std::string>& seeds);
  void found(discovery::AddressSource source, const std::string& address,
             std::optional<DeviceId> device);
  void wanted(const std::string& address);
  void lost(discovery::AddressSource source, const std::string& address);
  void network_changed();
  // False if the frame was dropped: no link, or the peer's queue is full.
  bool send(const ProcessId& to, Bytes frame);
  // The kernel closes what a process leaves behind.
  void close();

  const std::shared_ptr<Gate>& gate() const { return gate_; }
  std::uint32_t place() const { return place_; }
  std::vector<ProcessId> linked() const;
  std::uint64_t queued_bytes() const;

 private:
  // An address that the ladder wants dialled.
  struct Outgoing {
    explicit Outgoing(mesh::DialledAddress m) : machine(m) {}
    mesh::DialledAddress machine;
    std::uint64_t attempt = 0;               // the present one; what an earlier one brings is void
    std::shared_ptr<Tcp> tcp;                // since its hello was accepted
    std::optional<mesh::MemberInfo> peer;    // who accepted last
    bool linked = false;                     // told by on_link_up, and not ended by on_link_down
    MonoTime armed_for = MonoTime::never();  // the earliest tick that was asked for
  };

  void dial(const std::string& address, Duration retry_every);
  void hang_up(const std::string& address);
  void perform(const std::string& address, Outgoing& out, mesh::DialledAddress::Step step);
  void open(const std::string& address, Outgoing& out);
  void greet(const std::string& address, Outgoing& out);
  void arm(const std::string& address, Outgoing& out);
  // The attempt of this number, if it is still the present one.
  Outgoing* attempt_of(const std::string& address, std::uint64_t attempt);
  void lose(const std::string& address, std::uint64_t attempt);
  void on_greeted(const std::string& address, std::uint64_t attempt, Links& dialler,
                  const mesh::MemberInfo& member);
  void on_accepted(const std::string& address, std::uint64_t attempt,
                   const std::shared_ptr<Tcp>& tcp, const mesh::MemberInfo& peer);
  void on_unlinked(const std::string& address, Outgoing& out);
  void check_refused(const ProcessId& process, const std::string& address);
  void carry_out();

  Surroundings& surroundings_;
  const std::shared_ptr<Gate> gate_;
  const std::uint32_t place_;
  const Callbacks callbacks_;
  const mesh::TransportTimings timings_;
  const TcpLimits limits_;
  discovery::AddressBook address_book_;
  MonoTime address_book_armed_for_ = MonoTime::never();  // as armed_for
  std::map<std::string, Outgoing> dialled_;              // by address
  std::map<ProcessId, std::string> linked_at_;           // one address each, also in dialled_
  std::vector<std::shared_ptr<Tcp>> inbound_;  // dialled by others; ended ones go with the next
  std::uint64_t next_attempt_ = 1;             // no number is used twice
};

}  // namespace titan::simulations
