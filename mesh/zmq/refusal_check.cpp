#include "mesh/zmq/refusal_check.h"

#include <array>
#include <cstdlib>
#include <utility>

namespace titan::mesh {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

// Before each attempt.
constexpr std::array pauses{milliseconds(5), milliseconds(20), milliseconds(50), milliseconds(120)};

Tcp::endpoint endpoint_of(const std::string& address) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const auto port = std::strtoul(address.c_str() + colon + 1, nullptr, 10);
  error_code unusable;  // a card that is gone, say: port 0 then, and no attempt is made
  const auto parsed = asio::ip::make_address(host, unusable);
  return {parsed, static_cast<std::uint16_t>(unusable ? 0 : port)};
}

}  // namespace

std::shared_ptr<RefusalCheck> RefusalCheck::start(asio::io_context& loop,
                                                  const std::string& address, Duration connect_max,
                                                  std::function<void(bool)> on_done) {
  std::shared_ptr<RefusalCheck> check(new RefusalCheck(loop, connect_max, std::move(on_done)));
  check->endpoint_ = endpoint_of(address);
  check->next_attempt();
  return check;
}

RefusalCheck::RefusalCheck(asio::io_context& loop, Duration connect_max,
                           std::function<void(bool)> on_done)
    : connect_max_(connect_max), on_done_(std::move(on_done)), socket_(loop), timer_(loop) {}

void RefusalCheck::stop() {
  on_done_ = nullptr;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void RefusalCheck::next_attempt() {
  if (attempts_ >= pauses.size()) return finish(false);
  timer_.expires_after(pauses[attempts_++]);
  timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (cancelled || !self->on_done_) return;
    if (self->endpoint_.port() == 0) return self->finish(false);
    self->connect();
  });
}

void RefusalCheck::connect() {
  timer_.expires_after(connect_max_);
  timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled) self->finish(false);  // silence: gone or cut off, which proves nothing
  });
  socket_.async_connect(endpoint_, [self = shared_from_this()](const error_code& answer) {
    self->on_answer(answer);
  });
}

void RefusalCheck::on_answer(const error_code& answer) {
  if (!on_done_) return;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  if (answer != asio::error::connection_refused) return next_attempt();
  finish(true);
}

void RefusalCheck::finish(bool refused) {
  const auto tell = std::exchange(on_done_, nullptr);
  stop();
  if (tell) tell(refused);
}

}  // namespace titan::mesh
