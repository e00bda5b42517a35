// A terminal's API from the measuring side: kept-alive HTTP connections and the event stream.
//
// Belong to one thread and its Poller, which outlives them. Hand-made, because the client shares
// the cores with the tills it measures: one read brings as many events as there are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "qa/bench/support/namespaces.h"
#include "qa/bench/support/poller.h"

namespace titan::bench {

struct HttpAnswer {
  int status = 0;
  std::string_view body;  // valid during the call
  std::int64_t started_ns = 0;
  std::int64_t answered_ns = 0;
};

// One request at a time.
class HttpConnection {
 public:
  using Done = std::function<void(const HttpAnswer&)>;

  HttpConnection(Poller& poller, const TillAddress& to);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;

  bool busy() const { return static_cast<bool>(done_); }
  // The terminal closes a connection that was idle for long; then make another.
  bool closed() const { return closed_; }
  // JSON.
  void post(const std::string& path, const std::string& body, Done done);
  void get(const std::string& path, Done done);

 private:
  void send(std::string request, Done done);
  void on_readable();

  Poller& poller_;
  const std::string who_;
  int socket_;
  std::string received_;
  std::int64_t started_ns_ = 0;
  bool closed_ = false;
  Done done_;
};

// GET /v1/events. Each text comes with the time at which it was read from the socket.
class EventConnection {
 public:
  using OnText = std::function<void(std::string_view text, std::int64_t at_ns)>;

  EventConnection(Poller& poller, const TillAddress& to, OnText on_text);
  ~EventConnection();
  EventConnection(const EventConnection&) = delete;

 private:
  void shake_hands();
  void on_readable();
  // The bytes of the frame at the front, 0 when it is not complete.
  std::size_t take_frame(std::string_view data, std::int64_t at_ns);
  void answer_ping(std::string_view payload);

  Poller& poller_;
  const OnText on_text_;
  const std::string who_;
  int socket_;
  std::string received_;
};

}  // namespace titan::bench
