// What the loop and the store database's thread tell each other, without a database.
#include "uplink/postgres/store_mailbox.h"

#include <catch2/catch.hpp>

#include "tests/uplink/till.h"

namespace titan::uplink {
namespace {

using test::EntryPointer;
using test::Till;

StoreDatabaseConfig small_config() {
  StoreDatabaseConfig config;
  config.mode = "auto";
  config.queued_entries_max = 2;
  config.look_after_ms = 0;
  return config;
}

struct Stage {
  StoreDatabaseConfig config = small_config();
  Till till{"till-1"};
  StoreMailbox mailbox{config};
  election::Token token{1, till.process};

  std::vector<EntryPointer> sells(int entries) {
    std::vector<EntryPointer> fresh;
    for (int i = 0; i < entries; ++i) fresh.push_back(till.sell("A", 1));
    mailbox.on_stored(fresh);
    return fresh;
  }
};

}  // namespace

TEST_CASE("whatever makes the task pointless ends it") {
  Stage stage;
  stage.mailbox.lead(stage.token, {});
  const auto first = stage.mailbox.next_task();
  REQUIRE(first);
  CHECK(first->token == stage.token);
  stage.mailbox.lead(stage.token, {});  // the same again is no change
  CHECK(stage.mailbox.is_current(first->generation));
  CHECK(stage.mailbox.pause(first->generation, 1));

  stage.mailbox.lead({2, stage.till.process}, {});
  CHECK_FALSE(stage.mailbox.is_current(first->generation));
  CHECK_FALSE(stage.mailbox.pause(first->generation, 60'000));
  const auto second = stage.mailbox.next_task();
  REQUIRE(second);
  CHECK(second->token->term == 2);
  stage.mailbox.follow();
  CHECK_FALSE(stage.mailbox.is_current(second->generation));
  CHECK_FALSE(stage.mailbox.leads());
}

TEST_CASE("fresh entries are queued up to a limit, the rest is named for reading") {
  Stage stage;
  stage.mailbox.lead(stage.token, {});
  const auto sold = stage.sells(3);
  const JournalId journal = sold[0]->envelope.id.journal;
  CHECK(stage.mailbox.status().behind == 3);
  CHECK(stage.mailbox.stored_of(journal).count() == 3);
  CHECK(stage.mailbox.take_fresh() == std::vector<EntryPointer>{sold[0], sold[1]});
  CHECK(crdt::count(stage.mailbox.take_overflow()) == 1);
  CHECK(stage.mailbox.status().behind == 0);

  stage.sells(1);
  CHECK(stage.mailbox.begin_filling().at(journal).stored.count() == 4);
  CHECK(stage.mailbox.take_fresh().empty());  // it is read from disk with the rest
}

TEST_CASE("who follows looks once after the journal was opened, and again after a failure") {
  Stage stage;
  stage.mailbox.on_journal_opened({});
  const auto look = stage.mailbox.next_task();
  REQUIRE(look);
  CHECK_FALSE(look->token);
  const auto sold = stage.sells(1);
  CHECK(stage.mailbox.take_fresh().empty());  // followed, but not to be projected
  CHECK(stage.mailbox.known().size() == 1);

  stage.config.look_again_ms = 1;
  stage.mailbox.look_again(look->generation);
  CHECK(stage.mailbox.next_task()->generation == look->generation);
  stage.mailbox.end_look(look->generation + 1);  // of another task
  CHECK(stage.mailbox.known().size() == 1);
  stage.mailbox.end_look(look->generation);
  CHECK(stage.mailbox.known().empty());
}

TEST_CASE("a change of the status is told once") {
  Stage stage;
  CHECK(stage.mailbox.change_state(StoreDatabaseState::failed, "no server"));
  CHECK_FALSE(stage.mailbox.change_state(StoreDatabaseState::failed, "no server"));
  stage.mailbox.set_progress(7, 3, 0.5, 1);
  const auto off = stage.mailbox.change_state(StoreDatabaseState::off, "");
  REQUIRE(off);
  CHECK(off->complete_to == 0);
}

TEST_CASE("after the end there is no task and no news") {
  Stage stage;
  stage.mailbox.lead(stage.token, {});
  stage.mailbox.end();
  CHECK(stage.mailbox.stop());
  CHECK_FALSE(stage.mailbox.next_task());
  CHECK_FALSE(stage.mailbox.leads());
  CHECK_FALSE(stage.mailbox.change_state(StoreDatabaseState::failed, "too late"));
}

}  // namespace titan::uplink
