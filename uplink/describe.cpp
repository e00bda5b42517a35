// Effects and states of the upload session in words: one place for logs, transcripts and status.
#include "base/overloaded.h"
#include "uplink/upload_session.h"

namespace titan::uplink {

const char* to_string(UplinkState state) {
  switch (state) {
    case UplinkState::not_leader:
      return "not_leader";
    case UplinkState::connecting:
      return "connecting";
    case UplinkState::up:
      return "up";
    case UplinkState::refused:
      return "refused";
    case UplinkState::failed:
      return "failed";
  }
  return "unknown";
}

std::string describe(const UplinkEffect& effect) {
  const auto entries = [](std::size_t n) {
    return std::to_string(n) + (n == 1 ? " entry" : " entries");
  };
  return std::visit(
      Overloaded{
          [](const Connect& e) { return "connect " + std::to_string(e.connection); },
          [](const Disconnect& e) {
            return "disconnect " + std::to_string(e.connection) + ": " + e.reason;
          },
          [&](const SendToCloud& e) {
            return std::visit(Overloaded{
                                  [](const Handshake& m) {
                                    return "send handshake term " + std::to_string(m.token.term);
                                  },
                                  [&](const Batch& m) {
                                    return "send batch " + std::to_string(m.sequence) + " with " +
                                           entries(m.entries.size()) +
                                           (m.device_keys.empty() ? "" : " and keys");
                                  },
                                  [](const LeaseRenewal& m) {
                                    return "send renewal " + std::to_string(m.sequence);
                                  },
                                  [](const EntriesWanted& m) {
                                    std::uint64_t numbers = 0;
                                    for (const auto& journal : m.wanted)
                                      numbers += journal.numbers.count();
                                    return "send wanted " + std::to_string(m.request) + ": " +
                                           std::to_string(numbers) + " of " +
                                           std::to_string(m.wanted.size()) + " journals";
                                  },
                                  [](const FeedProgress& m) {
                                    return "send feed progress " + std::to_string(m.number);
                                  },
                                  [](const mesh::WatermarkRequest& m) {
                                    return "send watermark request from " + std::to_string(m.first);
                                  },
                              },
                              e.message);
          },
          [](const ReadEntries& e) {
            std::string text = "read " + std::to_string(e.id) + ":";
            for (const auto& interval : e.numbers.intervals()) {
              text += " " + std::to_string(interval.first) + "-" + std::to_string(interval.last);
            }
            return text;
          },
          [&](const CloudEntries& e) { return "node takes " + entries(e.entries.size()); },
          [](const CloudWatermark&) { return std::string("node takes watermark"); },
          [](const CloudStateChanged& e) {
            return std::string("cloud ") + (e.state.reachable ? "reachable" : "out of reach") +
                   (e.state.holds_lease ? ", lease held" : ", no lease");
          },
          [](const LeaseRefused& e) {
            return "lease refused, holder term " + std::to_string(e.holder.term) +
                   (e.holder_gone ? " gone" : " alive");
          },
          [](const ProbeCloud&) { return std::string("probe cloud"); },
          [](const UplinkAlarm& e) { return "alarm " + e.code + ": " + e.message; },
          [](const UplinkNote& e) { return "note: " + e.message; },
      },
      effect);
}

}  // namespace titan::uplink
