#include "mesh/journal/journal_writer.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "mesh/entry/verify.h"
#include "mesh/journal/idempotency.h"
#include "mesh/wire/wire_codec.h"
#include "tests/mesh/generators.h"

using namespace titan;
using namespace titan::mesh;
using testing::draw_draft;
using testing::draw_key;

namespace {

const WireCodec codec;
using EntryPointer = std::shared_ptr<const Entry>;

struct Till {
  explicit Till(std::uint64_t seed, JournalTail predecessor = {}, std::uint64_t last_receipt = 0,
                std::uint64_t clock = 0)
      : random(seed),
        key(draw_key(random)),
        process(ProcessId::draw(random)),
        writer(codec, key, process, {"till-3", tenant_store_hash("acme", "s-1"), {}, 1},
               predecessor, last_receipt, clock, random) {}

  EntryPointer write(const EntryDraft& draft) { return writer.write(draft).value(); }

  Random random;
  KeyPair key;
  ProcessId process;
  JournalWriter writer;
};

EntryDraft draft_at(std::int64_t utc_ms, bool wants_receipt = false) {
  EntryDraft draft;
  draft.kind = Kind::sale;
  draft.time.utc_ms = utc_ms;
  draft.clock_quality = ClockQuality::synchronised;
  draft.wants_receipt = wants_receipt;
  return draft;
}

}  // namespace

TEST_CASE("A journal opens at its first entry and chains the others to it") {
  Till till(1);
  CHECK_FALSE(till.writer.is_open());
  const EntryPointer first = till.write(draft_at(1000));
  const EntryPointer second = till.write(draft_at(2000));
  const Envelope& one = first->envelope;
  REQUIRE(one.opening);
  CHECK(one.opening->process == till.process);
  CHECK(one.opening->device_public_key == till.key.public_key);
  CHECK(one.opening->terminal == "till-3");
  CHECK(one.opening->tenant_store == tenant_store_hash("acme", "s-1"));
  CHECK(one.opening->predecessor.is_none());
  CHECK(one.id.number == 1);
  CHECK(one.previous_hash.is_none());
  CHECK(one.device == till.writer.device());
  CHECK(second->envelope.id == EntryId{one.id.journal, 2});
  CHECK(second->envelope.previous_hash == first->hash);
  CHECK_FALSE(second->envelope.opening);
  CHECK(till.writer.tail() == JournalTail{one.id.journal, 2, second->hash});
}

TEST_CASE("What is written is what a peer reads, signed and hashed") {
  rc::prop("for every draft", [](std::uint64_t seed) {
    Till till(seed);
    Random random(seed + 1);
    const auto count = 1 + random.below(5);
    EntryPointer before;
    for (std::uint64_t i = 0; i < count; ++i) {
      const EntryDraft draft = draw_draft(random);
      const EntryPointer entry = till.write(draft);
      const Entry read = codec.decode_entry(entry->bytes).value();
      RC_ASSERT(read.envelope == entry->envelope);
      RC_ASSERT(read.envelope_bytes == entry->envelope_bytes);
      RC_ASSERT(read.hash == entry->hash);
      RC_ASSERT(read.hash == blake2b(entry->bytes));
      RC_ASSERT(signature_verifies(read, till.key.public_key));
      RC_ASSERT(check_envelope(read.envelope).has_value());
      RC_ASSERT(read.envelope.kind == draft.kind);
      RC_ASSERT(read.envelope.body == draft.body);
      RC_ASSERT(read.envelope.stock_effects == draft.stock_effects);
      const bool claims_request = draft.claim.is_none() && !draft.idempotency_key.empty();
      RC_ASSERT(claims_its_request(read.envelope) == claims_request);
      if (!claims_request) RC_ASSERT(read.envelope.claim == draft.claim);
      RC_ASSERT(read.envelope.idempotency_key == draft.idempotency_key);
      RC_ASSERT(read.envelope.receipt.has_value() == draft.wants_receipt);
      RC_ASSERT(read.envelope.id.number == i + 1);
      if (before) {
        RC_ASSERT(read.envelope.previous_hash == before->hash);
        RC_ASSERT(read.envelope.time >= before->envelope.time);
        RC_ASSERT(read.envelope.logical_clock > before->envelope.logical_clock);
      }
      before = entry;
    }
  });
}

TEST_CASE("Receipts run without gaps through refusals, failures and restarts") {
  Till till(2, {}, 41);
  CHECK(till.write(draft_at(1, true))->envelope.receipt == Receipt{"till-3", 42});
  CHECK_FALSE(till.write(draft_at(2))->envelope.receipt);

  EntryDraft refused = draft_at(3, true);
  refused.stock_effects = {{"caf\xe9", 0, 1}};
  const auto answer = till.writer.write(refused);
  REQUIRE(answer.has_error());
  CHECK(answer.error().field == "stock_effects.product");
  CHECK(till.write(draft_at(4, true))->envelope.receipt->number == 43);

  // The commit of 43 failed: the disk ends with 42, in number 2 of the journal.
  till.writer.start_new_journal({}, 42);
  CHECK(till.write(draft_at(5, true))->envelope.receipt->number == 43);
}

TEST_CASE("After a failure a new journal names what is really on the disk") {
  Till till(3);
  const EntryPointer durable = till.write(draft_at(1000));
  const EntryPointer lost = till.write(draft_at(2000));
  const JournalTail tail{durable->envelope.id.journal, 1, durable->hash};
  till.writer.start_new_journal(tail, 0);
  CHECK_FALSE(till.writer.is_open());
  const EntryPointer next = till.write(draft_at(500));
  REQUIRE(next->envelope.opening);
  CHECK(next->envelope.id.number == 1);
  CHECK(next->envelope.id.journal != durable->envelope.id.journal);
  CHECK(next->envelope.opening->predecessor == tail.journal);
  CHECK(next->envelope.opening->predecessor_number == 1);
  CHECK(next->envelope.opening->predecessor_hash == durable->hash);
  CHECK(next->envelope.opening->process == till.process);
  // Only within a journal the clock is held; the logical clock runs on.
  CHECK(next->envelope.time.utc_ms == 500);
  CHECK(next->envelope.logical_clock > lost->envelope.logical_clock);
}

TEST_CASE("A predecessor known only in part is left out, and the till sells") {
  Random random(9);
  Till till(4, {JournalId::draw(random), 7, {}});
  const EntryPointer entry = till.write(draft_at(1));
  CHECK(entry->envelope.opening->predecessor.is_none());
  CHECK(entry->envelope.opening->predecessor_number == 0);
}

TEST_CASE("A clock that goes back is held, and says so") {
  Till till(5);
  till.write(draft_at(10'000));
  const EntryPointer back = till.write(draft_at(4'000));
  CHECK(back->envelope.time.utc_ms == 10'000);
  CHECK(back->envelope.clock_quality == ClockQuality::held);
  const EntryPointer later = till.write(draft_at(10'001));
  CHECK(later->envelope.time.utc_ms == 10'001);
  CHECK(later->envelope.clock_quality == ClockQuality::synchronised);
}

namespace {

EntryDraft dated_draft(std::int64_t utc_ms, std::uint32_t date, std::int32_t utc_offset_minutes) {
  EntryDraft draft = draft_at(utc_ms);
  draft.business_date = date;
  draft.utc_offset_minutes = utc_offset_minutes;
  return draft;
}

}  // namespace

TEST_CASE("The date is that of the held time, and so is the offset") {
  Till till(31);
  till.write(dated_draft(90'000'000, 20260103, 60));
  const EntryPointer back = till.write(dated_draft(50'000'000, 20260102, 120));
  CHECK(back->envelope.business_date == 20260103);
  CHECK(back->envelope.utc_offset_minutes == 60);
  // Dead, it is held all the same and says that it is dead.
  EntryDraft dead = dated_draft(10'000, 19700101, 0);
  dead.clock_quality = ClockQuality::implausible;
  const EntryPointer held = till.write(dead);
  CHECK(held->envelope.time.utc_ms == 90'000'000);
  CHECK(held->envelope.business_date == 20260103);
  CHECK(held->envelope.clock_quality == ClockQuality::implausible);
  const EntryPointer later = till.write(dated_draft(200'000'000, 20260104, 60));
  CHECK(later->envelope.business_date == 20260104);
  CHECK(later->envelope.clock_quality == ClockQuality::synchronised);
}

TEST_CASE("A stated date is taken as it is and moves nobody else's") {
  Till till(32);
  till.write(dated_draft(1'000, 20260103, 0));
  EntryDraft stated = dated_draft(2'000, 20260103, 0);
  stated.stated_business_date = 20260101;
  CHECK(till.write(stated)->envelope.business_date == 20260101);
  stated.stated_business_date = 20260109;
  stated.time.utc_ms = 3'000;
  CHECK(till.write(stated)->envelope.business_date == 20260109);
  CHECK(till.write(dated_draft(4'000, 20260103, 0))->envelope.business_date == 20260103);
  // Held, it is still the screen's word.
  stated.time.utc_ms = 10;
  stated.stated_business_date = 20260102;
  CHECK(till.write(stated)->envelope.business_date == 20260102);
  CHECK(till.write(dated_draft(20, 20260101, 0))->envelope.business_date == 20260103);
}

TEST_CASE("A date that would go back by itself is held, too") {
  Till till(33);
  till.write(dated_draft(1'000, 20260103, 60));
  const EntryPointer west = till.write(dated_draft(2'000, 20260102, -300));
  CHECK(west->envelope.business_date == 20260103);
  CHECK(west->envelope.time.utc_ms == 2'000);
  CHECK(west->envelope.clock_quality == ClockQuality::held);
  till.writer.start_new_journal(till.writer.tail(), 0);
  CHECK(till.write(dated_draft(3'000, 20260102, -300))->envelope.business_date == 20260102);
}

TEST_CASE("A wall clock beyond 2100 leaves the logical clock room to be overruled") {
  Till till(34);
  const EntryPointer absurd = till.write(draft_at(250'000'000'000'000));
  CHECK(absurd->envelope.logical_clock == logical_clock_wall_ms_max << 16);
  CHECK(till.write(draft_at(250'000'000'000'001))->envelope.logical_clock ==
        (logical_clock_wall_ms_max << 16) + 1);
}

TEST_CASE("A clock of 1970 or before still sells") {
  Till till(6);
  EntryDraft draft = draft_at(-5);
  draft.clock_quality = ClockQuality::implausible;
  const EntryPointer entry = till.write(draft);
  CHECK(entry->envelope.time.utc_ms == -5);
  CHECK(entry->envelope.logical_clock == 1);
}

TEST_CASE("The logical clock orders behind all that was seen and never wraps") {
  Till till(7, {}, 0, 500);
  CHECK(till.write(draft_at(0))->envelope.logical_clock == 501);
  CHECK(till.write(draft_at(3))->envelope.logical_clock == 3 << 16);
  till.writer.observe_logical_clock(9 << 16);
  CHECK(till.write(draft_at(4))->envelope.logical_clock == (9 << 16) + 1);
  till.writer.observe_logical_clock(~0ULL);
  CHECK(till.write(draft_at(5))->envelope.logical_clock == logical_clock_max);
}

TEST_CASE("Receipt numbers run on behind receipts that came back, without a gap in a series") {
  Till till(11);
  till.write(draft_at(1));  // a product list has no receipt
  till.writer.observe_receipt_number(17);
  till.writer.observe_receipt_number(12);
  CHECK(till.write(draft_at(2, true))->envelope.receipt->number == 18);
  till.writer.observe_receipt_number(40);
  CHECK(till.write(draft_at(3, true))->envelope.receipt->number == 19);
  till.writer.start_new_journal(till.writer.tail(), till.writer.last_receipt_number());
  till.writer.observe_receipt_number(40);
  CHECK(till.write(draft_at(4, true))->envelope.receipt->number == 41);
}

TEST_CASE("A record that is too large uses up nothing") {
  Till till(8);
  EntryDraft draft = draft_at(1, true);
  draft.body = Bytes(entry_bytes_max, 'x');
  const auto answer = till.writer.write(draft);
  REQUIRE(answer.has_error());
  CHECK(answer.error().code == ErrorCode::too_large);
  CHECK_FALSE(till.writer.is_open());
  CHECK(till.writer.last_receipt_number() == 0);
  CHECK(till.write(draft_at(2, true))->envelope.receipt->number == 1);
}

TEST_CASE("The cloud's feed goes on where its database says") {
  Till cloud(10);
  const EntryPointer first = cloud.write(draft_at(1000));
  Till restarted(10);
  restarted.writer.continue_journal(cloud.writer.tail(), cloud.writer.opening_hash(),
                                    first->envelope.time);
  const EntryPointer second = restarted.write(draft_at(900));
  CHECK(second->envelope.id == EntryId{first->envelope.id.journal, 2});
  CHECK(second->envelope.previous_hash == first->hash);
  CHECK(second->envelope.opening_hash == first->envelope.opening_hash);
  CHECK(second->envelope.clock_quality == ClockQuality::held);
}

TEST_CASE("Two processes of one device never share a journal") {
  Till first(11);
  Till second(12);
  CHECK(first.write(draft_at(1))->envelope.id.journal !=
        second.write(draft_at(1))->envelope.id.journal);
}
