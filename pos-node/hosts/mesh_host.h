// The node's host in the daemon: feeds it time, frames and disk reports, and carries out its
// effects on the transport, the storage thread and the read thread.
//
// Lives on the loop thread. An input given from within an event handler is carried out after the
// effects before it, so their order is the node's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mesh/node/node.h"
#include "mesh/zmq/transport.h"
#include "pos-node/hosts/process_clock.h"
#include "pos-node/service/service.h"
#include "pos-node/storage/read_thread.h"
#include "pos-node/storage/storage_thread.h"

namespace titan::pos {

class MeshHost {
 public:
  struct Parts {
    mesh::NodeConfig node;
    mesh::TransportConfig transport;
    KeyPair device_key;
    ProcessId process;
    std::uint64_t random_seed = 0;
    std::unique_ptr<mesh::SqliteStore> store;
    mesh::StoredState state;
    std::unique_ptr<mesh::SqliteReader> reader;  // for the read thread
  };
  struct Handlers {
    std::function<void(const mesh::Event&)> on_event;
    std::function<void(Duration commit_time)> on_committed;
    std::function<void()> on_storage_reopened;  // the node knows what it holds now
    // Told besides the node; its on_frame is not used.
    mesh::TransportCallbacks neighbours;
  };

  // `codec` outlives this object.
  MeshHost(boost::asio::io_context& loop, const ProcessClock& clock, const mesh::Codec& codec,
           Parts parts, Handlers handlers);
  ~MeshHost();

  // Binds the port and starts the node's time.
  Status start();
  // What this terminal's next hellos and its membership say of it.
  void tell_addresses(std::vector<std::string> addresses);
  void append(const mesh::EntryDraft& draft, AppendCallback done);
  // Any other input of the node, e.g. [&](Node& node) { node.on_watermark(now, watermark); }.
  void input(const std::function<void(mesh::Node&, Now)>& act);
  // Hands over, says goodbye, and calls `done` once left or when the limit is reached.
  void leave(Duration limit, std::function<void()> done);
  // After leave(): finishes commits and closes everything.
  void stop();

  const mesh::Node& node() const { return *node_; }
  const mesh::Codec& codec() const { return codec_; }
  mesh::Transport& transport() { return *transport_; }
  ReadThread& reads() { return *reads_; }
  std::size_t queued_entries() const { return storage_->queued_entries(); }
  // Stored while the database is recovered, where no reader finds it yet; else null.
  std::shared_ptr<const mesh::Entry> stored_beside(const mesh::EntryId& id) const;
  // Why entries cannot be written right now; empty when they can.
  const std::string& storage_problem() const { return storage_problem_; }
  // The newest fold of the cloud that was held against what is stored here.
  const std::optional<mesh::FoldVerdict>& fold() const { return fold_; }
  Now now() const { return clock_.now(); }

 private:
  void carry_out();
  void carry_out(mesh::Effect& effect);
  void read(const mesh::ReadRequest& request);
  void look_up(const mesh::KeyLookUp& look_up);
  StorageThread::Callbacks storage_callbacks();
  void look_for_damage();
  void check_file_slowly();
  void keep_beside(const mesh::EntriesStored& stored);
  void arm_timer();
  void check_left();

  boost::asio::io_context& loop_;
  const ProcessClock& clock_;
  const Handlers handlers_;
  const mesh::Codec& codec_;
  std::unique_ptr<mesh::Node> node_;
  std::unique_ptr<StorageThread> storage_;
  std::unique_ptr<ReadThread> reads_;
  std::unique_ptr<mesh::Transport> transport_;

  // Effects that were taken and not carried out yet, in the node's order. Emptied before an input
  // ends, unless that input was given from within the carrying out: then the outer one empties it.
  std::deque<mesh::Effect> effects_;
  bool carrying_out_ = false;
  // By the node's ticket: who waits for which answer. At most appends_waiting_max; each is answered
  // once, at the latest when the disk fails.
  std::map<std::uint64_t, AppendCallback> appends_;
  std::string storage_problem_;
  std::optional<mesh::FoldVerdict> fold_;
  // Stored beside a damaged file while that is recovered; at most beside_entries_max, and empty
  // whenever the disk is well.
  std::map<mesh::EntryId, std::shared_ptr<const mesh::Entry>> beside_;

  boost::asio::steady_timer timer_;
  MonoTime armed_for_ = MonoTime::never();  // never later than the node's next deadline
  boost::asio::steady_timer check_timer_;
  std::int64_t checked_to_ = 0;  // position in the file, of the present pass
  boost::asio::steady_timer leave_timer_;
  std::function<void()> left_;  // of a leave() under way; called once, then empty
  bool stopped_ = false;
};

}  // namespace titan::pos
