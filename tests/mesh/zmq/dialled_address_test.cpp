// The life of one dialled address in virtual time, as transcripts.
#include <catch2/catch.hpp>

#include <sstream>

#include "mesh/zmq/dialled_address.h"

using namespace titan;
using namespace titan::mesh;

namespace {

using Step = DialledAddress::Step;

const char* text_of(Step step) {
  switch (step) {
    case Step::nothing:
      return "nothing";
    case Step::open:
      return "open";
    case Step::greet:
      return "greet";
    case Step::close:
      return "close";
  }
  return "?";
}

class Script {
 public:
  // Commands: dial, encrypted, accepted, parked, released, self, refused, wanted, lost, tick, +MS.
  std::string run(const std::string& commands) {
    std::istringstream input(commands);
    std::ostringstream trace;
    for (std::string command; input >> command;) {
      if (command.front() == '+') {
        now_ = now_ + milliseconds(std::stoi(command.substr(1)));
        command = "tick";
      }
      const Step step = apply(command);
      trace << now_.since_start.count() / 1000 << " " << command << ": " << text_of(step) << ", "
            << to_string(address_.phase()) << "\n";
    }
    return trace.str();
  }

 private:
  Step apply(const std::string& command) {
    if (command == "dial") return address_.on_dial(now_, milliseconds(200));
    if (command == "encrypted") return address_.on_encrypted(now_);
    if (command == "accepted") return address_.on_accepted(now_);
    if (command == "parked") return address_.on_parked();
    if (command == "released") return address_.on_released(now_);
    if (command == "self") return address_.on_self();
    if (command == "refused") return address_.on_refused(now_);
    if (command == "wanted") return address_.on_hello_wanted(now_);
    if (command == "lost") return address_.on_connection_lost(now_);
    if (command == "tick") return address_.on_tick(now_);
    FAIL("no such command: " << command);
    return Step::nothing;
  }

  MonoTime now_;
  DialledAddress address_{DialTimings{}, MonoTime{}, milliseconds(200)};
};

}  // namespace

TEST_CASE("a link that lived is dialled again at once when it is lost", "[dialled_address]") {
  CHECK(Script().run("dial encrypted accepted +5000 lost tick encrypted accepted") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 accepted: nothing, linked\n"
        "5000 tick: nothing, linked\n"
        "5000 lost: close, waiting\n"
        "5000 tick: open, connecting\n"
        "5000 encrypted: greet, greeting\n"
        "5000 accepted: nothing, linked\n");
}

TEST_CASE("a peer that drops us at once is not hammered", "[dialled_address]") {
  CHECK(Script().run("dial encrypted accepted +10 lost tick +199 +1") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 accepted: nothing, linked\n"
        "10 tick: nothing, linked\n"
        "10 lost: close, waiting\n"
        "10 tick: nothing, waiting\n"
        "209 tick: nothing, waiting\n"
        "210 tick: open, connecting\n");
}

TEST_CASE("each step of an attempt has a time limit", "[dialled_address]") {
  CHECK(Script().run("dial +2499 +1 +200 encrypted +1999 +1 +200") ==
        "0 dial: open, connecting\n"
        "2499 tick: nothing, connecting\n"
        "2500 tick: close, waiting\n"
        "2700 tick: open, connecting\n"
        "2700 encrypted: greet, greeting\n"
        "4699 tick: nothing, greeting\n"
        "4700 tick: close, waiting\n"
        "4900 tick: open, connecting\n");
}

TEST_CASE("a refusal rests, dialling again by hand tries at once", "[dialled_address]") {
  CHECK(Script().run("dial encrypted refused +14999 +1 encrypted refused dial") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 refused: close, resting\n"
        "14999 tick: nothing, resting\n"
        "15000 tick: open, connecting\n"
        "15000 encrypted: greet, greeting\n"
        "15000 refused: close, resting\n"
        "15000 dial: open, connecting\n");
}

TEST_CASE("a hello is repeated when it is wanted, but not for ever", "[dialled_address]") {
  CHECK(Script().run("dial encrypted wanted accepted wanted wanted wanted wanted wanted") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 wanted: nothing, greeting\n"
        "0 accepted: nothing, linked\n"
        "0 wanted: greet, linked\n"
        "0 wanted: greet, linked\n"
        "0 wanted: greet, linked\n"
        "0 wanted: greet, linked\n"
        "0 wanted: close, waiting\n");
}

TEST_CASE("a repeated hello that stays unanswered ends the link", "[dialled_address]") {
  CHECK(Script().run("dial encrypted accepted wanted +2000") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 accepted: nothing, linked\n"
        "0 wanted: greet, linked\n"
        "2000 tick: close, waiting\n");
}

TEST_CASE("a second address is parked until the first link goes", "[dialled_address]") {
  CHECK(Script().run("dial encrypted parked dial +60000 released encrypted accepted") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 parked: close, parked\n"
        "0 dial: nothing, parked\n"
        "60000 tick: nothing, parked\n"
        "60000 released: open, connecting\n"
        "60000 encrypted: greet, greeting\n"
        "60000 accepted: nothing, linked\n");
}

TEST_CASE("our own address is never dialled again", "[dialled_address]") {
  CHECK(Script().run("dial encrypted self dial lost released +60000") ==
        "0 dial: open, connecting\n"
        "0 encrypted: greet, greeting\n"
        "0 self: close, self\n"
        "0 dial: nothing, self\n"
        "0 lost: nothing, self\n"
        "0 released: nothing, self\n"
        "60000 tick: nothing, self\n");
}
