#include "qa/bench/support/api_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

constexpr std::size_t read_bytes = 256 * 1024;
constexpr int handshake_wait_ms = 5000;

std::string name_of(const TillAddress& to) {
  return "the till at " + to.host + ":" + std::to_string(to.port) +
         (to.name_space.empty() ? "" : " in " + to.name_space);
}

void send_all(int socket, std::string_view data, const std::string& who) {
  while (!data.empty()) {
    const ssize_t sent = ::send(socket, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      data.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd writable{socket, POLLOUT, 0};
      poll(&writable, 1, handshake_wait_ms);
    } else {
      fail_errno("cannot send to " + who);
    }
  }
}

enum class Read { some, nothing, closed };

// Appends what is there.
Read read_some(int socket, std::string& into) {
  static char buffer[read_bytes];  // growing `into` first would clear as many bytes at each read
  const ssize_t received = recv(socket, buffer, sizeof buffer, 0);
  if (received > 0) {
    into.append(buffer, static_cast<std::size_t>(received));
    return Read::some;
  }
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return Read::nothing;
  return Read::closed;
}

// Of a complete answer; nothing while bytes are missing.
struct ParsedAnswer {
  int status = 0;
  std::size_t body_at = 0;
  std::size_t end = 0;
};
bool parse(std::string_view data, ParsedAnswer& answer, const std::string& who) {
  const std::size_t head_end = data.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return false;
  std::string_view head = data.substr(0, head_end);
  std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  static constexpr std::string_view field = "Content-Length: ";
  const std::size_t at = head.find(field);
  if (at == std::string_view::npos) fail(who + " answered without Content-Length");
  std::size_t length = 0;
  std::from_chars(head.data() + at + field.size(), head.data() + head.size(), length);
  answer.body_at = head_end + 4;
  answer.end = answer.body_at + length;
  return data.size() >= answer.end;
}

}  // namespace

HttpConnection::HttpConnection(Poller& poller, const TillAddress& to)
    : poller_(poller), who_(name_of(to)), socket_(connect_in_namespace(to)) {
  poller_.watch(socket_, [this] { on_readable(); });
}

HttpConnection::~HttpConnection() {
  poller_.forget(socket_);
  close(socket_);
}

void HttpConnection::post(const std::string& path, const std::string& body, Done done) {
  send("POST " + path +
           " HTTP/1.1\r\nHost: till\r\nContent-Type: application/json\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body,
       std::move(done));
}

void HttpConnection::get(const std::string& path, Done done) {
  send("GET " + path + " HTTP/1.1\r\nHost: till\r\n\r\n", std::move(done));
}

void HttpConnection::send(std::string request, Done done) {
  if (busy()) fail("a second request on a busy connection to " + who_);
  done_ = std::move(done);
  started_ns_ = now_ns();
  send_all(socket_, request, who_);
}

void HttpConnection::on_readable() {
  switch (read_some(socket_, received_)) {
    case Read::nothing:
      return;
    case Read::closed:
      if (busy()) fail(who_ + " closed the connection before its answer");
      closed_ = true;
      return poller_.forget(socket_);
    case Read::some:
      break;
  }
  ParsedAnswer parsed;
  if (!busy()) fail(who_ + " sent something nobody asked for");
  if (!parse(received_, parsed, who_)) return;
  const std::string answer = std::exchange(received_, {});
  const Done done = std::exchange(done_, nullptr);
  done({parsed.status, std::string_view(answer).substr(parsed.body_at, parsed.end - parsed.body_at),
        started_ns_, now_ns()});
}

EventConnection::EventConnection(Poller& poller, const TillAddress& to, OnText on_text)
    : poller_(poller),
      on_text_(std::move(on_text)),
      who_(name_of(to)),
      socket_(connect_in_namespace(to)) {
  shake_hands();
  poller_.watch(socket_, [this] { on_readable(); });
}

EventConnection::~EventConnection() {
  poller_.forget(socket_);
  close(socket_);
}

void EventConnection::shake_hands() {
  send_all(socket_,
           "GET /v1/events HTTP/1.1\r\nHost: till\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGl0YW4tbWVzaC1iZW5jaA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
           who_);
  std::size_t end = std::string::npos;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    pollfd readable{socket_, POLLIN, 0};
    if (poll(&readable, 1, handshake_wait_ms) <= 0) fail(who_ + " does not open its event stream");
    if (read_some(socket_, received_) == Read::closed) {
      fail(who_ + " closed the connection instead of opening its event stream");
    }
  }
  if (!received_.starts_with("HTTP/1.1 101")) {
    fail(who_ + " refuses its event stream: " + received_.substr(0, 200));
  }
  received_.erase(0, end + 4);
}

void EventConnection::on_readable() {
  switch (read_some(socket_, received_)) {
    case Read::nothing:
      return;
    case Read::closed:
      fail(who_ + " closed its event stream");
    case Read::some:
      break;
  }
  const std::int64_t at_ns = now_ns();
  std::string_view rest = received_;
  while (const std::size_t taken = take_frame(rest, at_ns)) rest.remove_prefix(taken);
  received_.erase(0, received_.size() - rest.size());
}

// RFC 6455, section 5.2; a server's frames are not masked, and titan-pos does not fragment.
std::size_t EventConnection::take_frame(std::string_view data, std::int64_t at_ns) {
  if (data.size() < 2) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  std::uint64_t length = byte(1) & 0x7f;
  std::size_t head = 2;
  if (length >= 126) {
    const std::size_t width = length == 126 ? 2 : 8;
    if (data.size() < head + width) return 0;
    length = 0;
    for (std::size_t i = 0; i < width; ++i) length = length << 8 | byte(head + i);
    head += width;
  }
  if (data.size() < head + length) return 0;
  const std::string_view payload = data.substr(head, length);
  switch (byte(0) & 0x0f) {
    case 1:
      on_text_(payload, at_ns);
      break;
    case 8:
      fail(who_ + " ended its event stream: the reader was too slow");
    case 9:
      answer_ping(payload);
      break;
    default:
      break;
  }
  return head + length;
}

void EventConnection::answer_ping(std::string_view payload) {
  std::string pong{'\x8a', static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0};  // mask 0
  pong += payload;
  send_all(socket_, pong, who_);
}

}  // namespace titan::bench
