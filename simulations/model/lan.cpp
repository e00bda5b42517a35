#include "simulations/model/lan.h"

#include <algorithm>

namespace titan::simulations {
namespace {

Duration serialisation(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return {};
  return Duration(static_cast<std::int64_t>(bytes * 1'000'000 / bytes_per_second));
}

// The probability that one of `segments` is lost, as a number of repeats to wait for.
int repeats(Random& random, const Ratio& loss, std::uint64_t segments) {
  if (loss.numerator == 0) return 0;
  int most = 0;
  for (std::uint64_t i = 0; i < segments; ++i) {
    int lost = 0;
    while (lost < 6 && random.chance(loss)) ++lost;
    most = std::max(most, lost);
  }
  return most;
}

}  // namespace

Lan::Lan(const Topology& topology, std::uint32_t places, Random random)
    : places_(places),
      random_(random),
      ports_(places),
      cuts_(std::size_t{places} * places),
      freezes_(std::size_t{places} * places) {
  for (const SwitchSpec& spec : topology.switches) {
    switches_.push_back({spec.name, 0, spec.quality, spec.passes_multicast, 0, {}});
  }
  if (switches_.empty()) switches_.push_back({"switch", 0, {}, true, 0, {}});
  const auto number_of = [&](const std::string& name, std::uint32_t otherwise) {
    for (std::uint32_t i = 0; i < switches_.size(); ++i) {
      if (switches_[i].name == name) return i;
    }
    return otherwise;
  };
  std::uint32_t root = 0;
  for (std::uint32_t i = 0; i < topology.switches.size(); ++i) {
    const std::string& uplink = topology.switches[i].uplink;
    switches_[i].uplink = uplink.empty() ? i : number_of(uplink, i);
    if (uplink.empty()) root = i;
  }
  for (std::uint32_t i = 0; i < topology.terminals.size(); ++i) {
    ports_[i].switch_number = number_of(topology.terminals[i].switch_name, 0);
    ports_[i].line = topology.terminals[i].line;
  }
  ports_[cloud()].switch_number = number_of(topology.cloud_switch, root);
  find_paths();
}

void Lan::hang_beside(std::uint32_t place, std::uint32_t original) {
  ports_[place].switch_number = ports_[original].switch_number;
  ports_[place].line = ports_[original].line;
}

void Lan::find_paths() {
  const auto count = static_cast<std::uint32_t>(switches_.size());
  const auto to_root = [&](std::uint32_t from) {
    std::vector<std::uint32_t> way{from};
    while (switches_[way.back()].uplink != way.back() && way.size() <= count) {
      way.push_back(switches_[way.back()].uplink);
    }
    return way;
  };
  paths_.assign(std::size_t{count} * count, {});
  for (std::uint32_t a = 0; a < count; ++a) {
    for (std::uint32_t b = 0; b < count; ++b) {
      const auto up = to_root(a);
      const auto down = to_root(b);
      std::vector<std::uint32_t>& way = paths_[a * count + b];
      std::size_t meets_at = down.size();
      for (const std::uint32_t at : up) {
        way.push_back(at);
        const auto found = std::find(down.begin(), down.end(), at);
        if (found == down.end()) continue;
        meets_at = static_cast<std::size_t>(found - down.begin());
        break;
      }
      for (std::size_t i = meets_at; i-- > 0;) way.push_back(down[i]);
    }
  }
}

Way Lan::way(std::uint32_t from, std::uint32_t to) const {
  if (cuts_[index(from, to)] > 0) return Way::cut;
  for (const std::uint32_t at : path(from, to)) {
    if (switches_[at].down > 0) return Way::cut;
  }
  return freezes_[index(from, to)] > 0 ? Way::frozen : Way::open;
}

bool Lan::passes_multicast(std::uint32_t from, std::uint32_t to) const {
  if (multicast_filters_ > 0 || way(from, to) != Way::open) return false;
  const auto& on_the_way = path(from, to);
  return std::all_of(on_the_way.begin(), on_the_way.end(),
                     [&](std::uint32_t at) { return switches_[at].passes_multicast; });
}

Duration Lan::transit(MonoTime now, std::uint32_t from, std::uint32_t to, std::uint64_t bytes) {
  Duration delay{};
  int lost = 0;
  const std::uint64_t segments = 1 + bytes / segment_bytes;
  const auto pass = [&](const LinkQuality& quality, MonoTime* line) {
    const auto spread = (quality.delay_max - quality.delay_min).count();
    delay +=
        quality.delay_min +
        Duration(random_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(spread, 0)) + 1));
    lost = std::max(lost, repeats(random_, quality.loss, segments));
    if (line == nullptr) return;
    *line = std::max(*line, now) + serialisation(bytes, quality.bytes_per_second);
    delay = std::max(delay, *line - now + quality.delay_min);
  };
  const auto& on_the_way = path(from, to);
  // The sender's own port, at the speed of its switch.
  MonoTime* line = &ports_[from].free_at;
  for (std::size_t i = 0; i < on_the_way.size(); ++i) {
    Switch& at = switches_[on_the_way[i]];
    pass(at.quality, line);
    line = &at.free_at;
  }
  for (const std::uint32_t end : {from, to}) {
    if (ports_[end].line) pass(*ports_[end].line, &ports_[end].free_at);
    if (ports_[end].degraded) pass(*ports_[end].degraded, &ports_[end].free_at);
  }
  if (from == cloud() || to == cloud()) {
    const auto spread =
        static_cast<std::uint64_t>((cloud_line_delay_max - cloud_line_delay_min).count());
    delay += cloud_line_delay_min + Duration(random_.below(spread + 1));
  }
  for (int i = 0; i < lost; ++i) delay += repeat_after * (1 << i);
  return delay;
}

// Whether any switch or line on the way does it to this packet. What never happens draws nothing.
bool Lan::draws_on_the_way(std::uint32_t from, std::uint32_t to, Ratio LinkQuality::*share) {
  const auto happens = [&](const LinkQuality& quality) {
    return (quality.*share).numerator != 0 && random_.chance(quality.*share);
  };
  for (const std::uint32_t at : path(from, to)) {
    if (happens(switches_[at].quality)) return true;
  }
  for (const std::uint32_t end : {from, to}) {
    if (ports_[end].line && happens(*ports_[end].line)) return true;
    if (ports_[end].degraded && happens(*ports_[end].degraded)) return true;
  }
  return false;
}

bool Lan::loses_datagram(std::uint32_t from, std::uint32_t to) {
  return way(from, to) != Way::open || draws_on_the_way(from, to, &LinkQuality::loss);
}

bool Lan::duplicates_datagram(std::uint32_t from, std::uint32_t to) {
  return draws_on_the_way(from, to, &LinkQuality::duplication);
}

bool Lan::reorders_datagram(std::uint32_t from, std::uint32_t to) {
  return draws_on_the_way(from, to, &LinkQuality::reordering);
}

void Lan::cut(std::uint32_t from, std::uint32_t to, int change) {
  cuts_[index(from, to)] += change;
  changed();
}

void Lan::freeze(std::uint32_t from, std::uint32_t to, int change) {
  freezes_[index(from, to)] += change;
  changed();
}

void Lan::switch_down(const std::string& name, int change) {
  for (Switch& at : switches_) {
    if (at.name == name) at.down += change;
  }
  changed();
}

void Lan::filter_multicast(int change) {
  multicast_filters_ += change;
  changed();
}

void Lan::degrade(std::uint32_t place, const LinkQuality& quality) {
  ports_[place].degraded = quality;
}

void Lan::restore(std::uint32_t place) {
  ports_[place].degraded.reset();
}

}  // namespace titan::simulations
