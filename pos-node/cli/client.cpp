#include "pos-node/cli/client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace titan::pos {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;

namespace {
constexpr std::uint64_t answer_bytes_max = 64 * 1024 * 1024;
}

class ApiClient::Exchange {
 public:
  Exchange(HostPort address, std::chrono::seconds wait)
      : address_(std::move(address)), wait_(wait) {}

  std::function<void(std::chrono::seconds)> on_waiting;

  Result<HttpReply> request(http::request<http::string_body>& message) {
    message.set(http::field::host, authority());
    message.prepare_payload();
    const bool was_open = socket_.is_open();
    auto reply = exchange(message);
    // The server may have closed an idle connection just as we wrote to it.
    if (!reply && was_open && reply.error().code == ErrorCode::io) reply = exchange(message);
    return reply;
  }

 private:
  Result<HttpReply> exchange(http::request<http::string_body>& message) {
    if (!socket_.is_open()) {
      if (const auto opened = connect(); !opened) return opened.error();
    }
    beast::error_code error = asio::error::would_block;
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_bytes_max);
    http::async_write(socket_, message, [&](beast::error_code failure, std::size_t) {
      // A server that refuses a big body answers before it has read it all: read in any case.
      if (failure && failure != asio::error::broken_pipe &&
          failure != asio::error::connection_reset) {
        error = failure;
        return;
      }
      http::async_read(socket_, buffer_, parser,
                       [&](beast::error_code outcome, std::size_t) { error = outcome; });
    });
    if (!run()) {
      return make_error(ErrorCode::unknown_outcome, "titan-pos at " + authority() +
                                                        " gave no answer within " +
                                                        std::to_string(wait_.count()) + " s.");
    }
    if (error) {
      close();
      return make_error(ErrorCode::io, "The connection to titan-pos at " + authority() +
                                           " broke: " + error.message() + ".");
    }
    auto response = parser.release();
    if (!response.keep_alive()) close();
    HttpReply reply;
    reply.status = response.result_int();
    reply.content_type = std::string(response[http::field::content_type]);
    reply.allow = std::string(response[http::field::allow]);
    reply.body = std::move(response.body());
    return reply;
  }

  Status connect() {
    beast::error_code error;
    Tcp::resolver resolver(loop_);
    const auto endpoints = resolver.resolve(address_.host, std::to_string(address_.port), error);
    if (!error) {
      error = asio::error::would_block;
      asio::async_connect(socket_, endpoints, [&](beast::error_code outcome, const Tcp::endpoint&) {
        error = outcome;
      });
      if (!run()) error = asio::error::timed_out;
    }
    if (error) {
      close();
      return make_error(ErrorCode::unavailable,
                        "No titan-pos answers at " + authority() + " (" + error.message() +
                            "). Start it with `titan-pos run --config FILE`, or say where it is "
                            "with --api HOST:PORT.");
    }
    socket_.set_option(Tcp::no_delay(true), error);
    return {};
  }

  // False if the time limit ran out; everything under way is ended then.
  bool run() {
    loop_.restart();
    for (std::chrono::seconds waited(0); waited < wait_;) {
      loop_.run_for(std::chrono::seconds(1));
      if (loop_.stopped()) return true;
      ++waited;
      if (on_waiting) on_waiting(waited);
    }
    close();
    loop_.run();
    return false;
  }

  void close() {
    beast::error_code ignored;
    socket_.close(ignored);
    buffer_.clear();
  }

  std::string authority() const {
    const bool is_ipv6 = address_.host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + address_.host + "]" : address_.host) + ":" +
           std::to_string(address_.port);
  }

  HostPort address_;
  std::chrono::seconds wait_;
  asio::io_context loop_;
  Tcp::socket socket_{loop_};
  beast::flat_buffer buffer_;
};

ApiClient::ApiClient(HostPort address, std::chrono::seconds wait)
    : exchange_(std::make_unique<Exchange>(std::move(address), wait)) {}
ApiClient::~ApiClient() = default;

void ApiClient::set_on_waiting(std::function<void(std::chrono::seconds waited)> on_waiting) {
  exchange_->on_waiting = std::move(on_waiting);
}

Result<HttpReply> ApiClient::request(const std::string& method, const std::string& target,
                                     const std::string& content_type, const std::string& body,
                                     const Headers& headers) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(method);
  message.target(target);
  if (!content_type.empty()) message.set(http::field::content_type, content_type);
  for (const auto& [name, value] : headers) message.set(name, value);
  message.body() = body;
  return exchange_->request(message);
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[static_cast<unsigned char>(c) >> 4];
      encoded += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  return encoded;
}

}  // namespace titan::pos
