// What GET /metrics tells (Prometheus text format). One instance per process; counters and gauges
// may be changed from any thread.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace titan::pos {

class Metrics {
 private:
  prometheus::Registry registry_;

 public:
  Metrics();

  std::string text() const;

  // -- what happened at this terminal
  prometheus::Counter& sales;
  prometheus::Counter& refunds;
  prometheus::Counter& voids;
  prometheus::Counter& requests_refused;  // 4xx
  prometheus::Counter& requests_failed;   // 5xx
  prometheus::Histogram& commit_seconds;  // from append() to durable
  // -- the store as seen from here
  prometheus::Counter& entries_stored;  // own and others'
  prometheus::Gauge& members_alive;
  prometheus::Gauge& members_missing;  // remembered, and not heard
  prometheus::Gauge& store_cut;        // 1: some are missing
  prometheus::Gauge& alone;            // 1: all of them are
  prometheus::Gauge& refused_peers;
  prometheus::Gauge& leader;  // 1: this terminal leads
  prometheus::Gauge& term;
  prometheus::Gauge& pending_uploads;
  prometheus::Gauge& alarms;
  // -- queues, traffic, losses
  prometheus::Gauge& storage_queue;  // requests waiting for the storage thread
  prometheus::Gauge& send_queue;     // frames waiting for peers
  prometheus::Gauge& event_subscribers;
  prometheus::Gauge& api_connections;
  prometheus::Counter& mesh_bytes_in;
  prometheus::Counter& mesh_bytes_out;
  prometheus::Counter& handshakes_failed;  // of others that dialled us
  prometheus::Counter& frames_dropped;     // over a queue's limit
  prometheus::Counter& subscribers_cut_off;
};

}  // namespace titan::pos
