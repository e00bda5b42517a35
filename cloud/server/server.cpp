#include "cloud/server/server.h"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "base/http_target.h"
#include "cloud/server/uplink_connection.h"

namespace titan::cloud {

using Tcp = asio::ip::tcp;
using std::chrono::seconds;

namespace {

template <class Stream>
class HttpConnection : public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  HttpConnection(Stream&& stream, Gateway& gateway, Rest& rest, ServerBudgets& budgets,
                 std::string peer, Admission admission)
      : stream_(std::move(stream)),
        gateway_(gateway),
        rest_(rest),
        budgets_(budgets),
        peer_(std::move(peer)),
        admission_(std::move(admission)) {}

  void start() {
    if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
      read();
    } else {
      lowest().expires_after(seconds(http_first_s));
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
    lowest().expires_after(seconds(admission_.is_proven() ? http_step_s : http_first_s));
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](error_code error, std::size_t) {
                              self->on_header(error);
                            });
  }

  void on_header(error_code error) {
    if (error) return on_bad_request(error);
    const auto& header = parser_->get();
    is_head_ = header.method() == http::verb::head;
    // Without the key nothing of a body is read, whatever it is for: what its header deserves is
    // answered, and an upgrade has none.
    const auto authorization = header[http::field::authorization];
    if (!rest_.is_authorized({authorization.data(), authorization.size()})) return on_request();
    admission_.prove();
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
    // Of a body in chunks nobody knows the end: it counts as the longest.
    const auto length = parser_->content_length();
    const std::size_t bytes = parser_->is_done() ? 0
                              : length           ? static_cast<std::size_t>(*length)
                                                 : request_body_bytes_max;
    if (!budgets_.bodies.add(body_share_, bytes)) {
      return refuse(503, make_error(ErrorCode::unavailable,
                                    "too many large requests are under way; repeat in a moment"));
    }
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
    const bool is_whole = parser_->is_done();
    if (websocket::is_upgrade(request)) {
      if (!is_whole) {
        return refuse(400, make_error(ErrorCode::invalid, "an upgrade carries no body"));
      }
      const auto target = parse_http_target({request.target().data(), request.target().size()});
      if (!target || target->path != std::vector<std::string>{"v1", "uplink"}) {
        return refuse(404, make_error(ErrorCode::not_found, "uplinks connect to /v1/uplink"));
      }
      auto upgraded = parser_->release();
      auto channel = std::make_shared<UplinkConnection<Stream>>(
          std::move(stream_), gateway_, peer_, std::move(admission_), budgets_.handshakes);
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
    const bool keep_alive = request.keep_alive() && is_whole;
    call.body = std::move(parser_->get().body());
    lowest().expires_never();  // the database has its own limits
    rest_.handle(call, [self = this->shared_from_this(), keep_alive](RestResponse response) {
      self->body_share_.give_back();
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
      self->lowest().expires_after(seconds(http_linger_s));
      self->discard();
    };
    if (is_head_) {
      http::async_write_header(stream_, *serializer, answered);
    } else {
      http::async_write(stream_, *serializer, answered);
    }
  }

  // Closing while the other still sends would make its system throw our answer away unread.
  void discard() {
    lowest().async_read_some(asio::buffer(discarded_),
                             [self = this->shared_from_this()](error_code error, std::size_t size) {
                               self->discarded_bytes_ += size;
                               if (!error && self->discarded_bytes_ <= discarded_bytes_max)
                                 self->discard();
                             });
  }

  Stream stream_;
  Gateway& gateway_;
  Rest& rest_;
  ServerBudgets& budgets_;
  const std::string peer_;
  Admission admission_;
  ByteBudget::Share body_share_ = budgets_.bodies.open();
  std::array<char, 4096> discarded_;
  std::size_t discarded_bytes_ = 0;
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
    admit(std::move(socket), remote.address().to_string(), peer);
    accept();
  });
}

// One that has no room is closed at once: it costs nothing and may come again.
void Server::admit(Tcp::socket socket, const std::string& source, const std::string& peer) {
  auto place = quota_.take(source);
  if (!place || *connections_ >= connections_max) {
    gateway_.metrics.connections_turned_away.Increment();
    return;
  }
  Admission admission(connections_, std::move(*place));
  beast::tcp_stream stream(std::move(socket));
  if (tls_) {
    using Secure = beast::ssl_stream<beast::tcp_stream>;
    std::make_shared<HttpConnection<Secure>>(Secure(std::move(stream), *tls_), gateway_, rest_,
                                             budgets_, peer, std::move(admission))
        ->start();
  } else {
    std::make_shared<HttpConnection<beast::tcp_stream>>(std::move(stream), gateway_, rest_,
                                                        budgets_, peer, std::move(admission))
        ->start();
  }
}

}  // namespace titan::cloud
