// The parts that several wire messages share, to protobuf and back. The uplink's wire code uses
// them too.
#pragma once

#include "base/bytes.h"
#include "election/types.h"
#include "mesh/entry/entry.h"
#include "mesh/messages.h"
#include "mesh/wire/reader.h"
#include "proto/mesh.pb.h"

namespace titan::mesh::wire {

namespace pb = titan::mesh::v1;

// Named limits of what one message may list; what goes beyond is refused as a whole.
inline constexpr std::size_t member_updates_max = 512;
inline constexpr std::size_t member_addresses_max = 32;
inline constexpr std::size_t member_text_bytes_max = 256;
inline constexpr std::size_t view_members_max = 1024;

template <class Id>
void put(std::string* field, const Id& id) {
  field->assign(id.view());
}
template <class Id>
void put_optional(std::string* field, const Id& id) {
  if (!id.is_none()) field->assign(id.view());
}
void put_content(std::string* field, const crdt::ContentSum& content);

void to_wire(const election::Token& token, pb::Token* out);
void to_wire(const election::LeaderNews& news, pb::LeaderNews* out);
void to_wire(const MemberInfo& member, pb::MemberInfo* out);
void to_wire(const MemberUpdate& update, pb::MemberUpdate* out);
void to_wire(const JournalItem& item, pb::JournalItem* out);
void to_wire(const Watermark& watermark, pb::Watermark* out);
void to_wire(const WatermarkUpdate& update, pb::WatermarkUpdate* out);
void to_wire(const WatermarkRequest& request, pb::WatermarkRequest* out);
void to_wire(const WatermarkSlice& slice, pb::WatermarkSlice* out);

// A token that is not there, or has term 0, is none.
election::Token token_from(Reader& reader, const pb::Token& in);
election::LeaderNews news_from(Reader& reader, const pb::LeaderNews& in);
MemberInfo member_from(Reader& reader, const pb::MemberInfo& in);
MemberUpdate update_from(Reader& reader, const pb::MemberUpdate& in);
JournalItem item_from(Reader& reader, const pb::JournalItem& in);
Watermark watermark_from(Reader& reader, const pb::Watermark& in);
WatermarkUpdate watermark_update_from(Reader& reader, const pb::WatermarkUpdate& in);
WatermarkRequest watermark_request_from(Reader& reader, const pb::WatermarkRequest& in);
WatermarkSlice watermark_slice_from(Reader& reader, const pb::WatermarkSlice& in);
crdt::IntervalSet intervals_from(Reader& reader,
                                 const google::protobuf::RepeatedPtrField<pb::Interval>& in);
void intervals_to_wire(const crdt::IntervalSet& numbers,
                       google::protobuf::RepeatedPtrField<pb::Interval>* out);

}  // namespace titan::mesh::wire
