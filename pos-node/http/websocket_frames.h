// WebSocket frames of a server (RFC 6455, section 5) as bytes: written whole into a buffer, so that
// many messages make one write to the socket, and read from what a client sends.
//
// A server's frames are unmasked and unfragmented, a client's are masked. What a client says in
// data frames is skipped; only its control frames are told.
//
// Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace titan::pos {

enum class FrameKind : std::uint8_t { text = 1, close = 8, ping = 9, pong = 10 };

inline constexpr std::size_t control_payload_max = 125;  // section 5.5

void append_frame(std::string& out, FrameKind kind, std::string_view payload);

// What a client sends, in pieces of any size.
class ClientFrames {
 public:
  using OnControl = std::function<void(FrameKind kind, std::string_view payload)>;

  explicit ClientFrames(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // Tells each control frame that is complete. False if this is no WebSocket client or a message is
  // over the limit; then nothing more may be fed.
  [[nodiscard]] bool feed(std::string_view bytes, const OnControl& on_control);

 private:
  bool read_header();
  std::string_view unmask();

  const std::size_t message_bytes_max_;
  std::string header_;  // of the frame in hand, until it is complete
  bool in_payload_ = false;
  unsigned opcode_ = 0;
  std::uint64_t payload_left_ = 0;
  std::uint64_t message_bytes_ = 0;  // of a message in fragments so far
  bool in_message_ = false;
  std::string control_;  // payload so far, masked
  std::string mask_;
};

}  // namespace titan::pos
