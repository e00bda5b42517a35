#include "simulations/model/mdns.h"

#include <algorithm>
#include <utility>

namespace titan::simulations {
namespace {

constexpr Duration shows_after_min = milliseconds(950);
constexpr Duration shows_after_spread = milliseconds(150);
constexpr Duration stale_min = seconds(124);
constexpr Duration stale_spread = seconds(4);
constexpr Duration shows_after_cut = seconds(10);
// A daemon on a card with another address probes the name anew before it announces it.
constexpr Duration readdressed_after_min = milliseconds(1000);
constexpr Duration readdressed_after_spread = milliseconds(1500);
// How late one comes that others overtake, or the second of two that are the same.
constexpr Duration late_max = seconds(3);
// A datagram is announced three times; a loss is one of all.
constexpr int announcements = 3;

Duration draw(Random& random, Duration least, Duration spread) {
  return least + Duration(random.below(static_cast<std::uint64_t>(spread.count()) + 1));
}

}  // namespace

Mdns::Mdns(Surroundings& surroundings, std::uint32_t places)
    : surroundings_(surroundings), random_(surroundings.random.next()), records_(places) {}

void Mdns::on_started(Terminal& terminal) {
  if (!surroundings_.scenario.topology.has_mdns) return;
  Record& record = records_[terminal.place()];
  record.terminal = &terminal;
  record.is_published = true;
  record.device = terminal.node().device();
  ++record.life;
  for (std::uint32_t other = 0; other < records_.size(); ++other) {
    told_.erase({other, terminal.place()});  // to an earlier process
  }
  for (std::uint32_t other = 0; other < records_.size(); ++other) {
    if (other == terminal.place() || !records_[other].is_published) continue;
    announce(terminal.place(), other, draw(random_, shows_after_min, shows_after_spread));
    announce(other, terminal.place(), draw(random_, shows_after_min, shows_after_spread));
  }
}

void Mdns::announce(std::uint32_t publisher, std::uint32_t browser, Duration delay) {
  surroundings_.schedule.in(delay, [this, publisher, browser, life = records_[publisher].life,
                                    listens = records_[browser].life] {
    const Record& from = records_[publisher];
    const Record& to = records_[browser];
    if (from.life != life || to.life != listens || !to.is_published) return;
    on_announced(publisher, browser);
  });
}

void Mdns::on_announced(std::uint32_t publisher, std::uint32_t browser) {
  Lan& lan = surroundings_.lan;
  const bool passes = lan.passes_multicast(publisher, browser);
  bool is_lost = true;
  for (int i = 0; i < announcements && passes && is_lost; ++i) {
    is_lost = lan.loses_datagram(publisher, browser);
  }
  if (!passes || is_lost) {
    missed_.emplace(publisher, browser);
    return;
  }
  if (lan.duplicates_datagram(publisher, browser)) {
    surroundings_.recorder.reach("mdns_told_twice");
    surroundings_.schedule.in(draw(random_, {}, late_max),
                              [this, publisher, browser] { tell(publisher, browser); });
  }
  if (!lan.reorders_datagram(publisher, browser)) return tell(publisher, browser);
  surroundings_.recorder.reach("mdns_overtaken");
  surroundings_.schedule.in(draw(random_, {}, late_max),
                            [this, publisher, browser] { tell(publisher, browser); });
}

void Mdns::tell(std::uint32_t publisher, std::uint32_t browser) {
  Links* links = records_[browser].is_published ? records_[browser].terminal->links() : nullptr;
  if (links == nullptr) return;
  const Record& from = records_[publisher];
  std::vector<std::string> addresses = from.terminal->addresses();
  std::vector<std::string> gone = std::exchange(told_[{publisher, browser}], addresses);
  std::erase_if(gone, [&](const std::string& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  });
  links->gate()->pass(
      [links, addresses = std::move(addresses), gone = std::move(gone), device = from.device] {
        for (const std::string& address : gone)
          links->lost(discovery::AddressSource::mdns, address);
        for (const std::string& address : addresses) {
          links->found(discovery::AddressSource::mdns, address, device);
        }
      });
}

void Mdns::on_ended(const Terminal& terminal, bool polite) {
  Record& record = records_[terminal.place()];
  if (!record.is_published) return;
  record.is_published = false;
  forget(terminal.place(),
         polite ? draw(random_, shows_after_min, shows_after_spread)
                : draw(random_, stale_min, stale_spread),
         polite);
}

void Mdns::forget(std::uint32_t publisher, Duration delay, bool is_said) {
  surroundings_.schedule.in(delay, [this, publisher, is_said, life = records_[publisher].life] {
    if (records_[publisher].life != life) return;  // published anew meanwhile
    for (std::uint32_t browser = 0; browser < records_.size(); ++browser) {
      if (browser == publisher || !records_[browser].is_published) continue;
      if (!is_said || !surroundings_.lan.reorders_datagram(publisher, browser)) {
        tell_lost(publisher, browser);
        continue;
      }
      surroundings_.recorder.reach("mdns_overtaken");
      surroundings_.schedule.in(draw(random_, {}, late_max), [this, publisher, browser] {
        tell_lost(publisher, browser);
        if (!records_[publisher].is_published || !records_[browser].is_published) return;
        announce(publisher, browser, shows_after_cut);
      });
    }
  });
}

void Mdns::tell_lost(std::uint32_t publisher, std::uint32_t browser) {
  Links* links = records_[browser].is_published ? records_[browser].terminal->links() : nullptr;
  if (links == nullptr) return;
  links->gate()->pass([links, addresses = std::exchange(told_[{publisher, browser}], {})] {
    for (const std::string& address : addresses)
      links->lost(discovery::AddressSource::mdns, address);
  });
}

void Mdns::on_address_changed(Terminal& terminal) {
  if (!records_[terminal.place()].is_published || terminal.address().empty()) return;
  for (std::uint32_t other = 0; other < records_.size(); ++other) {
    if (other == terminal.place() || !records_[other].is_published) continue;
    // It also asks, on what is a new card to it.
    announce(terminal.place(), other,
             draw(random_, readdressed_after_min, readdressed_after_spread));
    announce(other, terminal.place(),
             draw(random_, readdressed_after_min, readdressed_after_spread));
  }
}

void Mdns::on_ways_changed() {
  for (const auto& [publisher, browser] : std::exchange(missed_, {})) {
    announce(publisher, browser, shows_after_cut);
  }
}

}  // namespace titan::simulations
