#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>

#include "pos-node/api/connection.h"
#include "pos-node/api/event_session.h"

namespace titan::pos {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Parser = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

// What a refused client may still send while it is told why.
constexpr std::size_t discard_bytes_max = 64 * 1024 * 1024;

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::get;
    case http::verb::head:
      return Method::head;
    case http::verb::put:
      return Method::put;
    case http::verb::post:
      return Method::post;
    default:
      return Method::other;
  }
}

std::string_view to_view(beast::string_view text) {
  return {text.data(), text.size()};
}

// "127.0.0.1:8410" -> "127.0.0.1", "[::1]:8410" -> "::1".
std::string_view host_part(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

bool is_address(std::string_view host) {
  boost::system::error_code error;
  asio::ip::make_address(std::string(host), error);
  return !error;
}

// A name that public DNS cannot point at this machine: an address, a single label, .local.
bool is_safe_host(std::string_view authority) {
  const std::string_view host = host_part(authority);
  return is_address(host) || host.find('.') == std::string_view::npos || host.ends_with(".local");
}

// A page may call from this machine, or from the very address it was loaded from.
bool is_safe_origin(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view authority = origin.substr(scheme + 3);
  const std::string_view name = host_part(authority);
  return authority == host || name == "localhost" || name == "127.0.0.1" || name == "::1";
}

class HttpSession : public Connection, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Socket socket, ServerStatePointer state)
      : socket_(std::move(socket)), state_(std::move(state)) {}
  ~HttpSession() override { state_->remove(id_); }

  void start() {
    id_ = state_->add(shared_from_this());
    beast::error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    read_header();
  }

  void close() override {
    beast::error_code ignored;
    socket_.close(ignored);
  }

 private:
  void read_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(state_->limits.header_bytes_max));
    parser_->body_limit(products_body_bytes_max);  // the header decides which limit really holds
    set_deadline(state_->limits.request_wait);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              self->on_header(error);
                            });
  }

  void on_header(beast::error_code error) {
    if (error) return on_bad_request(error);
    set_deadline(state_->limits.body_wait);
    const auto& header = parser_->get();
    keep_alive_ = header.keep_alive();
    request_ = {};
    request_.method = method_of(header.method());
    request_.content_type = std::string(to_view(header[http::field::content_type]));
    if (const auto safe = check_origin(header); !safe) return refuse(safe.error());
    if (const auto parsed = parse_target(to_view(header.target()), request_); !parsed) {
      return refuse(parsed.error());
    }
    if (is_event_stream()) return open_event_stream();

    const std::size_t limit = Api::body_limit(request_);
    const auto length = parser_->content_length();
    if (length && *length > limit) return refuse_body(limit);
    parser_->body_limit(limit);
    const bool waits = beast::iequals(header[http::field::expect], "100-continue");
    return waits ? send_continue() : read_body();
  }

  static Status check_origin(const http::request<http::string_body>& header) {
    const auto host = to_view(header[http::field::host]);
    const auto origin = to_view(header[http::field::origin]);
    if (!host.empty() && !is_safe_host(host)) {
      return make_error(ErrorCode::refused,
                        "The API answers under the terminal's address, not under \"" +
                            std::string(host.substr(0, 80)) + "\".",
                        "Host");
    }
    if (!origin.empty() && !is_safe_origin(origin, host)) {
      return make_error(
          ErrorCode::refused,
          "A page from \"" + std::string(origin.substr(0, 80)) + "\" may not use this terminal.",
          "Origin");
    }
    return {};
  }

  bool is_event_stream() const {
    return request_.path.size() == 2 && request_.path[0] == "v1" && request_.path[1] == "events";
  }

  void open_event_stream() {
    if (!beast::websocket::is_upgrade(parser_->get())) {
      return refuse(make_error(ErrorCode::invalid,
                               "This address is an event stream; open it as a WebSocket."));
    }
    clear_deadline();
    start_event_session(std::move(socket_), parser_->release(), state_);
  }

  void send_continue() {
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(text),
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        if (!error) self->read_body();
                      });
  }

  void read_body() {
    // Nearly always the whole request came in one piece; then no further round of the loop.
    beast::error_code error;
    parser_->eager(true);
    if (!parser_->is_done() && buffer_.size() > 0) {
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error == http::error::need_more) error = {};
    }
    if (error || parser_->is_done()) return on_body(error);
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code failure, std::size_t) {
                       self->on_body(failure);
                     });
  }

  void on_body(beast::error_code error) {
    if (error) return on_bad_request(error);
    clear_deadline();  // how long a commit may take is not the client's matter
    request_.body = std::move(parser_->get().body());
    state_->api.handle(std::move(request_), [self = shared_from_this()](ApiAnswer answer) {
      self->answer(std::move(answer));
    });
  }

  void on_bad_request(beast::error_code error) {
    if (error == http::error::body_limit) return refuse_body(Api::body_limit(request_));
    if (error == http::error::header_limit) {
      ApiAnswer too_large = error_answer(make_error(
          ErrorCode::too_large, "The request's header is over " +
                                    std::to_string(state_->limits.header_bytes_max) + " bytes."));
      too_large.status = 431;
      keep_alive_ = false;
      return answer(std::move(too_large));
    }
    const bool is_http_fault =
        error.category() == http::make_error_code(http::error::bad_method).category();
    if (!is_http_fault || error == http::error::end_of_stream ||
        error == http::error::partial_message) {
      return close();
    }
    refuse(make_error(ErrorCode::invalid, "This is not HTTP/1.1: " + error.message() + "."));
  }

  void refuse_body(std::size_t limit) {
    refuse(make_error(
        ErrorCode::too_large,
        "The body is over " + std::to_string(limit / (1024 * 1024)) + " MB; divide it."));
  }

  // Answers without having read the body, so the connection cannot go on.
  void refuse(const Error& error) {
    keep_alive_ = false;
    state_->metrics.requests_refused.Increment();
    answer(error_answer(error));
  }

  void answer(ApiAnswer answer) {
    response_.emplace(static_cast<http::status>(answer.status), 11, std::move(answer.body));
    response_->set(http::field::content_type, answer.content_type);
    response_->set(http::field::cache_control, "no-store");
    if (answer.allow) response_->set(http::field::allow, answer.allow);
    response_->keep_alive(keep_alive_);
    response_->prepare_payload();
    set_deadline(state_->limits.write_wait);
    http::async_write(socket_, *response_,
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        self->on_answered(error);
                      });
  }

  void on_answered(beast::error_code error) {
    response_.reset();
    if (error) return close();
    if (keep_alive_) return read_header();
    // Closing while the client still sends would make its system throw our answer away unread.
    beast::error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    set_deadline(state_->limits.linger);
    discard();
  }

  void discard() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(64 * 1024),
                            [self = shared_from_this()](beast::error_code error, std::size_t size) {
                              self->discarded_ += size;
                              if (error || self->discarded_ > discard_bytes_max) {
                                return self->close();
                              }
                              self->discard();
                            });
  }

  Socket socket_;
  ServerStatePointer state_;
  std::uint64_t id_ = 0;
  beast::flat_buffer buffer_;
  // Of the request in hand.
  std::optional<Parser> parser_;
  ApiRequest request_;
  std::optional<Response> response_;
  bool keep_alive_ = false;
  std::size_t discarded_ = 0;
};

}  // namespace

void start_http_session(Socket socket, const ServerStatePointer& state) {
  std::make_shared<HttpSession>(std::move(socket), state)->start();
}

}  // namespace titan::pos
