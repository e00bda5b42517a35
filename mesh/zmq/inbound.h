// The listening side: one ROUTER, and per incoming connection what is known of who is behind it.
//
// A connection passes frames only after a hello that was checked against both of its CURVE keys;
// the client's key comes from libzmq's authentication, not from the frame. A session ends with its
// connection: the file descriptor in each message's metadata is matched with the monitor's
// disconnect events. The monitor is read before each hello, and libzmq writes the disconnect event
// before it closes the descriptor, so a descriptor that is used again never ends a new session.
// A session whose connection ended goes when the ROUTER was read empty, so that the last frames of
// a peer that left (its goodbye) still count.
//
// Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "base/result.h"
#include "base/time.h"
#include "mesh/messages.h"
#include "mesh/zmq/counters.h"
#include "mesh/zmq/curve_keys.h"
#include "mesh/zmq/doorkeeper.h"
#include "mesh/zmq/greeter.h"
#include "mesh/zmq/socket_monitor.h"
#include "mesh/zmq/socket_watch.h"
#include "mesh/zmq/transport_config.h"

namespace titan::mesh {

class InboundHost {
 public:
  virtual ~InboundHost() = default;
  virtual MonoTime now() const = 0;
  virtual const MemberInfo& self() const = 0;
  virtual void on_frame(const ProcessId& from, BytesView frame) = 0;
  // `origin`: where it can be dialled if it listens at the address it calls from, or empty.
  virtual void on_greeted(const MemberInfo& member, const std::string& origin) = 0;
  virtual void on_turned_away(const std::string& remote_host, const std::string& reason) = 0;
  // The process that it says it is belongs to another device, to which there is a link.
  virtual bool is_of_another_device(const MemberInfo& member) const = 0;
  virtual void on_deadline_changed() = 0;
};

class Inbound {
 public:
  Inbound(boost::asio::io_context& loop, zmq::context_t& context, const TransportConfig& config,
          const Greeter& greeter, const CurveKeyPair& server_keys, InboundHost& host,
          TransportCounters& counters);

  Status bind();
  void close();
  std::uint16_t bound_port() const { return bound_port_; }
  std::size_t sessions() const { return sessions_.size(); }
  // The next look at what connections cost (doorkeeper.h); tick() no later than that.
  MonoTime deadline() const { return door_.next_look(); }
  void tick();

 private:
  struct Session {
    std::optional<ProcessId> process;  // none before an accepted hello
    int descriptor = -1;
    int refusals = 0;
    MonoTime hello_wanted_at = MonoTime::never();  // last asked for one
    std::uint64_t order = 0;                       // of arrival
    bool ended = false;
  };

  bool on_ready();
  // The size of the frame read, or nothing if there was none.
  std::optional<std::size_t> read_one();
  void on_message(zmq::message_t& routing_id, zmq::message_t& payload);
  void on_hello(zmq::message_t& routing_id, Session& session, zmq::message_t& payload);
  void on_frame_without_hello(zmq::message_t& routing_id, Session& session);
  Session& session_of(const std::string& id, zmq::message_t& payload);
  void make_room();
  void forget_ended();
  void on_event(std::uint16_t event, std::uint32_t value);
  void reply(zmq::message_t& routing_id, const Bytes& frame);

  boost::asio::io_context& loop_;
  zmq::context_t& context_;
  const TransportConfig& config_;
  const Greeter& greeter_;
  const CurveKeyPair& server_keys_;
  InboundHost& host_;
  TransportCounters& counters_;

  zmq::socket_t router_;
  std::unique_ptr<SocketMonitor> monitor_;
  std::unique_ptr<SocketWatch> watch_;
  Doorkeeper door_;
  std::uint16_t bound_port_ = 0;
  std::map<std::string, Session> sessions_;  // by routing id
  std::uint64_t next_order_ = 0;
  bool some_ended_ = false;
};

}  // namespace titan::mesh
