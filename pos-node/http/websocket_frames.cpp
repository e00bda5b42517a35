#include "pos-node/http/websocket_frames.h"

#include <algorithm>

namespace titan::pos {
namespace {

constexpr unsigned final_bit = 0x80;
constexpr unsigned reserved_bits = 0x70;
constexpr unsigned opcode_bits = 0x0f;
constexpr unsigned mask_bit = 0x80;
constexpr unsigned length_bits = 0x7f;
constexpr unsigned length_of_16_bits = 126;
constexpr unsigned length_of_64_bits = 127;
constexpr std::size_t mask_bytes = 4;

constexpr unsigned opcode_continuation = 0;
constexpr unsigned opcode_binary = 2;

unsigned byte_at(std::string_view bytes, std::size_t place) {
  return static_cast<unsigned char>(bytes[place]);
}

void append_number(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift & 0xff);
  }
}

std::size_t extra_length_bytes(unsigned length) {
  if (length == length_of_16_bits) return 2;
  return length == length_of_64_bits ? 8 : 0;
}

bool is_control(unsigned opcode) {
  return (opcode & 8) != 0;
}

bool is_known(unsigned opcode) {
  return opcode <= opcode_binary || (opcode >= static_cast<unsigned>(FrameKind::close) &&
                                     opcode <= static_cast<unsigned>(FrameKind::pong));
}

}  // namespace

void append_frame(std::string& out, FrameKind kind, std::string_view payload) {
  out += static_cast<char>(final_bit | static_cast<unsigned>(kind));
  if (payload.size() < length_of_16_bits) {
    out += static_cast<char>(payload.size());
  } else if (payload.size() <= 0xffff) {
    out += static_cast<char>(length_of_16_bits);
    append_number(out, payload.size(), 2);
  } else {
    out += static_cast<char>(length_of_64_bits);
    append_number(out, payload.size(), 8);
  }
  out += payload;
}

bool ClientFrames::feed(std::string_view bytes, const OnControl& on_control) {
  while (!bytes.empty() || (in_payload_ && payload_left_ == 0)) {
    if (!in_payload_) {
      header_ += bytes.front();
      bytes.remove_prefix(1);
      if (!read_header()) return false;
      continue;
    }
    const auto taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), payload_left_));
    if (is_control(opcode_)) control_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    payload_left_ -= taken;
    if (payload_left_ > 0) break;
    in_payload_ = false;
    if (is_control(opcode_)) on_control(static_cast<FrameKind>(opcode_), unmask());
    control_.clear();
  }
  return true;
}

// False if the frame is none of a client.
bool ClientFrames::read_header() {
  if (header_.size() < 2) return true;
  const unsigned first = byte_at(header_, 0);
  const unsigned second = byte_at(header_, 1);
  const unsigned short_length = second & length_bits;
  const bool is_final = (first & final_bit) != 0;
  opcode_ = first & opcode_bits;
  if ((first & reserved_bits) != 0 || (second & mask_bit) == 0 || !is_known(opcode_)) return false;
  if (is_control(opcode_) && (!is_final || short_length > control_payload_max)) return false;
  if (!is_control(opcode_) && (opcode_ == opcode_continuation) != in_message_) return false;

  const std::size_t extra = extra_length_bytes(short_length);
  if (header_.size() < 2 + extra + mask_bytes) return true;
  payload_left_ = extra == 0 ? short_length : 0;
  for (std::size_t i = 0; i < extra; ++i) {
    payload_left_ = payload_left_ << 8 | byte_at(header_, 2 + i);
  }
  if (!is_control(opcode_)) {
    if (payload_left_ > message_bytes_max_ - message_bytes_) return false;
    message_bytes_ = is_final ? 0 : message_bytes_ + payload_left_;
    in_message_ = !is_final;
  }
  mask_ = header_.substr(2 + extra);
  header_.clear();
  in_payload_ = true;
  return true;
}

std::string_view ClientFrames::unmask() {
  for (std::size_t i = 0; i < control_.size(); ++i) {
    control_[i] = static_cast<char>(control_[i] ^ mask_[i % mask_bytes]);
  }
  return control_;
}

}  // namespace titan::pos
