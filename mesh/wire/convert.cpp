#include "mesh/wire/convert.h"

#include <algorithm>

namespace titan::mesh::wire {

void put_content(std::string* field, const crdt::ContentSum& content) {
  const auto bytes = content.to_bytes();
  field->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// ---- to protobuf -----------------------------------------------------------------------------

void to_wire(const election::Token& token, pb::Token* out) {
  out->set_term(token.term);
  put_optional(out->mutable_process(), token.process);
}

void to_wire(const election::LeaderNews& news, pb::LeaderNews* out) {
  if (!news.token.is_none()) to_wire(news.token, out->mutable_token());
  out->set_beat(news.beat);
  out->set_beat_age_us(
      static_cast<std::uint64_t>(std::max<std::int64_t>(news.beat_age.count(), 0)));
  out->set_holds_cloud_lease(news.holds_cloud_lease);
  out->set_settled_view_size(news.view_size);
  out->set_view_number(news.view_number);
  out->set_view_is_whole(news.view_is_whole);
  out->mutable_view()->Reserve(static_cast<int>(news.view.size()));
  for (const auto& process : news.view) put(out->add_view(), process);
}

void to_wire(const MemberInfo& member, pb::MemberInfo* out) {
  put(out->mutable_process(), member.process);
  put(out->mutable_device_public_key(), member.device_key);
  out->set_terminal(member.terminal);
  for (const auto& address : member.addresses) out->add_addresses(address);
  out->set_protocol(member.protocol);
  out->set_may_lead(member.may_lead);
  out->set_priority(member.priority);
  out->set_holds_all_pending(member.holds_all_pending);
  out->set_reaches_cloud(member.reaches_cloud);
  out->set_started_utc_ms(static_cast<std::uint64_t>(member.started.utc_ms));
}

void to_wire(const MemberUpdate& update, pb::MemberUpdate* out) {
  to_wire(update.member, out->mutable_member());
  out->set_state(static_cast<pb::MemberState>(update.state));
  out->set_incarnation(update.incarnation);
}

void intervals_to_wire(const crdt::IntervalSet& numbers,
                       google::protobuf::RepeatedPtrField<pb::Interval>* out) {
  out->Reserve(static_cast<int>(numbers.intervals().size()));
  for (const auto& interval : numbers.intervals()) {
    pb::Interval* added = out->Add();
    added->set_first(interval.first);
    added->set_last(interval.last);
  }
}

void to_wire(const JournalItem& item, pb::JournalItem* out) {
  put(out->mutable_journal(), item.journal);
  intervals_to_wire(item.item.stored, out->mutable_stored());
  put_content(out->mutable_content(), item.item.content);
}

void to_wire(const Watermark& watermark, pb::Watermark* out) {
  out->set_statement(watermark.statement);
  put(out->mutable_signature(), watermark.signature);
  put(out->mutable_cloud_public_key(), watermark.cloud_key);
}

namespace {

void put_journals(const std::vector<DeviceJournals>& devices,
                  google::protobuf::RepeatedPtrField<pb::DeviceJournals>* out) {
  for (const auto& [device, journals] : devices) {
    pb::DeviceJournals* added = out->Add();
    put(added->mutable_device(), device);
    for (const JournalItem& item : journals) to_wire(item, added->add_journals());
  }
}

}  // namespace

void to_wire(const WatermarkUpdate& update, pb::WatermarkUpdate* out) {
  to_wire(update.watermark, out->mutable_watermark());
  put_optional(out->mutable_base(), update.base);
  put_journals(update.changed, out->mutable_changed());
}

void to_wire(const WatermarkRequest& request, pb::WatermarkRequest* out) {
  out->set_first(request.first);
  for (const auto& [bucket, digest] : request.held) {
    out->add_buckets(bucket);
    out->add_digests(digest);
  }
}

void to_wire(const WatermarkSlice& slice, pb::WatermarkSlice* out) {
  to_wire(slice.watermark, out->mutable_watermark());
  for (const crdt::Bucket bucket : slice.buckets) out->add_buckets(bucket);
  put_journals(slice.journals, out->mutable_journals());
  out->set_next(slice.next);
  out->set_first(slice.first);
}

// ---- from protobuf ---------------------------------------------------------------------------

election::Token token_from(Reader& reader, const pb::Token& in) {
  if (in.term() == 0) return {};
  election::Token token;
  token.term = in.term();
  token.process = reader.required<ProcessId>(in.process(), "token.process");
  if (token.term > election::term_max) reader.fail("token.term", "is beyond any real term");
  return token;
}

election::LeaderNews news_from(Reader& reader, const pb::LeaderNews& in) {
  election::LeaderNews news;
  news.token = token_from(reader, in.token());
  news.beat = in.beat();
  news.beat_age = reader.duration(in.beat_age_us(), "leader.beat_age_us");
  news.holds_cloud_lease = in.holds_cloud_lease();
  news.view_size = in.settled_view_size();
  news.view_number = in.view_number();
  news.view_is_whole = in.view_is_whole();
  news.view.reserve(reader.within(in.view().size(), view_members_max, "leader.view"));
  for (const auto& process : in.view()) {
    if (reader.failed()) break;
    news.view.push_back(reader.required<ProcessId>(process, "leader.view"));
  }
  return news;
}

MemberInfo member_from(Reader& reader, const pb::MemberInfo& in) {
  MemberInfo member;
  member.process = reader.required<ProcessId>(in.process(), "member.process");
  member.device_key =
      reader.required<PublicKey>(in.device_public_key(), "member.device_public_key");
  reader.within(in.terminal().size(), member_text_bytes_max, "member.terminal");
  member.terminal = in.terminal();
  member.addresses.reserve(
      reader.within(in.addresses().size(), member_addresses_max, "member.addresses"));
  for (const auto& address : in.addresses()) {
    reader.within(address.size(), member_text_bytes_max, "member.addresses");
    if (reader.failed()) break;
    member.addresses.push_back(address);
  }
  member.protocol = in.protocol();
  member.may_lead = in.may_lead();
  member.priority = in.priority();
  member.holds_all_pending = in.holds_all_pending();
  member.reaches_cloud = in.reaches_cloud();
  member.started.utc_ms = static_cast<std::int64_t>(in.started_utc_ms());
  return member;
}

MemberUpdate update_from(Reader& reader, const pb::MemberUpdate& in) {
  MemberUpdate update;
  update.member = member_from(reader, in.member());
  update.state =
      reader.choice(static_cast<std::uint32_t>(in.state()), MemberState::left, "update.state");
  update.incarnation = in.incarnation();
  return update;
}

crdt::IntervalSet intervals_from(Reader& reader,
                                 const google::protobuf::RepeatedPtrField<pb::Interval>& in) {
  std::vector<crdt::Interval> intervals;
  intervals.reserve(static_cast<std::size_t>(in.size()));
  for (const auto& interval : in) {
    if (interval.first() == 0 || interval.first() > interval.last() ||
        interval.last() > entry_number_max) {
      reader.fail("interval", "does not run from a number of 1 or more to a later one");
      return {};
    }
    intervals.push_back({interval.first(), interval.last()});
  }
  return crdt::IntervalSet(std::move(intervals));
}

JournalItem item_from(Reader& reader, const pb::JournalItem& in) {
  JournalItem item;
  item.journal = reader.required<JournalId>(in.journal(), "item.journal");
  item.item.stored = intervals_from(reader, in.stored());
  item.item.content = reader.content(in.content(), "item.content");
  return item;
}

Watermark watermark_from(Reader& reader, const pb::Watermark& in) {
  Watermark watermark;
  watermark.statement = in.statement();
  watermark.signature = reader.sized<Signature>(in.signature(), "watermark.signature");
  watermark.cloud_key =
      reader.required<PublicKey>(in.cloud_public_key(), "watermark.cloud_public_key");
  return watermark;
}

namespace {

std::vector<DeviceJournals> journals_from(
    Reader& reader, const google::protobuf::RepeatedPtrField<pb::DeviceJournals>& in) {
  std::vector<DeviceJournals> devices;
  for (const auto& each : in) {
    if (reader.failed()) break;
    DeviceJournals& added = devices.emplace_back();
    added.device = reader.required<DeviceId>(each.device(), "device_journals.device");
    for (const auto& item : each.journals()) {
      if (reader.failed()) break;
      added.journals.push_back(item_from(reader, item));
    }
  }
  return devices;
}

std::vector<crdt::Bucket> buckets_from(Reader& reader, std::uint32_t first,
                                       const google::protobuf::RepeatedField<std::uint32_t>& in) {
  std::vector<crdt::Bucket> buckets;
  for (const std::uint32_t bucket : in) {
    const bool is_in_order = buckets.empty() ? bucket >= first : bucket > buckets.back();
    if (!is_in_order || bucket >= crdt::bucket_count) {
      reader.fail("buckets", "do not ascend within 0 to 4,095");
      break;
    }
    buckets.push_back(bucket);
  }
  return buckets;
}

}  // namespace

WatermarkUpdate watermark_update_from(Reader& reader, const pb::WatermarkUpdate& in) {
  return {.watermark = watermark_from(reader, in.watermark()),
          .base = reader.optional<Hash>(in.base(), "watermark_update.base"),
          .changed = journals_from(reader, in.changed())};
}

WatermarkRequest watermark_request_from(Reader& reader, const pb::WatermarkRequest& in) {
  WatermarkRequest request;
  request.first = in.first();
  if (in.first() >= crdt::bucket_count) reader.fail("watermark_request.first", "is no bucket");
  if (in.buckets().size() != in.digests().size()) {
    reader.fail("watermark_request.digests", "are not as many as the buckets beside them");
    return request;
  }
  for (const crdt::Bucket bucket : buckets_from(reader, in.first(), in.buckets())) {
    request.held.push_back({bucket, in.digests(static_cast<int>(request.held.size()))});
  }
  return request;
}

WatermarkSlice watermark_slice_from(Reader& reader, const pb::WatermarkSlice& in) {
  return {.watermark = watermark_from(reader, in.watermark()),
          .first = in.first(),
          .buckets = buckets_from(reader, in.first(), in.buckets()),
          .journals = journals_from(reader, in.journals()),
          .next = in.next()};
}

}  // namespace titan::mesh::wire
