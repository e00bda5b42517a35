#include "pos-node/api/event_session.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>

namespace titan::pos {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

class EventSession : public Connection,
                     public Subscriber,
                     public std::enable_shared_from_this<EventSession> {
 public:
  EventSession(Socket socket, ServerStatePointer state)
      : stream_(std::move(socket)), state_(std::move(state)) {
    websocket::stream_base::timeout timeout{};
    timeout.handshake_timeout = state_->limits.write_wait;
    timeout.idle_timeout = state_->limits.event_idle;
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.auto_fragment(false);
    stream_.read_message_max(state_->limits.event_client_bytes_max);
    stream_.text(true);
  }

  ~EventSession() override {
    leave();
    state_->remove(id_);
  }

  void start(UpgradeRequest request) {
    id_ = state_->add(shared_from_this());
    // Subscribed before the client can know that it is, so that nothing falls between.
    state_->hub.add(*this);
    count_subscribers();
    request_ = std::move(request);
    stream_.async_accept(request_, [self = shared_from_this()](beast::error_code error) {
      self->on_accepted(error);
    });
  }

  void on_event(const EventText& event) override {
    queued_bytes_ += event->size();
    queue_.push_back(event);
    if (queued_bytes_ > state_->limits.event_queue_bytes_max ||
        queue_.size() > state_->limits.event_queue_length_max) {
      state_->metrics.subscribers_cut_off.Increment();
      return close();
    }
    if (accepted_ && !writing_) write_next();
  }

  void close() override {
    leave();
    beast::error_code ignored;
    beast::get_lowest_layer(stream_).close(ignored);
  }

 private:
  void on_accepted(beast::error_code error) {
    if (error) return leave();
    accepted_ = true;
    read_next();
    if (!queue_.empty()) write_next();
  }

  // Nothing is expected from a subscriber, but reading answers its pings and sees it leave.
  void read_next() {
    stream_.async_read(incoming_,
                       [self = shared_from_this()](beast::error_code error, std::size_t) {
                         if (error) return self->close();
                         self->incoming_.clear();
                         self->read_next();
                       });
  }

  void write_next() {
    writing_ = true;
    stream_.async_write(asio::buffer(*queue_.front()),
                        [self = shared_from_this()](beast::error_code error, std::size_t) {
                          self->on_written(error);
                        });
  }

  void on_written(beast::error_code error) {
    writing_ = false;
    if (error) return close();
    queued_bytes_ -= queue_.front()->size();
    queue_.pop_front();
    if (!queue_.empty()) write_next();
  }

  void leave() {
    if (state_->closed) return;
    state_->hub.remove(*this);
    count_subscribers();
  }

  void count_subscribers() {
    state_->metrics.event_subscribers.Set(static_cast<double>(state_->hub.subscribers()));
  }

  websocket::stream<Socket> stream_;
  ServerStatePointer state_;
  std::uint64_t id_ = 0;
  UpgradeRequest request_;
  beast::flat_buffer incoming_;
  bool accepted_ = false;
  bool writing_ = false;
  // The front is being written while `writing_`.
  std::deque<EventText> queue_;
  std::size_t queued_bytes_ = 0;
};

}  // namespace

void start_event_session(Socket socket, UpgradeRequest request, const ServerStatePointer& state) {
  std::make_shared<EventSession>(std::move(socket), state)->start(std::move(request));
}

}  // namespace titan::pos
