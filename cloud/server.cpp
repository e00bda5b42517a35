#include "cloud/server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>

#include "base/http_target.h"
#include "cloud/uplink_session.h"

namespace titan::cloud {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using std::chrono::seconds;

namespace {

// Counts a connection as long as it lives.
class ConnectionCount {
 public:
  explicit ConnectionCount(std::shared_ptr<std::size_t> count) : count_(std::move(count)) {
    ++*count_;
  }
  ConnectionCount(ConnectionCount&&) = default;
  ~ConnectionCount() {
    if (count_) --*count_;
  }

 private:
  std::shared_ptr<std::size_t> count_;
};

template <class Stream>
class UplinkConnection final : public UplinkChannel,
                               public std::enable_shared_from_this<UplinkConnection<Stream>> {
 public:
  UplinkConnection(Stream&& stream, Gateway& gateway, std::string peer, ConnectionCount count)
      : stream_(std::move(stream)),
        gateway_(gateway),
        peer_(std::move(peer)),
        timer_(gateway.loop),
        count_(std::move(count)) {}

  void start(const http::request<http::string_body>& request) {
    session_ = std::make_shared<UplinkSession>(gateway_, this->weak_from_this());
    beast::get_lowest_layer(stream_).expires_never();
    websocket::stream_base::timeout timeout;
    timeout.handshake_timeout = seconds(websocket_step_s);
    timeout.idle_timeout = seconds(websocket_idle_s);
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.read_message_max(uplink::message_bytes_max);
    stream_.async_accept(request, [self = this->shared_from_this()](error_code error) {
      if (error) return self->over(error.message());
      self->open_ = true;
      self->session_->on_open();
      self->read();
    });
  }

  void send(Bytes message) override {
    if (!open_ || closing_) return;
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
  void read() {
    stream_.async_read(buffer_, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (error == websocket::error::closed) {
        return self->over(std::string(self->stream_.reason().reason.c_str()));
      }
      if (error) return self->over(error.message());
      const Bytes message = beast::buffers_to_string(self->buffer_.data());
      self->buffer_.consume(self->buffer_.size());
      if (!self->closing_) self->session_->on_message(message);
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
    timer_.expires_after(seconds(websocket_write_s));
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
    cut();
    session_->on_closed(reason);
  }

  // Without compression: entries are small, and it would cost memory per connection.
  websocket::stream<Stream, false> stream_;
  Gateway& gateway_;
  const std::string peer_;
  asio::steady_timer timer_;
  const ConnectionCount count_;
  std::shared_ptr<UplinkSession> session_;
  beast::flat_buffer buffer_;
  std::deque<Bytes> queue_;
  std::size_t queued_bytes_ = 0;
  std::string reason_;
  bool open_ = false;
  bool closing_ = false;
  bool over_ = false;
};

template <class Stream>
class HttpConnection : public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  HttpConnection(Stream&& stream, Gateway& gateway, Rest& rest, std::string peer,
                 ConnectionCount count)
      : stream_(std::move(stream)),
        gateway_(gateway),
        rest_(rest),
        peer_(std::move(peer)),
        count_(std::move(count)) {}

  void start() {
    if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
      read();
    } else {
      lowest().expires_after(seconds(http_step_s));
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (!error) self->read();
                              });
    }
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  void read() {
    parser_.emplace();
    parser_->body_limit(request_body_bytes_max);
    is_head_ = false;
    lowest().expires_after(seconds(http_step_s));
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](error_code error, std::size_t) {
                              self->on_header(error);
                            });
  }

  void on_header(error_code error) {
    if (error) return on_bad_request(error);
    const auto& header = parser_->get();
    is_head_ = header.method() == http::verb::head;
    const auto length = parser_->content_length();
    if (length && *length > request_body_bytes_max) return refuse_body();
    const bool waits = header.version() >= 11 && !parser_->is_done() &&
                       beast::iequals(header[http::field::expect], "100-continue");
    if (!waits) return read_body();
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(text),
                      [self = this->shared_from_this()](error_code failure, std::size_t) {
                        if (!failure) self->read_body();
                      });
  }

  void read_body() {
    lowest().expires_after(seconds(http_step_s));
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code error, std::size_t) {
                       if (error) return self->on_bad_request(error);
                       self->on_request();
                     });
  }

  void on_bad_request(error_code error) {
    if (error == http::error::body_limit) return refuse_body();
    const bool is_http_fault =
        error.category() == http::make_error_code(http::error::bad_method).category();
    // Closed or late: nobody to answer.
    if (!is_http_fault || error == http::error::end_of_stream ||
        error == http::error::partial_message) {
      return;
    }
    const bool is_large = error == http::error::header_limit;
    refuse(is_large ? 431 : 400, make_error(is_large ? ErrorCode::too_large : ErrorCode::invalid,
                                            is_large ? "the request's header is too large"
                                                     : "this is not HTTP/1.1: " + error.message()));
  }

  void refuse_body() {
    refuse(413, make_error(ErrorCode::too_large,
                           "the body is larger than 32 MB; send fewer products at once"));
  }

  // Without having read the request to its end, so the connection cannot go on.
  void refuse(unsigned status, const Error& error) {
    respond(error_response(status, error), false);
  }

  void on_request() {
    const auto& request = parser_->get();
    if (websocket::is_upgrade(request)) {
      const auto target = parse_http_target({request.target().data(), request.target().size()});
      if (!target || target->path != std::vector<std::string>{"v1", "uplink"}) {
        return refuse(404, make_error(ErrorCode::not_found, "uplinks connect to /v1/uplink"));
      }
      auto upgraded = parser_->release();
      auto channel = std::make_shared<UplinkConnection<Stream>>(std::move(stream_), gateway_, peer_,
                                                                std::move(count_));
      return channel->start(upgraded);
    }
    if (const auto encoding = ascii_lower_case(request[http::field::content_encoding]);
        !encoding.empty() && encoding != "identity") {
      return refuse(
          415, make_error(ErrorCode::unsupported, "send the body as it is, without compression",
                          "content-encoding"));
    }
    RestRequest call;
    // What HEAD is answered is what GET is, without the body (RFC 9110, 9.3.2).
    call.method = is_head_ ? "GET" : std::string(request.method_string());
    call.target = std::string(request.target());
    call.authorization = std::string(request[http::field::authorization]);
    call.content_type = std::string(request[http::field::content_type]);
    const bool keep_alive = request.keep_alive();
    call.body = std::move(parser_->get().body());
    lowest().expires_never();  // the database has its own limits
    rest_.handle(call, [self = this->shared_from_this(), keep_alive](RestResponse response) {
      self->respond(std::move(response), keep_alive);
    });
  }

  void respond(RestResponse response, bool keep_alive) {
    const bool has_body = response.status != 204;
    auto message = std::make_shared<http::response<http::string_body>>();
    message->result(response.status);
    message->version(11);
    if (has_body) message->set(http::field::content_type, response.content_type);
    message->set(http::field::cache_control, "no-store");
    if (!response.allow.empty()) message->set(http::field::allow, response.allow);
    message->keep_alive(keep_alive);
    message->body() = std::move(response.body);
    if (has_body) message->prepare_payload();
    lowest().expires_after(seconds(http_step_s));
    auto serializer = std::make_shared<http::response_serializer<http::string_body>>(*message);
    const auto answered = [self = this->shared_from_this(), message, serializer, keep_alive](
                              error_code error, std::size_t) {
      if (error) return;
      if (keep_alive) return self->read();
      error_code ignored;
      self->lowest().socket().shutdown(Tcp::socket::shutdown_send, ignored);
    };
    if (is_head_) {
      http::async_write_header(stream_, *serializer, answered);
    } else {
      http::async_write(stream_, *serializer, answered);
    }
  }

  Stream stream_;
  Gateway& gateway_;
  Rest& rest_;
  const std::string peer_;
  ConnectionCount count_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  bool is_head_ = false;
};

}  // namespace

Server::Server(asio::io_context& loop, Gateway& gateway, Rest& rest)
    : loop_(loop), gateway_(gateway), rest_(rest), acceptor_(loop), accept_pause_(loop) {}

Status Server::listen(const Config& config) {
  const std::string place = config.listen_host + ":" + std::to_string(config.listen_port);
  error_code error;
  if (!config.tls_certificate.empty()) {
    tls_.emplace(asio::ssl::context::tls_server);
    tls_->use_certificate_chain_file(config.tls_certificate, error);
    if (!error) tls_->use_private_key_file(config.tls_key, asio::ssl::context::pem, error);
    if (error) {
      return make_error(ErrorCode::invalid, "the certificate '" + config.tls_certificate +
                                                "' or its key '" + config.tls_key +
                                                "' cannot be used: " + error.message());
    }
  }
  const auto address = asio::ip::make_address(config.listen_host, error);
  if (error) {
    return make_error(ErrorCode::invalid, "gateway.listen '" + place +
                                              "' is not an address of "
                                              "this machine; 0.0.0.0 means all");
  }
  const Tcp::endpoint endpoint(address, config.listen_port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return make_error(ErrorCode::io, "cannot listen on " + place + ": " + error.message() +
                                         "; is another titan-cloud running?");
  }
  accept();
  return {};
}

std::uint16_t Server::port() const {
  return acceptor_.local_endpoint().port();
}

void Server::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
}

void Server::accept() {
  acceptor_.async_accept(loop_, [this](error_code error, Tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors, most likely: wait a moment rather than spin.
      spdlog::warn("a connection could not be accepted: {}", error.message());
      accept_pause_.expires_after(std::chrono::milliseconds(100));
      accept_pause_.async_wait([this](error_code cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    const auto remote = socket.remote_endpoint(ignored);
    const std::string peer = remote.address().to_string() + ":" + std::to_string(remote.port());
    if (*connections_ < connections_max) {
      ConnectionCount count(connections_);
      beast::tcp_stream stream(std::move(socket));
      if (tls_) {
        using Secure = beast::ssl_stream<beast::tcp_stream>;
        std::make_shared<HttpConnection<Secure>>(Secure(std::move(stream), *tls_), gateway_, rest_,
                                                 peer, std::move(count))
            ->start();
      } else {
        std::make_shared<HttpConnection<beast::tcp_stream>>(std::move(stream), gateway_, rest_,
                                                            peer, std::move(count))
            ->start();
      }
    }
    accept();
  });
}

}  // namespace titan::cloud
