#include "uplink/websocket/websocket_client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/url/parse.hpp>
#include <deque>

#include "uplink/messages.h"

namespace titan::uplink {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Milliseconds = std::chrono::milliseconds;

namespace {

std::string failed(const char* step, const CloudUrl& url, const error_code& error) {
  const bool late = error == beast::error::timeout || error == asio::error::timed_out;
  return std::string(step) + " " + url.host + ":" + url.port +
         (late ? " took too long" : " failed: " + error.message());
}

}  // namespace

Result<CloudUrl> CloudUrl::parse(const std::string& text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) {
    return make_error(
        ErrorCode::invalid,
        "'" + text + "' is not an address; write ws://host:port/v1/uplink or wss://…");
  }
  CloudUrl url;
  if (parsed->scheme() == "wss") {
    url.tls = true;
  } else if (parsed->scheme() != "ws") {
    return make_error(ErrorCode::invalid, "'" + text + "' must begin with ws:// or wss://");
  }
  url.host = std::string(parsed->host_address());
  if (url.host.empty()) {
    return make_error(ErrorCode::invalid, "'" + text + "' names no host");
  }
  url.port = parsed->has_port() ? std::string(parsed->port()) : (url.tls ? "443" : "80");
  url.target = std::string(parsed->encoded_path());
  if (url.target.empty() || url.target == "/") url.target = "/v1/uplink";
  return url;
}

struct WebSocketClient::Shared {
  Shared(asio::io_context& io, CloudUrl address, WebSocketHandlers what, WebSocketLimits bounds)
      : context(io), url(std::move(address)), handlers(std::move(what)), limits(bounds) {}

  asio::io_context& context;
  const CloudUrl url;
  const WebSocketHandlers handlers;
  const WebSocketLimits limits;
  asio::ssl::context tls{asio::ssl::context::tls_client};
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::size_t closing = 0;  // connections that are saying goodbye
  std::function<void()> when_closed;
  bool owner_gone = false;

  void tell_when_closed() {
    if (closing > 0 || !when_closed) return;
    asio::post(context, std::exchange(when_closed, nullptr));
  }
};

// What a connection is without its kind of stream.
class WebSocketClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  virtual void send(Bytes message) = 0;
  virtual void end(const std::string& reason) = 0;
  std::uint64_t number() const { return number_; }
  bool ended() const { return ended_; }

 protected:
  Connection(std::shared_ptr<Shared> shared, std::uint64_t number)
      : shared_(std::move(shared)), number_(number) {}

  std::shared_ptr<Shared> shared_;
  const std::uint64_t number_;
  bool ended_ = false;  // nothing more is told to the owner
};

template <class Stream>
class WebSocketClient::StreamConnection final : public Connection {
 public:
  template <class... Arguments>
  StreamConnection(std::shared_ptr<Shared> shared, std::uint64_t number, Arguments&... arguments)
      : Connection(std::move(shared), number),
        stream_(shared_->context, arguments...),
        resolver_(shared_->context),
        timer_(shared_->context) {}

  void start() override {
    const CloudUrl& url = shared_->url;
    error_code no_literal;
    const auto address = asio::ip::make_address(url.host, no_literal);
    if (!no_literal) {
      const auto port = static_cast<std::uint16_t>(std::strtoul(url.port.c_str(), nullptr, 10));
      return dial(
          Tcp::resolver::results_type::create(Tcp::endpoint(address, port), url.host, url.port));
    }
    limit(shared_->limits.resolve_ms, "finding");
    resolver_.async_resolve(url.host, url.port, [self = self()](error_code error, auto results) {
      self->timer_.cancel();
      if (self->ended_) return;
      if (error) return self->fail(failed("finding", self->shared_->url, error));
      self->dial(std::move(results));
    });
  }

  void send(Bytes message) override {
    if (ended_ || !open_) return;
    queued_bytes_ += message.size();
    if (queued_bytes_ > shared_->limits.queued_bytes_max) {
      return fail("the cloud reads too slowly: more than " +
                  std::to_string(shared_->limits.queued_bytes_max) + " bytes wait to be sent");
    }
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) write();
  }

  // Asio keeps this object alive until the last operation is over.
  void end(const std::string& reason) override {
    if (ended_) return;
    ended_ = true;
    resolver_.cancel();
    if (!open_) return cut();
    closing_ = true;
    ++shared_->closing;
    timer_.expires_after(Milliseconds(shared_->limits.close_ms));
    timer_.async_wait([self = self()](error_code error) {
      if (!error) self->cut();
    });
    reason_ = reason;
    if (queue_.empty()) close();  // else the write under way starts it
  }

 private:
  std::shared_ptr<StreamConnection> self() {
    return std::static_pointer_cast<StreamConnection>(this->shared_from_this());
  }

  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  void limit(int milliseconds, const char* step) {
    timer_.expires_after(Milliseconds(milliseconds));
    timer_.async_wait([self = self(), step](error_code error) {
      if (error || self->ended_) return;
      self->fail(failed(step, self->shared_->url, asio::error::timed_out));
    });
  }

  void dial(Tcp::resolver::results_type results) {
    tcp().expires_after(Milliseconds(shared_->limits.connect_ms));
    tcp().async_connect(results, [self = self()](error_code error, const Tcp::endpoint&) {
      if (self->ended_) return;
      if (error) return self->fail(failed("connecting to", self->shared_->url, error));
      error_code ignored;
      self->tcp().socket().set_option(Tcp::no_delay(true), ignored);
      self->secure();
    });
  }

  void secure() {
    if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
      upgrade();
    } else {
      auto& tls = stream_.next_layer();
      const std::string& host = shared_->url.host;
      if (!SSL_set_tlsext_host_name(tls.native_handle(), host.c_str())) {
        return fail("TLS with " + host + " cannot be set up");
      }
      tls.set_verify_mode(asio::ssl::verify_peer);
      tls.set_verify_callback(asio::ssl::host_name_verification(host));
      tcp().expires_after(Milliseconds(shared_->limits.tls_ms));
      tls.async_handshake(asio::ssl::stream_base::client, [self = self()](error_code error) {
        if (self->ended_) return;
        if (error) {
          return self->fail(failed("TLS with", self->shared_->url, error) +
                            "; check the certificate, [cloud] ca_file and this machine's date");
        }
        self->upgrade();
      });
    }
  }

  void upgrade() {
    tcp().expires_never();
    websocket::stream_base::timeout timeout;
    timeout.handshake_timeout = Milliseconds(shared_->limits.handshake_ms);
    timeout.idle_timeout = Milliseconds(shared_->limits.idle_ms);
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.binary(true);
    stream_.read_message_max(message_bytes_max);
    stream_.auto_fragment(false);
    const CloudUrl& url = shared_->url;
    const bool is_v6 = url.host.find(':') != std::string::npos;
    const std::string host = (is_v6 ? "[" + url.host + "]" : url.host) + ":" + url.port;
    stream_.async_handshake(host, url.target, [self = self()](error_code error) {
      if (self->ended_) return;
      if (error) return self->fail(failed("the WebSocket to", self->shared_->url, error));
      self->open_ = true;
      self->read();
      self->shared_->handlers.on_connected(self->number_);
    });
  }

  void read() {
    stream_.async_read(buffer_, [self = self()](error_code error, std::size_t) {
      if (self->ended_) return;
      if (error) {
        return self->fail(error == websocket::error::closed
                              ? "the cloud closed the connection"
                              : failed("reading from", self->shared_->url, error));
      }
      Bytes message = beast::buffers_to_string(self->buffer_.data());
      self->buffer_.consume(self->buffer_.size());
      self->shared_->bytes_received += message.size();
      self->shared_->handlers.on_message(self->number_, std::move(message));
      if (!self->ended_) self->read();
    });
  }

  void write() {
    limit(shared_->limits.write_ms, "writing to");
    stream_.async_write(asio::buffer(queue_.front()),
                        [self = self()](error_code error, std::size_t size) {
                          self->shared_->bytes_sent += size;
                          if (self->ended_) {
                            if (error) return self->cut();
                            return self->close();
                          }
                          self->timer_.cancel();
                          if (error)
                            return self->fail(failed("writing to", self->shared_->url, error));
                          self->queued_bytes_ -= self->queue_.front().size();
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) self->write();
                        });
  }

  void close() {
    const websocket::close_reason why(websocket::close_code::normal, reason_.substr(0, 120));
    stream_.async_close(why, [self = self()](error_code) {
      self->timer_.cancel();
      self->cut();
    });
  }

  void cut() {
    tcp().close();
    if (!std::exchange(closing_, false)) return;
    --shared_->closing;
    shared_->tell_when_closed();
  }

  void fail(const std::string& reason) {
    if (ended_) return;
    ended_ = true;
    timer_.cancel();
    resolver_.cancel();
    cut();
    // Told from the loop, never from inside a call of the owner's.
    asio::post(shared_->context, [shared = shared_, number = number_, reason] {
      if (!shared->owner_gone) shared->handlers.on_closed(number, reason);
    });
  }

  // Without compression: entries are small, and it would cost memory per connection.
  websocket::stream<Stream, false> stream_;
  Tcp::resolver resolver_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::deque<Bytes> queue_;
  std::size_t queued_bytes_ = 0;
  std::string reason_;
  bool open_ = false;
  bool closing_ = false;  // counted in shared_->closing
};

Result<std::unique_ptr<WebSocketClient>> WebSocketClient::make(asio::io_context& context,
                                                               CloudUrl url,
                                                               const std::string& ca_file,
                                                               WebSocketHandlers handlers,
                                                               WebSocketLimits limits) {
  auto shared = std::make_shared<Shared>(context, std::move(url), std::move(handlers), limits);
  error_code error;
  if (ca_file.empty()) {
    shared->tls.set_default_verify_paths(error);
  } else {
    shared->tls.load_verify_file(ca_file, error);
  }
  if (error && shared->url.tls) {
    return make_error(
        ErrorCode::invalid,
        "the certificates to trust cannot be read from '" + ca_file + "': " + error.message(),
        "cloud.ca_file");
  }
  return std::unique_ptr<WebSocketClient>(new WebSocketClient(std::move(shared)));
}

WebSocketClient::WebSocketClient(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

WebSocketClient::~WebSocketClient() {
  shared_->owner_gone = true;
  if (connection_) connection_->end("this terminal stops");
}

void WebSocketClient::connect(std::uint64_t connection) {
  if (connection_) connection_->end("a new connection replaces this one");
  if (shared_->url.tls) {
    connection_ = std::make_shared<StreamConnection<beast::ssl_stream<beast::tcp_stream>>>(
        shared_, connection, shared_->tls);
  } else {
    connection_ = std::make_shared<StreamConnection<beast::tcp_stream>>(shared_, connection);
  }
  connection_->start();
}

void WebSocketClient::send(std::uint64_t connection, Bytes message) {
  if (connection_ && connection_->number() == connection) connection_->send(std::move(message));
}

void WebSocketClient::disconnect(std::uint64_t connection, const std::string& reason) {
  if (!connection_ || connection_->number() != connection) return;
  connection_->end(reason);
  connection_.reset();
}

void WebSocketClient::when_closed(std::function<void()> done) {
  shared_->when_closed = std::move(done);
  shared_->tell_when_closed();
}

void WebSocketClient::probe(std::function<void(bool)> answer) {
  struct Probe : std::enable_shared_from_this<Probe> {
    explicit Probe(asio::io_context& context) : resolver(context), stream(context) {}
    Tcp::resolver resolver;
    beast::tcp_stream stream;
  };
  auto probe = std::make_shared<Probe>(shared_->context);
  answer = [shared = shared_, answer = std::move(answer)](bool reachable) {
    if (!shared->owner_gone) answer(reachable);
  };
  const int limit_ms = shared_->limits.connect_ms;
  probe->resolver.async_resolve(
      shared_->url.host, shared_->url.port,
      [probe, answer = std::move(answer), limit_ms](error_code error, auto results) {
        if (error) return answer(false);
        probe->stream.expires_after(Milliseconds(limit_ms));
        probe->stream.async_connect(results, [probe, answer](error_code failure, const auto&) {
          probe->stream.close();
          answer(!failure);
        });
      });
}

std::uint64_t WebSocketClient::bytes_sent() const {
  return shared_->bytes_sent;
}
std::uint64_t WebSocketClient::bytes_received() const {
  return shared_->bytes_received;
}

}  // namespace titan::uplink
