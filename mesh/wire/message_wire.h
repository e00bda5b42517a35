// Each message of the mesh and of the election, into a frame and out of it.
#pragma once

#include "mesh/messages.h"
#include "mesh/wire/reader.h"
#include "proto/mesh.pb.h"

namespace titan::mesh::wire {

void to_frame(const Message& message, titan::mesh::v1::Frame* out);
void to_frame(const election::Message& message, titan::mesh::v1::Frame* out);

// Large strings are moved out of `in`. What is no message for the node (a hello, a kind that only
// a newer version knows) makes the reader fail with `unsupported`.
Message message_from(Reader& reader, titan::mesh::v1::Frame& in);
election::Message election_message_from(Reader& reader, const titan::mesh::v1::Frame& in);

}  // namespace titan::mesh::wire
