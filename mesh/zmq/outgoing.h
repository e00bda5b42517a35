// One dialled address: the socket of the present attempt, its state machine and its queue.
//
// Lives on the loop thread. Its host outlives it and must not delete it from inside a call that it
// makes (the transport buries it and deletes it in a later turn).
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "base/bytes.h"
#include "base/time.h"
#include "mesh/messages.h"
#include "mesh/zmq/counters.h"
#include "mesh/zmq/curve_keys.h"
#include "mesh/zmq/dialled_address.h"
#include "mesh/zmq/frame_queue.h"
#include "mesh/zmq/link_down.h"
#include "mesh/zmq/socket_monitor.h"
#include "mesh/zmq/socket_watch.h"
#include "mesh/zmq/transport_config.h"

namespace titan::mesh {

class Outgoing;

// What an Outgoing asks of the transport.
class OutgoingHost {
 public:
  enum class Verdict { linked, parked, self, malformed };

  virtual ~OutgoingHost() = default;
  virtual MonoTime now() const = 0;
  virtual Bytes make_hello() = 0;
  // Judges a HelloAccepted frame; fills link.peer.
  virtual Verdict on_accepted(Outgoing& link, BytesView frame) = 0;
  virtual void on_linked(Outgoing& link) = 0;
  virtual void on_unlinked(Outgoing& link, LinkDown reason) = 0;
  virtual void on_refused(Outgoing& link, BytesView frame) = 0;
  // The peer ends the encryption handshake again and again.
  virtual void on_not_understood(Outgoing& link) = 0;
  // After either of the two, and after an answer that cannot be accepted.
  virtual void on_resting(Outgoing& link) = 0;
  // Before each attempt. False: its turn comes later, and resume() is called then.
  virtual bool may_dial(Outgoing& link) = 0;
  // After each step: its phase and deadline may be others.
  virtual void on_stepped(Outgoing& link) = 0;
};

struct OutgoingSockets {
  boost::asio::io_context& loop;
  zmq::context_t& context;
  const TransportConfig& config;
  const CurveKeyPair& client_keys;
  const CurveKey& server_key;
  TransportCounters& counters;
  std::uint64_t next_monitor = 0;
};

class Outgoing {
 public:
  Outgoing(OutgoingSockets& sockets, OutgoingHost& host, std::string address, Duration retry_every);
  ~Outgoing();

  void dial(Duration retry_every);
  void release();
  void resume();
  void tick();
  // Closes for good; frames already sent may still leave within goodbye_max.
  void hang_up();
  bool send(Bytes frame);
  // Looks for what arrived, if anything was sent: sends may consume the socket's signal.
  void look_after_send();

  const std::string& address() const { return address_; }
  DialledAddress::Phase phase() const { return machine_.phase(); }
  bool is_linked() const { return linked_; }
  bool is_postponed() const { return machine_.is_postponed(); }
  MonoTime deadline() const { return machine_.deadline(); }
  std::size_t queued_frames() const { return queue_.frames(); }

  std::optional<MemberInfo> peer;  // who answered last

 private:
  void perform(DialledAddress::Step step, LinkDown reason);
  void open();
  void close(Duration linger);
  bool on_ready();
  void on_frame(BytesView frame);
  void on_accepted(BytesView frame);
  void on_event(std::uint16_t event);
  bool is_failed_handshake();
  void not_understood();
  void lost();
  void greet();
  void flush_queue();
  bool try_send(const Bytes& frame);

  // For good.
  OutgoingSockets& sockets_;
  OutgoingHost& host_;
  const std::string address_;
  DialledAddress machine_;
  FrameQueue queue_;
  int failed_handshakes_ = 0;  // in a row
  // Of the present attempt.
  zmq::socket_t socket_;
  std::unique_ptr<SocketMonitor> monitor_;
  std::unique_ptr<SocketWatch> watch_;
  MonoTime connected_at_;
  bool connected_ = false;
  bool linked_ = false;  // the host was told
  bool sent_ = false;    // since look_after_send()
};

}  // namespace titan::mesh
