#include "pos-node/service/metrics.h"

#include <prometheus/text_serializer.h>

#include "base/host/metric_families.h"

namespace titan::pos {

using metric::counter;
using metric::gauge;

Metrics::Metrics()
    : sales(counter(registry_, "titan_sales_total", "Sales recorded at this terminal")),
      refunds(counter(registry_, "titan_refunds_total", "Refunds recorded at this terminal")),
      voids(counter(registry_, "titan_voids_total", "Voids recorded at this terminal")),
      requests_refused(counter(registry_, "titan_api_requests_refused_total",
                               "API requests answered with a 4xx status")),
      requests_failed(counter(registry_, "titan_api_requests_failed_total",
                              "API requests answered with a 5xx status")),
      commit_seconds(
          prometheus::BuildHistogram()
              .Name("titan_commit_seconds")
              .Help("Time from a request to its durable entry")
              .Register(registry_)
              .Add({}, prometheus::Histogram::BucketBoundaries{0.0001, 0.0002, 0.0005, 0.001, 0.002,
                                                               0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                                               0.5, 1, 2, 5})),
      entries_stored(counter(registry_, "titan_entries_stored_total",
                             "Entries made durable here, own and others'")),
      members_alive(gauge(registry_, "titan_members_alive", "Terminals alive, this one included")),
      members_missing(gauge(registry_, "titan_members_missing",
                            "Terminals of the store that this one remembers and does not hear")),
      store_cut(gauge(registry_, "titan_store_cut",
                      "1 if a terminal of the store that this one remembers is missing")),
      alone(gauge(registry_, "titan_alone",
                  "1 if this terminal remembers others of the store and hears none of them")),
      refused_peers(gauge(registry_, "titan_refused_peers",
                          "Addresses dialled where another terminal and this one refuse each "
                          "other: another store secret, store or version")),
      leader(gauge(registry_, "titan_leader", "1 if this terminal leads the store")),
      term(gauge(registry_, "titan_leader_term", "Term of the leader known here")),
      pending_uploads(gauge(registry_, "titan_pending_uploads",
                            "Entries stored here that the cloud does not hold yet")),
      alarms(gauge(registry_, "titan_alarms", "Alarms shown in the status")),
      storage_queue(
          gauge(registry_, "titan_storage_queue", "Requests waiting for the storage thread")),
      send_queue(gauge(registry_, "titan_send_queue", "Frames waiting to be sent to peers")),
      event_subscribers(gauge(registry_, "titan_event_subscribers", "Open event streams")),
      api_connections(gauge(registry_, "titan_api_connections", "Open API connections")),
      mesh_bytes_in(counter(registry_, "titan_mesh_bytes_in_total", "Bytes received from peers")),
      mesh_bytes_out(counter(registry_, "titan_mesh_bytes_out_total", "Bytes sent to peers")),
      handshakes_failed(counter(registry_, "titan_mesh_handshakes_failed_total",
                                "Connections from others whose encryption handshake failed: "
                                "another store secret, or no terminal")),
      frames_dropped(counter(registry_, "titan_frames_dropped_total",
                             "Frames dropped at a queue's limit; anti-entropy repairs them")),
      subscribers_cut_off(counter(registry_, "titan_subscribers_cut_off_total",
                                  "Event streams closed because their client did not read")) {}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace titan::pos
