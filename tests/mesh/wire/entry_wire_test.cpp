#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "base/hex.h"
#include "mesh/entry/verify.h"
#include "mesh/wire/wire_codec.h"
#include "proto/entry.pb.h"
#include "tests/mesh/generators.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

namespace epb = titan::entry::v1;
const WireCodec codec;

Bytes draw_entry_bytes(Random& random) {
  return codec.encode_signed_entry(codec.encode_envelope(draw_envelope(random, codec)),
                                   Signature::draw(random));
}

Result<Entry> decode(const epb::Envelope& envelope) {
  return codec.decode_entry(codec.encode_signed_entry(envelope.SerializeAsString(), Signature{}));
}

epb::Envelope smallest_envelope() {
  epb::Envelope envelope;
  envelope.set_journal(std::string(16, 'j'));
  envelope.set_device(std::string(16, 'd'));
  envelope.set_opening_hash(std::string(16, 'o'));
  envelope.set_number(1);
  return envelope;
}

}  // namespace

TEST_CASE("Every envelope comes back, and its bytes with it") {
  rc::prop("for any envelope", [](std::uint64_t seed) {
    Random random(seed);
    const Envelope envelope = draw_envelope(random, codec);
    const Signature signature = Signature::draw(random);
    const Bytes envelope_bytes = codec.encode_envelope(envelope);
    const Bytes bytes = codec.encode_signed_entry(envelope_bytes, signature);
    const Result<Entry> entry = codec.decode_entry(bytes);
    RC_ASSERT(entry.has_value());
    RC_ASSERT(entry->envelope == envelope);
    RC_ASSERT(entry->bytes == bytes);
    RC_ASSERT(entry->envelope_bytes == envelope_bytes);
    RC_ASSERT(entry->signature == signature);
    RC_ASSERT(entry->hash == blake2b(bytes));
    RC_ASSERT(codec.encode_envelope(entry->envelope) == envelope_bytes);
    epb::SignedEntry parsed;
    RC_ASSERT(parsed.ParseFromString(bytes));
    RC_ASSERT(parsed.envelope() == envelope_bytes);
  });
}

TEST_CASE("Unknown kinds and fields are kept byte for byte") {
  rc::prop("of an entry from a newer version", [](std::uint64_t seed) {
    Random random(seed);
    const KeyPair key = draw_key(random);
    Envelope known = draw_envelope(random, codec);
    known.kind = static_cast<Kind>(5000 + random.below(1000));
    epb::Envelope envelope;
    RC_ASSERT(envelope.ParseFromString(codec.encode_envelope(known)));
    auto* unknown = envelope.GetReflection()->MutableUnknownFields(&envelope);
    unknown->AddLengthDelimited(200, draw_bytes(random, 50));
    unknown->AddVarint(201, random.next());
    for (auto& effect : *envelope.mutable_stock_effects()) {
      effect.GetReflection()->MutableUnknownFields(&effect)->AddVarint(99, random.next());
    }
    const Bytes envelope_bytes = envelope.SerializeAsString();
    const Bytes bytes =
        codec.encode_signed_entry(envelope_bytes, sign(key, signed_part(envelope_bytes)));

    // Through direct mail, an answer to a request and a relay, as a terminal in between does it.
    DirectMail mail{{codec.decode_entry(bytes)->bytes}};
    const Relay relay{ProcessId::draw(random), ProcessId::draw(random), codec.encode_message(mail),
                      1};
    const auto relayed = codec.decode_message(codec.encode_message(relay));
    const auto delivered = codec.decode_message(std::get<Relay>(*relayed).frame);
    const Bytes& arrived = std::get<DirectMail>(*delivered).entries.at(0);
    RC_ASSERT(arrived == bytes);
    const Entry entry = codec.decode_entry(arrived).value();
    RC_ASSERT(entry.hash == blake2b(bytes));
    RC_ASSERT(signature_verifies(entry, key.public_key));
    // The envelope's own facts are read although the kind is not known: stock folds the same.
    RC_ASSERT(entry.envelope == known);
  });
}

TEST_CASE("An entry has one form only") {
  Random random(5);
  const Bytes bytes = draw_entry_bytes(random);
  REQUIRE(codec.decode_entry(bytes).has_value());
  epb::SignedEntry parsed;
  REQUIRE(parsed.ParseFromString(bytes));

  Bytes other_form;
  SECTION("a third field") {
    parsed.GetReflection()->MutableUnknownFields(&parsed)->AddVarint(3, 1);
    other_form = parsed.SerializeAsString();
  }
  SECTION("the signature first") {
    epb::SignedEntry first, second;
    first.set_signature(parsed.signature());
    second.set_envelope(parsed.envelope());
    other_form = first.SerializeAsString() + second.SerializeAsString();
  }
  SECTION("a field twice") {
    epb::SignedEntry extra;
    extra.set_envelope("x");
    other_form = extra.SerializeAsString() + bytes;
  }
  SECTION("a length written longer than needed") {
    REQUIRE(parsed.envelope().size() >= 128);
    REQUIRE(parsed.envelope().size() < 16384);
    other_form = bytes;
    other_form[2] = static_cast<char>(other_form[2] | 0x80);
    other_form.insert(3, 1, '\0');
  }
  epb::SignedEntry same_content;
  REQUIRE(same_content.ParseFromString(other_form));
  CHECK(same_content.envelope() == parsed.envelope());
  CHECK(same_content.signature() == parsed.signature());
  const auto entry = codec.decode_entry(other_form);
  REQUIRE(entry.has_error());
  CHECK(entry.error().code == ErrorCode::corrupt);
}

TEST_CASE("Rubbish is no entry, and decoding it does no harm") {
  rc::prop("random bytes", [](std::uint64_t seed) {
    Random random(seed);
    RC_ASSERT(codec.decode_entry(draw_bytes(random, 400)).has_error());
  });
  rc::prop("random bytes where the envelope should be", [](std::uint64_t seed) {
    Random random(seed);
    const auto entry = codec.decode_entry(
        codec.encode_signed_entry(draw_bytes(random, 200), Signature::draw(random)));
    RC_ASSERT(entry.has_value() || !entry.error().message.empty());
  });
  rc::prop("a valid entry, cut anywhere", [](std::uint64_t seed) {
    Random random(seed);
    const Bytes bytes = draw_entry_bytes(random);
    RC_ASSERT(
        codec.decode_entry(BytesView(bytes).substr(0, random.below(bytes.size()))).has_error());
  });
  rc::prop("a valid entry with changed bytes", [](std::uint64_t seed) {
    Random random(seed);
    Bytes bytes = draw_entry_bytes(random);
    const auto at = random.below(bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random.below(255)));
    const auto entry = codec.decode_entry(bytes);
    if (!entry) return;
    RC_ASSERT(entry->bytes == bytes);
    RC_ASSERT(entry->hash == blake2b(bytes));
    static_cast<void>(check_envelope(entry->envelope));
  });
  rc::prop("and neither do random bytes as a watermark's statement", [](std::uint64_t seed) {
    Random random(seed);
    const auto statement = codec.decode_watermark_statement(draw_bytes(random, 300));
    RC_ASSERT(statement.has_value() || !statement.error().message.empty());
  });
}

TEST_CASE("A field of the wrong size is named") {
  epb::Envelope envelope = smallest_envelope();
  REQUIRE(decode(envelope).has_value());
  std::string field;
  SECTION("journal") {
    envelope.set_journal(std::string(15, 'x')), field = "journal";
  }
  SECTION("no journal") {
    envelope.clear_journal(), field = "journal";
  }
  SECTION("device") {
    envelope.set_device(std::string(17, 'x')), field = "device";
  }
  SECTION("previous hash") {
    envelope.set_previous_hash("x"), field = "previous_hash";
  }
  SECTION("request hash") {
    envelope.set_request_hash("x"), field = "request_hash";
  }
  SECTION("claim") {
    envelope.set_claim(std::string(33, 'x')), field = "claim";
  }
  SECTION("opening hash") {
    envelope.set_opening_hash("x"), field = "opening_hash";
  }
  SECTION("no opening hash") {
    envelope.clear_opening_hash(), field = "opening_hash";
  }
  SECTION("another opening") {
    envelope.set_opening("x"), field = "opening";
  }
  SECTION("opening") {
    epb::JournalOpening opening;
    opening.set_terminal("till-1");
    envelope.set_opening(opening.SerializeAsString());
    envelope.set_opening_hash(std::string(hash_of_opening(envelope.opening()).view()));
    field = "opening.process";
  }
  const auto entry = decode(envelope);
  REQUIRE(entry.has_error());
  CHECK(entry.error().code == ErrorCode::corrupt);
  CHECK(entry.error().field == field);
}

TEST_CASE("Text that is not UTF-8 is no entry") {
  epb::Envelope envelope = smallest_envelope();
  envelope.set_idempotency_key("abc");
  Bytes bytes = envelope.SerializeAsString();
  bytes[bytes.find("abc")] = '\xff';
  CHECK(codec.decode_entry(codec.encode_signed_entry(bytes, Signature{})).has_error());
}

TEST_CASE("An entry over the limit is refused unread") {
  const auto entry = codec.decode_entry(Bytes(entry_bytes_max + 1, 'x'));
  REQUIRE(entry.has_error());
  CHECK(entry.error().code == ErrorCode::too_large);
}

TEST_CASE("The bytes of an entry are for ever") {
  Envelope envelope;
  envelope.id.number = 2;
  envelope.id.journal.bytes.fill(0x11);
  envelope.previous_hash.bytes.fill(0x22);
  envelope.kind = Kind::sale;
  envelope.device.bytes.fill(0x33);
  envelope.time.utc_ms = 1317890000000;
  envelope.utc_offset_minutes = 60;
  envelope.business_date = 20111006;
  envelope.clock_quality = ClockQuality::synchronised;
  envelope.idempotency_key = "k";
  envelope.stock_effects = {{"22423", 0, 1'000'000}};
  envelope.body = "b";
  envelope.logical_clock = 5;
  envelope.receipt = Receipt{"t", 7};
  envelope.opening_hash.bytes.fill(0x55);
  const Bytes bytes = codec.encode_envelope(envelope);
  CHECK(to_hex(bytes) ==
        "0a101111111111111111111111111111111110021a2022222222222222222222222222222222222222222222"
        "2222222222222222222220012a1033333333333333333333333333333333308089f6c2ad263878409ebdcb09"
        "480152016b6a0b0a05323234323318c0843d7201628001058a01050a0174100792011055555555555555555555"
        "555555555555");

  // By its hash tills of all architectures know it, and chain the next one to it.
  SecretSeed seed;
  seed.bytes.fill(0x44);
  const Signature signature = sign(KeyPair::from_seed(seed), signed_part(bytes));
  CHECK(blake2b(codec.encode_signed_entry(bytes, signature)).hex() ==
        "bcc1ac0df2eb3dc80ecf2755f462e5beccc6cb56f7c9d3657a294d5e3ff2d37c");
}

TEST_CASE("A watermark's statement comes back") {
  rc::prop("for any statement", [](std::uint64_t seed) {
    Random random(seed);
    const WatermarkStatement statement{
        draw_number(random),  draw_bytes(random, 16), draw_number(random), draw_text(random, 9),
        draw_text(random, 9), Hash::draw(random),     draw_number(random)};
    const Bytes bytes = codec.encode_watermark_statement(statement);
    const auto read = codec.decode_watermark_statement(bytes);
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == statement);
    RC_ASSERT(codec.encode_watermark_statement(*read) == bytes);
  });
}
