#include "discovery/system/card_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/basic_raw_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/raw_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "discovery/system/interfaces.h"

namespace titan::discovery {
namespace {

using RawProtocol = boost::asio::generic::raw_protocol;

}  // namespace

struct SystemCardWatch::State : std::enable_shared_from_this<State> {
  explicit State(boost::asio::io_context& loop) : socket(loop), settling(loop), fallback(loop) {}

  void start() {
    listen();
    read();
    read_later();
  }

  void listen() {
    sockaddr_nl groups{};
    groups.nl_family = AF_NETLINK;
    groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    boost::system::error_code error;
    socket.open(RawProtocol(AF_NETLINK, NETLINK_ROUTE), error);
    if (!error) socket.bind(RawProtocol::endpoint(&groups, sizeof groups), error);
    hears_kernel = !error;
    if (hears_kernel) receive();
  }

  void receive() {
    socket.async_receive(boost::asio::buffer(message),
                         [self = shared_from_this()](const boost::system::error_code& error,
                                                     std::size_t) { self->on_message(error); });
  }

  void on_message(const boost::system::error_code& error) {
    if (stopped) return;
    // The socket goes on after a message that found no room.
    if (error && error != boost::asio::error::no_buffer_space) {
      hears_kernel = false;
    } else {
      receive();
    }
    if (std::exchange(is_settling, true)) return;
    settling.expires_after(settle);
    settling.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (cancelled || self->stopped) return;
      self->is_settling = false;
      self->read();
    });
  }

  void read_later() {
    fallback.expires_after(read_every);
    fallback.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (cancelled || self->stopped) return;
      if (!self->is_settling) self->read();
      self->read_later();
    });
  }

  void read() {
    if (!stopped) on_cards(card_addresses());
  }

  void stop() {
    stopped = true;
    boost::system::error_code ignored;
    socket.close(ignored);
    settling.cancel();
    fallback.cancel();
  }

  boost::asio::basic_raw_socket<RawProtocol> socket;
  boost::asio::steady_timer settling;
  boost::asio::steady_timer fallback;
  std::array<char, 8192> message{};
  OnCards on_cards;
  bool is_settling = false;
  bool hears_kernel = false;
  bool stopped = false;
};

SystemCardWatch::SystemCardWatch(boost::asio::io_context& loop)
    : state_(std::make_shared<State>(loop)) {}

SystemCardWatch::~SystemCardWatch() {
  state_->stop();
}

void SystemCardWatch::start(OnCards on_cards) {
  state_->on_cards = std::move(on_cards);
  state_->start();
}

bool SystemCardWatch::hears_kernel() const {
  return state_->hears_kernel;
}

}  // namespace titan::discovery
