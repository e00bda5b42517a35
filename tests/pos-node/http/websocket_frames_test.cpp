// Frames of a WebSocket server, beside the examples of RFC 6455, section 5.7.
#include "pos-node/http/websocket_frames.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace titan::pos;

namespace {

using Told = std::vector<std::pair<FrameKind, std::string>>;

std::string client_frame(unsigned first_byte, const std::string& payload) {
  static constexpr char mask[] = {0x37, static_cast<char>(0xfa), 0x21, 0x3d};
  std::string frame(1, static_cast<char>(first_byte));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xff);
  }
  frame.append(mask, sizeof mask);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(payload[i] ^ mask[i % sizeof mask]);
  }
  return frame;
}

bool feed(ClientFrames& frames, std::string_view bytes, Told& told) {
  return frames.feed(
      bytes, [&](FrameKind kind, std::string_view payload) { told.emplace_back(kind, payload); });
}

std::string written(std::size_t size) {
  std::string out;
  append_frame(out, FrameKind::text, std::string(size, 'x'));
  return out;
}

}  // namespace

TEST_CASE("a server's frame: not masked, its length in the shortest form") {
  std::string out;
  append_frame(out, FrameKind::text, "Hello");
  CHECK(out == "\x81\x05Hello");
  append_frame(out, FrameKind::ping, "");
  CHECK(out == std::string("\x81\x05Hello\x89\x00", 9));
  CHECK(written(125).substr(0, 2) == "\x81\x7d");
  CHECK(written(126).substr(0, 4) == std::string("\x81\x7e\x00\x7e", 4));
  CHECK(written(65535).substr(0, 4) == "\x81\x7e\xff\xff");
  CHECK(written(65536).substr(0, 10) == std::string("\x81\x7f\0\0\0\0\0\x01\0\0", 10));
  CHECK(written(65536).size() == 65546);
}

TEST_CASE("a client's control frames are told, unmasked; its messages are skipped") {
  const std::string bytes = client_frame(0x81, std::string(300, 'm')) + client_frame(0x89, "ask") +
                            client_frame(0x01, "first") + client_frame(0x8a, "") +
                            client_frame(0x80, "last") + client_frame(0x88, "\x03\xe8");
  const Told expected{
      {FrameKind::ping, "ask"}, {FrameKind::pong, ""}, {FrameKind::close, "\x03\xe8"}};
  SECTION("all at once") {
    ClientFrames frames(1000);
    Told told;
    CHECK(feed(frames, bytes, told));
    CHECK(told == expected);
  }
  SECTION("in pieces of any size") {
    for (std::size_t piece = 1; piece < 20; ++piece) {
      ClientFrames frames(1000);
      Told told;
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        REQUIRE(feed(frames, std::string_view(bytes).substr(at, piece), told));
      }
      CHECK(told == expected);
    }
  }
}

TEST_CASE("what no client may send is refused") {
  const auto refused = [](const std::string& bytes) {
    ClientFrames frames(100);
    Told told;
    return !feed(frames, bytes, told) && told.empty();
  };
  CHECK(refused("\x81\x05Hello"));                                    // not masked
  CHECK(refused(client_frame(0xc1, "a")));                            // a reserved bit
  CHECK(refused(client_frame(0x83, "a")));                            // an opcode nobody knows
  CHECK(refused(client_frame(0x09, "a")));                            // a ping in fragments
  CHECK(refused(client_frame(0x89, std::string(126, 'p'))));          // a ping too long
  CHECK(refused(client_frame(0x80, "a")));                            // the rest of nothing
  CHECK(refused(client_frame(0x01, "a") + client_frame(0x81, "b")));  // a message within a message
  CHECK(refused(client_frame(0x81, std::string(101, 'm'))));
  CHECK(
      refused(client_frame(0x01, std::string(60, 'm')) + client_frame(0x80, std::string(41, 'm'))));
  CHECK(refused(std::string("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14)));
  CHECK_FALSE(refused(client_frame(0x01, std::string(60, 'm')) +
                      client_frame(0x80, std::string(40, 'm')) +
                      client_frame(0x81, std::string(100, 'm'))));
}
