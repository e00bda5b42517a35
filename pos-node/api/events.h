// What GET /v1/events tells a till screen: typed here, written as JSON once, shared by all
// subscribers.
//
// Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "base/ids.h"
#include "base/time.h"
#include "crdt/stock.h"
#include "mesh/messages.h"
#include "pos-node/domain/recorded_entry.h"

namespace titan::pos {

struct StockEvent {
  std::string sku;
  std::int64_t before = 0;   // millionths
  std::int64_t on_hand = 0;  // millionths
  std::int64_t low_stock = 0;
  mesh::EntryId entry;
};
// An entry of any kind that a till screen shows: sales, refunds, voids, deliveries ...
struct SaleEvent {
  mesh::EntryId id;
  mesh::Kind kind = mesh::Kind::sale;
  std::string receipt;  // empty if the kind has none
  std::string total;    // empty if the kind has none
  std::string currency;
  std::string terminal;  // who made it; sale_event() knows it of entries with a receipt
  bool own = false;
};
struct MemberEvent {
  std::string terminal;
  ProcessId process;
  mesh::MemberState state = mesh::MemberState::alive;
  std::optional<mesh::MemberState> before;
};
struct LeaderEvent {
  bool present = false;  // false: the store has no leader right now
  std::string terminal;
  ProcessId process;
  std::uint64_t term = 0;
  bool is_self = false;
};
struct UplinkEvent {
  std::string state;
  std::string message;
};
struct AlarmEvent {
  std::string code;
  std::string message;
};
struct WatermarkEvent {
  std::uint64_t sequence = 0;
  std::uint64_t pending_uploads = 0;
};
using Event = std::variant<StockEvent, SaleEvent, MemberEvent, LeaderEvent, UplinkEvent, AlarmEvent,
                           WatermarkEvent>;

// Reads the entry's body for the total.
SaleEvent sale_event(const RecordedEntry& entry, bool own);
StockEvent stock_event(const crdt::StockChange& change, const mesh::EntryId& cause,
                       std::int64_t low_stock_units);

std::string event_json(const Event& event, WallTime time);

using EventText = std::shared_ptr<const std::string>;

class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual void on_event(const EventText& event) = 0;
};

class EventHub {
 public:
  // A subscriber removes itself before it dies; it may do so while it is told an event.
  void add(Subscriber& subscriber) { subscribers_.insert(&subscriber); }
  void remove(Subscriber& subscriber) { subscribers_.erase(&subscriber); }

  bool has_subscribers() const { return !subscribers_.empty(); }
  std::size_t subscribers() const { return subscribers_.size(); }

  // Writes nothing if nobody listens.
  void publish(const Event& event, WallTime time);

 private:
  std::set<Subscriber*> subscribers_;
};

}  // namespace titan::pos
