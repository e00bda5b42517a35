// A connection as HTTP/1.1: one request after the other, and at a WebSocket address the hand-over
// to an event session.
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>

#include "base/http_target.h"
#include "pos-node/http/connection.h"
#include "pos-node/http/event_session.h"
#include "pos-node/http/origin.h"

namespace titan::pos {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Parser = http::request_parser<http::string_body>;
using Header = http::request<http::string_body>;
using Response = http::response<http::string_body>;
using Serializer = http::response_serializer<http::string_body>;

// What a refused client may still send while it is told why.
constexpr std::size_t discard_bytes_max = 64 * 1024 * 1024;

// For how long a browser may remember what a page may do.
constexpr const char* preflight_seconds = "600";
constexpr const char* methods_for_pages = "GET, HEAD, PUT, POST";
constexpr const char* headers_for_pages = "Content-Type";

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
    case http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

std::string_view to_view(beast::string_view text) {
  return {text.data(), text.size()};
}

class HttpSession : public Connection, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Socket socket, ServerStatePointer state, ConnectionQuota::Place place)
      : socket_(std::move(socket)), state_(std::move(state)), place_(std::move(place)) {}
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
    request_ = {};
    host_.clear();
    page_.clear();
    asks_for_private_network_ = false;
    parser_->header_limit(static_cast<std::uint32_t>(state_->limits.header_bytes_max));
    parser_->body_limit(boost::none);  // the header decides which limit holds
    set_deadline(place_.is_held() ? state_->limits.first_request_wait
                                  : state_->limits.request_wait);
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
    request_.method = method_of(header.method());
    request_.content_type = std::string(to_view(header[http::field::content_type]));
    if (const auto read = read_address(header); !read) return refuse(read.error());
    if (const auto allowed = check_sender(header); !allowed) return refuse(allowed.error());
    if (is_event_stream() && beast::websocket::is_upgrade(header)) return open_event_stream();
    if (const auto known = check_encoding(header); !known) return refuse(known.error());
    read_preflight(header);

    const std::size_t limit = Api::body_limit(request_);
    const auto length = parser_->content_length();
    if (length && *length > limit) return refuse_body(limit);
    parser_->body_limit(limit);
    const std::size_t bytes = parser_->is_done() ? 0 : length ? *length : limit;
    if (!state_->bodies.add(body_share_, bytes)) {
      return refuse(make_error(ErrorCode::unavailable,
                               "Too many large requests are under way; repeat in a moment."));
    }
    // A client of HTTP/1.0 would take the interim answer for the answer (RFC 9110, 10.1.1).
    const bool waits = header.version() >= 11 && !parser_->is_done() &&
                       beast::iequals(header[http::field::expect], "100-continue");
    return waits ? send_continue() : read_body();
  }

  // The absolute form carries the host itself, and then the header field does not count (RFC 9112,
  // 3.2.2).
  Status read_address(const Header& header) {
    auto target = parse_http_target(to_view(header.target()));
    if (!target) return target.error();
    if (header.count(http::field::host) > 1) {
      return make_error(ErrorCode::invalid, "The request names its host twice.", "Host");
    }
    if (target->is_asterisk && request_.method != Method::options) {
      return make_error(ErrorCode::invalid, "The address * is for OPTIONS only.");
    }
    request_.is_of_server = target->is_asterisk;
    request_.path = std::move(target->path);
    request_.query = std::move(target->query);
    host_ = target->authority.empty() ? std::string(to_view(header[http::field::host]))
                                      : std::move(target->authority);
    return {};
  }

  Status check_sender(const Header& header) {
    if (!host_.empty()) {
      if (auto safe = check_host(host_); !safe) return safe;
    }
    const auto origin = to_view(header[http::field::origin]);
    if (origin.empty()) return {};
    if (auto safe = check_page(origin, host_); !safe) return safe;
    page_ = std::string(origin);
    return {};
  }

  static Status check_encoding(const Header& header) {
    const auto encoding = to_view(header[http::field::content_encoding]);
    if (encoding.empty() || ascii_lower_case(encoding) == "identity") return {};
    return make_error(ErrorCode::unsupported, "Send the body as it is, without compression.",
                      "Content-Encoding");
  }

  void read_preflight(const Header& header) {
    request_.is_preflight = request_.method == Method::options && !page_.empty() &&
                            header.count(http::field::access_control_request_method) > 0;
    asks_for_private_network_ =
        request_.is_preflight &&
        beast::iequals(header["Access-Control-Request-Private-Network"], "true");
  }

  bool is_event_stream() const {
    return request_.path.size() == 2 && request_.path[0] == "v1" && request_.path[1] == "events";
  }

  void open_event_stream() {
    clear_deadline();
    place_.give_back();
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
    place_.give_back();
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
    body_share_.give_back();
    const bool has_body = answer.status != 204;
    response_.emplace(static_cast<http::status>(answer.status), 11, std::move(answer.body));
    if (has_body) response_->set(http::field::content_type, answer.content_type);
    response_->set(http::field::cache_control, "no-store");
    if (!answer.allow.empty()) response_->set(http::field::allow, answer.allow);
    answer_page();
    response_->keep_alive(keep_alive_);
    if (has_body) response_->prepare_payload();
    set_deadline(state_->limits.write_wait);
    serializer_.emplace(*response_);
    const auto answered = [self = shared_from_this()](beast::error_code error, std::size_t) {
      self->on_answered(error);
    };
    // HEAD: what GET would answer, its length too, but not the body itself (RFC 9110, 9.3.2).
    if (request_.method == Method::head) {
      http::async_write_header(socket_, *serializer_, answered);
    } else {
      http::async_write(socket_, *serializer_, answered);
    }
  }

  // What lets the browser hand the answer to a page of this machine
  // (https://fetch.spec.whatwg.org).
  void answer_page() {
    response_->set(http::field::vary, "Origin");
    if (page_.empty()) return;
    response_->set(http::field::access_control_allow_origin, page_);
    if (!request_.is_preflight) return;
    response_->set(http::field::access_control_allow_methods, methods_for_pages);
    response_->set(http::field::access_control_allow_headers, headers_for_pages);
    response_->set(http::field::access_control_max_age, preflight_seconds);
    if (asks_for_private_network_) response_->set("Access-Control-Allow-Private-Network", "true");
  }

  void on_answered(beast::error_code error) {
    serializer_.reset();
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
  ConnectionQuota::Place place_;
  ByteBudget::Share body_share_ = state_->bodies.open();
  std::uint64_t id_ = 0;
  beast::flat_buffer buffer_;
  // Of the request in hand.
  std::optional<Parser> parser_;
  ApiRequest request_;
  std::string host_;  // that the request is for
  std::string page_;  // of this machine, that sent it: its Origin
  bool asks_for_private_network_ = false;
  std::optional<Response> response_;
  std::optional<Serializer> serializer_;
  bool keep_alive_ = false;
  std::size_t discarded_ = 0;
};

}  // namespace

void start_http_session(Socket socket, const ServerStatePointer& state,
                        ConnectionQuota::Place place) {
  std::make_shared<HttpSession>(std::move(socket), state, std::move(place))->start();
}

}  // namespace titan::pos
