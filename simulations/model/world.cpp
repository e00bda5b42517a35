#include "simulations/model/world.h"

#include <algorithm>
#include <utility>

namespace titan::simulations {
namespace {

// Products x terminals that cost one more input between two checks ...
constexpr std::size_t checks_weighed = 1000;
// ... and from how many on no cache holds them all, so that each costs several times as much.
constexpr std::size_t checks_weighed_twice = 10'000;

constexpr Duration feed_changes_every = seconds(15);
constexpr Duration folds_every = seconds(8);  // a night of the cloud's

std::string address_of(std::uint32_t place) {
  return "10.77." + std::to_string(place / 200) + "." + std::to_string(place % 200 + 1) + ":7411";
}

}  // namespace

World::World(const Scenario& scenario, Recorder& recorder, Schedule& schedule,
             WorldSettings settings)
    : scenario_(scenario), recorder_(recorder), schedule_(schedule), random_(scenario.seed) {
  for (const Fault& fault : scenario.faults) {
    if (fault.kind == FaultKind::clone) {
      clones_max_ += static_cast<std::uint32_t>(fault.targets.size());
    }
  }
  const auto terminals = static_cast<std::uint32_t>(scenario.topology.terminals.size());
  const std::uint32_t places = terminals + clones_max_ + 1;
  lan_ = std::make_unique<Lan>(scenario.topology, places, Random(random_.next()));
  terminals_.resize(terminals + clones_max_);
  deaf_.resize(places);
  surroundings_ = std::make_unique<Surroundings>(
      Surroundings{scenario, schedule, *lan_, recorder, random_, {}});
  Surroundings& shared = *surroundings_;
  shared.check_every = std::max<std::uint32_t>(1, settings.check_every);
  // A check walks all products of a terminal. More rarely in a big store, or checks would be three
  // quarters of a day's run.
  const std::size_t weight = scenario.workload.products * scenario.topology.terminals.size();
  shared.check_every *=
      static_cast<std::uint32_t>(1 + weight / checks_weighed * (1 + weight / checks_weighed_twice));
  shared.database_health.ignores_tokens = scenario.planted_bug == PlantedBug::stale_leader_writes;
  shared.database_health.gives_nothing_back =
      scenario.planted_bug == PlantedBug::database_keeps_to_itself;
  shared.listener = [this](const std::string& address) {
    Terminal* found = terminal_at(address);
    return found == nullptr ? nullptr : found->links();
  };
  shared.place_of = [this](const std::string& address) {
    const auto found = place_of_address_.find(address);
    return found == place_of_address_.end() ? lan_->places() : found->second;
  };
  shared.connection_made = [this](const std::shared_ptr<Tcp>& tcp) {
    if (connections_.size() >= 64 && connections_.size() >= 4 * terminals_.size()) {
      std::erase_if(connections_, [](const auto& old) { return old.expired(); });
    }
    connections_.push_back(tcp);
  };
  if (scenario.topology.cloud == CloudPresence::reachable) {
    const KeyPair key = KeyPair::from_seed(SecretSeed::draw(random_));
    shared.cloud_key = key.public_key;
    const CloudBugs bugs{scenario.planted_bug == PlantedBug::two_uplinks,
                         scenario.planted_bug == PlantedBug::acknowledge_before_kafka,
                         scenario.planted_bug == PlantedBug::unbounded_terms,
                         scenario.planted_bug == PlantedBug::renews_lost_lease,
                         scenario.planted_bug == PlantedBug::folds_badly};
    cloud_ = std::make_unique<Cloud>(shared, codec_, key, bugs);
    shared.cloud = cloud_.get();
  }
  if (scenario.bounds.bytes_per_missing_byte) {
    shared.on_frame_sent = [this](std::uint32_t to, BytesView frame) { weigh(to, frame); };
  }
  mdns_ = std::make_unique<Mdns>(shared, static_cast<std::uint32_t>(terminals_.size()));
  customers_ = std::make_unique<Customers>(shared, std::move(settings.day));
  lan_->on_changed = [this] {
    for (const auto& weak : std::vector(connections_)) {
      if (const auto tcp = weak.lock()) tcp->on_ways_changed();
    }
    mdns_->on_ways_changed();
  };
}

World::~World() = default;

Terminal* World::terminal_at(const std::string& address) {
  const auto found = place_of_address_.find(address);
  return found == place_of_address_.end() ? nullptr : terminals_[found->second].get();
}

void World::make_terminal(const TerminalSpec& spec, std::uint32_t place) {
  const std::string address = address_of(place);
  place_of_address_[address] = place;
  terminals_[place] = std::make_unique<Terminal>(
      *surroundings_, spec, place, address,
      [this, place](const std::string& key, const Result<mesh::Appended>& result) {
        customers_->on_answer(place, key, result);
      });
  Terminal& made = *terminals_[place];
  made.on_started = [this, &made](const Terminal&) {
    mdns_->on_started(made);
    customers_->on_started(made);
  };
  made.on_ended = [this](const Terminal& ended, bool polite) { mdns_->on_ended(ended, polite); };
  if (clones_max_ > 0) made.keep_inputs();
  if (!scenario_.topology.has_seeds) return;
  for (std::uint32_t other = 0; other < scenario_.topology.terminals.size(); ++other) {
    if (other != place) made.seeds.push_back(address_of(other));
  }
}

void World::begin() {
  RunBegan began;
  began.executor = "simulator";
  std::vector<Terminal*> selling;
  for (std::uint32_t place = 0; place < scenario_.topology.terminals.size(); ++place) {
    const TerminalSpec& spec = scenario_.topology.terminals[place];
    began.terminals.push_back(spec.name);
    make_terminal(spec, place);
    Terminal& made = terminal(place);
    made.replace_disk(made.new_folder(), "");
    selling.push_back(&made);
  }
  recorder_.observe(std::move(began));
  for (std::uint32_t place = 0; place < selling.size(); ++place) {
    const Duration starts_at = scenario_.topology.terminals[place].starts_at;
    schedule_.at({starts_at}, [this, place, starts_at] {
      terminal(place).start();
      if (starts_at > Duration::zero()) recorder_.observe(SwitchedOn{place, reachability()});
    });
  }
  customers_->begin(std::move(selling));
  if (scenario_.workload.stops_at < scenario_.lasts) {
    schedule_.at({scenario_.workload.stops_at}, [this] { customers_->stop(); });
  }
  if (cloud_) {
    for (MonoTime at{feed_changes_every}; at.since_start < scenario_.lasts;
         at = at + feed_changes_every) {
      schedule_.at(at, [this] { cloud_->change_products(1); });
    }
    for (MonoTime at{folds_every}; at.since_start < scenario_.lasts; at = at + folds_every) {
      schedule_.at(at, [this] { cloud_->fold(); });
    }
  }
  schedule_faults();
}

// Entries on their way to a terminal, and those among them that it lacks.
void World::weigh(std::uint32_t to, BytesView frame) {
  static const Bytes direct_mail = frame_start(mesh::DirectMail{});
  static const Bytes answer = frame_start(mesh::Entries{});
  if (!frame.starts_with(direct_mail) && !frame.starts_with(answer)) return;
  const auto message = codec_.decode_message(frame);
  if (!message || to >= terminals_.size() || !terminals_[to] || !terminals_[to]->is_up()) return;
  const auto* mail = std::get_if<mesh::DirectMail>(&*message);
  const auto* entries = std::get_if<mesh::Entries>(&*message);
  for (const Bytes& bytes : mail != nullptr ? mail->entries : entries->entries) {
    const auto entry = codec_.decode_entry(bytes);
    if (!entry) continue;
    const mesh::EntryId& id = entry->envelope.id;
    recorder_.traffic().entry_bytes += bytes.size();
    if (terminals_[to]->node().vector().contains(id.journal, id.number)) continue;
    recorder_.traffic().missing_bytes += bytes.size();
  }
}

Reachability World::reachability() const {
  const std::uint32_t places = lan_->places();
  std::vector<bool> hears(places);
  for (std::uint32_t place = 0; place + 1 < places; ++place) {
    const auto& at = terminals_[place];
    hears[place] = at && at->is_up() && !at->is_stalled() && deaf_[place] == 0;
  }
  hears[places - 1] = cloud_ != nullptr && !cloud_->refuses();
  Reachability reaches(places);
  for (std::uint32_t a = 0; a < places; ++a) {
    for (std::uint32_t b = 0; b < places; ++b) {
      if (hears[a] && hears[b] && (a == b || lan_->is_open_both_ways(a, b))) {
        reaches[a].push_back(b);
      }
    }
  }
  return reaches;
}

// ---- the end -----------------------------------------------------------------------------------

bool World::is_at_rest() const {
  const Terminal* first = nullptr;
  const Terminal* leader = nullptr;
  std::optional<election::Token> followed;
  if (!customers_->are_served()) return false;
  for (const auto& each : terminals_) {
    if (!each || !each->is_up()) continue;
    const mesh::Node& node = each->node();
    if (first == nullptr) first = each.get();
    if (node.vector().root() != first->node().vector().root()) return false;
    if (node.stock_digest() != first->node().stock_digest()) return false;
    if (!node.leader() || (followed && node.leader() != followed)) return false;
    followed = node.leader();
    if (cloud_ && node.pending_uploads() > 0) return false;
    if (node.is_leader()) leader = each.get();
    if (each->database_is_to_be_asked()) return false;
  }
  if (first == nullptr) return true;
  if (!followed) return false;
  if (leader == nullptr || !leader->database_is_complete()) return false;
  return !cloud_ || cloud_->vector().root() == first->node().vector().root();
}

std::string World::describe() const {
  std::string text;
  for (const auto& each : terminals_) {
    if (!each) continue;
    text += each->name() + ": ";
    if (!each->is_up()) {
      text += "down\n";
      continue;
    }
    const mesh::Node& node = each->node();
    text += node.process().hex().substr(0, 8) + " entries " +
            std::to_string(node.vector().entry_count()) + " digest " +
            std::to_string(node.stock_digest()) + " pending " +
            std::to_string(node.pending_uploads()) + " leader ";
    text += node.leader() ? std::to_string(node.leader()->term) + "/" +
                                node.leader()->process.hex().substr(0, 8)
                          : std::string("none");
    if (node.is_leader()) {
      text += each->database_is_complete() ? " (leads)" : " (leads, its database lacks entries)";
    }
    text += "\n";
  }
  if (cloud_) text += "cloud: entries " + std::to_string(cloud_->vector().entry_count()) + "\n";
  if (!customers_->are_served()) text += "a till screen still waits for its answer\n";
  return text;
}

std::uint64_t World::entries_missing() const {
  crdt::JournalNumbers all;
  std::uint64_t up = 0;
  std::uint64_t held = 0;
  for (const auto& each : terminals_) {
    if (!each || !each->is_up()) continue;
    ++up;
    held += each->node().vector().entry_count();
    for (const auto& [device, journals] : each->node().vector().devices()) {
      for (const auto& [journal, item] : journals) all[journal].add(item.stored);
    }
  }
  return crdt::count(all) * up - held;
}

void World::observe_end() {
  for (const auto& each : terminals_) {
    if (each) each->observe_final_stock();
  }
  recorder_.observe(recorder_.traffic());
  recorder_.observe(RunEnded{});
}

}  // namespace titan::simulations
