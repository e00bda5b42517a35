// What happens to links when the process behind them is killed, stopped or restarted.
#include <catch2/catch.hpp>

#include <csignal>

#include "tests/mesh/zmq/child_process.h"
#include "tests/mesh/zmq/test_peer.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::test;

namespace {

std::unique_ptr<ChildProcess> start_peer(const std::string& listen, std::uint64_t seed,
                                         std::vector<std::string> more = {}) {
  std::vector<std::string> command = {TITAN_TRANSPORT_PEER, listen, std::to_string(seed)};
  command.insert(command.end(), more.begin(), more.end());
  return std::make_unique<ChildProcess>(command);
}

// A peer here that has a link to one in a process of its own.
struct LinkedChild {
  LinkedChild() {
    const auto listening = child->await_line("listening ");
    REQUIRE(listening);
    address = *listening;
    REQUIRE(one.transport->dial(address));
    WAIT_UNTIL(loop, one.transport->is_linked(process_of(2)), &one);
  }

  boost::asio::io_context loop;
  TestPeer one{loop, config_of(1)};
  std::unique_ptr<ChildProcess> child = start_peer("127.0.0.1:0", 2);
  std::string address;
};

milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

TEST_CASE_METHOD(LinkedChild,
                 "a killed peer is known at once, its successor is linked within a second",
                 "[process]") {
  auto start = std::chrono::steady_clock::now();
  child->signal(SIGKILL);
  WAIT_UNTIL(loop, one.downs.size() == 1, &one);
  const auto known = since(start);
  child->wait();
  CHECK(one.downs.front() == std::pair(process_of(2), LinkDown::closed));
  CHECK(known < milliseconds(200));
  WAIT_UNTIL(loop, one.nobody_there.size() == 1, &one);
  CHECK(one.nobody_there.front() == process_of(2));
  CHECK(since(start) < milliseconds(400));

  start = std::chrono::steady_clock::now();
  child = start_peer(address, 3);
  REQUIRE(child->await_line("listening "));
  WAIT_UNTIL(loop, one.transport->is_linked(process_of(3)), &one);
  const auto linked = since(start);
  CHECK(linked < milliseconds(1000));
  WARN("killed peer known after " << known.count() << " ms, its successor linked after "
                                  << linked.count() << " ms");
}

TEST_CASE("a stopped peer: the queue is bounded, its return is used within a second", "[process]") {
  boost::asio::io_context loop;
  TransportConfig config = config_of(1);
  config.limits.queue_bytes_max = 512 * 1024;
  TestPeer one(loop, config);
  auto child = start_peer("127.0.0.1:0", 2, {"dial=" + one.address(), "answer=yes"});
  const auto address = child->await_line("listening ");
  REQUIRE(address);
  REQUIRE(one.transport->dial(*address));
  WAIT_UNTIL(loop, one.transport->is_linked(process_of(2)) && !one.greeted.empty(), &one);

  child->signal(SIGSTOP);
  const Bytes frame = frame_of(Bytes(50'000, 'x'));
  const auto stopped = std::chrono::steady_clock::now();
  while (since(stopped) < milliseconds(2000)) {
    for (int i = 0; i < 20; ++i) one.transport->send(process_of(2), frame);
    run_for(loop, milliseconds(10));
    for (const auto& link : one.transport->links()) {
      REQUIRE(link.queued_frames <= config.limits.queue_bytes_max / frame.size());
    }
  }
  const TransportCounters& counters = one.transport->counters();
  INFO(one.describe());
  CHECK(counters.dropped_queue_full + counters.dropped_without_link > 0);

  child->signal(SIGCONT);
  const auto resumed = std::chrono::steady_clock::now();
  const Bytes probe = frame_of("are you back?");
  const auto answered = [&] {
    one.transport->send(process_of(2), probe);
    return !one.frames.empty() && one.frames.back().second == probe;
  };
  REQUIRE(run_until(loop, answered, milliseconds(5000)));
  WARN("a peer stopped for 2 s under load answers " << since(resumed).count()
                                                    << " ms after it goes on");
  CHECK(since(resumed) < milliseconds(1000));
}

TEST_CASE_METHOD(LinkedChild, "a stopped peer whose link was closed still has somebody there",
                 "[process]") {
  child->signal(SIGSTOP);
  one.transport->hang_up(address);  // reported as `closed`, like a link that ended by itself
  CHECK(one.downs == std::vector{std::pair(process_of(2), LinkDown::closed)});
  run_for(loop, milliseconds(800));  // longer than all attempts together
  CHECK(one.nobody_there.empty());
  REQUIRE(one.transport->dial(address));
  child->signal(SIGCONT);
  WAIT_UNTIL(loop, one.transport->is_linked(process_of(2)), &one);
  CHECK(one.nobody_there.empty());
}

TEST_CASE_METHOD(LinkedChild, "a peer that ends politely closes its links", "[process]") {
  child->signal(SIGTERM);
  CHECK(child->wait() == 0);
  WAIT_UNTIL(loop, one.downs.size() == 1, &one);
}
