// What the cloud holds of the store, as a terminal knows it: the highest watermark it was shown,
// and the vector that this is about.
//
// A vector is taken only with the cloud's signature on its root, so a wrong difference, or a slice
// that was made up, is a wrong root, whoever passed it on. Watermarks only ascend, but for
// begin_at().
//
// Who lacks what a difference begins at catches up: it asks by what it holds, and is told in slices
// what differs. What comes is a draft until it has the root of a signed statement. The other side
// answers each request with its newest watermark, so one that moved meanwhile leaves a rest, which
// the next round asks for. Lost: the caller drops the draft after a while; the next word of a
// watermark begins another.
//
// Sans-IO, not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/crypto.h"
#include "crdt/rooted_vector.h"
#include "mesh/entry/codec.h"
#include "mesh/journal/stored_state.h"
#include "mesh/messages.h"

namespace titan::mesh {

// Value type; copies share the vector.
struct HeldByCloud {
  Watermark watermark;
  WatermarkStatement statement;  // of `watermark`; its root is that of `held`
  crdt::RootedVector held;

  WatermarkPlace place() const { return statement.place(); }
  bool is_known() const { return place() != WatermarkPlace{}; }
};

class WatermarkFollower {
 public:
  // Without a cloud's key nothing is taken.
  WatermarkFollower(const Codec& codec, std::string tenant, std::string store,
                    const PublicKey& cloud_key);

  const HeldByCloud& known() const { return known_; }

  enum class Outcome {
    taken,
    not_newer,
    unknown_base,  // catch_up() is what helps
    ignored,       // it answers another request than the last: that one stands
    refused,       // of another store or cloud, or not what the cloud signed
  };
  Outcome take(const WatermarkUpdate& update);
  // As the disk kept it. `refused` also where its parts do not belong together. The vector shares
  // with `like` what is the same.
  Outcome take(const StoredWatermark& stored, const crdt::VersionVector& like);
  // From another follower of the same store in this process, which checked it.
  Outcome take(const HeldByCloud& checked);

  // Forgets what was known: the next watermark is taken, whichever it is. What it is about is
  // guessed to be much like `guess`.
  void begin_at(crdt::RootedVector guess);

  // Begins anew: what is asked of one that said a higher watermark.
  WatermarkRequest catch_up();
  bool is_catching_up() const { return draft_.has_value(); }
  void give_up() { draft_.reset(); }
  // The answer of that one: what to ask of it next, or how it ended.
  std::variant<WatermarkRequest, Outcome> take(const WatermarkSlice& slice);

 private:
  struct Draft {
    crdt::RootedVector vector;
    crdt::Bucket first = 0;  // asked for: from this bucket on
    std::uint32_t round = 0;
    std::uint64_t intervals = 0;  // that came in this round
  };

  // What it says, if it says so of this store.
  std::optional<WatermarkStatement> read(const Watermark& watermark) const;
  Outcome take(const Watermark& watermark, const WatermarkStatement& statement,
               crdt::RootedVector held);
  bool put_in_draft(const WatermarkSlice& slice);
  bool is_bounded(const WatermarkSlice& slice, const WatermarkStatement& statement);
  WatermarkRequest ask_from(crdt::Bucket first);

  const Codec& codec_;
  const std::string tenant_;
  const std::string store_;
  const PublicKey cloud_key_;
  HeldByCloud known_;
  std::optional<Draft> draft_;
};

}  // namespace titan::mesh
