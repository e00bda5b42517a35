// One leader as a member hears it: directly, or through the news in others' probes and answers.
//
// Pure: no effects. A beat counts once by its number, so news of a dead leader that travels in
// circles ages like the beat it tells of. Invariant: `beat` never goes back.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "election/types.h"

namespace titan::election {

// True when the news lists `process` as alive.
bool lists(const LeaderNews& news, const ProcessId& process);

class HeardLeader {
 public:
  HeardLeader(MonoTime now, const LeaderNews& news);

  const Token& token() const { return token_; }
  const ProcessId& process() const { return token_.process; }
  std::uint64_t beat() const { return beat_; }
  MonoTime beat_at() const { return beat_at_; }
  // A second, later beat was heard since the first: it lives, this is no echo.
  bool progressed() const { return progressed_; }

  // Takes over what is newer. False when the news tells of another process, an older token or a
  // beat already known.
  bool take(MonoTime now, const LeaderNews& news);

  bool is_live(MonoTime now, Duration lease) const { return now < beat_at_ + lease; }

  // What to tell `to`. It is listed only if the whole view belonging to the last beat is known here
  // and holds `to`: one relay on the way is vouched for, not two.
  LeaderNews news_for(MonoTime now, const ProcessId& to) const;

 private:
  void adopt(MonoTime now, const LeaderNews& news);

  // Of the last beat taken.
  Token token_;             // always of one process; never falls
  std::uint64_t beat_ = 0;  // rises with each beat taken
  MonoTime beat_at_;  // when the leader made it, by our clock; never falls, never ahead of now
  bool progressed_ = false;
  bool holds_cloud_lease_ = false;
  std::uint32_t view_size_ = 0;
  std::uint32_t view_number_ = 0;

  // The last whole view heard. It vouches for its members while whole_view_number_ == view_number_:
  // of a view that has changed since it says nothing.
  bool whole_view_known_ = false;
  std::uint32_t whole_view_number_ = 0;
  std::vector<ProcessId> whole_view_;  // sorted
};

}  // namespace titan::election
