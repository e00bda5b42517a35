#include "mesh/membership/membership_config.h"

namespace titan::mesh {

MembershipConfig MembershipConfig::wired() {
  return {};
}

MembershipConfig MembershipConfig::wireless() {
  MembershipConfig config;
  config.probe_interval = seconds(1);
  config.ack_timeout_initial = milliseconds(500);
  config.ack_timeout_min = milliseconds(200);
  config.ack_timeout_max = milliseconds(500);
  config.indirect_timeout = milliseconds(500);
  config.link_grace = seconds(4);
  config.suspicion_base = milliseconds(3500);
  config.suspicion_refused = milliseconds(1500);
  config.remembered_timeout = seconds(6);
  config.gossip_interval = milliseconds(200);
  config.self_update_interval = seconds(1);
  config.tick_slack = milliseconds(200);
  config.own_stall_min = milliseconds(1500);
  config.redial_min = seconds(1);
  config.redial_max = seconds(10);
  return config;
}

std::vector<std::string> MembershipConfig::validate() const {
  std::vector<std::string> complaints;
  const auto require = [&](bool holds, const char* complaint) {
    if (!holds) complaints.push_back(std::string("membership: ") + complaint);
  };
  const auto positive = [&](Duration value, const char* name) {
    if (value <= Duration::zero()) {
      complaints.push_back(std::string("membership: ") + name + " must be greater than zero");
    }
  };
  positive(probe_interval, "probe_interval");
  positive(ack_timeout_min, "ack_timeout_min");
  positive(indirect_timeout, "indirect_timeout");
  positive(link_grace, "link_grace");
  positive(suspicion_base, "suspicion_base");
  positive(suspicion_refused, "suspicion_refused");
  positive(remembered_timeout, "remembered_timeout");
  positive(gossip_interval, "gossip_interval");
  positive(table_interval, "table_interval");
  positive(self_update_interval, "self_update_interval");
  positive(tick_slack, "tick_slack");
  positive(redial_min, "redial_min");
  require(ack_timeout_min <= ack_timeout_initial && ack_timeout_initial <= ack_timeout_max,
          "ack_timeout_initial must lie between ack_timeout_min and ack_timeout_max");
  require(ack_timeout_max + indirect_timeout <= probe_interval,
          "ack_timeout_max + indirect_timeout must fit into probe_interval");
  require(suspicion_refused <= suspicion_base, "suspicion_refused must not exceed suspicion_base");
  require(suspicion_base >= probe_interval,
          "suspicion_base must leave time for at least one more probe_interval");
  require(suspicion_max_factor >= 1, "suspicion_max_factor must be at least 1");
  require(gossip_fanout >= 1, "gossip_fanout must be at least 1");
  require(gossip_factor >= 1, "gossip_factor must be at least 1");
  require(gossip_interval <= probe_interval, "gossip_interval must not exceed probe_interval");
  require(updates_per_message_max >= 2 && updates_per_message_max <= 1000,
          "updates_per_message_max must be 2 to 1000");
  require(own_stall_min > tick_slack, "own_stall_min must exceed tick_slack");
  require(redial_min <= redial_max, "redial_min must not exceed redial_max");
  require(late_ack_keep >= suspicion_base, "late_ack_keep must be at least suspicion_base");
  require(members_max >= 2, "members_max must be at least 2");
  require(probes_in_flight_max >= 1, "probes_in_flight_max must be at least 1");
  require(relayed_probes_max >= 1, "relayed_probes_max must be at least 1");
  require(late_acks_max >= probes_in_flight_max,
          "late_acks_max must be at least probes_in_flight_max");
  return complaints;
}

}  // namespace titan::mesh
