#include "mesh/wire/wire_codec.h"

#include "mesh/wire/convert.h"
#include "mesh/wire/message_wire.h"
#include "mesh/wire/parse.h"

namespace titan::mesh {

WireCodec::WireCodec() {
  static const bool silenced = [] {
    google::protobuf::SetLogHandler(nullptr);
    return true;
  }();
  static_cast<void>(silenced);
}

Bytes WireCodec::encode_message(const Message& message) const {
  google::protobuf::Arena arena;
  auto* frame = google::protobuf::Arena::CreateMessage<wire::pb::Frame>(&arena);
  frame->set_protocol(protocol_version);
  wire::to_frame(message, frame);
  return frame->SerializeAsString();
}

Result<Message> WireCodec::decode_message(BytesView frame) const {
  if (frame.size() > frame_bytes_max) {
    return make_error(ErrorCode::too_large,
                      "a frame of " + std::to_string(frame.size()) +
                          " bytes was refused, at most " + std::to_string(frame_bytes_max) +
                          " are allowed",
                      "frame");
  }
  wire::Parsed<wire::pb::Frame> parsed(frame);
  if (!parsed.ok()) {
    return make_error(ErrorCode::corrupt, "a frame cannot be read: it is damaged or no frame",
                      "frame");
  }
  wire::Reader reader;
  Message message = wire::message_from(reader, *parsed);
  return reader.finish(std::move(message));
}

}  // namespace titan::mesh
