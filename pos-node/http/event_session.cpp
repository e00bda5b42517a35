#include "pos-node/http/event_session.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/beast/websocket.hpp>
#include <optional>

#include "pos-node/http/websocket_frames.h"

namespace titan::pos {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

// Beast shakes hands. The frames are our own: a sale is half a dozen messages, which go out in one
// write, and Beast writes each by itself.
class EventSession : public Connection,
                     public Subscriber,
                     public std::enable_shared_from_this<EventSession> {
 public:
  EventSession(Socket socket, ServerStatePointer state)
      : socket_(std::move(socket)),
        state_(std::move(state)),
        frames_(state_->limits.event_client_bytes_max) {}

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
    set_deadline(state_->limits.write_wait);
    handshake_.emplace(socket_);
    handshake_->async_accept(request_, [self = shared_from_this()](beast::error_code error) {
      self->on_accepted(error);
    });
  }

  void on_event(const EventText& event) override {
    if (!closing_) queue(FrameKind::text, *event);
  }

  void close() override {
    leave();
    closing_ = true;
    beast::error_code ignored;
    socket_.close(ignored);
  }

  // Nothing came for a while: is anybody there?
  void on_deadline() override {
    if (!accepted_ || pinged_) return close();
    pinged_ = true;
    set_deadline(state_->limits.event_idle);
    queue(FrameKind::ping, {});
  }

 private:
  void on_accepted(beast::error_code error) {
    handshake_.reset();
    if (error) return close();
    accepted_ = true;
    socket_.non_blocking(true, error);
    if (error) return close();
    heard();
    read_next();
    if (!queued_.empty()) write_soon();
  }

  void heard() {
    pinged_ = false;
    set_deadline(Clock::duration(state_->limits.event_idle) / 2);
  }

  // Nothing is expected from a subscriber, but reading answers its pings and sees it leave.
  void read_next() {
    socket_.async_read_some(asio::buffer(incoming_),
                            [self = shared_from_this()](beast::error_code error, std::size_t size) {
                              if (error) return self->close();
                              self->on_read(size);
                            });
  }

  void on_read(std::size_t size) {
    heard();
    const bool sound = frames_.feed(
        {incoming_.data(), size},
        [this](FrameKind kind, std::string_view payload) { on_control(kind, payload); });
    if (!sound) return close();
    if (!closing_) read_next();
  }

  void on_control(FrameKind kind, std::string_view payload) {
    if (closing_ || kind == FrameKind::pong) return;
    queue(kind == FrameKind::ping ? FrameKind::pong : kind, payload);
    if (kind != FrameKind::close) return;
    leave();
    closing_ = true;
    pinged_ = true;
    set_deadline(state_->limits.linger);
  }

  void queue(FrameKind kind, std::string_view payload) {
    append_frame(queued_, kind, payload);
    ++queued_messages_;
    if (queued_.size() + writing_.size() - written_ > state_->limits.event_queue_bytes_max ||
        queued_messages_ > state_->limits.event_queue_length_max) {
      state_->metrics.subscribers_cut_off.Increment();
      return close();
    }
    write_soon();
  }

  // What one turn of the loop brings goes out together, after it.
  void write_soon() {
    if (!accepted_ || write_is_due_) return;
    write_is_due_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->write(); });
  }

  void write() {
    while (socket_.is_open()) {
      if (written_ == writing_.size()) {
        writing_.clear();
        written_ = 0;
        writing_.swap(queued_);
        queued_messages_ = 0;
        if (writing_.empty()) return on_all_written();
      }
      beast::error_code error;
      written_ += socket_.write_some(asio::buffer(writing_) + written_, error);
      if (error == asio::error::would_block) return write_when_possible();
      if (error) return close();
    }
  }

  void write_when_possible() {
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](beast::error_code error) {
      if (error) return self->close();
      self->write();
    });
  }

  void on_all_written() {
    write_is_due_ = false;
    // After a busy while the memory goes back.
    for (std::string* buffer : {&writing_, &queued_}) {
      if (buffer->capacity() > buffer_bytes_kept) buffer->shrink_to_fit();
    }
    if (closing_) close();
  }

  void leave() {
    if (state_->closed) return;
    state_->hub.remove(*this);
    count_subscribers();
  }

  void count_subscribers() {
    state_->metrics.event_subscribers.Set(static_cast<double>(state_->hub.subscribers()));
  }

  static constexpr std::size_t buffer_bytes_kept = 64 * 1024;

  Socket socket_;
  ServerStatePointer state_;
  std::uint64_t id_ = 0;
  UpgradeRequest request_;
  std::optional<websocket::stream<Socket&>> handshake_;
  ClientFrames frames_;
  std::array<char, 512> incoming_{};
  bool accepted_ = false;
  bool pinged_ = false;   // and nothing heard since
  bool closing_ = false;  // nothing more is queued
  bool write_is_due_ = false;
  std::string queued_;  // frames
  std::size_t queued_messages_ = 0;
  std::string writing_;  // of it `written_` bytes have gone
  std::size_t written_ = 0;
};

}  // namespace

void start_event_session(Socket socket, UpgradeRequest request, const ServerStatePointer& state) {
  std::make_shared<EventSession>(std::move(socket), state)->start(std::move(request));
}

}  // namespace titan::pos
