// Uplink messages to bytes and back (proto/uplink.proto). Both ends use it.
//
// Pure functions, may be shared by threads. Decoders take whatever the other side sends and answer
// with an error that names the field, never with a crash. A message of a kind that this version
// does not know is `unsupported` and may be ignored.
#pragma once

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/result.h"
#include "uplink/messages.h"

namespace titan::uplink {

// Named limits of what one message may list; what goes beyond is refused as a whole.
inline constexpr std::size_t feeds_max = 4096;   // one an epoch of the cloud
inline constexpr std::size_t wanted_max = 1024;  // journals in one request for entries
inline constexpr std::size_t batch_entries_limit = 4096;
inline constexpr std::size_t device_keys_max = 1024;
inline constexpr std::size_t text_bytes_max = 1024;

// `device_key` signs a handshake; other messages need no signature of their own.
Bytes encode(const ToCloud& message, const KeyPair& device_key);
Bytes encode(const ToStore& message);

// A handshake whose signature is not the named device's is refused.
Result<ToCloud> decode_to_cloud(BytesView bytes);
Result<ToStore> decode_to_store(BytesView bytes);

}  // namespace titan::uplink
