// Signs watermarks and decides when one is due. Pure; the caller brings the time.
//
// Commits come faster than a store needs to hear of them, so watermarks are coalesced: at most one
// per interval, and a longer interval after a longer message. Most updates are a row for each till
// that sold; but a row lists the holes of its journal, and while a backlog comes up thousands of
// rows change at once. So what updates cost on the wire is bounded by 320 kB a second, whatever is
// in them.
#pragma once

#include "base/crypto.h"
#include "base/time.h"
#include "cloud/database/store_key.h"
#include "cloud/ledger/store_position.h"
#include "mesh/entry/codec.h"
#include "mesh/messages.h"

namespace titan::cloud {

inline constexpr Duration watermark_interval_min = milliseconds(50);
inline constexpr std::size_t watermark_bytes_per_interval = 16 * 1024;

// About `position.held`, whose journals are told apart from it (mesh/watermark/telling.h).
mesh::Watermark make_watermark(const mesh::Codec& codec, const KeyPair& cloud_key,
                               const StoreKey& key, const StorePosition& position);

class WatermarkPace {
 public:
  // When the next one may go out, given that a message of `bytes` went out at `now`.
  void on_sent(MonoTime now, std::size_t bytes) {
    const auto intervals = static_cast<std::int64_t>(1 + bytes / watermark_bytes_per_interval);
    next_ = now + watermark_interval_min * intervals;
  }
  MonoTime next() const { return next_; }

 private:
  MonoTime next_{};
};

}  // namespace titan::cloud
