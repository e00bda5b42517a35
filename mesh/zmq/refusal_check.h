// After a link closed: does anybody still listen at its address?
//
// libzmq does not say why an attempt to connect came to nothing, and the kernel's answer matters: a
// refused connection means that the host is up and the process is gone. A stalled process refuses
// none, its kernel accepts for it; a host that is gone does not answer. So only a refusal is told.
//
// A process that is being killed may lose its connections a moment before its listening socket:
// several plain TCP connects are tried, a little apart, each with a time limit.
//
// Lives on the loop thread. on_done comes exactly once, later, unless stop() is called before.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/time.h"

namespace titan::mesh {

class RefusalCheck : public std::enable_shared_from_this<RefusalCheck> {
 public:
  // `address` is one that was dialled: numeric, with a port.
  static std::shared_ptr<RefusalCheck> start(boost::asio::io_context& loop,
                                             const std::string& address, Duration connect_max,
                                             std::function<void(bool refused)> on_done);
  // `on_done` does not come any more.
  void stop();

 private:
  RefusalCheck(boost::asio::io_context& loop, Duration connect_max,
               std::function<void(bool refused)> on_done);
  void next_attempt();
  void connect();
  void finish(bool refused);
  void on_answer(const boost::system::error_code& answer);

  const Duration connect_max_;
  std::function<void(bool refused)> on_done_;
  boost::asio::ip::tcp::endpoint endpoint_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::size_t attempts_ = 0;
};

}  // namespace titan::mesh
