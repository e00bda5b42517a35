// What a terminal's process is made of beside its Node, and what each part tells the Node: the
// links to the other terminals, the store database, the uplink to the cloud.
//
// No part calls the Node itself: all that happens goes through input(), so that it is kept for a
// copy of the process and its effects are carried out in order.
#include <utility>

#include "base/random.h"
#include "mesh/node/node.h"
#include "simulations/model/terminal.h"

namespace titan::simulations {

void Terminal::make_links() {
  Links::Callbacks links;
  links.now = [this] { return now(); };
  links.member = [this] { return process_->node->self(); };
  links.address = [this] { return address_; };
  links.on_frame = [this](const ProcessId& from, Bytes frame) {
    if (surroundings_.scenario.planted_bug == PlantedBug::hearsay_is_leave) believe_goodbyes(frame);
    input([now = now(), from, frame = std::move(frame)](mesh::Node& node) {
      node.on_frame(now, from, frame);
    });
  };
  links.on_link_up = [this](const mesh::MemberInfo& peer) {
    input([now = now(), peer](mesh::Node& node) { node.on_link_up(now, peer); });
  };
  links.on_link_down = [this](const ProcessId& peer, mesh::LinkEnd end) {
    input([now = now(), peer, end](mesh::Node& node) { node.on_link_down(now, peer, end); });
  };
  links.on_good_address = [this](const DeviceId& device, const std::string& address) {
    input([now = now(), device, address](mesh::Node& node) {
      node.on_last_good_address(now, device, address);
    });
  };
  process_->links =
      std::make_unique<Links>(surroundings_, process_->gate, place_, std::move(links));
}

void Terminal::make_database() {
  const bool is_shared = has_shared_database();
  StoreDatabase::Callbacks database;
  database.read = [this](const JournalId& journal, const crdt::IntervalSet& numbers) {
    return read_entries({journal, numbers, {}, 1024 * 1024});
  };
  database.decode = [this](BytesView bytes) -> std::shared_ptr<const mesh::Entry> {
    auto entry = plain_codec_.decode_entry(bytes);
    if (!entry) return nullptr;
    return std::make_shared<const mesh::Entry>(std::move(*entry));
  };
  database.on_opened = [this](std::uint64_t entries) {
    surroundings_.recorder.observe(DatabaseOpened{database_place(), entries});
  };
  database.on_held = [this](const std::shared_ptr<const mesh::Entry>& entry,
                            const election::Token& token) {
    surroundings_.recorder.observe(
        DatabaseHolds{database_place(), surroundings_.recorder.facts(*entry), token});
  };
  database.on_lease_refused = [this](const election::Token& holder, bool gone) {
    process_->gate->pass([this, holder, gone] {
      input([now = now(), holder, gone](mesh::Node& node) {
        node.on_lease_refused(now, holder, gone);
      });
    });
  };
  database.key_of = [this](const DeviceId& device) {
    return process_->node->device_key_of(device);
  };
  database.on_give_back = [this](const std::vector<Bytes>& entries,
                                 const std::vector<PublicKey>& keys) {
    surroundings_.recorder.reach("database_gave_back");
    input([now = now(), entries, keys](mesh::Node& node) {
      node.on_cloud_entries(now, entries, keys);
    });
  };
  process_->database = std::make_unique<StoreDatabase>(
      process_->gate, surroundings_.database_health,
      is_shared ? surroundings_.shared_database : disk_->folder().database, is_shared,
      std::move(database));
}

void Terminal::make_uplink() {
  UplinkEnd::Callbacks uplink;
  uplink.now = [this] { return now(); };
  uplink.node = [this]() -> const mesh::Node& { return *process_->node; };
  uplink.input = [this](std::function<void(mesh::Node&)> act) { input(std::move(act)); };
  uplink.read = [this](const uplink::ReadEntries& request) {
    return read_entries({request.journal, request.numbers, {}, request.bytes_max});
  };
  uplink.on_alarm = [this](const std::string& code, const std::string& message) {
    surroundings_.recorder.observe(AlarmRaised{place_, code, message});
  };
  process_->uplink = std::make_unique<UplinkEnd>(
      surroundings_, process_->gate, place_, disk_->folder().device_key, spec_.name, codec_,
      Random(process_->seed ^ 0x75706c696e6bULL), std::move(uplink));
}

}  // namespace titan::simulations
