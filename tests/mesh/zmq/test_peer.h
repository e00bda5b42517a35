// A transport of the tests with everything it reported, and the loop that several of them share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "mesh/zmq/transport.h"

namespace titan {

// So that the tests can print a failed result.
inline std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.message;
}

}  // namespace titan

namespace titan::mesh::test {

inline constexpr std::uint64_t store_secret_seed = 77;

KeyPair key_of(std::uint64_t seed);
ProcessId process_of(std::uint64_t seed);
StoreSecret secret_of(std::uint64_t seed);
// `seed` draws device and process; the same store secret for all.
TransportConfig config_of(std::uint64_t seed);

class TestPeer {
 public:
  TestPeer(boost::asio::io_context& loop, TransportConfig config);

  std::string address() const;
  ProcessId process() const { return config.member.process; }
  bool linked_to(const TestPeer& other) const { return transport->is_linked(other.process()); }
  std::string describe() const;

  TransportConfig config;
  std::vector<std::pair<ProcessId, Bytes>> frames;
  std::vector<std::pair<ProcessId, std::string>> ups;
  std::vector<std::pair<ProcessId, LinkDown>> downs;
  std::vector<ProcessId> nobody_there;
  std::vector<std::pair<std::string, std::string>> refused;
  std::vector<std::pair<std::string, std::string>> turned_away;
  std::vector<std::string> selves;
  std::vector<std::string> parked;
  std::vector<MemberInfo> greeted;
  std::vector<std::string> greeted_from;
  std::function<void(const ProcessId&, BytesView)> frame_hook;
  std::unique_ptr<Transport> transport;
};

// Runs the loop until `done` or the limit; answers whether it was done.
bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               milliseconds limit = milliseconds(5000));
// For showing that something does not happen.
void run_for(boost::asio::io_context& loop, milliseconds time);

// A frame as the Node sends them: no greeting, any content.
Bytes frame_of(const std::string& text);

// Fails the test and prints what the peers saw if the condition does not come true in time.
#define WAIT_UNTIL(loop, condition, ...)                                  \
  do {                                                                    \
    if (!::titan::mesh::test::run_until(loop, [&] { return condition; })) \
      FAIL("never came true: " #condition "\n"                            \
           << ::titan::mesh::test::describe_all({__VA_ARGS__}));          \
  } while (false)

std::string describe_all(const std::vector<const TestPeer*>& peers);

}  // namespace titan::mesh::test
