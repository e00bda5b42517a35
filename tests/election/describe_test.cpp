// The texts of logs, transcripts and traces.
#include <catch2/catch.hpp>

#include "election/describe.h"
#include "tests/election/voters.h"

namespace titan::election {

TEST_CASE("every event and message has a text") {
  CHECK(describe(Event{BecameLeader{{3, process(1)}}}) == "leads under (3 01000000)");
  CHECK(describe(Event{LeaderChanged{}}) == "hears no leader");
  CHECK(describe(Message{VoteReply{4, VoteAnswer::promised_higher, 9, {}}}) ==
        "vote for term 4 refused: promised already: term 9");
}

}  // namespace titan::election
