#include "pos-node/http/server.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "pos-node/api/answers.h"
#include "pos-node/http/connection.h"

namespace titan::pos {

namespace {

constexpr std::chrono::milliseconds sweep_interval{500};
constexpr std::chrono::milliseconds accept_pause{100};  // after a failed accept: out of descriptors

std::string make_busy_answer() {
  const std::string body =
      error_json(make_error(ErrorCode::unavailable, "Too many connections are open; close some."));
  return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string address_text(const HostPort& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace

class Server::Acceptor : public std::enable_shared_from_this<Server::Acceptor> {
 public:
  Acceptor(asio::io_context& loop, Service& service, Metrics& metrics, ServerLimits limits)
      : loop_(loop), acceptor_(loop), sweep_timer_(loop), pause_timer_(loop) {
    ApiThreads threads;
    threads.on_worker = [this](std::function<void()> work) {
      asio::post(worker_, std::move(work));
    };
    threads.on_loop = [this](std::function<void()> work) { asio::post(loop_, std::move(work)); };
    state_ = std::make_shared<ServerState>(service, metrics, std::move(threads), limits);
  }

  Result<HostPort> listen(const HostPort& address) {
    const auto failed = [&](const std::string& why) {
      return make_error(ErrorCode::io,
                        "The API cannot listen on " + address_text(address) + ": " + why);
    };
    boost::system::error_code error;
    const auto ip =
        asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, error);
    if (error) return failed("\"" + address.host + "\" is no IP address of this machine.");
    const Tcp::endpoint endpoint(ip, address.port);
    if (acceptor_.open(endpoint.protocol(), error); error) return failed(error.message() + ".");
    acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (acceptor_.bind(endpoint, error); error) {
      if (error == boost::system::errc::address_in_use) {
        return failed(
            "the port is taken, perhaps by another titan-pos. Stop that program or set "
            "another port under [api] listen.");
      }
      return failed(error.message() + ". Check [api] listen.");
    }
    if (acceptor_.listen(asio::socket_base::max_listen_connections, error); error) {
      return failed(error.message() + ".");
    }
    accept_next();
    sweep_later();
    return HostPort{address.host, acceptor_.local_endpoint().port()};
  }

  void stop_accepting() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

  void close() {
    stop_accepting();
    sweep_timer_.cancel();
    pause_timer_.cancel();
    if (state_->closed) return;
    const auto connections = state_->connections;  // closing may take some out
    for (const auto& [id, weak] : connections) {
      if (const auto connection = weak.lock()) connection->close();
    }
    state_->closed = true;
    worker_.stop();
    worker_.join();
  }

  EventHub& events() { return state_->hub; }

 private:
  void accept_next() {
    acceptor_.async_accept(
        [self = shared_from_this()](boost::system::error_code error, Socket socket) {
          self->on_accepted(error, std::move(socket));
        });
  }

  void on_accepted(boost::system::error_code error, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
      pause_timer_.expires_after(accept_pause);
      pause_timer_.async_wait([self = shared_from_this()](boost::system::error_code failure) {
        if (!failure && self->acceptor_.is_open()) self->accept_next();
      });
      return;
    }
    boost::system::error_code ignored;
    const std::string source = socket.remote_endpoint(ignored).address().to_string();
    auto place = state_->unproven.take(source);
    if (!place || state_->connections.size() >= state_->limits.connections_max) {
      socket.non_blocking(true, ignored);
      socket.send(asio::buffer(busy_answer_), 0, ignored);
    } else {
      start_http_session(std::move(socket), state_, std::move(*place));
    }
    accept_next();
  }

  void sweep_later() {
    sweep_timer_.expires_after(sweep_interval);
    sweep_timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error) return;
      self->sweep();
      self->sweep_later();
    });
  }

  void sweep() {
    const auto now = Connection::Clock::now();
    const auto connections = state_->connections;
    for (const auto& [id, weak] : connections) {
      const auto connection = weak.lock();
      if (connection && connection->is_overdue(now)) connection->on_deadline();
    }
  }

  asio::io_context& loop_;
  asio::basic_socket_acceptor<Tcp, asio::io_context::executor_type> acceptor_;
  asio::steady_timer sweep_timer_;
  asio::steady_timer pause_timer_;
  asio::thread_pool worker_{1};
  ServerStatePointer state_;
  const std::string busy_answer_ = make_busy_answer();
};

Server::Server(asio::io_context& loop, Service& service, Metrics& metrics, ServerLimits limits)
    : acceptor_(std::make_shared<Acceptor>(loop, service, metrics, limits)) {}

Server::~Server() {
  acceptor_->close();
}

Result<HostPort> Server::listen(const HostPort& address) {
  return acceptor_->listen(address);
}
EventHub& Server::events() {
  return acceptor_->events();
}
void Server::stop_accepting() {
  acceptor_->stop_accepting();
}
void Server::close() {
  acceptor_->close();
}

}  // namespace titan::pos
