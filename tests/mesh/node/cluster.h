// A store in virtual time for tests: N nodes, a network that can be cut, disks that lose what was
// not committed. Deterministic: one queue ordered by (time, sequence), one seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "mesh/node/node.h"
#include "mesh/wire/wire_codec.h"

namespace titan::mesh::testing {

// What a disk holds: the requests that were committed, in order.
class MemoryDisk {
 public:
  // `device`: whose disk it is.
  StoredRepeats commit(const StoreRequest& request, const DeviceId& device);
  StoredState load(const DeviceId& device) const;
  std::optional<IdempotencyRecord> find_key(const std::string& key) const;
  void forget_key(const std::string& key) { keys_.erase(key); }
  std::shared_ptr<const Entry> find(const EntryId& id, const Hash& hash) const;
  std::vector<Bytes> read(const ReadRequest& request) const;
  std::vector<std::pair<std::uint64_t, Hash>> hash_list(const JournalId& journal) const;
  // The disk as it was after `requests` commits: an image that gets restored.
  void roll_back_to(std::size_t requests, const DeviceId& device);
  std::size_t commits() const { return committed_.size(); }
  std::map<std::tuple<JournalId, std::uint64_t, Hash>, std::shared_ptr<const Entry>> entries()
      const;

 private:
  std::vector<StoreRequest> committed_;
  std::map<Hash, std::shared_ptr<const Entry>> first_with_claim_;
  std::map<std::string, std::optional<IdempotencyRecord>> keys_;  // of its device
};

struct ClusterConfig {
  std::size_t tills = 3;
  std::uint64_t seed = 1;
  Duration delay_min = std::chrono::microseconds(100);
  Duration delay_max = std::chrono::microseconds(900);
  Ratio loss{0, 100};
  Duration commit = std::chrono::microseconds(300);
  Duration connect = milliseconds(20);
  Duration cut_noticed = milliseconds(1000);  // heartbeats give a silent connection up after this
  bool check_every_step = true;
  AntiEntropyConfig anti_entropy;
  PublicKey cloud_key;  // none: no cloud
  // (copy, original): at the start the same device, process and random numbers, as a copied virtual
  // machine; the same inputs at the same moment make the same entries.
  std::vector<std::pair<std::size_t, std::size_t>> copies;
  std::vector<std::vector<std::size_t>> cut_at_start;
};

class Cluster {
 public:
  explicit Cluster(ClusterConfig config);

  // -- what tests do
  void run_for(Duration length);
  // True as soon as it holds; false when `limit` passes first.
  bool run_until(const std::function<bool()>& condition, Duration limit);
  std::uint64_t sell(std::size_t till, const std::string& product, std::uint64_t pieces,
                     const std::string& key = "");
  std::uint64_t append(std::size_t till, const EntryDraft& draft);
  void cut(const std::vector<std::vector<std::size_t>>& groups);
  void cut_one_way(std::size_t from, std::size_t to);
  void heal();
  void crash(std::size_t till);
  void start(std::size_t till);
  void renew(std::size_t till);  // of a till that is down: a new, empty disk with a new key
  void stall(std::size_t till, Duration length);
  void fail_next_reads(std::size_t till, std::size_t count) { tills_[till].fail_reads = count; }
  void fail_next_look_ups(std::size_t till, std::size_t count) {
    tills_[till].fail_look_ups = count;
  }
  void roll_back(std::size_t till, std::size_t requests) {
    tills_[till].disk.roll_back_to(requests, device_of(tills_[till].key.public_key));
  }
  void fail_next_commit(std::size_t till, bool yet_is_there);
  // A reader meets damage; the recovery takes a while, commits go on beside it.
  void damage(std::size_t till);
  void open_again_unasked(std::size_t till);
  // What everybody's wall clock shows from now on.
  void set_wall(std::int64_t utc_ms) {
    wall_start_ms_ = utc_ms - time_.since_start / milliseconds(1);
  }

  // -- what tests ask
  bool is_up(std::size_t till) const { return tills_[till].node != nullptr; }
  Node& node(std::size_t till) { return *tills_[till].node; }
  MemoryDisk& disk(std::size_t till) { return tills_[till].disk; }
  const std::vector<AppendReply>& replies(std::size_t till) const { return tills_[till].replies; }
  const std::vector<Event>& events(std::size_t till) const { return tills_[till].events; }
  MonoTime time() const { return time_; }
  // All running tills hold the same entries and count the same stock.
  bool agrees() const;
  // All running tills name one and the same running leader.
  bool has_one_leader() const;
  std::optional<std::size_t> leader() const;
  std::string describe() const;
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  std::size_t look_ups(std::size_t till) const { return tills_[till].look_ups; }

 private:
  struct Till {
    KeyPair key;
    ProcessId process;
    std::uint64_t random_seed = 0;
    std::size_t fail_reads = 0;
    std::size_t fail_look_ups = 0;
    std::size_t look_ups = 0;  // so far
    std::unique_ptr<Node> node;
    std::uint64_t life = 0;  // events of an earlier life are void
    MemoryDisk disk;
    std::vector<AppendReply> replies;
    std::vector<Event> events;
    std::set<std::size_t> links;
    MonoTime stalled_until;
    bool fail_commit = false;
    bool fail_yet_there = false;
    bool tick_scheduled = false;
    std::vector<StoreRequest> queue;  // waiting for the running commit
    bool committing = false;
  };
  struct Step {
    MonoTime at;
    std::uint64_t sequence;
    std::function<void()> act;
  };
  struct Later {
    bool operator()(const Step& a, const Step& b) const {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };

  Now now() const { return {time_, {wall_start_ms_ + time_.since_start / milliseconds(1)}}; }
  void at(MonoTime when, std::function<void()> act);
  // At `when`, or when the till's stall is over; not at all in a later life of the till.
  void deliver(std::size_t till, MonoTime when, std::function<void(Node&)> act);
  void input(std::size_t till, const std::function<void(Node&)>& act);
  void carry_out(std::size_t till);
  void start_commit(std::size_t till);
  void look_up(std::size_t till, const KeyLookUp& look_up);
  void schedule_tick(std::size_t till);
  void update_links();
  void link(std::size_t from, std::size_t to);
  void unlink(std::size_t from, std::size_t to, LinkEnd end);
  bool reaches(std::size_t from, std::size_t to) const;
  std::optional<std::size_t> linked_till(std::size_t from, const ProcessId& process) const;

  const ClusterConfig config_;
  WireCodec codec_;
  Random random_;
  std::int64_t wall_start_ms_ = 1'600'000'000'000;
  MonoTime time_;
  std::uint64_t next_sequence_ = 0;
  std::priority_queue<Step, std::vector<Step>, Later> steps_;
  std::vector<Till> tills_;
  std::set<std::pair<std::size_t, std::size_t>> cut_;  // frames from first do not reach second
  std::map<std::pair<std::size_t, std::size_t>, MonoTime> last_arrival_;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace titan::mesh::testing
