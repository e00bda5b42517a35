// One store's WebSocket: carries its messages, and bounds what it may take before it showed a key.
//
// Lives on the loop. Stream: beast::tcp_stream, with or without TLS around it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "base/host/connection_quota.h"
#include "cloud/gateway/uplink_session.h"
#include "cloud/server/server.h"

namespace titan::cloud {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;

// Counts a connection as long as it lives, and its place among the unproven until it shows a key.
class Admission {
 public:
  Admission(std::shared_ptr<std::size_t> count, ConnectionQuota::Place place)
      : count_(std::move(count)), place_(std::move(place)) {
    ++*count_;
  }
  Admission(Admission&&) = default;
  ~Admission() {
    if (count_) --*count_;
  }

  bool is_proven() const { return !place_.is_held(); }
  void prove() { place_.give_back(); }

 private:
  std::shared_ptr<std::size_t> count_;
  ConnectionQuota::Place place_;
};

template <class Stream>
class UplinkConnection final : public UplinkChannel,
                               public std::enable_shared_from_this<UplinkConnection<Stream>> {
 public:
  UplinkConnection(Stream&& stream, Gateway& gateway, std::string peer, Admission admission,
                   ByteBudget& handshake_bytes)
      : stream_(std::move(stream)),
        gateway_(gateway),
        peer_(std::move(peer)),
        timer_(gateway.loop),
        handshake_timer_(gateway.loop),
        admission_(std::move(admission)),
        handshake_bytes_(handshake_bytes),
        handshake_share_(handshake_bytes.open()) {}

  void start(const http::request<http::string_body>& request) {
    session_ = std::make_shared<UplinkSession>(gateway_, this->weak_from_this());
    beast::get_lowest_layer(stream_).expires_never();
    websocket::stream_base::timeout timeout;
    timeout.handshake_timeout = std::chrono::seconds(websocket_step_s);
    timeout.idle_timeout = std::chrono::seconds(websocket_idle_s);
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.read_message_max(uplink::message_bytes_max);
    stream_.async_accept(request, [self = this->shared_from_this()](error_code error) {
      if (error) return self->over(error.message());
      self->open_ = true;
      self->session_->on_open();
      self->limit_handshake();
      self->read_handshake();
    });
  }

  void send(Bytes message) override {
    if (!open_ || closing_) return;
    if (session_->accepted()) admission_.prove();
    queued_bytes_ += message.size();
    if (queued_bytes_ > uplink_queued_bytes_max) return over("the store reads too slowly");
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) write();
  }

  void close(const std::string& reason) override {
    if (closing_) return;
    closing_ = true;
    reason_ = reason;
    if (queue_.empty()) close_now();
  }

  std::size_t queued_bytes() const override { return queued_bytes_; }
  std::string peer() const override { return peer_; }

 private:
  void limit_handshake() {
    handshake_timer_.expires_after(std::chrono::seconds(uplink_handshake_s));
    handshake_timer_.async_wait([self = this->shared_from_this()](error_code error) {
      if (!error) self->over("it sent no handshake");
    });
  }

  // Piece by piece: whoever has not shown a key yet has no megabytes of its own.
  void read_handshake() {
    stream_.async_read_some(buffer_, handshake_piece_bytes,
                            [self = this->shared_from_this()](error_code error, std::size_t size) {
                              if (error) return self->on_read_failed(error);
                              if (self->over_) return;
                              if (!self->handshake_bytes_.add(self->handshake_share_, size)) {
                                return self->over("too many handshakes are under way");
                              }
                              if (!self->stream_.is_message_done()) return self->read_handshake();
                              self->handshake_timer_.cancel();
                              self->take_message();
                              self->handshake_share_.give_back();
                              if (!self->over_) self->read();
                            });
  }

  void on_read_failed(error_code error) {
    if (error == websocket::error::closed)
      return over(std::string(stream_.reason().reason.c_str()));
    over(error.message());
  }

  void take_message() {
    const Bytes message = beast::buffers_to_string(buffer_.data());
    buffer_.consume(buffer_.size());
    if (!closing_) session_->on_message(message);
  }

  void read() {
    stream_.async_read(buffer_, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (error) return self->on_read_failed(error);
      self->take_message();
      if (!self->over_) self->read();
    });
  }

  void write() {
    limit();
    stream_.async_write(asio::buffer(queue_.front()),
                        [self = this->shared_from_this()](error_code error, std::size_t) {
                          self->timer_.cancel();
                          if (error) return self->over(error.message());
                          self->queued_bytes_ -= self->queue_.front().size();
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) return self->write();
                          if (self->closing_) return self->close_now();
                          self->session_->on_drained();
                        });
  }

  void limit() {
    timer_.expires_after(std::chrono::seconds(websocket_write_s));
    timer_.async_wait([self = this->shared_from_this()](error_code error) {
      if (!error) self->over("the store reads too slowly");
    });
  }

  void close_now() {
    if (!open_ || over_) return cut();
    limit();
    const websocket::close_reason why(websocket::close_code::normal, reason_.substr(0, 120));
    stream_.async_close(
        why, [self = this->shared_from_this()](error_code) { self->over(self->reason_); });
  }

  void cut() { beast::get_lowest_layer(stream_).close(); }

  void over(const std::string& reason) {
    if (over_) return;
    over_ = true;
    closing_ = true;
    timer_.cancel();
    handshake_timer_.cancel();
    cut();
    session_->on_closed(reason);
  }

  // Without compression: entries are small, and it would cost memory per connection.
  websocket::stream<Stream, false> stream_;
  Gateway& gateway_;
  const std::string peer_;
  asio::steady_timer timer_;
  asio::steady_timer handshake_timer_;
  Admission admission_;
  ByteBudget& handshake_bytes_;
  ByteBudget::Share handshake_share_;
  std::shared_ptr<UplinkSession> session_;
  beast::flat_buffer buffer_;
  std::deque<Bytes> queue_;
  std::size_t queued_bytes_ = 0;
  std::string reason_;
  bool open_ = false;
  bool closing_ = false;
  bool over_ = false;
};

}  // namespace titan::cloud
